//! The call as shells see it.

use serde::{Deserialize, Serialize};

use super::{Problem, Supply};

/// The call's state.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Call {
    /// Who answers.
    pub provider: Provider,
    /// Which model.
    pub model: String,
    /// Which voice.
    pub voice: String,
    /// Which way.
    pub route: Route,
    /// The connection.
    pub link: Link,
    /// The talk button.
    pub talk: Talk,
    /// Who ends a turn.
    pub mode: Mode,
    /// Push to talk was locked by a tap: it goes on without a finger.
    pub is_locked: bool,
    /// The microphone is muted by the user.
    pub is_muted: bool,
    /// The microphone runs (pre-roll is kept in memory).
    pub is_armed: bool,
    /// A file that stands in for the microphone was spoken to its end.
    pub is_input_over: bool,
    /// Open mode: the talk key is down, so nothing is answered before it goes up.
    pub is_floor_held: bool,
    /// Sound of the microphone went out within the last 300 ms: by what the network took, not by what was pressed.
    pub is_live: bool,
    /// When the call began, unix ms; null without a call.
    pub started_at: Option<i64>,
    /// From the user's last voiced sample (or typed message) to the first audible one of the answer, ms.
    pub first_sound_ms: Option<u32>,
    /// Utterances and messages that wait for an answer.
    pub waiting: u32,
    /// Until then a limit holds up what waits, unix ms; null: none does.
    pub limited_until: Option<i64>,
    /// How often a connection was there when it was needed, since the app began.
    pub connections: Connections,
    /// About what a minute of talking costs with each voice.
    pub minute_costs: Vec<MinuteCost>,
}

/// About what a minute costs of which half is heard and half is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct MinuteCost {
    /// Who answers.
    pub provider: Provider,
    /// Nano-dollars (a billion is one US dollar); null: not known.
    pub nano: Option<i64>,
}

/// A voice server that runs on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct VoiceServer {
    /// Whose usual port it has.
    pub name: String,
    /// Base URL, `http://127.0.0.1:8000/v1` for example.
    pub address: String,
    /// It speaks the Realtime protocol.
    pub is_realtime: bool,
    /// It makes text of speech (`/v1/audio/transcriptions`).
    pub listens: bool,
    /// It makes speech of text (`/v1/audio/speech`).
    pub speaks: bool,
}

/// How often a connection was there when a turn needed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Connections {
    /// Calls, turns and messages that needed one.
    pub turns: u32,
    /// It was in use and ready.
    pub reused: u32,
    /// It had been opened ahead and was open; of those that were not in use.
    pub warm: u32,
}

impl Connections {
    /// One more was needed.
    pub(crate) fn count(&mut self, supply: Supply) {
        self.turns += 1;
        self.reused += u32::from(supply == Supply::Reused);
        self.warm += u32::from(supply == Supply::Warm);
    }
}

impl FromIterator<Supply> for Connections {
    fn from_iter<I: IntoIterator<Item = Supply>>(supplies: I) -> Self {
        let mut connections = Self::default();
        supplies.into_iter().for_each(|supply| connections.count(supply));
        connections
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Provider {
    /// The built-in practice partner: no key, no network, no cost.
    #[default]
    Practice,
    /// `OpenAI` Realtime, or a server that speaks its protocol (by [`Route`]).
    Openai,
    /// Google's Gemini Live.
    Google,
    /// Any ear, any text model, any mouth.
    Cascade,
    /// An `ElevenLabs` agent.
    Elevenlabs,
    /// Deepgram's Voice Agent.
    Deepgram,
    /// `OpenAI` GPT-Live: listens and speaks at once.
    GptLive,
}

impl Provider {
    /// As users know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Practice => "the practice partner",
            Self::Openai => "OpenAI",
            Self::Google => "Gemini Live",
            Self::Cascade => "your own mix",
            Self::Elevenlabs => "ElevenLabs",
            Self::Deepgram => "Deepgram",
            Self::GptLive => "GPT-Live",
        }
    }
}

/// Which way the call goes (not for the practice partner).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Route {
    /// Straight to the provider.
    #[default]
    Direct,
    /// Through Cloudflare AI Gateway.
    Gateway,
    /// To a server of the user's choice that speaks the Realtime protocol.
    Endpoint,
}

/// The connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Link {
    /// No call.
    Idle,
    /// First connection under way.
    Connecting,
    /// Ready to talk.
    Live,
    /// Lost, trying again.
    Reconnecting {
        /// This try, from 1.
        attempt: u32,
        /// Tries before giving up.
        of: u32,
        /// Why the connection was lost, or the last try failed.
        problem: Problem,
    },
}

/// What the talk button shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Talk {
    /// Press to talk (or, in open mode with a call: just speak).
    Ready,
    /// The user's turn is being captured.
    Listening,
    /// The answer is awaited.
    Thinking,
    /// The answer is audible.
    Speaking,
    /// The user muted the microphone.
    Muted,
    /// It cannot work now; see the problem.
    Blocked,
}

/// Who ends a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Mode {
    /// Push to talk: hold, or tap to lock.
    #[default]
    Ptt,
    /// Open microphone.
    Open,
}
