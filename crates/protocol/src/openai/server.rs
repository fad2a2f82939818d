//! The events that we act on. Everything else is ignored, and so are keys we do not know.
//!
//! Frequent frames (audio, text) are read without copying; the rare, nested objects are read key by key, so that a
//! server's odd value in one key does not lose the event.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::refusal::Complaint;
use crate::Usage;

/// Any server event: the keys that some event of interest has.
#[derive(Default, Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) response_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) item_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) previous_item_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) delta: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) transcript: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) arguments: Option<Cow<'a, str>>,
    pub(super) content_index: Option<f64>,
    pub(super) audio_start_ms: Option<f64>,
    pub(super) audio_end_ms: Option<f64>,
    pub(super) session: Option<Value>,
    pub(super) error: Option<Value>,
    pub(super) response: Option<Value>,
    pub(super) item: Option<Value>,
}

/// A conversation item as the server tells it.
#[derive(Debug)]
pub(super) struct WireItem {
    pub(super) id: String,
    pub(super) form: Form,
    /// The words in its content.
    pub(super) text: String,
    /// The server calls it whole.
    pub(super) is_completed: bool,
    /// Something said on the way to the answer (2.x models), not the answer.
    pub(super) is_commentary: bool,
}

#[derive(Debug)]
pub(super) enum Form {
    UserMessage,
    AssistantMessage,
    ToolCall { name: String, call_id: String, arguments: String },
}

/// How a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Cancelled,
    Failed,
    Incomplete,
}

/// A response as the server tells it.
#[derive(Debug)]
pub(super) struct WireResponse {
    pub(super) id: Option<String>,
    pub(super) ending: Ending,
    pub(super) reason: Option<String>,
    pub(super) complaint: Option<Complaint>,
    pub(super) items: Vec<WireItem>,
    pub(super) usage: Option<Usage>,
}

fn string(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

impl WireItem {
    pub(super) fn read(value: &Value) -> Option<Self> {
        let is = |key: &str, word: &str| value.get(key).and_then(Value::as_str) == Some(word);
        let form = if is("type", "function_call") {
            Form::ToolCall {
                name: string(value, "name").unwrap_or_default(),
                call_id: string(value, "call_id").unwrap_or_default(),
                arguments: string(value, "arguments").unwrap_or_default(),
            }
        } else if is("type", "message") && is("role", "user") {
            Form::UserMessage
        } else if is("type", "message") && is("role", "assistant") {
            Form::AssistantMessage
        } else {
            return None;
        };
        let words = |part: &Value| string(part, "text").or_else(|| string(part, "transcript"));
        let text = match value.get("content").and_then(Value::as_array) {
            Some(parts) => parts.iter().filter_map(words).collect::<Vec<_>>().join(" "),
            None => String::new(),
        };
        Some(Self {
            id: string(value, "id").filter(|id| !id.is_empty())?,
            form,
            text,
            is_completed: is("status", "completed"),
            is_commentary: is("phase", "commentary"),
        })
    }
}

impl WireResponse {
    pub(super) fn read(value: &Value) -> Self {
        let details = value.get("status_details");
        let items = value.get("output").and_then(Value::as_array);
        Self {
            id: string(value, "id"),
            ending: match value.get("status").and_then(Value::as_str) {
                Some("cancelled") => Ending::Cancelled,
                Some("failed") => Ending::Failed,
                Some("incomplete") => Ending::Incomplete,
                Some(_) | None => Ending::Completed,
            },
            reason: details.and_then(|details| string(details, "reason")),
            complaint: details
                .and_then(|details| details.get("error"))
                .filter(|error| error.is_object())
                .map(complaint),
            items: items.map(|items| items.iter().filter_map(WireItem::read).collect()).unwrap_or_default(),
            usage: value.get("usage").and_then(usage),
        }
    }
}

/// Reads an `error` object.
pub(super) fn complaint(value: &Value) -> Complaint {
    Complaint {
        kind: string(value, "type"),
        code: string(value, "code"),
        message: string(value, "message").unwrap_or_default(),
        event_id: string(value, "event_id"),
        retry_after: None,
    }
}

pub(super) fn usage(value: &Value) -> Option<Usage> {
    let input = value.get("input_token_details")?;
    let output = value.get("output_token_details")?;
    let count = |of: Option<&Value>, key: &str| of.and_then(|of| of.get(key)).and_then(Value::as_u64);
    let cached = input.get("cached_tokens_details");
    Some(Usage {
        input_text: count(Some(input), "text_tokens")?,
        input_audio: count(Some(input), "audio_tokens")?,
        cached_text: count(cached, "text_tokens").unwrap_or(0),
        cached_audio: count(cached, "audio_tokens").unwrap_or(0),
        output_text: count(Some(output), "text_tokens")?,
        output_audio: count(Some(output), "audio_tokens")?,
        session: Duration::ZERO,
    })
}
