//! Errors as JavaScript sees them: an `Error` named `SamError` with a `code`.

use js_sys::{Error, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use crate::SamError;

/// What every function of the boundary returns.
pub type JsResult<T> = Result<T, JsSamError>;

/// An error on its way to JavaScript.
#[derive(Debug)]
pub enum JsSamError {
    /// One of ours.
    Ours(SamError),
    /// What one of the caller's own functions threw, as it is.
    Thrown(JsValue),
}

impl<E: Into<SamError>> From<E> for JsSamError {
    fn from(error: E) -> Self {
        Self::Ours(error.into())
    }
}

impl From<JsSamError> for JsValue {
    fn from(error: JsSamError) -> Self {
        let error = match error {
            JsSamError::Ours(error) => error,
            JsSamError::Thrown(error) => return error,
        };
        let js = Error::new(&sentence(&error.to_string()));
        js.set_name("SamError");
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&js, &"code".into(), &error.code().into());
        js.into()
    }
}

/// An error with a code, as this package makes them.
pub(super) fn is_sam_error(error: &JsValue) -> bool {
    let named = error.dyn_ref::<Error>().is_some_and(|error| error.name() == "SamError");
    named && Reflect::get(error, &"code".into()).is_ok_and(|code| code.is_string())
}

/// What an error says.
pub(super) fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<Error>() {
        Some(error) => error.message().into(),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
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
