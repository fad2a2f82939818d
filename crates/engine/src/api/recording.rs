//! Recordings of the conversation, and hearing them again.

use serde::Serialize;

use super::Role;

/// What is and was recorded of this conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Recording {
    /// The user wants it recorded: at once, or as soon as the microphone runs.
    pub is_on: bool,
    /// Sound is being recorded since then, unix ms; null when it is not.
    pub since: Option<i64>,
    /// Recordings of this conversation, oldest first; the last one may be under way.
    pub takes: Vec<Take>,
    /// Turns that can be heard again.
    pub turns: Vec<RecordedTurn>,
    /// What is heard again now.
    pub replay: Option<Replay>,
    /// Folder of the recordings.
    pub folder: String,
}

/// One recording: a file with both voices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Take {
    /// File name; its name in commands.
    pub name: String,
    /// When it began, unix ms.
    pub began: i64,
    /// How long it is, ms; null while it is under way.
    pub duration_ms: Option<u32>,
}

/// Where a turn is in a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RecordedTurn {
    /// The item that was spoken.
    pub item: u64,
    /// Who spoke it.
    pub role: Role,
    /// Name of the recording.
    pub take: String,
    /// Where it begins, ms.
    pub start_ms: u32,
    /// Where it ends, ms.
    pub end_ms: u32,
}

/// A part of a recording that is heard again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Replay {
    /// The turn, if it is one.
    pub item: Option<u64>,
    /// Name of the recording.
    pub take: String,
    /// Where it began to be heard, ms in the recording.
    pub from_ms: u32,
    /// Where it ends, ms in the recording.
    pub to_ms: u32,
    /// When it began to be heard, unix ms; null while it is fetched.
    pub since: Option<i64>,
}
