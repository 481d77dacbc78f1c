//! Errors as JavaScript sees them: an `Error` named `SamError` with a `code`.

use js_sys::{Error, Reflect};
use wasm_bindgen::JsValue;

use crate::SamError;

/// What every function of the boundary returns.
pub type JsResult<T> = Result<T, JsSamError>;

/// A [`SamError`] on its way to JavaScript.
#[derive(Debug)]
pub struct JsSamError(SamError);

impl<E: Into<SamError>> From<E> for JsSamError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<JsSamError> for JsValue {
    fn from(JsSamError(error): JsSamError) -> Self {
        let js = Error::new(&sentence(&error.to_string()));
        js.set_name("SamError");
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&js, &"code".into(), &error.code().into());
        js.into()
    }
}

/// Rust's messages begin in lower case and end without a stop; JavaScript's are sentences.
fn sentence(message: &str) -> String {
    let mut rest = message.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).chain(std::iter::once('.')).collect()
}

/// An option or a prompt that does not have the shape the boundary declares.
pub(super) fn malformed(what: &str) -> impl FnOnce(serde_wasm_bindgen::Error) -> SamError {
    move |error| SamError::BadPrompt { field: what.into(), reason: error.to_string() }
}

/// A value that could not be made in JavaScript.
pub(super) fn internal(error: serde_wasm_bindgen::Error) -> SamError {
    SamError::Internal { reason: error.to_string() }
}
