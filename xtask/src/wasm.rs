//! The wasm modules: cargo build, wasm-bindgen, and for a release wasm-opt.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use wasm_bindgen_cli_support::Bindgen;

use crate::optimise;
use crate::shell::{self, say};
use crate::toolchain::{WasmToolchain, wasm_target_dir};

/// Name of the files in `pkg/dist/wasm/<feature>/`.
const OUT_NAME: &str = "burn_sam";
/// The crate with candle's SAM, which has a workspace of its own, and the name of its files.
const CANDLE: (&str, &str) = ("benches/candle/Cargo.toml", "candle_sam");

/// The modules of the package, each the Cargo feature it is built with.
pub const MODULES: [&str; 3] = ["cpu", "webgpu", THREADS];
/// The CPU's kernels on several threads, for pages that are cross-origin isolated.
const THREADS: &str = "threads";
/// A module without anything in it.
const EMPTY_WASM: &[u8] = b"\0asm\x01\0\0\0";

/// The devices the package can run on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The module for browsers without WebGPU; builds in half the time of the other.
    Cpu,
    /// The module that computes through WebGPU.
    Webgpu,
    /// Both modules; in a release, the one with threads too.
    All,
    /// The CPU's modules, with and without threads. The standard library is built too, which takes some minutes.
    Threads,
}

