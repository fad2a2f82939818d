//! The settings file: one readable TOML file, salvaged field by field when broken.

mod environment;
mod file;
mod patch;
mod text;
mod voices;

use serde::{Deserialize, Serialize};

use crate::api::{Mode, Provider, Route};

pub use environment::{variables, with_environment};
pub use file::{Loaded, load, save};
pub(crate) use file::{read_table, write_private};
pub use patch::merge;
pub use text::{
    Address, BudgetSettings, CacheSettings, ChatSettings, CustomSettings, GatewayRequests, HistorySettings,
    LimitSettings, LocalApiSettings, ModelPrice, ProviderRequests, ProviderTerms, VertexSettings,
};
pub use voices::{
    CartesiaSettings, CascadeSettings, DeepgramSettings, Ear, ElevenlabsSettings, FalSettings, GoogleSettings,
    GptLiveSettings, Mouth, WorkersSettings,
};

/// All settings. Every field has a default; unknown fields of newer versions are kept out of the way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Settings {
    /// Who answers, which way, who ends a turn.
    pub call: CallSettings,
    /// How it speaks and listens.
    pub voice: VoiceSettings,
    /// Per provider.
    pub providers: Providers,
    /// Who listens, thinks and speaks when these are three.
    pub cascade: CascadeSettings,
    /// Cloudflare AI Gateway.
    pub gateway: GatewaySettings,
    /// The user's own server.
    pub endpoint: EndpointSettings,
    /// Text: who answers, how.
    pub chat: ChatSettings,
    /// The user's own server of text.
    pub custom: CustomSettings,
    /// Google Vertex AI.
    pub vertex: VertexSettings,
    /// Most requests.
    pub limits: LimitSettings,
    /// Most money.
    pub budget: BudgetSettings,
    /// Answers that are given again.
    pub cache: CacheSettings,
    /// What the model may do beside talking.
    pub tools: ToolSettings,
    /// What is kept.
    pub history: HistorySettings,
    /// The API for other programs of this computer.
    pub local_api: LocalApiSettings,
    /// Devices.
    pub audio: AudioSettings,
    /// Look.
    pub appearance: AppearanceSettings,
    /// First run.
    pub first_run: FirstRun,
}

impl Settings {
    /// The same with numbers brought into their range, and the usual address where one was emptied.
    fn in_range(mut self) -> Self {
        let patience = self.voice.patience;
        self.voice.patience =
            if patience.is_nan() { VoiceSettings::default().patience } else { patience.clamp(0.0, 1.0) };
        let speed = self.voice.speed;
        self.voice.speed = if speed.is_nan() { 1.0 } else { speed.clamp(0.75, 1.5) };
        let volume = self.audio.volume;
        self.audio.volume = if volume.is_nan() { 1.0 } else { volume.clamp(0.0, 1.0) };
        self.chat = self.chat.in_range();
        self.budget = self.budget.in_range();
        self.gateway.requests = self.gateway.requests.in_range();
        self.gateway.providers = self.gateway.providers.into_iter().map(ProviderRequests::in_range).collect();
        self.providers = self.providers.with_addresses();
        self
    }
}

/// `[call]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CallSettings {
    /// Who answers.
    pub provider: Provider,
    /// Which way (not for the practice partner).
    pub route: Route,
    /// Push to talk or open microphone.
    pub mode: Mode,
    /// Who answers when that one fails, in this order; empty: nobody. They hear the conversation.
    pub stand_ins: Vec<Provider>,
    /// A call with a voice that is paid by the second ends when nobody has spoken for so many seconds; 0 = never.
    pub idle_hang_up_s: u32,
    /// So long before a provider ends a connection, s, another one takes over between two turns; of short ones, a quarter.
    pub renew_before_s: u32,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            provider: Provider::default(),
            route: Route::default(),
            mode: Mode::default(),
            stand_ins: Vec::new(),
            idle_hang_up_s: 180,
            renew_before_s: 60,
        }
    }
}

/// `[voice]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct VoiceSettings {
    /// What the model is told about itself and the user; empty = the provider's default.
    pub instructions: String,
    /// Language of the user as ISO-639-1 (`en`), empty = any.
    pub language: String,
    /// Whether the user's words are shown as text.
    pub captions: bool,
    /// Detector of the end of a turn in open mode.
    pub detector: Detector,
    /// 0 = quick, 1 = patient (open mode).
    pub patience: f32,
    /// Noise reduction at the provider.
    pub noise_reduction: NoiseReduction,
    /// How fast it speaks, 0.75 to 1.5; 1 = as it likes.
    pub speed: f32,
}

impl Default for VoiceSettings {
    fn default() -> Self {
        Self {
            instructions: String::new(),
            language: String::new(),
            captions: true,
            detector: Detector::default(),
            patience: 0.5,
            noise_reduction: NoiseReduction::default(),
            speed: 1.0,
        }
    }
}

/// Detector of the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Detector {
    /// By silence (`server_vad`).
    #[default]
    Silence,
    /// By meaning (`semantic_vad`).
    Meaning,
}

/// Noise reduction at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum NoiseReduction {
    /// None.
    #[default]
    Off,
    /// A headset (`near_field`).
    Headset,
    /// A laptop or a room (`far_field`).
    Room,
}

