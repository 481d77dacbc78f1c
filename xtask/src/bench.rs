//! `cargo xtask bench`: burn-sam beside onnxruntime-web and candle, in one browser, in one run, and the demo page from its
//! opening to the first mask (benches/README.md).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::browser;
use crate::shell;
use crate::wasm::{Device, Profile};

/// What writes the models that are compared.
const EXPORT: &str = "benches/onnx/export.py";
/// The list of what it wrote.
const INDEX: &str = "bench.json";

/// What to compare.
#[derive(Args)]
pub struct Options {
    /// Which devices to compare on; only their modules are built.
    #[arg(long, value_enum, default_value = "all")]
    device: Device,
    /// Models, with commas between them: tiny, mobile-sam, sam-vit-b (default: all on a CPU or a GPU, tiny on software WebGPU).
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Rounds after the first encode (default: from 10 for tiny down to 2 for sam-vit-b).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// The folder that benches/onnx/export.py wrote (default: bench in the target directory).
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Compare the package as it is shipped, not the development build.
    #[arg(long)]
    release: bool,
    /// Compare with candle's own SAM too, on the CPU: its module takes a few minutes to build.
    #[arg(long)]
    candle: bool,
    /// Compare on all the processor's threads, and with burn-sam on one of them: only on the CPU, only models.
    #[arg(long)]
    threads: bool,
    /// The WebGPU adapter: swiftshader (software, on every machine alike) or hardware.
    #[arg(long, default_value = "swiftshader", value_parser = ["swiftshader", "hardware"])]
    adapter: String,
    /// Only the demo page, which needs no exported models.
    #[arg(long)]
    page_only: bool,
}

impl Options {
    /// The modules to build.
    pub fn device(&self) -> Device {
        if self.threads { Device::Threads } else { self.device }
    }

    /// Whether nothing is compared.
    pub fn page_only(&self) -> bool {
        self.page_only
    }

    /// How to build them.
    pub fn profile(&self) -> Profile {
        if self.release { Profile::Release { wasm_opt: "1".to_owned() } } else { Profile::Dev }
    }

    /// Where the modules with single operations go.
    pub fn ops_dir(&self) -> PathBuf {
        self.dir().join("ops")
    }

    fn device_name(&self) -> &'static str {
        match self.device() {
            Device::Cpu | Device::Threads => "cpu",
            Device::Webgpu => "webgpu",
            Device::All => "all",
        }
    }

    /// Where the module with candle's SAM goes, if it is wanted.
    pub fn candle_dir(&self) -> Option<PathBuf> {
        self.candle.then(|| self.dir().join("candle"))
    }

    fn dir(&self) -> PathBuf {
        self.dir.as_ref().map_or_else(|| shell::target_dir().join("bench"), |dir| shell::root().join(dir))
    }
}

/// Fails with the command that helps where the models were not exported: before anything is built.
pub fn check(options: &Options) -> Result<()> {
    let dir = options.dir();
    let index = dir.join(INDEX);
    let Ok(text) = fs::read_to_string(&index) else {
        bail!("{} is missing: {}", index.display(), advice(&dir));
    };
    let missing = missing(&text, &options.models, |file| dir.join(file).is_file())
        .with_context(|| format!("{} is damaged: {}", index.display(), advice(&dir)))?;
    if !missing.is_empty() {
        bail!("{} has no {}: {}", dir.display(), missing.join(", "), advice(&dir));
    }
    Ok(())
}

/// Runs the comparison. The package must have been built.
pub fn run(options: &Options) -> Result<()> {
    let mut npm = shell::npm();
    npm.args(["run", "bench", "--workspace", "benches", "--", "--device", options.device_name()]);
    npm.args(["--adapter", &options.adapter, "--dir"]).arg(options.dir());
    if options.threads {
        npm.args(["--threads", "--no-ops"]);
    }
    if options.candle {
        npm.args(["--engines", "burn-sam,onnxruntime-web,candle"]);
    }
    if !options.models.is_empty() {
        npm.args(["--models", &options.models.join(",")]);
    }
    if let Some(rounds) = options.rounds {
        npm.args(["--rounds", &rounds.to_string()]);
    }
    npm.env("BURN_SAM_CHROMIUM", browser::find()?).env("BURN_SAM_PROFILE", options.profile().name());
    shell::run(&mut npm)
}

/// Visits the demo page, which must have been built.
pub fn visit_page(options: &Options) -> Result<()> {
    let mut npm = shell::npm();
    npm.args(["run", "first-mask", "--workspace", "benches", "--", "--device", options.device_name()]);
    npm.args(["--adapter", &options.adapter]);
    if let Some(rounds) = options.rounds {
        npm.args(["--rounds", &rounds.to_string()]);
    }
    npm.env("BURN_SAM_CHROMIUM", browser::find()?).env("BURN_SAM_PROFILE", options.profile().name());
    shell::run(&mut npm)
}

/// The wanted models and the files that are not there.
fn missing(index: &str, wanted: &[String], exists: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let index: serde_json::Value = serde_json::from_str(index)?;
    let models = index["models"].as_array().context("no list of models")?;
    let ops = index["ops"].as_array().context("no list of operations")?;
    let mut missing: Vec<String> = wanted
        .iter()
        .filter(|name| !models.iter().any(|model| model["name"] == name.as_str()))
        .map(|name| format!("model {name}"))
        .collect();
    let is_wanted = |model: &serde_json::Value| {
        wanted.is_empty() || model["name"].as_str().is_some_and(|name| wanted.iter().any(|other| other == name))
    };
    let of_models = models
        .iter()
        .filter(|model| is_wanted(model))
        .flat_map(|model| ["weights", "encoder", "decoder"].map(|key| &model[key]));
    for file in of_models.chain(ops.iter().map(|op| &op["file"])) {
        let file = file.as_str().context("an entry without its files")?;
        if !exists(file) {
            missing.push(file.to_owned());
        }
    }
    Ok(missing)
}

fn advice(dir: &Path) -> String {
    format!(
        "`python {EXPORT} {}` writes it (in a virtual environment with `pip install -r benches/onnx/requirements.txt`)",
        dir.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{
        "models": [{"name": "tiny", "weights": "t.safetensors", "encoder": "t.e.onnx", "decoder": "t.d.onnx"},
                   {"name": "big", "weights": "b.safetensors", "encoder": "b.e.onnx", "decoder": "b.d.onnx"}],
        "ops": [{"op": "matmul", "file": "m.onnx"}]
    }"#;

    fn missing_of(wanted: &[&str], exists: impl Fn(&str) -> bool) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        missing(LIST, &wanted, exists).unwrap()
    }

    #[test]
    fn only_what_is_compared_must_be_there() {
        assert!(missing_of(&[], |_| true).is_empty());
        assert!(missing_of(&["tiny"], |file| !file.starts_with('b')).is_empty());
        assert_eq!(missing_of(&[], |file| file != "b.d.onnx"), ["b.d.onnx"]);
        assert_eq!(missing_of(&["tiny"], |file| file != "m.onnx"), ["m.onnx"]);
    }

    #[test]
    fn a_model_that_was_not_exported_is_named() {
        assert_eq!(missing_of(&["huge"], |_| true), ["model huge"]);
    }

    #[test]
    fn a_list_without_files_is_an_error() {
        assert!(missing("{}", &[], |_| true).is_err());
        assert!(missing(r#"{"models": [{"name": "tiny"}], "ops": []}"#, &[], |_| true).is_err());
    }
}
