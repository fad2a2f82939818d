//! The whole app API: what a shell (window or command line) says to the engine and hears from it.
//!
//! A shell takes a [`Snapshot`], then applies each [`Event`] in the order of its `seq`; after a gap it takes a new
//! snapshot. Types are written to `ui/types.d.ts` by a test.

use serde::{Deserialize, Serialize};

use crate::config::Settings;

/// Everything a window shows, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Snapshot {
    /// Number of the last event that is contained.
    pub seq: u64,
    /// The call.
    pub call: Call,
    /// The conversation in its order.
    pub items: Vec<Item>,
    /// What stands in the way, if anything.
    pub problem: Option<Problem>,
    /// Settings as they are in force.
    pub settings: Settings,
    /// Keys: what is stored where, never the keys.
    pub credentials: Vec<Credential>,
    /// Microphones and speakers.
    pub devices: Devices,
    /// The sound check, while one runs or its result stands.
    pub sound_check: Option<SoundCheck>,
    /// Program and places.
    pub about: About,
}

/// One change, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Event {
    /// Rises by one with each event.
    pub seq: u64,
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
}

/// What changed: the whole new value of the part that changed, so the latest one wins.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
#[expect(clippy::large_enum_variant, reason = "a handful of changes a second")]
pub enum Change {
    /// The call's state.
    Call(Call),
    /// An item is new or changed; it stands behind `after` (null: first).
    Item {
        /// The whole item.
        item: Item,
        /// Id of the item before it.
        after: Option<u64>,
    },
    /// The item with this id is gone.
    Removed(u64),
    /// The conversation was emptied.
    Cleared,
    /// What stands in the way; null when it is gone.
    Problem(Option<Problem>),
    /// Settings changed.
    Settings(Settings),
    /// Keys changed.
    Credentials(Vec<Credential>),
    /// Devices came, went or were chosen.
    Devices(Devices),
    /// Sound check news; null when it was dismissed.
    SoundCheck(Option<SoundCheck>),
    /// A passing word to the user (a device was replaced, the gateway needs the insecure form, …).
    Note(Note),
}

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
    /// Microphone audio is being sent right now.
    pub is_live: bool,
    /// When the call began, unix ms; null without a call.
    pub started_at: Option<i64>,
    /// From the end of the user's last turn to the first audible sound of the answer, ms.
    pub first_sound_ms: Option<u32>,
    /// Utterances and messages that wait for an answer.
    pub waiting: u32,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// From the end of the user's turn to the first audible sound of this answer, ms.
    pub first_sound_ms: Option<u32>,
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

/// Tokens of one response. Cached tokens are part of the input counts.
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
}

/// Something in the way. The wording (what happened, what to do, one button) lives in the page, by `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[error("{code:?}: {detail}")]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// Particulars in the words of the provider or the system; never a key.
    pub detail: String,
}

/// Kinds of problems; each exists because the user is told something different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Code {
    /// The chosen route needs a key and there is none.
    NoCredential,
    /// The provider did not accept the key.
    CredentialRefused,
    /// The key or account may not do this (model, country, permission).
    NotPermitted,
    /// No credit left.
    Quota,
    /// Too many requests.
    RateLimited,
    /// The provider refused the model or a setting.
    Refused,
    /// No network, or the host cannot be reached.
    Offline,
    /// The proxy refused.
    Proxy,
    /// The secure connection could not be made.
    Tls,
    /// The provider had trouble; tries are used up.
    ProviderTrouble,
    /// One answer failed; the call goes on.
    AnswerFailed,
    /// The gateway does not exist (2001), or account or gateway id are missing in the settings.
    GatewayMissing,
    /// The gateway refused its token (2009).
    GatewayRefused,
    /// No endpoint URL is set, or it is not a URL.
    EndpointMissing,
    /// A key would have gone over a plain connection to another machine: not sent.
    InsecureRoute,
    /// No microphone found.
    NoMicrophone,
    /// The system refuses access to the microphone.
    MicrophoneRefused,
    /// The microphone is on but silent.
    MicrophoneSilent,
    /// No speaker found.
    NoSpeaker,
    /// The device failed in mid-call and no other could be opened yet.
    DeviceLost,
    /// This system has no keychain service.
    NoKeychain,
    /// The keychain is locked or does not answer.
    KeychainLocked,
    /// Parts of the settings file were unreadable; defaults stand in, the old file is kept beside it.
    SettingsDamaged,
    /// Anything else.
    Internal,
}

/// State of one key. The key itself never leaves the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Credential {
    /// Whose key.
    pub holder: Holder,
    /// Where it is.
    pub place: Place,
    /// Name of the environment variable, when it comes from there.
    pub variable: Option<String>,
    /// Result of the last test.
    pub test: Option<KeyTest>,
}

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Holder {
    /// The `OpenAI` API key.
    Openai,
    /// The Cloudflare AI Gateway token.
    Gateway,
    /// The key of the user's own endpoint.
    Endpoint,
}

