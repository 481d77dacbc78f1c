//! What the stages of `cargo xtask test` came to.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::AddAssign;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::count::{self, Counts};
use crate::shell::{self, say};

/// How a stage ended.
pub enum Outcome {
    /// No test runner was involved.
    Passed,
    /// What the test runners say; `failures` names the commands that failed.
    Tests { counts: Counts, failures: Vec<String> },
    /// Why there was nothing to run.
    Skipped(String),
}

impl Outcome {
    /// Whether test runners ran and none reported a test.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Tests { counts, failures } if *counts == Counts::default() && failures.is_empty())
    }
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Tests { counts, failures }, Self::Tests { counts: more, failures: others }) => {
                *counts += more;
                failures.extend(others);
            }
            (_, other) => *self = other,
        }
    }
}

/// Runs a test runner, showing what it prints, and counts.
pub fn tests(command: &mut Command) -> Result<Outcome> {
    let shown = shell::shown(command);
    println!("$ {shown}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start `{shown}`"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // nextest prints its summary on stderr.
    let (output, errors) = std::thread::scope(|scope| {
        let errors = scope.spawn(|| pass_on(stderr, std::io::stderr()));
        (pass_on(stdout, std::io::stdout()), errors.join().unwrap_or_default())
    });
    let status = child.wait()?;
    let mut counts = count::count(&output);
    counts += count::count(&errors);
    let mut failures = Vec::new();
    if !status.success() {
        // It may have ended without a summary: a test that does not compile, a crash.
        counts.failed = counts.failed.max(1);
        failures.push(shown);
    }
    Ok(Outcome::Tests { counts, failures })
}

/// Copies line by line, so that the lines of two sources stay whole.
fn pass_on(from: Option<impl Read>, mut to: impl Write) -> String {
    let mut text = String::new();
    let Some(from) = from else { return text };
    for line in BufReader::new(from).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        // Nobody reads our output: the count still matters.
        let _ = writeln!(to, "{line}");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The stages so far.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
    failed: Vec<String>,
    total: Counts,
}

struct Row {
    name: String,
    took: Duration,
    result: String,
}

impl Report {
    /// Runs a stage; false if it failed.
    pub fn stage(&mut self, name: &str, work: impl FnOnce() -> Result<Outcome>) -> bool {
        say(name);
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        let failed_before = self.failed.len();
        let result = match outcome {
            Ok(Outcome::Passed) => "ok".to_owned(),
            Ok(Outcome::Skipped(why)) => {
                self.notes.push(format!("skipped {name}: {why}"));
                self.total.skipped += 1;
                "skipped".to_owned()
            }
            Ok(Outcome::Tests { counts, failures }) => {
                self.total += counts;
                // A runner that reports failures and still ends well is not believed.
                if !failures.is_empty() || counts.failed > 0 {
                    self.failed.push(name.to_owned());
                }
                self.notes.extend(failures.iter().map(|command| format!("failed in {name}: {command}")));
                format!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped)
            }
            Err(error) => {
                self.total.failed += 1;
                self.failed.push(name.to_owned());
                self.notes.push(format!("failed in {name}: {error:#}"));
                "failed".to_owned()
            }
        };
        say(format!("{name}: {result} ({})", shell::minutes(took)));
        self.rows.push(Row { name: name.to_owned(), took, result });
        self.failed.len() == failed_before
    }

    /// Adds a line to the end of the report.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Prints the table, the notes and the closing line.
    pub fn print(&self) -> ExitCode {
        println!("\n{:<14} {:>9}   result", "stage", "time");
        for row in &self.rows {
            println!("{:<14} {:>9}   {}", row.name, shell::minutes(row.took), row.result);
        }
        let total = self.rows.iter().map(|row| row.took).sum();
        println!("{:<14} {:>9}\n", "all", shell::minutes(total));
        for note in &self.notes {
            println!("{note}");
        }
        if !self.failed.is_empty() {
            println!("failed stages: {}", self.failed.join(", "));
        }
        let Counts { passed, failed, skipped } = self.total;
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
