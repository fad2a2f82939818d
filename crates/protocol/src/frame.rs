//! Text frames of JSON, as most voices send them.

use serde_json::Value;

/// A text frame; `None`: it is no JSON object.
pub(crate) fn object(text: &str) -> Option<Value> {
    match serde_json::from_str::<Value>(text) {
        Ok(frame) if frame.is_object() => Some(frame),
        Ok(_) => {
            tracing::warn!("a frame that is no object ignored");
            None
        }
        Err(error) => {
            malformed(&error);
            None
        }
    }
}

/// A frame that is no JSON of the kind that was expected. Its content is nobody's business.
pub(crate) fn malformed(error: &serde_json::Error) {
    tracing::warn!(line = error.line(), column = error.column(), "malformed frame ignored");
}