/// `[providers]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Providers {
    /// `[providers.openai]`
    pub openai: OpenaiSettings,
    /// `[providers.google]`
    pub google: GoogleSettings,
    /// `[providers.deepgram]`
    pub deepgram: DeepgramSettings,
    /// `[providers.elevenlabs]`
    pub elevenlabs: ElevenlabsSettings,
    /// `[providers.cartesia]`
    pub cartesia: CartesiaSettings,
    /// `[providers.workers]`
    pub workers: WorkersSettings,
    /// `[providers.gpt_live]`
    pub gpt_live: GptLiveSettings,
    /// `[providers.fal]`
    pub fal: FalSettings,
}

impl Providers {
    /// An address that was emptied means the usual one.
    fn with_addresses(mut self) -> Self {
        let usual = Self::default();
        let fields = [
            (&mut self.google.base_url, usual.google.base_url),
            (&mut self.deepgram.base_url, usual.deepgram.base_url),
            (&mut self.deepgram.agent_base_url, usual.deepgram.agent_base_url),
            (&mut self.elevenlabs.base_url, usual.elevenlabs.base_url),
            (&mut self.cartesia.base_url, usual.cartesia.base_url),
            (&mut self.workers.base_url, usual.workers.base_url),
            (&mut self.fal.base_url, usual.fal.base_url),
        ];
        for (address, usual) in fields {
            if address.trim().is_empty() {
                *address = usual;
            }
        }
        self
    }
}

/// `[providers.openai]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OpenaiSettings {
    /// Base URL; `/realtime?model=` is added. `https` means `wss`.
    pub base_url: String,
    /// Model id.
    pub model: String,
    /// Voice name.
    pub voice: String,
    /// Model that turns the user's speech into text.
    pub transcription_model: String,
    /// Reasoning effort of 2.x models; empty = the provider's default.
    pub reasoning_effort: String,
    /// `OpenAI-Organization` header; empty = none.
    pub organization: String,
    /// `OpenAI-Project` header; empty = none.
    pub project: String,
    /// How long one connection lasts, s, where the provider does not tell; another one is made in time. 0 = not known.
    pub connection_seconds: u32,
    /// How long a connection that was opened ahead may wait unused, s.
    pub idle_seconds: u32,
}

impl Default for OpenaiSettings {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            model: "gpt-realtime-2.1".into(),
            voice: "marin".into(),
            transcription_model: "gpt-4o-mini-transcribe".into(),
            reasoning_effort: String::new(),
            organization: String::new(),
            project: String::new(),
            // Realtime API, sessions, read 2026-11: 60 minutes; they cost nothing while nobody speaks.
            connection_seconds: 3600,
            idle_seconds: 600,
        }
    }
}

/// `[tools]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ToolSettings {
    /// A voice may make pictures, if there is a fal key.
    pub pictures: bool,
}

impl Default for ToolSettings {
    fn default() -> Self {
        Self { pictures: true }
    }
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GatewaySettings {
    /// Base URL; `/{account_id}/{gateway_id}/openai?model=` is added.
    pub base_url: String,
    /// 32 hex digits.
    pub account_id: String,
    /// Name of the gateway.
    pub gateway_id: String,
    /// Use the key stored at the gateway: no `OpenAI` key is sent.
    pub stored_key: bool,
    /// What the gateway is told with each text request.
    pub requests: GatewayRequests,
    /// The same for single providers.
    pub providers: Vec<ProviderRequests>,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            base_url: "https://gateway.ai.cloudflare.com/v1".into(),
            account_id: String::new(),
            gateway_id: String::new(),
            stored_key: false,
            requests: GatewayRequests::default(),
            providers: Vec::new(),
        }
    }
}

/// `[endpoint]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EndpointSettings {
    /// Base URL of a server that speaks the Realtime protocol, `ws://localhost:8765/v1` for example.
    pub base_url: String,
    /// Model name it wants; empty = the `OpenAI` model's name.
    pub model: String,
    /// Voice name it wants; empty = the `OpenAI` voice's name.
    pub voice: String,
}

/// `[audio]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AudioSettings {
    /// Id of the microphone; empty = the system's default.
    pub input: String,
    /// Id of the speaker; empty = the system's default.
    pub output: String,
    /// What is done about the echo of the speaker in the microphone.
    pub echo: EchoControl,
    /// Less noise of the room, heard 6 ms later.
    pub noise_suppression: bool,
    /// An even loudness of the voice.
    pub gain_control: bool,
    /// Loudness of everything that is heard, 0 to 1.
    pub volume: f32,
    /// Whether short sounds tell how the call stands.
    pub cues: bool,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self {
            input: String::new(),
            output: String::new(),
            echo: EchoControl::default(),
            noise_suppression: false,
            gain_control: false,
            volume: 1.0,
            cues: true,
        }
    }
}

/// What is done about the echo of the speaker in the microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum EchoControl {
    /// Cancelled where there is any.
    #[default]
    Automatic,
    /// Loudspeakers: always cancelled.
    Speakers,
    /// Headphones: never cancelled.
    Headphones,
    /// The microphone pauses while the answer is audible.
    Pause,
}

/// `[appearance]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AppearanceSettings {
    /// Colours.
    pub theme: Theme,
    /// Whether captions are shown in the timeline.
    pub captions: bool,
}

impl Default for AppearanceSettings {
    fn default() -> Self {
        Self { theme: Theme::default(), captions: true }
    }
}

/// Colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// `[first_run]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FirstRun {
    /// The first-run steps are over.
    pub is_done: bool,
}
