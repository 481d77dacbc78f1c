//! Node, npm, and the two TypeScript builds.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell::{self, say};

/// What Vite's bundler asks for: 20.19 and later 20s, or 22.12 and newer.
const NODE: &str = "20.19, or 22.12 and newer,";

/// Fails with words where Node is missing or too old.
pub fn check_node() -> Result<()> {
    let version = shell::output_of(shell::command("node").arg("--version"))
        .with_context(|| format!("Node.js {NODE} is needed: install it from https://nodejs.org"))?;
    if !is_new_enough(&version) {
        bail!("Node.js {NODE} is needed, this is {version}: install a newer one from https://nodejs.org");
    }
    Ok(())
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(20), Some(minor)) => minor >= 19,
        (Some(22), Some(minor)) => minor >= 12,
        (Some(major), _) => major > 22,
        _ => false,
    }
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

/// Prints what visitors and `npm install` download, compressed in several ways.
pub fn report_sizes() -> Result<()> {
    shell::run(shell::command("node").arg(shell::root().join("pkg/scripts/sizes.mjs")))
}

/// Builds `www/dist`.
pub fn build_page() -> Result<()> {
    shell::run(shell::npm().args(["run", "build", "--workspace", "www"]))
}

/// Where the built page is.
pub fn page_dir() -> PathBuf {
    shell::root().join("www/dist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_versions_of_node_that_will_do() {
        for version in ["v20.19.0", "v22.12.1", "v24.0.0"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["v18.20.0", "v20.18.3", "v21.7.0", "v22.11.0", "node"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
