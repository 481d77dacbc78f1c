//! The two wasm modules: cargo build, wasm-bindgen, and for a release wasm-opt.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use wasm_bindgen_cli_support::Bindgen;

use crate::optimise;
use crate::shell::{self, say};
use crate::toolchain::{WasmToolchain, wasm_target_dir};

/// Name of the files in `pkg/dist/wasm/<feature>/`.
const OUT_NAME: &str = "burn_sam";

/// A device the package can run on: a Cargo feature, and a module of its own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The module for browsers without WebGPU; builds in half the time of the other.
    Cpu,
    /// The module that computes through WebGPU.
    Webgpu,
    /// Both modules.
    All,
}

impl Device {
    /// The Cargo features to build, one module each.
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &["cpu"],
            Self::Webgpu => &["webgpu"],
            Self::All => &["cpu", "webgpu"],
        }
    }
}

/// How much work to put into the modules.
#[derive(Clone, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build, with function names in stack traces.
    Dev,
    /// What npm ships.
    Release {
        /// What follows `-O` for wasm-opt.
        wasm_opt: String,
    },
}

impl Profile {
    /// The name of the Cargo profile.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dev => "wasm-dev",
            Self::Release { .. } => "wasm-release",
        }
    }
}

/// Where the package expects the modules.
pub fn dist_dir(feature: &str) -> PathBuf {
    shell::root().join("pkg/dist/wasm").join(feature)
}

/// Builds the modules for `device` into `pkg/dist/wasm`.
pub fn build(toolchain: WasmToolchain, device: Device, profile: &Profile) -> Result<()> {
    for feature in device.features() {
        shell::stage(&format!("wasm module for {feature}"), || build_one(toolchain, feature, profile))?;
    }
    for feature in Device::All.features() {
        if !dist_dir(feature).join(format!("{OUT_NAME}.js")).exists() {
            write_stand_in(feature, device)?;
        }
    }
    Ok(())
}

/// Builds the modules with single operations to time, each into a folder of its own in `dir`.
pub fn build_for_bench(toolchain: WasmToolchain, device: Device, profile: &Profile, dir: &Path) -> Result<()> {
    for feature in device.features() {
        shell::stage(&format!("operations for {feature}"), || {
            bind(&compile(toolchain, &format!("{feature},bench"), profile)?, &dir.join(feature), profile)
        })?;
    }
    Ok(())
}

fn build_one(toolchain: WasmToolchain, feature: &str, profile: &Profile) -> Result<()> {
    let module = compile(toolchain, feature, profile)?;
    let stamp_file = wasm_target_dir().join(format!("dist-{feature}.stamp"));
    let stamp = stamp(&module, profile)?;
    let dist = dist_dir(feature);
    let built = dist.join(format!("{OUT_NAME}_bg.wasm"));
    if built.exists() && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        say(format!("{feature}: unchanged"));
        return Ok(());
    }
    bind(&module, &dist, profile)?;
    fs::write(&stamp_file, stamp).with_context(|| format!("could not write {}", stamp_file.display()))
}

/// Writes a compiled module and its scripts to `dist`, which is emptied first.
fn bind(module: &Path, dist: &Path, profile: &Profile) -> Result<()> {
    if dist.exists() {
        fs::remove_dir_all(dist).with_context(|| format!("could not empty {}", dist.display()))?;
    }
    if runs_constructors_at_every_call(&fs::read(module)?) {
        bail!("{} runs its static constructors at every call; src/web/mod.rs should at the start", module.display());
    }
    let release = *profile != Profile::Dev;
    Bindgen::new()
        .input_path(module)
        .out_name(OUT_NAME)
        .web(true)?
        .typescript(true)
        .remove_name_section(release)
        .remove_producers_section(release)
        .generate(dist)
        .with_context(|| format!("wasm-bindgen failed on {}", module.display()))?;
    if let Profile::Release { wasm_opt } = profile {
        optimise::optimise(&dist.join(format!("{OUT_NAME}_bg.wasm")), wasm_opt)?;
    }
    Ok(())
}

/// Whether the linker has wrapped the module's exports, as it does where no function calls the constructors.
fn runs_constructors_at_every_call(module: &[u8]) -> bool {
    const WRAPPER: &[u8] = b".command_export";
    module.windows(WRAPPER.len()).any(|name| name == WRAPPER)
}

/// Compiles the library and returns the module. The next feature's has the same path.
fn compile(toolchain: WasmToolchain, feature: &str, profile: &Profile) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo("build");
    cargo.args(["--lib", "--package", "burn-sam", "--no-default-features", "--features", feature]);
    cargo.args(["--profile", profile.name()]);
    println!("$ {}", shell::shown(&cargo));
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = cargo.spawn().with_context(|| format!("could not start `{}`", shell::shown(&cargo)))?;
    let mut artifact = None;
    if let Some(messages) = child.stdout.take() {
        for line in BufReader::new(messages).lines() {
            artifact = parse_artifact(&line?).or(artifact);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the {feature} module does not build ({status}); the compiler's messages are above");
    }
    artifact.context("cargo reported no wasm file; is `cdylib` missing from the crate types in Cargo.toml?")
}

fn parse_artifact(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    if message.get("reason")? != "compiler-artifact" || message.get("target")?.get("name")? != OUT_NAME {
        return None;
    }
    let mut files = message.get("filenames")?.as_array()?.iter().filter_map(|file| file.as_str());
    files.find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

/// Says which module the files in `pkg/dist/wasm` were made from.
fn stamp(module: &Path, profile: &Profile) -> Result<String> {
    let about = fs::metadata(module).with_context(|| format!("could not read {}", module.display()))?;
    let time = about.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let how = match profile {
        Profile::Dev => "",
        Profile::Release { wasm_opt } => wasm_opt,
    };
    Ok(format!("{} {how} {} {}\n", profile.name(), about.len(), time.as_nanos()))
}

/// The package imports both modules. Where only one was asked for and the other was never built, a module of the same
/// names that fails when it is started lets the rest be built.
fn write_stand_in(feature: &str, built: Device) -> Result<()> {
    let Some(other) = built.features().first() else {
        return Ok(());
    };
    say(format!("{feature}: not built; the page will fail when asked for it"));
    let dist = dist_dir(feature);
    fs::create_dir_all(&dist)?;
    let types = format!("{OUT_NAME}.d.ts");
    fs::copy(dist_dir(other).join(&types), dist.join(&types))?;
    let script = format!(
        "export * from \"../{other}/{OUT_NAME}.js\";\n\
         export default async function () {{\n  \
         throw new Error(\"This build has no {feature} module: run `cargo xtask build`.\");\n}}\n"
    );
    Ok(fs::write(dist.join(format!("{OUT_NAME}.js")), script)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wasm_file_is_found_among_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"burn_sam"},
            "filenames":["/t/libburn_sam.rlib","/t/burn_sam.wasm"]}"#;
        assert_eq!(parse_artifact(line).unwrap(), Path::new("/t/burn_sam.wasm"));
        assert!(parse_artifact(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(parse_artifact("   Compiling burn").is_none());
    }
}
