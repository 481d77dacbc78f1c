//! The Python that runs the reference implementation and writes what the tests compare with.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::shell::{self, say};

const TOOLS: &str = "tools/fixtures";

/// Runs the generator in a virtual environment of its own under `target/`.
pub fn generate(arguments: &[String]) -> Result<()> {
    let tools = shell::root().join(TOOLS);
    let venv = shell::target_dir().join("fixtures-venv");
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });

    let requirements_file = tools.join("requirements.txt");
    let requirements = fs::read_to_string(&requirements_file)
        .with_context(|| format!("could not read {}", requirements_file.display()))?;
    let installed = venv.join("installed-requirements.txt");
    if !fs::read_to_string(&installed).is_ok_and(|old| old == requirements) {
        say("installing the reference implementation with pip: the fixtures are its output");
        let system = ["python3", "python"].into_iter().find_map(shell::find_program);
        let Some(system) = system else { bail!("Python 3 is needed to write fixtures: install it first") };
        shell::run(shell::command(system).args(["-m", "venv"]).arg(&venv))
            .context("on Debian, `venv` is in the package python3-venv")?;
        shell::run(shell::command(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements_file))?;
        fs::write(&installed, requirements)?;
    }
    shell::run(shell::command(&python).arg(tools.join("generate.py")).args(arguments))
}
