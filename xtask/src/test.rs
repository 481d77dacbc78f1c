//! `cargo xtask test`: every check, in stages.

use std::cell::{OnceCell, RefCell};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::report::{Outcome, Report};
use crate::shell;
use crate::toolchain::WasmToolchain;
use crate::wasm::{self, Device, Profile};
use crate::{browser, docs, report, web};

/// What to test.
#[derive(Args)]
pub struct Options {
    /// Run only these stages (repeat the option for more); what they need must have been built before.
    #[arg(long, value_enum)]
    only: Vec<Stage>,
    /// Run only tests with one of these in their names: Rust, browser and package tests.
    filters: Vec<String>,
}

/// The stages, in the order they run: quick ones first.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Formatting of the Rust sources.
    Fmt,
    /// clippy on the native build.
    Clippy,
    /// Rust tests and doc tests.
    Native,
    /// All wasm modules (development profile).
    Wasm,
    /// clippy on both wasm builds.
    WasmClippy,
    /// npm packages.
    Npm,
    /// The npm package and the page.
    Web,
    /// Types, formatting and lints of the TypeScript.
    WebLint,
    /// The API references: a warning is an error.
    Docs,
    /// Unit tests of the npm package and the page.
    Unit,
    /// The package and the page in Chromium.
    Browser,
    /// The packed package: its contents, its types, and pages without a bundler.
    Package,
    /// The packed package in projects with bundlers.
    Bundlers,
    /// The packed package in Firefox and WebKit.
    OtherBrowsers,
}

impl Stage {
    /// A failure here leaves the later stages nothing to work on.
    fn is_build(self) -> bool {
        matches!(self, Self::Wasm | Self::Npm | Self::Web)
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Runs the stages. The last line is `N passed, N failed, N skipped`.
pub fn run(options: &Options) -> Result<ExitCode> {
    let stages = Stages { filters: &options.filters, toolchain: OnceCell::new(), notes: RefCell::default() };
    let mut report = Report::default();
    for stage in Stage::value_variants() {
        if !options.only.is_empty() && !options.only.contains(stage) {
            continue;
        }
        let went_well = report.stage(&stage.name(), || {
            let outcome = stages.run(*stage)?;
            if options.filters.is_empty() && outcome.is_empty() {
                bail!("no test ran, or the runner's summary was not understood (see xtask/src/count.rs)");
            }
            Ok(outcome)
        });
        stages.notes.take().into_iter().for_each(|note| report.note(note));
        if !went_well && stage.is_build() {
            report.note(format!("stopped after {}: the later stages need it", stage.name()));
            break;
        }
    }
    Ok(report.print())
}

struct Stages<'a> {
    filters: &'a [String],
    toolchain: OnceCell<WasmToolchain>,
    /// For the end of the report.
    notes: RefCell<Vec<String>>,
}

impl Stages<'_> {
    fn run(&self, stage: Stage) -> Result<Outcome> {
        match stage {
            Stage::Fmt => fmt(),
            Stage::Clippy => clippy(),
            Stage::Native => self.native(),
            Stage::Wasm => self.wasm(),
            Stage::WasmClippy => self.wasm_clippy(),
            Stage::Npm => web::check_node().and_then(|()| web::install()).map(|()| Outcome::Passed),
            Stage::Web => web::build_package().and_then(|()| web::build_page()).map(|()| Outcome::Passed),
            Stage::WebLint => web_lint(),
            Stage::Docs => docs::build().map(|()| Outcome::Passed),
            Stage::Unit => report::tests(shell::npm().args(["test", "--workspace", "pkg", "--workspace", "www"])),
            Stage::Browser => report::tests(&mut self.playwright("test", &[])?),
            Stage::Package => report::tests(&mut self.playwright("test:package", &["--project=package"])?),
            Stage::Bundlers => report::tests(&mut self.playwright("test:package", &["--project=bundlers"])?),
            Stage::OtherBrowsers => self.other_browsers(),
        }
    }

    fn native(&self) -> Result<Outcome> {
        let mut outcome = if shell::succeeds(shell::cargo("nextest").arg("--version")) {
            let mut nextest = shell::cargo("nextest");
            nextest.args(["run", "--package", "burn-sam", "--no-fail-fast", "--no-tests=pass"]);
            report::tests(nextest.args(self.filters))?
        } else {
            let mut cargo = shell::cargo("test");
            cargo.args(["--package", "burn-sam", "--lib", "--tests", "--no-fail-fast", "--"]);
            report::tests(cargo.args(self.filters))?
        };
        outcome +=
            report::tests(shell::cargo("test").args(["--package", "burn-sam", "--doc", "--"]).args(self.filters))?;
        outcome += report::tests(xtask(&mut shell::cargo("test")).arg("--").args(self.filters))?;
        Ok(outcome)
    }

