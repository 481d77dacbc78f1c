//! Converts a checkpoint for hosting: `cargo xtask convert IN OUT.safetensors [--f16]`.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let (flags, files): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let half = match flags.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--f16"] => true,
        _ => return usage(),
    };
    let [input, output] = &files[..] else { return usage() };
    match convert(Path::new(input), Path::new(output), half) {
        Ok(bytes) => {
            println!("{output}: {:.1} MB", bytes as f64 / 1e6);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask convert IN OUT.safetensors [--f16]");
    ExitCode::FAILURE
}

/// The output's size. It appears under its name when it is complete.
fn convert(input: &Path, output: &Path, half: bool) -> Result<u64, String> {
    let named = |file: &Path, error: std::io::Error| format!("{}: {error}", file.display());
    let source = BufReader::new(File::open(input).map_err(|error| named(input, error))?);
    let unfinished = PathBuf::from(format!("{}.part", output.display()));
    let sink = BufWriter::new(File::create(&unfinished).map_err(|error| named(&unfinished, error))?);
    let converted = burn_sam::checkpoint::convert(source, sink, half).map_err(|error| error.to_string());
    let placed = converted.and_then(|()| fs::rename(&unfinished, output).map_err(|error| named(output, error)));
    if placed.is_err() {
        // The reason is the one before.
        let _ = fs::remove_file(&unfinished);
    }
    placed?;
    fs::metadata(output).map(|metadata| metadata.len()).map_err(|error| named(output, error))
}
