//! Threads: Workers, each with an instance of the module on the one shared memory, that take their parts of the kernels' work.
//!
//! wasm cannot start a Worker. So JavaScript starts them, each goes into [`thread_run`] and waits there for what rayon
//! would have a new thread do.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::JsResult;
use crate::SamError;

/// Threads that rayon wants, and no Worker has become yet.
static WANTED: Mutex<VecDeque<ThreadBuilder>> = Mutex::new(VecDeque::new());
static ADDED: Condvar = Condvar::new();

/// Makes the calling Worker a thread: it blocks until it is terminated.
#[wasm_bindgen(js_name = threadRun)]
pub fn thread_run() {
    let wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wanted = ADDED.wait_while(wanted, |wanted| wanted.is_empty()).unwrap_or_else(PoisonError::into_inner);
    let thread = wanted.pop_front();
    drop(wanted);
    if let Some(thread) = thread {
        thread.run();
    }
}

/// From now on the kernels run on `count` threads: this one, and as many less one that are on their way into `threadRun`,
/// which are waited for. Never on a page's own thread, which may not block.
#[wasm_bindgen(js_name = useThreads)]
pub fn use_threads(count: usize) -> JsResult<()> {
    let pool = ThreadPoolBuilder::new().num_threads(count).use_current_thread().spawn_handler(|thread| {
        WANTED.lock().unwrap_or_else(PoisonError::into_inner).push_back(thread);
        ADDED.notify_one();
        Ok(())
    });
    Ok(pool.build_global().map_err(|error| SamError::Internal { reason: error.to_string() })?)
}