    fn wasm(&self) -> Result<Outcome> {
        for device in [Device::All, Device::Threads] {
            wasm::build(self.toolchain()?, device, &Profile::Dev)?;
        }
        crate::size::report()?;
        Ok(Outcome::Passed)
    }

    /// With the profile of the build, whose build scripts and macros it takes over.
    fn wasm_clippy(&self) -> Result<Outcome> {
        let toolchain = self.toolchain()?;
        if !toolchain.has_clippy() {
            return Ok(Outcome::Skipped("the wasm toolchain has no clippy".to_owned()));
        }
        // The feature `threads` is all of `cpu` and more.
        for feature in ["threads", "webgpu"] {
            let mut cargo = toolchain.cargo("clippy");
            cargo.args(["--lib", "--package", "burn-sam", "--no-default-features"]);
            cargo.args(["--features", &format!("{feature},bench")]);
            cargo.args(["--profile", Profile::Dev.name(), "--", "-Dwarnings"]);
            shell::run(&mut cargo)?;
        }
        Ok(Outcome::Passed)
    }

    fn playwright(&self, script: &str, arguments: &[&str]) -> Result<Command> {
        let mut npm = shell::npm();
        npm.args(["run", script, "--workspace", "tests", "--"]).args(arguments);
        npm.env("BURN_SAM_CHROMIUM", browser::find()?);
        if !self.filters.is_empty() {
            npm.args(["--pass-with-no-tests", "--grep"]).arg(self.filters.join("|"));
        }
        Ok(npm)
    }

    /// The tests of a browser that is missing, and cannot be installed, are skipped.
    fn other_browsers(&self) -> Result<Outcome> {
        let mut playwright = self.playwright("test:package", &["--project=browsers"])?;
        for (name, variable, found) in [
            ("Firefox", "BURN_SAM_FIREFOX", browser::firefox()),
            ("WebKit", "BURN_SAM_WEBKIT", browser::webkit_driver()),
        ] {
            match found {
                Ok(path) => drop(playwright.env(variable, path)),
                Err(why) => self.notes.borrow_mut().push(format!("skipped {name} in other-browsers: {why:#}")),
            }
        }
        report::tests(&mut playwright)
    }

    fn toolchain(&self) -> Result<WasmToolchain> {
        if let Some(toolchain) = self.toolchain.get() {
            return Ok(*toolchain);
        }
        let toolchain = WasmToolchain::find()?;
        shell::say(format!("compiling with {}", toolchain.name()));
        Ok(*self.toolchain.get_or_init(|| toolchain))
    }
}

fn fmt() -> Result<Outcome> {
    if !shell::succeeds(shell::cargo("fmt").arg("--version")) {
        return Ok(Outcome::Skipped("rustfmt is not installed (`rustup component add rustfmt`)".to_owned()));
    }
    if shell::run(shell::cargo("fmt").args(["--all", "--check"])).is_err() {
        bail!("the Rust sources are not formatted; `cargo fmt --all` does it");
    }
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome> {
    if !shell::succeeds(shell::cargo("clippy").arg("--version")) {
        return Ok(Outcome::Skipped("clippy is not installed (`rustup component add clippy`)".to_owned()));
    }
    // Not --workspace: with xtask among them, the library's dependencies get more features and compile once more.
    shell::run(shell::cargo("clippy").args(["--package", "burn-sam", "--all-targets", "--", "-Dwarnings"]))?;
    shell::run(xtask(&mut shell::cargo("clippy")).args(["--all-targets", "--", "-Dwarnings"]))?;
    Ok(Outcome::Passed)
}

/// xtask itself, in the profile that built it.
fn xtask(cargo: &mut Command) -> &mut Command {
    cargo.args(["--package", "xtask", "--profile", "xtask"])
}

fn web_lint() -> Result<Outcome> {
    for script in ["check", "lint"] {
        // A workspace may lack either.
        shell::run(shell::npm().args(["run", script, "--workspaces", "--if-present"]))?;
    }
    shell::run(shell::npm().args(["run", "format:check"]))?;
    Ok(Outcome::Passed)
}
