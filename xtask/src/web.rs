//! Node, npm, and the two TypeScript builds.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell::{self, say};

const NODE: u32 = 20;

/// Fails with words where Node is missing or too old.
pub fn check_node() -> Result<()> {
    let version = shell::output_of(shell::command("node").arg("--version"))
        .with_context(|| format!("Node.js {NODE} or newer is needed: install it from https://nodejs.org"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE) {
        bail!("Node.js {NODE} or newer is needed, this is {version}: install a newer one from https://nodejs.org");
    }
    Ok(())
}

/// Installs the npm packages of all workspaces, if the lock file changed since the last time.
pub fn install() -> Result<()> {
    let lock_file = shell::root().join("package-lock.json");
    let lock = fs::read_to_string(&lock_file).context("package-lock.json is missing; `npm install` writes it")?;
    // npm empties node_modules before it starts: the copy is there only after an installation that ended well.
    let installed = shell::root().join("node_modules/.installed-package-lock.json");
    if fs::read_to_string(&installed).is_ok_and(|old| old == lock) {
        say("npm packages are up to date");
        return Ok(());
    }
    // The browser is the system's (see browser.rs).
    let mut npm = shell::npm();
    shell::run(npm.args(["ci", "--no-audit", "--no-fund"]).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
    fs::write(&installed, lock).with_context(|| format!("could not write {}", installed.display()))
}

/// Builds `pkg/dist`, except `pkg/dist/wasm`.
pub fn build_package() -> Result<()> {
    shell::run(shell::npm().args(["run", "build", "--workspace", "pkg"]))
}

/// Builds `www/dist`.
pub fn build_page() -> Result<()> {
    shell::run(shell::npm().args(["run", "build", "--workspace", "www"]))
}

/// Where the built page is.
pub fn page_dir() -> PathBuf {
    shell::root().join("www/dist")
}
