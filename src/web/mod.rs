//! The wasm-bindgen boundary: JS values in, JS values out, errors with a code. No logic of its own.

#[cfg(feature = "bench")]
mod bench;
mod device;
mod error;
mod everything;
mod files;
mod session;
mod source;
#[cfg(feature = "threads")]
mod threads;
mod types;

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs once when the module is instantiated.
#[wasm_bindgen(start)]
pub fn start() {
    construct_statics();
    std::panic::set_hook(Box::new(|info| {
        // The Worker sees the trap that follows; the reason is only known here.
        web_sys::console::error_1(&format!("burn-sam panicked: {info}").into());
    }));
    let logger: &'static dyn log::Log = &ConsoleLogger;
    // Bad WGSL is only ever logged: the console is where a developer looks.
    if log::set_logger(logger).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// Fills the registries that crates of the GPU's compiler build before `main` elsewhere. Were this not called anywhere, the
/// linker would take the module for a command that runs once, and put a call to it before every single call from JavaScript:
/// on WebGPU, that was nineteen twentieths of a decode.
#[allow(unsafe_code)]
fn construct_statics() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the linker makes this function. It is called once, before anything else of the module.
    unsafe { __wasm_call_ctors() }
}

struct ConsoleLogger;

impl log::Log for ConsoleLogger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = format!("{}: {}", record.target(), record.args()).into();
        match record.level() {
            log::Level::Error => web_sys::console::error_1(&text),
            _ => web_sys::console::warn_1(&text),
        }
    }

    fn flush(&self) {}
}
