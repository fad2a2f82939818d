//! What an emulator does: everything a test or the app can set before it starts.

use std::time::Duration;

use crate::Fault;

/// The whole behaviour of one emulator. `Script::default()` is the practice partner without keys or faults.
#[derive(Debug, Clone)]
pub struct Script {
    /// Port to bind on 127.0.0.1; 0 = any free one.
    pub port: u16,
    /// What to answer, one entry per response, in order; when it is used up the practice partner answers.
    pub answers: Vec<Answer>,
    /// What goes wrong, and how often.
    pub faults: Vec<Fault>,
    /// Seed of everything random: ids, jitter, garbage.
    pub seed: u64,
    /// Which provider keys are taken.
    pub keys: Keys,
    /// Models the server knows; empty = any name.
    pub models: Vec<String>,
    /// The gateway in front of the server, under `/gateway/v1`.
    pub gateway: Gateway,
    /// How fast answer audio is sent.
    pub pace: Pace,
    /// When the transcript of the user's speech comes.
    pub transcription: Transcription,
    /// What the user is said to have said; `None` = an honest "(2.3 s of speech)".
    pub heard: Option<String>,
    /// Send the event names of the Beta protocol, as some local servers still do.
    pub beta_names: bool,
    /// Length of a session in seconds, told in `expires_at` and enforced.
    pub session_seconds: u64,
    /// Harmless additions that the live server makes or may make.
    pub noise: Noise,
    /// Latency added by the fault `delay` to every frame.
    pub delay: Duration,
    /// Time between WebSocket pings (20 s on the live server).
    pub ping_every: Duration,
    /// Keep the audio of appended events in the record instead of its length.
    pub keep_audio: bool,
    /// How many client events, and how many sent types, the record keeps; older ones are dropped.
    pub keep_events: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            port: 0,
            answers: Vec::new(),
            faults: Vec::new(),
            seed: 0,
            keys: Keys::default(),
            models: Vec::new(),
            gateway: Gateway::default(),
            pace: Pace::default(),
            transcription: Transcription::default(),
            heard: None,
            beta_names: false,
            session_seconds: 3600,
            noise: Noise::default(),
            delay: Duration::from_millis(300),
            ping_every: Duration::from_secs(20),
            keep_audio: false,
            keep_events: 100_000,
        }
    }
}

impl Script {
    /// The practice partner inside the app: no key needed, and a record that stays small for hours.
    pub fn practice() -> Self {
        Self { keep_events: 200, ..Self::default() }
    }

    /// Like api.openai.com: a key is required, and the model must be one of its own.
    pub fn openai() -> Self {
        let models = [
            "gpt-realtime-2.1",
            "gpt-realtime-2.1-mini",
            "gpt-realtime-2",
            "gpt-realtime-1.5",
            "gpt-realtime",
            "gpt-realtime-mini",
        ];
        Self {
            keys: Keys { required: true, ..Keys::default() },
            models: models.map(str::to_owned).to_vec(),
            ..Self::default()
        }
    }

    /// The same script with one more fault.
    #[must_use]
    pub fn fault(mut self, fault: impl Into<Fault>) -> Self {
        self.faults.push(fault.into());
        self
    }

    /// The same script with one more answer.
    #[must_use]
    pub fn answer(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }
}

/// One scripted response.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The practice partner's own answer.
    Practice,
    /// This text, spoken (as a tone pattern) or written, as the session's modality wants.
    Say(String),
    /// This audio (PCM16, 24 kHz, mono) with this transcript.
    Play {
        /// Samples at 24 kHz.
        pcm: Vec<i16>,
        /// Transcript sent beside it.
        transcript: String,
    },
    /// Two audio messages in one response, as the 2.x models do (commentary, then final answer).
    Split(String, String),
    /// One or more function calls: (name, arguments as JSON text).
    Call(Vec<(String, String)>),
    /// `response.done` with status `failed` and this error.
    Fail {
        /// `error.type`.
        kind: String,
        /// `error.code`, null when `None`.
        code: Option<String>,
        /// `error.message`.
        message: String,
    },
    /// Half an answer, then status `incomplete` with this reason (`max_output_tokens`, `content_filter`).
    Incomplete(String),
    /// A response that begins and stays open until cancelled or [`crate::Command::Finish`].
    Hold,
}

