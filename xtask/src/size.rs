//! What a visitor downloads.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::wasm;

/// Prints the sizes of the modules in `pkg/dist/wasm`, as they are and compressed as a web server would.
pub fn report() -> Result<()> {
    println!("\n{:<32} {:>12} {:>12}", "module", "bytes", "gzip -9");
    for feature in wasm::MODULES {
        let dist = wasm::dist_dir(feature);
        if !wasm::is_built(&dist) {
            continue;
        }
        for name in ["burn_sam_bg.wasm", "burn_sam.js"] {
            let file = dist.join(name);
            if file.exists() {
                let (raw, compressed) = sizes(&file)?;
                println!("{:<32} {raw:>12} {:>12}", format!("{feature}/{name}"), megabytes(compressed));
            }
        }
    }
    Ok(())
}

fn sizes(file: &Path) -> Result<(usize, usize)> {
    let bytes = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    Ok((bytes.len(), encoder.finish()?.len()))
}

fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
