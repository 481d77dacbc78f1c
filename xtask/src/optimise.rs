//! wasm-opt, from npm's `binaryen`: the same version on every machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::shell::{self, say};

const BINARYEN: &str = "132.0.0";

/// Strongest first.
const LEVELS: [&str; 3] = ["-O3", "-O2", "-O1"];
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// What rustc and wasm-bindgen may emit; all of it is in every browser that has WebGPU or wasm SIMD.
const FEATURES: [&str; 7] = [
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Optimises a module in place, at the strongest level that ends in time.
pub fn optimise(module: &Path) -> Result<()> {
    let wasm_opt = installed()?;
    let optimised = module.with_extension("optimised");
    for level in LEVELS {
        // npm's is a script for Node, compiled from C++: 8 GB is for its JavaScript side.
        let mut command = shell::command("node");
        command.arg("--max-old-space-size=8192").arg(&wasm_opt).arg(level).args(FEATURES);
        command.arg(module).arg("-o").arg(&optimised);
        match shell::run_within(&mut command, LIMIT)? {
            Some(status) if status.success() => {
                return fs::rename(&optimised, module).context("could not replace the module by the optimised one");
            }
            Some(status) => say(format!("wasm-opt {level} failed ({status})")),
            None => say(format!("wasm-opt {level} took more than {}", shell::minutes(LIMIT))),
        }
    }
    bail!("wasm-opt failed at every level on {}; its messages are above", module.display())
}

fn installed() -> Result<PathBuf> {
    let tools = shell::target_dir().join("tools");
    let package = tools.join("node_modules/binaryen");
    let has_version = fs::read_to_string(package.join("package.json"))
        .is_ok_and(|json| json.contains(&format!("\"version\": \"{BINARYEN}\"")));
    if !has_version {
        say(format!("installing binaryen {BINARYEN} with npm: its wasm-opt makes the modules smaller"));
        fs::create_dir_all(&tools)?;
        // Without one, npm would take the package.json of the checkout for its project.
        fs::write(tools.join("package.json"), "{ \"private\": true }\n")?;
        let mut npm = shell::npm();
        npm.current_dir(&tools).args(["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]);
        shell::run(npm.arg(format!("binaryen@{BINARYEN}")))?;
    }
    Ok(package.join("bin/wasm-opt"))
}
