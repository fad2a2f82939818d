//! The events that we send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::settings::Settings;

/// A client event with its id. Absent options are left out: the server refuses keys it does not know, and `null`.
#[derive(Serialize)]
pub(super) struct Frame<'a> {
    pub(super) event_id: String,
    #[serde(flatten)]
    pub(super) event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Event<'a> {
    #[serde(rename = "session.update")]
    Update { session: Box<Settings<'a>> },
    #[serde(rename = "input_audio_buffer.append")]
    Append { audio: String },
    #[serde(rename = "input_audio_buffer.commit")]
    Commit,
    #[serde(rename = "input_audio_buffer.clear")]
    Clear,
    #[serde(rename = "conversation.item.create")]
    Create { item: NewItem<'a> },
    #[serde(rename = "conversation.item.truncate")]
    Truncate { item_id: &'a str, content_index: u32, audio_end_ms: u64 },
    #[serde(rename = "conversation.item.delete")]
    Delete { item_id: &'a str },
    #[serde(rename = "response.create")]
    Respond {
        #[serde(skip_serializing_if = "Option::is_none")]
        response: Option<Manner>,
    },
    #[serde(rename = "response.cancel")]
    Cancel {
        #[serde(skip_serializing_if = "Option::is_none")]
        response_id: Option<&'a str>,
    },
}

/// How one response differs from the session's settings.
#[derive(Serialize)]
pub(super) struct Manner {
    pub(super) output_modalities: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum NewItem<'a> {
    #[serde(rename = "message")]
    Message { id: &'a str, role: &'static str, content: [Content<'a>; 1] },
    #[serde(rename = "function_call_output")]
    ToolOutput { id: &'a str, call_id: &'a str, output: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    InputText { text: &'a str },
    OutputText { text: &'a str },
}

impl<'a> Event<'a> {
    /// An append of PCM16 little endian.
    pub(super) fn append(pcm: &[i16]) -> Self {
        let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Self::Append { audio: STANDARD.encode(bytes) }
    }

    /// What the user wrote or said, as text.
    pub(super) fn user_text(id: &'a str, text: &'a str) -> Self {
        Self::Create { item: NewItem::Message { id, role: "user", content: [Content::InputText { text }] } }
    }

    /// What the model said, as text (its audio cannot be supplied).
    pub(super) fn assistant_text(id: &'a str, text: &'a str) -> Self {
        Self::Create { item: NewItem::Message { id, role: "assistant", content: [Content::OutputText { text }] } }
    }
}
