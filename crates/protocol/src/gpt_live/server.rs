//! The events that we act on; other events and keys are ignored.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::openai::refusal::Complaint;
use crate::pcm::Pieces;

/// Any server event: the keys that some event of interest has.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) delta: Option<Cow<'a, str>>,
    start_ms: Option<f64>,
    end_ms: Option<f64>,
    pub(super) session: Option<Value>,
    pub(super) delegation: Option<Value>,
    pub(super) error: Option<Value>,
    pub(super) reason: Option<Value>,
}

/// A piece of a transcript with its place on the session's clock, in ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub(super) text: &'a str,
    pub(super) start: Option<u64>,
    pub(super) end: Option<u64>,
}

impl Frame<'_> {
    pub(super) fn fragment(&self) -> Fragment<'_> {
        let ms = |at: Option<f64>| at.map(|at| at as u64);
        Fragment { text: self.delta.as_deref().unwrap_or_default(), start: ms(self.start_ms), end: ms(self.end_ms) }
    }

    /// Samples of `session.output_audio.delta`; `None`: it is no base64. Half a sample is dropped.
    pub(super) fn pcm(&self) -> Option<Vec<i16>> {
        Pieces::default().decode(self.delta.as_deref().unwrap_or_default())
    }

    /// The delegation's id, if it is for us.
    pub(super) fn delegation(&self) -> Option<&str> {
        let delegation = self.delegation.as_ref()?;
        let target = delegation.get("target").and_then(Value::as_str).unwrap_or("client");
        delegation.get("id").and_then(Value::as_str).filter(|id| target == "client" && !id.is_empty())
    }
}

/// The `error` object of an event. Nothing of it is certain to be there.
pub(super) fn complaint(error: Option<&Value>) -> Complaint {
    let word = |key: &str| error.and_then(|error| error.get(key)?.as_str()).map(str::to_owned);
    Complaint {
        kind: word("type"),
        code: word("code"),
        message: word("message").unwrap_or_default(),
        event_id: word("client_event_id"),
        retry_after: None,
    }
}
