//! Debian's package manager, for what a fresh machine lacks.

use anyhow::{Result, bail};

use crate::shell::{self, say};

/// Whether this system has it.
pub fn available() -> bool {
    shell::find_program("apt-get").is_some()
}

/// Installs those of `packages` that are missing; `what` tells the user why.
pub fn install(packages: &[&str], what: &str) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    say(format!("installing {list} with apt-get: {what}"));
    let Some(prefix) = as_root() else {
        bail!("installing {list} needs root; run `sudo apt-get install {list}`, then this command again");
    };
    let apt_get = |arguments: &[&str]| {
        let mut words = prefix.iter().copied().chain(["apt-get"]);
        let mut command = shell::command(words.next().unwrap_or("apt-get"));
        command.args(words).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        shell::run(&mut command)
    };
    let install = [&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat();
    // A fresh machine has no package lists, and old ones name files that are gone.
    if apt_get(&install).is_err() {
        apt_get(&["update"])?;
        apt_get(&install)?;
    }
    Ok(())
}

fn installed(package: &str) -> bool {
    let query = shell::output_of(shell::command("dpkg-query").args(["--show", "--showformat=${Status}", package]));
    query.is_ok_and(|status| status == "install ok installed")
}

/// The words before a command that make it run as root; `None` if nothing does without asking for a password.
fn as_root() -> Option<&'static [&'static str]> {
    if shell::output_of(shell::command("id").arg("-u")).is_ok_and(|id| id == "0") {
        return Some(&[]);
    }
    shell::succeeds(shell::command("sudo").args(["-n", "true"])).then_some(&["sudo", "-n"])
}