impl Holder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Openai, Self::Gateway, Self::Endpoint];
}

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Place {
    /// Not looked for yet (the keychain is not touched before the user asks).
    Unknown,
    /// Nowhere.
    Missing,
    /// In the OS keychain.
    Stored,
    /// In an environment variable.
    Environment,
    /// In memory until the app ends.
    SessionOnly,
    /// The keychain is locked.
    Locked,
    /// There is no keychain on this system.
    NoKeychain,
}

/// Result of a key test; each check is told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeyTest {
    /// A test runs now.
    pub is_running: bool,
    /// The provider accepts the key.
    pub is_valid: Option<bool>,
    /// The account has credit.
    pub has_credit: Option<bool>,
    /// The realtime model may be used.
    pub allows_voice: Option<bool>,
    /// Particulars, never the key.
    pub detail: String,
}

/// Microphones and speakers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Devices {
    /// Microphones, default first.
    pub inputs: Vec<Device>,
    /// Speakers, default first.
    pub outputs: Vec<Device>,
    /// Name of the microphone in use; null when none is open.
    pub input_in_use: Option<String>,
    /// Name of the speaker in use; null when none is open.
    pub output_in_use: Option<String>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Device {
    /// Stable id, for the settings.
    pub id: String,
    /// Readable name.
    pub name: String,
    /// The system's default.
    pub is_default: bool,
}

/// The 5-second sound check: speak, then hear yourself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SoundCheck {
    /// Where it stands.
    pub phase: CheckPhase,
    /// Seconds left in this phase.
    pub seconds_left: f32,
    /// Loudest moment so far, dBFS.
    pub peak_dbfs: f32,
    /// Quietest moment so far, dBFS: the noise of the room.
    pub floor_dbfs: f32,
    /// The verdict at the end.
    pub verdict: Option<Verdict>,
}

/// Phases of the sound check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum CheckPhase {
    /// The user speaks.
    Listening,
    /// The user hears it back.
    Playing,
    /// Over.
    Done,
}

/// What the sound check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Verdict {
    /// Clear and loud enough.
    Good,
    /// Heard, but quiet.
    Quiet,
    /// Too loud: it clips.
    Clipping,
    /// Nothing but silence.
    Silent,
    /// Speech cannot be told from the noise of the room.
    Noisy,
}

/// A passing word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Note {
    /// Another device stands in for the chosen one.
    DeviceReplaced {
        /// Readable name.
        name: String,
    },
    /// The chosen device is back.
    DeviceBack {
        /// Readable name.
        name: String,
    },
    /// The gateway only works with the key in the subprotocol, which proxies may log.
    InsecureSubprotocol,
    /// The key is kept until the app ends, as there is no keychain.
    SessionOnlyKey,
    /// The network is too slow for the microphone: some audio was dropped.
    NetworkTooSlow,
    /// The provider's maximum length came near: continued on a fresh connection.
    Renewed,
}

/// Program and places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct About {
    /// Version.
    pub version: String,
    /// Settings file.
    pub settings: String,
    /// Log folder.
    pub log: String,
}

/// What a shell asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Command {
    /// Talk key or button down. Starts a call if there is none; in open mode starts the call or stops the answer.
    Press,
    /// Talk key or button up. After less than 200 ms the turn is locked instead (push to talk).
    Release,
    /// Drop the turn that is being recorded (Esc while listening).
    Discard,
    /// Stop the answer (Esc while thinking or speaking).
    Stop,
    /// A typed message; dials if needed, never opens the microphone.
    Say {
        /// The message.
        text: String,
    },
    /// Begin a call: connects and arms the microphone.
    Call,
    /// End the call; the conversation stays.
    HangUp,
    /// Mute or unmute the microphone.
    Mute {
        /// Wanted state.
        is_muted: bool,
    },
    /// Send what waits again.
    Resend,
    /// Drop an item that waits.
    Forget {
        /// Which.
        id: u64,
    },
    /// Empty the conversation (ends the call).
    NewConversation,
    /// Dismiss the problem or the note.
    Dismiss,
    /// Change settings: a part of the settings as a nested object, merged into what is there.
    Configure {
        /// Only the keys to change.
        #[cfg_attr(test, ts(type = "any"))]
        patch: serde_json::Value,
    },
    /// Look at the keychain now and tell where the keys are.
    CheckKeys,
    /// Test a key at its provider.
    TestKey {
        /// Whose.
        holder: Holder,
    },
    /// Delete a key.
    DeleteKey {
        /// Whose.
        holder: Holder,
    },
    /// Look for devices now.
    FindDevices,
    /// Run the 5-second sound check.
    SoundCheck,
    /// End the sound check and drop its result.
    EndSoundCheck,
}

/// Loudness for the meters, in dBFS (-90 = silence, 0 = full scale).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Levels {
    /// Microphone.
    pub input: f32,
    /// Speaker.
    pub output: f32,
    /// The microphone clipped in the last second.
    pub clipped: bool,
}