/// Which provider keys are taken.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// A connection without a key is refused ("Missing bearer or basic authentication in header").
    pub required: bool,
    /// Verdicts on single keys.
    pub known: Vec<(String, Verdict)>,
    /// Keys not in `known` are refused.
    pub only_known: bool,
}

impl Keys {
    /// Exactly this key is taken.
    pub fn only(key: impl Into<String>) -> Self {
        Self { required: true, known: vec![(key.into(), Verdict::Good)], only_known: true }
    }

    /// What becomes of this key.
    pub(crate) fn verdict(&self, key: &str) -> Verdict {
        match self.known.iter().find(|(known, _)| known == key) {
            Some((_, verdict)) => *verdict,
            None if self.only_known => Verdict::Wrong,
            None => Verdict::Good,
        }
    }
}

/// What the server says to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Good,
    /// `invalid_api_key`: close 3000, HTTP 401.
    Wrong,
    /// `insufficient_quota`: close 1013, HTTP 429.
    NoCredit,
    /// `insufficient_permissions`: close 3000; `/v1/models` answers HTTP 200 without realtime models.
    NoVoice,
}

/// How the gateway in front of the server behaves.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The only account and gateway id that exist; `None` = all do.
    pub exists: Option<(String, String)>,
    /// Tokens taken; `None` = the gateway asks for none.
    pub tokens: Option<Vec<String>>,
    /// Forms in which a token is taken in the header `cf-aig-authorization`.
    pub forms: TokenForms,
    /// How the provider's key gets through.
    pub credentials: GatewayCredentials,
    /// Which offered subprotocol the gateway answers with.
    pub echo: Echo,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            exists: None,
            tokens: None,
            forms: TokenForms::Both,
            credentials: GatewayCredentials::Modern,
            echo: Echo::Realtime,
        }
    }
}

/// Forms in which a gateway token is taken in its header. The subprotocol form is always taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenForms {
    /// `Bearer x` and `x`.
    Both,
    /// Only `Bearer x`.
    Bearer,
    /// Only `x`.
    Bare,
}

/// How the provider's key gets through the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayCredentials {
    /// The key in the header or in the subprotocol is forwarded.
    Modern,
    /// As `Modern`, and without a key the gateway puts in the stored one.
    Stored,
    /// The header is not forwarded and the stored key not put in (seen in August 2025): only the subprotocol key works.
    Seed003,
}

/// Which offered subprotocol is echoed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// `realtime`, when offered.
    Realtime,
    /// None.
    Nothing,
    /// The first one offered.
    First,
}

/// How fast answer audio is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Everything at once, in pieces of this many bytes, as the live server does.
    Burst {
        /// Bytes of PCM16 in one delta.
        piece: usize,
    },
    /// As fast as it plays.
    RealTime {
        /// Audio in one delta.
        piece: Duration,
        /// Every piece comes up to this much early or late.
        jitter: Duration,
    },
}

impl Default for Pace {
    fn default() -> Self {
        Self::Burst { piece: 12_000 }
    }
}

/// When the transcript of the user's speech comes, if the session asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transcription {
    /// Right after the item.
    #[default]
    Before,
    /// After the first audio of the answer (or at the end of a text answer).
    During,
    /// After `response.done`.
    After,
    /// Never.
    Never,
}

/// Harmless additions to the frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noise {
    /// Random padding in `obfuscation` on deltas of text.
    pub obfuscation: bool,
    /// `phase` on assistant items.
    pub phase: bool,
    /// Event types that nobody knows.
    pub unknown_events: bool,
    /// Keys that nobody knows, in every event.
    pub unknown_keys: bool,
    /// `conversation.created` after `session.created`.
    pub conversation_created: bool,
}

impl Noise {
    /// All of them.
    pub fn all() -> Self {
        Self { obfuscation: true, phase: true, unknown_events: true, unknown_keys: true, conversation_created: true }
    }
}
