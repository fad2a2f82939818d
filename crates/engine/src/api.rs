//! The whole app API: what a shell (window or command line) says to the engine and hears from it.
//!
//! A shell takes a [`Snapshot`], then applies each [`Event`] in the order of its `seq`; after a gap it takes a new
//! snapshot. Types are written to `ui/types.d.ts` by a test.

mod call;
mod chat;
mod credential;
mod item;
mod problem;
mod recording;
mod sound;
mod waterfall;

use serde::{Deserialize, Serialize};

use crate::config::Settings;

pub use call::{Call, Connections, Link, MinuteCost, Mode, Provider, Route, Talk, VoiceServer};
pub use chat::{
    Attachment, Budget, CacheMark, Chat, ChatFailure, ChatMessage, ChatPolicy, ChatProvider, Citation, Enclosed,
    ExportFormat, FailureKind, Fragment, GatewayEcho, HistoryEntry, LocalApi, MessageState, ModelChoice, Preset,
    ProviderHealth, Receipt, Retry, Shape, Target, Transfer, Waiting, Way,
};
pub use credential::{Credential, Holder, KeyTest, Place};
pub use item::{Delivery, Item, Kind, Role, Usage};
pub use problem::{Code, Note, Problem};
pub use recording::{RecordedTurn, Recording, Replay, Take};
pub use sound::{CheckPhase, Device, Devices, Finding, Levels, Rate, Room, SoundCheck, Verdict};
pub use waterfall::{Supply, Waterfall};

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
    /// Recordings of this conversation.
    pub recording: Recording,
    /// The text pane.
    pub chat: Chat,
    /// The chosen branch of the open conversation, oldest first.
    pub messages: Vec<ChatMessage>,
    /// The history, as it was last looked for.
    pub history: Vec<HistoryEntry>,
    /// Models that can be chosen, as far as they were looked for.
    pub models: Vec<ModelChoice>,
    /// Providers of text.
    pub providers: Vec<ChatProvider>,
    /// The API for other programs of this computer.
    pub local_api: LocalApi,
    /// Voice servers on this computer; null: nobody has looked for them.
    pub voice_servers: Option<Vec<VoiceServer>>,
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
    /// A recording began or ended, a turn was recorded, something is heard again.
    Recording(Recording),
    /// The text pane changed. Another conversation, or another branch of it: its messages follow at once, one by one.
    Chat(Chat),
    /// A message of the open conversation is new or changed; at most 15 times a second while it is being written.
    ChatMessage(ChatMessage),
    /// The history, as it was looked for.
    History(Vec<HistoryEntry>),
    /// Models that can be chosen.
    Models(Vec<ModelChoice>),
    /// Providers of text: which have keys, how they did.
    Providers(Vec<ChatProvider>),
    /// An export or import goes on or is over.
    Transfer(Transfer),
    /// The API for other programs started or stopped.
    LocalApi(LocalApi),
    /// Voice servers on this computer, as they were looked for.
    VoiceServers(Vec<VoiceServer>),
    /// A passing word to the user (a device was replaced, the gateway needs the insecure form, …).
    Note(Note),
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
    /// Talk key or button down. Starts a call if there is none; in open mode starts the call or stops the answer, and
    /// holds the floor: nothing is answered before the key goes up.
    Press,
    /// Talk key or button up. After less than 200 ms the turn is locked instead (push to talk).
    Release,
    /// The window lost the keyboard: the talk key counts as up, however short it was down. A locked turn goes on.
    LetGo,
    /// The screen was locked or the machine is about to sleep: a turn ends as it stands, locked or not.
    Leave,
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
    /// The talk key or button is near: a connection may be opened ahead.
    Warm,
    /// Let the voice of the settings say a sentence (ends the call).
    PreviewVoice,
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
    /// Look for voice servers on this computer, on their usual ports.
    FindVoiceServers,
    /// Run the 5-second sound check.
    SoundCheck,
    /// Measure the room with a chirp of 3 s: the second part of the sound check, or alone.
    MeasureRoom,
    /// End the sound check and drop its result.
    EndSoundCheck,
    /// Record this conversation from now on (with the next call, if there is none), or end that.
    Record {
        /// Wanted state.
        is_on: bool,
    },
    /// Hear a recorded turn again, while nobody speaks.
    Replay {
        /// The item.
        item: u64,
    },
    /// Ten seconds back: in what is heard again, or from the end of the recording.
    ReplayBack,
    /// Heard enough.
    StopReplay,
    /// Delete a recording of this conversation.
    DeleteRecording {
        /// Its name.
        name: String,
    },
    /// Ask in writing, in the open conversation.
    Ask {
        /// The message.
        text: String,
        /// What goes with it.
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    /// Stop the written answer, or the picture that was asked for in writing; what came stays.
    StopAnswer,
    /// Make a picture, in the open conversation.
    MakePicture {
        /// What is to be seen.
        prompt: String,
        /// Its shape.
        #[serde(default)]
        shape: Shape,
    },
    /// Write a picture into a new file in the folder of exports; a `transfer` event tells where.
    SavePicture {
        /// The message.
        message: i64,
    },
    /// Ask for another version of an answer, or of a picture.
    Regenerate {
        /// The answer.
        message: i64,
    },
    /// Write a message of the user's anew: a new version of it, answered.
    EditMessage {
        /// The message.
        message: i64,
        /// Its new text.
        text: String,
    },
    /// Go on with an answer that was stopped or broke off.
    Continue {
        /// The answer.
        message: i64,
    },
    /// Show the branch that this version belongs to.
    ChooseBranch {
        /// The version.
        message: i64,
    },
    /// Ask this model from now on.
    ChooseModel {
        /// Id of the provider.
        provider: String,
        /// Id of the model.
        model: String,
    },
    /// Look for providers and their models now.
    FindModels,
    /// Look for conversations.
    FindHistory {
        /// Words of it; empty: all.
        query: String,
    },
    /// Show a conversation.
    OpenConversation {
        /// Which.
        id: i64,
    },
    /// Begin another conversation; the open one stays in the history.
    NewChat,
    /// Give a conversation a title.
    RenameConversation {
        /// Which.
        id: i64,
        /// Its title.
        title: String,
    },
    /// Keep a conversation at the top, or not.
    PinConversation {
        /// Which.
        id: i64,
        /// Wanted state.
        is_pinned: bool,
    },
    /// Delete a conversation for good.
    DeleteConversation {
        /// Which.
        id: i64,
    },
    /// Keep what is being written.
    SaveDraft {
        /// The text.
        text: String,
        /// What is attached to it; it is only counted.
        #[serde(default)]
        files: Enclosed,
    },
    /// What the model is told about itself and the user, in this conversation.
    SetSystemPrompt {
        /// The text.
        text: String,
    },
    /// Keep the present system prompt and model under a name (in the place of one of that name).
    SavePreset {
        /// The name.
        name: String,
    },
    /// Forget a preset.
    DeletePreset {
        /// Its name.
        name: String,
    },
    /// Write conversations to a file; `transfer` events tell how it goes.
    Export {
        /// Which; empty: all.
        ids: Vec<i64>,
        /// Its format.
        format: ExportFormat,
        /// The file; empty: a new one in the folder of exports.
        path: String,
        /// Whether a file that is there may be replaced: the user was asked.
        replaces: bool,
    },
    /// Take over the conversations of a ChatGPT export (its zip, or a `conversations.json` out of it), or of an own one as
    /// JSON.
    Import {
        /// The file.
        path: String,
    },
}
