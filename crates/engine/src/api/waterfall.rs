//! Where the time of a turn went, as shells see it.

use serde::{Deserialize, Serialize};

/// The steps of one turn, each in ms since the user's last voiced sample, or since a typed message was sent. They never
/// fall; a step that did not happen is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Waterfall {
    /// The question was typed.
    pub is_typed: bool,
    /// What it found when it needed a connection; null: not kept in those days.
    #[serde(default)]
    pub supply: Option<Supply>,
    /// The turn was over: key up and the tail captured, or the provider's detector said so.
    pub turn_end_ms: Option<u32>,
    /// The answer was asked for on the wire: by us, or by the provider itself when it took the turn.
    pub request_ms: Option<u32>,
    /// The first piece of the answer came.
    pub first_delta_ms: Option<u32>,
    /// Its first sample was audible, the speaker's own delay included.
    pub first_sound_ms: Option<u32>,
}

/// What somebody found who needed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Supply {
    /// One in use and ready.
    Reused,
    /// One that was opened ahead.
    Warm,
    /// None, or a half made one.
    Cold,
}
