//! The browsers that the tests drive.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{apt, shell};

const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const ELSEWHERE: [&str; 3] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
];

/// Finds a Chrome or Chromium, or installs Debian's.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROME").map(PathBuf::from) {
        if !path.is_file() {
            bail!("the environment variable CHROME names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    let installed = || NAMES.iter().find_map(|name| shell::find_program(name));
    let elsewhere = || ELSEWHERE.iter().map(PathBuf::from).find(|path| Path::is_file(path));
    if let Some(path) = installed().or_else(elsewhere) {
        return Ok(path);
    }
    if !apt::available() {
        bail!("no Chrome or Chromium found: install one, or name it in the environment variable CHROME");
    }
    apt::install(&["chromium"], "the browser that the tests drive")?;
    installed().context("chromium was installed but is not in PATH")
}

/// Finds a Firefox, or installs Debian's.
pub fn firefox() -> Result<PathBuf> {
    let names = ["firefox-esr", "firefox"];
    let installed = || names.iter().find_map(|name| shell::find_program(name));
    let elsewhere =
        || Some(PathBuf::from("/Applications/Firefox.app/Contents/MacOS/firefox")).filter(|path| path.is_file());
    if let Some(path) = installed().or_else(elsewhere) {
        return Ok(path);
    }
    if !apt::available() {
        bail!("no Firefox found");
    }
    apt::install(&["firefox-esr"], "a second browser for the tests of the package")?;
    installed().context("firefox-esr was installed but is not in PATH")
}

/// Finds the driver of WebKitGTK and a display for its browser, or installs Debian's.
pub fn webkit_driver() -> Result<PathBuf> {
    let driver = || shell::find_program("WebKitWebDriver");
    let has_display = || {
        // xvfb-run does not start without xauth.
        let starts = |name: &str| shell::find_program(name).is_some();
        std::env::var_os("DISPLAY").is_some() || (starts("xvfb-run") && starts("xauth"))
    };
    if let Some(path) = driver()
        && has_display()
    {
        return Ok(path);
    }
    if !apt::available() {
        bail!("no WebKitWebDriver found, or no display and no xvfb-run with xauth");
    }
    apt::install(
        &["webkit2gtk-driver", "xvfb", "xauth"],
        "a third browser for the tests of the package, and its display",
    )?;
    driver().context("webkit2gtk-driver was installed but WebKitWebDriver is not in PATH")
}