impl Device {
    /// The Cargo features of the devices, one module each.
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Self::Cpu | Self::Threads => &["cpu"],
            Self::Webgpu => &["webgpu"],
            Self::All => &["cpu", "webgpu"],
        }
    }

    /// Whether the module with threads is to be built.
    fn has_threads(self, profile: &Profile) -> bool {
        self == Self::Threads || (self == Self::All && *profile != Profile::Dev)
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

/// Where the package expects the modules, each in a folder of its own.
fn modules_dir() -> PathBuf {
    shell::root().join("pkg/dist/wasm")
}

/// Where the package expects the module of a device.
pub fn dist_dir(feature: &str) -> PathBuf {
    modules_dir().join(feature)
}

/// Builds the modules for `device` into `pkg/dist/wasm`.
pub fn build(toolchain: WasmToolchain, device: Device, profile: &Profile) -> Result<()> {
    let mut built = device.features().to_vec();
    if device.has_threads(profile) {
        if toolchain.can_build_std()? {
            built.push(THREADS);
        } else {
            say(
                "threads: left out, for the sources of the standard library are missing (`rustup component add rust-src`)",
            );
        }
    }
    for feature in &built {
        shell::stage(&format!("wasm module for {feature}"), || build_one(toolchain, feature, profile))?;
    }
    write_stand_ins(&modules_dir(), &built)
}

/// Builds the modules with single operations to time, each into a folder of its own in `dir`.
pub fn build_for_bench(toolchain: WasmToolchain, device: Device, profile: &Profile, dir: &Path) -> Result<()> {
    for feature in device.features() {
        shell::stage(&format!("operations for {feature}"), || {
            let module = compile_feature(toolchain, &format!("{feature},bench"), profile)?;
            bind(&module, &dir.join(feature), OUT_NAME, profile)
        })?;
    }
    Ok(())
}

/// Builds candle's SAM into `dir`, as fast as it can be: it is measured, not debugged.
pub fn build_candle(toolchain: WasmToolchain, profile: &Profile, dir: &Path) -> Result<()> {
    let (manifest, name) = CANDLE;
    shell::stage("candle's SAM", || {
        let mut cargo = toolchain.cargo("build");
        cargo.args(["--manifest-path", manifest, "--locked", "--release"]);
        bind(&compile(cargo, name)?, dir, name, profile)
    })
}

fn build_one(toolchain: WasmToolchain, feature: &str, profile: &Profile) -> Result<()> {
    let module = compile_feature(toolchain, feature, profile)?;
    let stamp_file = wasm_target_dir().join(format!("dist-{feature}.stamp"));
    let dist = dist_dir(feature);
    let built = wasm_file(&dist);
    if built.exists()
        && fs::read_to_string(&stamp_file).is_ok_and(|old| stamp(&module, &built, profile).is_ok_and(|new| new == old))
    {
        say(format!("{feature}: unchanged"));
        return Ok(());
    }
    if runs_constructors_at_every_call(&fs::read(&module)?) {
        bail!("{} runs its static constructors at every call; src/web/mod.rs should at the start", module.display());
    }
    bind(&module, &dist, OUT_NAME, profile)?;
    fs::write(&stamp_file, stamp(&module, &built, profile)?)
        .with_context(|| format!("could not write {}", stamp_file.display()))
}

/// Puts a compiled module and its scripts in the place of what is in `dist`, once they are complete.
fn bind(module: &Path, dist: &Path, name: &str, profile: &Profile) -> Result<()> {
    let release = *profile != Profile::Dev;
    let new = dist.with_extension("new");
    clear(&new)?;
    Bindgen::new()
        .input_path(module)
        .out_name(name)
        .web(true)?
        .typescript(true)
        .remove_name_section(release)
        .remove_producers_section(release)
        .generate(&new)
        .with_context(|| format!("wasm-bindgen failed on {}", module.display()))?;
    if let Profile::Release { wasm_opt } = profile {
        optimise::optimise(&new.join(format!("{name}_bg.wasm")), wasm_opt, dist.ends_with(THREADS))?;
    }
    clear(dist)?;
    fs::rename(&new, dist).with_context(|| format!("could not write {}", dist.display()))
}

fn clear(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

fn wasm_file(dist: &Path) -> PathBuf {
    dist.join(format!("{OUT_NAME}_bg.wasm"))
}

/// Whether there is a module in this folder, and no stand-in.
pub fn is_built(dist: &Path) -> bool {
    fs::metadata(wasm_file(dist)).is_ok_and(|about| about.len() > EMPTY_WASM.len() as u64)
}

/// Whether the linker has wrapped the module's exports, as it does where no function calls the constructors.
fn runs_constructors_at_every_call(module: &[u8]) -> bool {
    const WRAPPER: &[u8] = b".command_export";
    module.windows(WRAPPER.len()).any(|name| name == WRAPPER)
}

/// Compiles the library and returns the module. The next feature's has the same path.
fn compile_feature(toolchain: WasmToolchain, feature: &str, profile: &Profile) -> Result<PathBuf> {
    let with_threads = feature == THREADS;
    let mut cargo = if with_threads { toolchain.cargo_with_threads("build") } else { toolchain.cargo("build") };
    cargo.args(["--lib", "--package", "burn-sam", "--no-default-features", "--features", feature]);
    cargo.args(["--profile", profile.name()]);
    compile(cargo, OUT_NAME).with_context(|| format!("the module for {feature}"))
}

/// Runs a build and returns the module of the library `name`.
fn compile(mut cargo: Command, name: &str) -> Result<PathBuf> {
    println!("$ {}", shell::shown(&cargo));
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut child = cargo.spawn().with_context(|| format!("could not start `{}`", shell::shown(&cargo)))?;
    let mut artifact = None;
    if let Some(messages) = child.stdout.take() {
        for line in BufReader::new(messages).lines() {
            artifact = parse_artifact(&line?, name).or(artifact);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{name} does not build ({status}); the compiler's messages are above");
    }
    artifact.context("cargo reported no wasm file; is `cdylib` missing from the crate types in Cargo.toml?")
}

fn parse_artifact(line: &str, name: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    if message.get("reason")? != "compiler-artifact" || message.get("target")?.get("name")? != name {
        return None;
    }
    let mut files = message.get("filenames")?.as_array()?.iter().filter_map(|file| file.as_str());
    files.find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

/// Says which module the file in `pkg/dist/wasm` was made from, and which file: other working copies may share the target
/// directory.
fn stamp(module: &Path, built: &Path, profile: &Profile) -> Result<String> {
    let how = match profile {
        Profile::Dev => "",
        Profile::Release { wasm_opt } => wasm_opt,
    };
    let mut stamp = format!("{} {how}\n", profile.name());
    for file in [module, built] {
        let about = fs::metadata(file).with_context(|| format!("could not read {}", file.display()))?;
        let time = about.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        stamp += &format!("{} {} {}\n", file.display(), about.len(), time.as_nanos());
    }
    Ok(stamp)
}

/// The package imports all modules. In the place of one that was not asked for and never built comes one of the same names
/// that fails when it is started, and an empty `.wasm` file, so that the rest can be built. One that was built stays as it is.
fn write_stand_ins(modules: &Path, built: &[&str]) -> Result<()> {
    let Some(other) = built.first() else {
        return Ok(());
    };
    for feature in MODULES.iter().filter(|feature| !built.contains(feature)) {
        let dist = modules.join(feature);
        if is_built(&dist) {
            say(format!("{feature}: left as it was built before"));
            continue;
        }
        let (without, script, types) = match *feature {
            THREADS => (
                "the package computes on one thread",
                "export function threadRun() {}\nexport function useThreads() {}\n",
                "export function threadRun(): void;\nexport function useThreads(count: number): void;\n",
            ),
            _ => ("the page will fail when asked for it", "", ""),
        };
        say(format!("{feature}: not built; {without}"));
        fs::create_dir_all(&dist)?;
        let file = |name: &str| format!("{OUT_NAME}{name}");
        let types = fs::read_to_string(modules.join(other).join(file(".d.ts")))? + types;
        fs::write(dist.join(file(".d.ts")), types)?;
        let script = format!(
            "export * from \"../{other}/{OUT_NAME}.js\";\n\
             export default async function () {{\n  \
             throw new Error(\"This build has no {feature} module: run `cargo xtask build`.\");\n}}\n{script}"
        );
        fs::write(dist.join(file(".js")), script)?;
        fs::write(wasm_file(&dist), EMPTY_WASM)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_module_never_takes_the_others_place() -> Result<()> {
        let modules = std::env::temp_dir().join(format!("burn-sam-modules-{}", std::process::id()));
        let file = |feature: &str, name: &str| modules.join(feature).join(name);
        let script = |feature: &str| fs::read_to_string(file(feature, "burn_sam.js"));
        // Built one after the other, and again.
        for (feature, other) in [("cpu", "webgpu"), ("webgpu", "cpu"), ("cpu", "webgpu")] {
            let is_first = !modules.exists();
            fs::create_dir_all(modules.join(feature))?;
            let content = format!("the module for {feature}");
            for name in ["burn_sam.d.ts", "burn_sam.js", "burn_sam_bg.wasm"] {
                fs::write(file(feature, name), &content)?;
            }
            write_stand_ins(&modules, &[feature])?;
            assert_eq!(script(feature)?, content);
            assert_eq!(script(other)?.contains("has no webgpu module"), is_first, "{}", script(other)?);
            assert!(!is_built(&modules.join(THREADS)));
            assert!(script(THREADS)?.contains("function threadRun"));
        }
        Ok(fs::remove_dir_all(modules)?)
    }

    #[test]
    fn the_wasm_file_is_found_among_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"burn_sam"},
            "filenames":["/t/libburn_sam.rlib","/t/burn_sam.wasm"]}"#;
        assert_eq!(parse_artifact(line, "burn_sam").unwrap(), Path::new("/t/burn_sam.wasm"));
        assert!(parse_artifact(line, "candle_sam").is_none());
        assert!(parse_artifact(r#"{"reason":"build-finished","success":true}"#, "burn_sam").is_none());
        assert!(parse_artifact("   Compiling burn", "burn_sam").is_none());
    }
}
