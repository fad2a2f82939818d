//! What stands in the way, and passing words.

use serde::Serialize;

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
    /// A budget of the user's own is spent.
    Budget,
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
    /// A recording cannot be made, read or deleted: no space, or no permission.
    RecordingFailed,
    /// The file of the conversations cannot be opened, read or written, or was set aside: no space, no permission, no
    /// folder. Calls go on without it.
    HistoryFailed,
    /// Said in an earlier run and not answered: it waits for the user.
    Unsent,
    /// Anything else.
    Internal,
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
    /// The gateway does not carry this voice: the call goes directly to the provider.
    PastGateway,
    /// The key is kept until the app ends, as there is no keychain.
    SessionOnlyKey,
    /// The network is too slow for the microphone: some audio was dropped.
    NetworkTooSlow,
    /// The provider's maximum length came near: continued on a fresh connection.
    Renewed,
    /// The conversation goes on with another voice or another way to it, as the user chose.
    ContinuedOn {
        /// Who answers now.
        provider: super::Provider,
    },
    /// A voice failed and another stands in for it.
    StoodIn {
        /// Who failed.
        failed: super::Provider,
        /// Who answers now.
        provider: super::Provider,
        /// Why.
        code: Code,
    },
    /// Nobody spoke, and the voice is paid by the second: the call was ended.
    HungUp {
        /// For so long.
        seconds: u32,
    },
    /// The agent at the other side ended the call.
    AgentLeft,
    /// Four fifths of a budget are spent; told once in a call.
    BudgetNear {
        /// What is left of it, nano-dollars.
        left_nano: i64,
        /// The whole, nano-dollars.
        limit_nano: i64,
    },
    /// The microphone is muted, and the voice is paid by the second all the same.
    MutedCosts,
    /// The user speaks, and the microphone is muted.
    SpeakingMuted,
    /// The microphone of a Bluetooth headset is in use: its sound falls back to a telephone's.
    HandsFree {
        /// Readable name of the headset.
        name: String,
        /// A better microphone, if there is one.
        microphone: Option<super::Device>,
    },
    /// The talk key was let go of before the microphone was open: nothing of it was heard.
    NotOpenYet,
    /// This turn is nearly as long as a turn can be.
    TurnEndsSoon {
        /// Until it is ended and sent.
        seconds: u32,
    },
    /// The turn was as long as it can be: it was ended and sent.
    TurnEnded,
    /// The disk was too slow for the recording.
    RecordingGap {
        /// How much is missing, ms.
        ms: u32,
    },
}
