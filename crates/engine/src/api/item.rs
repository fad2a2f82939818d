//! What was said and written, as shells see it.

use serde::Serialize;

use super::{Problem, Waterfall};

/// One thing that was said or written.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Item {
    /// Stable id.
    pub id: u64,
    /// `user` or `assistant`.
    pub role: Role,
    /// How it was said.
    pub kind: Kind,
    /// Caption or message; the heard part of an interrupted answer. Plain text.
    pub text: String,
    /// The tail of an interrupted answer that was never heard.
    pub unheard: String,
    /// Whether the text can still change.
    pub is_final: bool,
    /// How far it has come.
    pub delivery: Delivery,
    /// When it began, unix ms.
    pub at: i64,
    /// Audio spoken or received, ms.
    pub duration_ms: u32,
    /// How much of an interrupted answer was played, ms.
    pub heard_ms: Option<u32>,
    /// From the user's last voiced sample (or the typed message) to the first audible one of this answer, ms.
    pub first_sound_ms: Option<u32>,
    /// Where that time went, once it is known.
    pub waterfall: Option<Waterfall>,
    /// Tokens of the response.
    pub usage: Option<Usage>,
    /// Why it waits or failed.
    pub problem: Option<Problem>,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// How it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Kind {
    /// By voice.
    Spoken,
    /// In writing.
    Typed,
    /// The model asked for a tool of this name.
    ToolCall(String),
}

/// How far an item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Delivery {
    /// The user is speaking it.
    Recording,
    /// Sent, its answer is awaited.
    Sent,
    /// Kept here, goes out with the next connection.
    Kept,
    /// A user item that was answered.
    Answered,
    /// An answer that is being made.
    Arriving,
    /// An answer that is whole.
    Complete,
    /// An answer that the user cut short.
    Interrupted,
    /// It failed; see the problem.
    Failed,
}

/// Tokens of one response, or the time of a voice that is paid by the second. Cached tokens are part of the input counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Usage {
    /// Text tokens of the context.
    pub input_text: u32,
    /// Audio tokens of the context.
    pub input_audio: u32,
    /// Cached part of `input_text`.
    pub cached_text: u32,
    /// Cached part of `input_audio`.
    pub cached_audio: u32,
    /// Text tokens generated.
    pub output_text: u32,
    /// Audio tokens generated.
    pub output_audio: u32,
    /// How long the session was open since the response before this one, ms; 0 where tokens count.
    pub session_ms: u32,
}
