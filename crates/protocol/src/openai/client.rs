//! The events that we send.

use serde::Serialize;

use super::settings::Settings;

/// A client event with its id. Absent options are left out: the server refuses keys it does not know, and `null`.
#[derive(Serialize)]
pub(crate) struct Frame<'a> {
    pub(crate) event_id: String,
    #[serde(flatten)]
    pub(crate) event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(crate) enum Event<'a> {
    #[serde(rename = "session.update")]
    Update { session: Box<Settings<'a>> },
    #[serde(rename = "input_audio_buffer.append")]
    Append {
        #[serde(rename = "audio", serialize_with = "crate::pcm::serialize")]
        pcm: Vec<i16>,
    },
    #[serde(rename = "input_audio_buffer.commit")]
    Commit,
    #[serde(rename = "input_audio_buffer.clear")]
    Clear,
    #[serde(rename = "conversation.item.create")]
    Create { item: NewItem<'a> },
    #[serde(rename = "conversation.item.truncate")]
    Truncate {
        item_id: &'a str,
        content_index: u32,
        audio_end_ms: u64,
        /// The words that were heard.
        #[serde(skip)]
        heard: &'a str,
    },
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
pub(crate) struct Manner {
    pub(crate) output_modalities: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(crate) enum NewItem<'a> {
    #[serde(rename = "message")]
    Message { id: &'a str, role: &'static str, content: [Content<'a>; 1] },
    #[serde(rename = "function_call_output")]
    ToolOutput { id: &'a str, call_id: &'a str, output: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Content<'a> {
    InputText { text: &'a str },
    OutputText { text: &'a str },
}

impl<'a> Event<'a> {
    /// What the user wrote or said, as text.
    pub(crate) fn user_text(id: &'a str, text: &'a str) -> Self {
        Self::Create { item: NewItem::Message { id, role: "user", content: [Content::InputText { text }] } }
    }

    /// What the model said, as text (its audio cannot be supplied).
    pub(crate) fn assistant_text(id: &'a str, text: &'a str) -> Self {
        Self::Create { item: NewItem::Message { id, role: "assistant", content: [Content::OutputText { text }] } }
    }
}
