//! The API references: of the npm package from its types, of the crate from its doc comments.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::shell::{self, say};

/// Writes `target/docs/npm` (TypeDoc) and `target/docs/rust` (rustdoc). A warning of either is an error.
///
/// TypeDoc lives in a workspace of its own, `docs/`, because it needs an older TypeScript than the package. It needs no
/// wasm module: what is wrong with the types is found when the package is built.
pub fn build() -> Result<()> {
    let docs = shell::target_dir().join("docs");
    let mut npm = shell::npm();
    shell::run(npm.args(["run", "build", "--workspace", "docs", "--", "--out"]).arg(docs.join("npm")))?;
    let mut cargo = shell::cargo("doc");
    shell::run(cargo.args(["--package", "burn-sam", "--lib", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"))?;
    // Beside other crates' there, if somebody documented them.
    let rust = docs.join("rust");
    copy(&shell::target_dir().join("doc"), &rust).with_context(|| format!("could not write {}", rust.display()))?;
    say(format!("{}, {}", docs.join("npm/index.html").display(), rust.join("burn_sam/index.html").display()));
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
