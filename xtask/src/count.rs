//! How many tests passed, read from the last lines of the test runners.

use std::ops::AddAssign;

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Adds up every summary in the output of cargo test, cargo-nextest, `node --test`, Playwright and Vitest.
pub fn count(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        let line = without_colours(line);
        let line = line.trim();
        if let Some(summary) = summary(line) {
            // "ok. 3 passed; 1 failed", "12 tests run: 10 passed (1 slow), 2 failed", "2 did not run"
            for part in summary.split([',', ';', '|']) {
                let part = part.rsplit(". ").next().unwrap_or(part);
                let part = part.rsplit(": ").next().unwrap_or(part).trim();
                if let Some((number, word)) = part.split_once(' ') {
                    add(&mut counts, word, number);
                }
            }
        } else if let Some((word, number)) = node_total(line) {
            add(&mut counts, word, number);
        }
    }
    counts
}

/// The part of a line that lists numbers before words, if the line is a summary.
fn summary(line: &str) -> Option<&str> {
    for start in ["test result: ", "Summary [", "Tests "] {
        if let Some(rest) = line.strip_prefix(start) {
            return Some(rest.trim());
        }
    }
    // Playwright gives each number a line of its own: "5 passed (3.2s)".
    let (number, rest) = line.split_once(' ')?;
    let word = rest.split(" (").next()?;
    let playwright = ["passed", "failed", "flaky", "skipped", "interrupted", "did not run"].contains(&word);
    (playwright && number.parse::<usize>().is_ok()).then_some(line)
}

/// `node --test` writes "# pass 5", or "ℹ pass 5" for people.
fn node_total(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?.split_once(' ')
}

fn add(counts: &mut Counts, word: &str, number: &str) {
    let Ok(number) = number.parse::<usize>() else { return };
    match word.split(" (").next().unwrap_or(word) {
        // A flaky test passed when it was run again.
        "passed" | "pass" | "flaky" => counts.passed += number,
        "failed" | "fail" | "timed out" | "exec failed" | "interrupted" | "cancelled" => counts.failed += number,
        "skipped" | "ignored" | "todo" | "did not run" => counts.skipped += number,
        _ => {}
    }
}

/// Without terminal escape sequences.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(output: &str) -> (usize, usize, usize) {
        let Counts { passed, failed, skipped } = count(output);
        (passed, failed, skipped)
    }

    #[test]
    fn cargo_test_has_one_summary_for_each_binary() {
        let output = "running 2 tests\ntest a ... ok\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.02s\n\
            test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s\n";
        assert_eq!(counted(output), (5, 1, 1));
    }

    #[test]
    fn nextest_has_one_summary() {
        let output = "\x1b[32;1m     Summary\x1b[0m [   0.512s] \x1b[1m13\x1b[0m tests run: \x1b[1m10\x1b[0m passed (1 slow, 1 flaky), \
            2 failed, 1 timed out, 5 skipped\n        FAIL [   0.1s] burn-sam parity::a\n";
        assert_eq!(counted(output), (10, 3, 5));
        assert_eq!(counted("  Summary [  0.019s] 7 tests run: 7 passed, 0 skipped"), (7, 0, 0));
    }

    #[test]
    fn node_has_a_line_for_each_number() {
        let people =
            "ℹ tests 6\nℹ suites 0\nℹ pass 4\nℹ fail 1\nℹ cancelled 0\nℹ skipped 1\nℹ todo 0\nℹ duration_ms 60\n";
        assert_eq!(counted(people), (4, 1, 1));
        assert_eq!(counted("# tests 3\n# pass 3\n# fail 0\n# skipped 0\n"), (3, 0, 0));
    }

    #[test]
    fn playwright_leaves_out_what_is_zero() {
        let output = "  1 failed\n    [cpu] › page.spec.ts:3:1 › a click gives a mask ───\n  2 did not run\n  1 flaky\n\
              3 skipped\n  12 passed (1.2m)\n";
        assert_eq!(counted(output), (13, 1, 5));
    }

    #[test]
    fn vitest_separates_by_bars() {
        let output = " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 9 passed | 2 skipped (12)\n";
        assert_eq!(counted(output), (9, 1, 2));
    }

    #[test]
    fn other_numbers_do_not_count() {
        assert_eq!(counted("3 warnings\n12 passed over in silence\n# a 5\nencoded in 4 passes\n"), (0, 0, 0));
    }
}
