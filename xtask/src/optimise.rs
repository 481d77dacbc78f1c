//! wasm-opt, from npm's `binaryen`: the same version on every machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::shell::{self, say};

const BINARYEN: &str = "132.0.0";

/// What is worth waiting for.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// What rustc and wasm-bindgen may emit. SIMD and reference types reached browsers last: Chrome 96, Firefox 89 and
/// Safari 16.4 have all of it.
const FEATURES: [&str; 7] = [
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Optimises a module in place. `level` is what follows `-O`; `threads`: it has a shared memory.
///
/// The default is 1: LLVM has optimised already. Higher levels make the module smaller, but 16 % larger once it is
/// compressed, which is what a visitor downloads (the CPU module: 0.70 MB in place of 0.60), and take five times as long.
pub fn optimise(module: &Path, level: &str, threads: bool) -> Result<()> {
    let wasm_opt = installed()?;
    let optimised = module.with_extension("optimised");
    let mut command = shell::command("node");
    // npm's wasm-opt is one thread of wasm in Node.
    command.arg("--max-old-space-size=8192").arg(&wasm_opt).arg(format!("-O{level}")).args(FEATURES);
    if threads {
        command.arg("--enable-threads");
    }
    command.arg(module).arg("-o").arg(&optimised);
    match shell::run_within(&mut command, LIMIT)? {
        Some(status) if status.success() => {
            fs::rename(&optimised, module).context("could not replace the module by the optimised one")
        }
        Some(status) => bail!("wasm-opt failed on {} ({status}); its messages are above", module.display()),
        None => {
            let limit = shell::minutes(LIMIT);
            say(format!("WARNING: wasm-opt was ended after {limit}: {} stays as it is", module.display()));
            Ok(())
        }
    }
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
