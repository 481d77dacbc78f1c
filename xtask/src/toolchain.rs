//! A Rust toolchain that can build for `wasm32-unknown-unknown`: found, or else installed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::shell::{self, say};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_BIN: &str = "/usr/bin";
/// rustup's component with the sources of the standard library.
const STD_SOURCE: &str = "rust-src";
/// What makes a module whose instances share one memory: Workers are threads then. wasm-bindgen asks for these exports.
const THREAD_FLAGS: [&str; 8] = [
    "-Ctarget-feature=+simd128,+atomics,+bulk-memory",
    "-Clink-arg=--shared-memory",
    "-Clink-arg=--import-memory",
    "-Clink-arg=--max-memory=4294967296",
    "-Clink-arg=--export=__wasm_init_tls",
    "-Clink-arg=--export=__tls_size",
    "-Clink-arg=--export=__tls_align",
    "-Clink-arg=--export=__tls_base",
];

/// Which compiler builds the wasm modules.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The one that runs us has the target.
    Current,
    /// Debian's, which ships no compiled standard library for wasm: it builds its own from source.
    Debian,
}

impl WasmToolchain {
    /// Finds a toolchain, in the order of least work. `BURN_SAM_WASM_TOOLCHAIN=debian` goes straight to the last.
    pub fn find() -> Result<Self> {
        if std::env::var("BURN_SAM_WASM_TOOLCHAIN").is_ok_and(|name| name == "debian") {
            return Self::debian();
        }
        if has_target()? {
            return Ok(Self::Current);
        }
        if shell::find_program("rustup").is_some() {
            say(format!("installing the Rust target {TARGET} with rustup: the modules for the browser need it"));
            let mut rustup = shell::command("rustup");
            rustup.args(["target", "add", TARGET]);
            // Its exit status is not the answer: it may have served another toolchain than the one in use.
            let ended = shell::run_within(&mut rustup, Duration::from_secs(300));
            if ended.is_ok() && has_target()? {
                return Ok(Self::Current);
            }
            say(format!("rustup could not install {TARGET} (no network?); trying Debian's compiler"));
        }
        Self::debian()
    }

    fn debian() -> Result<Self> {
        if !apt::available() {
            bail!(
                "this Rust toolchain has no {TARGET} target and could not get it. \
                 Run `rustup target add {TARGET}`, or install that target with your system's package manager"
            );
        }
        apt::install(&DEBIAN_PACKAGES, "a Rust compiler and linker for wasm")
            .with_context(|| format!("no compiler for {TARGET}: `rustup target add {TARGET}` is the other way"))?;
        Ok(Self::Debian)
    }

    /// What to call it in our output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "the current Rust toolchain",
            Self::Debian => "Debian's Rust toolchain, which first builds the standard library",
        }
    }

    /// Whether it can run clippy; on Debian's, installs what is missing.
    pub fn has_clippy(self) -> bool {
        match self {
            Self::Current => shell::succeeds(shell::cargo("clippy").arg("--version")),
            Self::Debian => apt::install(&["rust-web-clippy"], "the linter of the wasm toolchain").is_ok(),
        }
    }

    /// Whether it can build the standard library, as threads need: none that is compiled already has atomic operations. With
    /// rustup, installs what is missing.
    pub fn can_build_std(self) -> Result<bool> {
        if self == Self::Debian || has_std_source()? {
            return Ok(true);
        }
        if shell::find_program("rustup").is_some() {
            say(format!("installing {STD_SOURCE} with rustup: the module with threads needs it"));
            let mut rustup = shell::command("rustup");
            rustup.args(["component", "add", STD_SOURCE]);
            // As above, its exit status is not the answer.
            let _ = shell::run_within(&mut rustup, Duration::from_secs(300));
        }
        has_std_source()
    }

    /// [`cargo`](Self::cargo) for the module with threads. Its flags and its standard library are its own, and so is its
    /// target directory.
    pub fn cargo_with_threads(self, subcommand: &str) -> Command {
        let mut cargo = self.cargo_in(subcommand, &shell::target_dir().join("wasm-threads"));
        cargo.env("CARGO_ENCODED_RUSTFLAGS", THREAD_FLAGS.join("\x1f"));
        if self == Self::Current {
            build_std(&mut cargo);
        }
        cargo
    }

    /// `cargo <subcommand>` for the wasm target. All wasm builds share one target directory apart from the native one,
    /// so that neither compiler nor flags ever make the other build start again.
    pub fn cargo(self, subcommand: &str) -> Command {
        self.cargo_in(subcommand, &wasm_target_dir())
    }

    fn cargo_in(self, subcommand: &str, target_dir: &Path) -> Command {
        let mut cargo = match self {
            Self::Current => shell::cargo(subcommand),
            Self::Debian => debian_cargo(subcommand),
        };
        // The flags that every wasm build needs are in .cargo/config.toml, which either variable would switch off.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        // cargo gives the modules of all features one place, so that each build of one would compile the other again.
        // With this variable, which Rust's own build uses, each has its place. Where cargo knows it no more, only that
        // time is lost.
        cargo.env("__CARGO_DEFAULT_LIB_METADATA", "burn-sam");
        cargo.args(["--target", TARGET, "--target-dir"]).arg(target_dir);
        cargo
    }
}

/// The target directory of the wasm builds.
pub fn wasm_target_dir() -> PathBuf {
    shell::target_dir().join("wasm")
}

fn has_target() -> Result<bool> {
    Ok(rustlib()?.join(TARGET).join("lib").is_dir())
}

fn has_std_source() -> Result<bool> {
    Ok(rustlib()?.join("src/rust/library/std").is_dir())
}

fn rustlib() -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = shell::output_of(shell::command(rustc).args(["--print", "sysroot"]))?;
    Ok(Path::new(&sysroot).join("lib/rustlib"))
}

/// Unstable, and both toolchains are stable ones.
fn build_std(cargo: &mut Command) {
    cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
}

/// Debian's and rustup's tools must not mix: everything goes by absolute path, and rustup's shims leave `PATH`.
fn debian_cargo(subcommand: &str) -> Command {
    let bin = Path::new(DEBIAN_BIN);
    // `cargo clippy` would find the cargo-clippy in ~/.cargo/bin, rustup's, before any other.
    let program = if subcommand == "clippy" { "cargo-clippy" } else { "cargo" };
    let mut cargo = shell::command(bin.join(program));
    cargo.arg(subcommand);
    for name in ["RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "LD_LIBRARY_PATH"] {
        cargo.env_remove(name);
    }
    cargo
        .env("CARGO", bin.join("cargo"))
        .env("RUSTC", bin.join("rustc"))
        .env("RUSTDOC", bin.join("rustdoc"))
        .env("PATH", path_without_rustup())
        // Debian's compiler has no rust-lld.
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", bin.join("wasm-ld-19"));
    build_std(&mut cargo);
    cargo
}

fn path_without_rustup() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let kept = std::env::split_paths(&path).filter(|dir| !dir.join("rustup").exists() && !is_rustup_toolchain(dir));
    std::env::join_paths(std::iter::once(PathBuf::from(DEBIAN_BIN)).chain(kept)).unwrap_or_else(|_| DEBIAN_BIN.into())
}

fn is_rustup_toolchain(dir: &Path) -> bool {
    dir.components().any(|part| part.as_os_str() == ".rustup" || part.as_os_str() == "toolchains")
}
