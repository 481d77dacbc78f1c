//! `cargo xtask`: builds, serves and tests burn-sam, and installs what that needs.

mod apt;
mod bench;
mod browser;
mod count;
mod docs;
mod fixtures;
mod optimise;
mod report;
mod serve;
mod shell;
mod size;
mod test;
mod toolchain;
mod wasm;
mod web;

use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::toolchain::WasmToolchain;
use crate::wasm::{Device, Profile};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, serves and tests burn-sam, and installs what that needs.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build everything and serve the demo page on localhost.
    Demo {
        /// Which modules to build.
        #[arg(long, value_enum, default_value = "all")]
        device: Device,
        /// Build only.
        #[arg(long)]
        no_serve: bool,
        /// The port to serve on, or the next free one.
        #[arg(long, default_value_t = 4173)]
        port: u16,
    },
    /// Build the npm package.
    Build {
        /// Optimise for size and speed, as for npm: slow.
        #[arg(long)]
        release: bool,
        /// wasm-opt's level in a release: 0 to 4, s or z.
        #[arg(long, default_value = "1", requires = "release")]
        wasm_opt: String,
        /// Which modules to build.
        #[arg(long, value_enum, default_value = "all")]
        device: Device,
        /// Stop after the wasm modules.
        #[arg(long)]
        wasm_only: bool,
    },
    /// Run every check: Rust, npm package, browser.
    Test(test::Options),
    /// Compare with onnxruntime-web and candle, and visit the demo page: builds them, runs them in Chromium, prints tables.
    Bench(bench::Options),
    /// Convert a checkpoint to safetensors, for those who host weights.
    Convert {
        /// A checkpoint in any container and layout that is read.
        input: PathBuf,
        /// The file to write.
        output: PathBuf,
        /// Half the size: matrices in f16.
        #[arg(long)]
        f16: bool,
    },
    /// Write the API references of the npm package and of the crate to target/docs.
    Docs,
    /// Write the test fixtures again, from the reference implementation in Python.
    Fixtures {
        /// Arguments for tools/fixtures/generate.py.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Demo { device, no_serve, port } => demo(device, no_serve, port)?,
        Verb::Build { release, wasm_opt, device, wasm_only } => {
            let profile = if release { Profile::Release { wasm_opt } } else { Profile::Dev };
            build(device, &profile, wasm_only)?;
        }
        Verb::Test(options) => return test::run(&options),
        Verb::Bench(options) => {
            if !options.page_only() {
                bench::check(&options)?;
            }
            build(options.device(), &options.profile(), false)?;
            shell::stage("page", web::build_page)?;
            if !options.page_only() {
                let toolchain = WasmToolchain::find()?;
                wasm::build_for_bench(toolchain, options.device(), &options.profile(), &options.ops_dir())?;
                if let Some(dir) = options.candle_dir() {
                    wasm::build_candle(toolchain, &options.profile(), &dir)?;
                }
                bench::run(&options)?;
            }
            bench::visit_page(&options)?;
        }
        Verb::Convert { input, output, f16 } => convert(&input, &output, f16)?,
        Verb::Docs => {
            web::check_node()?;
            shell::stage("npm ci", web::install)?;
            shell::stage("docs", docs::build)?;
        }
        Verb::Fixtures { arguments } => fixtures::generate(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn build(device: Device, profile: &Profile, wasm_only: bool) -> Result<()> {
    let start = Instant::now();
    let toolchain = shell::stage("tools", || {
        if !wasm_only || *profile != Profile::Dev {
            web::check_node()?;
        }
        WasmToolchain::find()
    })?;
    shell::say(format!("compiling with {}", toolchain.name()));
    wasm::build(toolchain, device, profile)?;
    size::report()?;
    if !wasm_only {
        shell::stage("npm ci", web::install)?;
        shell::stage("package", web::build_package)?;
        if *profile != Profile::Dev {
            shell::stage("sizes", web::report_sizes)?;
        }
    }
    shell::say(format!("built in {}", shell::minutes(start.elapsed())));
    Ok(())
}

/// The crate reads checkpoints, so it converts them too: an example of its own, which only those who convert wait for.
fn convert(input: &Path, output: &Path, f16: bool) -> Result<()> {
    let mut cargo = shell::cargo("run");
    cargo.args(["--package", "burn-sam", "--example", "convert", "--"]).args([absolute(input)?, absolute(output)?]);
    shell::run(if f16 { cargo.arg("--f16") } else { &mut cargo })
}

fn demo(device: Device, no_serve: bool, port: u16) -> Result<()> {
    build(device, &Profile::Dev, false)?;
    shell::stage("page", web::build_page)?;
    if no_serve { Ok(()) } else { serve::serve(&web::page_dir(), port) }
}
