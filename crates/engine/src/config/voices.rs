//! Settings of the voices beside `OpenAI` Realtime. Model ids are data: any id may stand here.

use serde::{Deserialize, Serialize};

use crate::api::Way;

/// `[providers.google]`: Gemini Live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GoogleSettings {
    /// Base URL; the path of the Live API is added. `https` means `wss`.
    pub base_url: String,
    /// Version in the path: `v1beta`, `v1` or `v1alpha`.
    pub version: String,
    /// Model id.
    pub model: String,
    /// Voice name.
    pub voice: String,
    /// How long Google keeps a connection, s; another one is made in time. 0 = not known.
    pub connection_seconds: u32,
    /// How long a connection that was opened ahead may wait unused, s.
    pub idle_seconds: u32,
    /// Tokens of context at which the oldest go; 0 = Google decides. Less costs less: every turn is billed with all of it.
    pub context_tokens: u32,
}

impl Default for GoogleSettings {
    fn default() -> Self {
        Self {
            base_url: "https://generativelanguage.googleapis.com".into(),
            version: "v1beta".into(),
            model: "gemini-3.8-live".into(),
            voice: "Kore".into(),
            // Live API, session management, read 2026-11: about ten minutes, whatever the session's length.
            connection_seconds: 600,
            idle_seconds: 60,
            context_tokens: 0,
        }
    }
}

/// `[providers.deepgram]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DeepgramSettings {
    /// Base URL of ears and mouths.
    pub base_url: String,
    /// Base URL of the Voice Agent.
    pub agent_base_url: String,
    /// Ear that knows turns.
    pub flux_model: String,
    /// Ear that does not.
    pub nova_model: String,
    /// Mouth: names the voice, of Aura (`aura-2-…`) or Flux (`flux-…`).
    pub voice: String,
    /// The Voice Agent's text model, as `provider/model`.
    pub agent_model: String,
    /// How long one connection of an ear or a mouth lasts, s; another one is made in time. 0 = not known.
    pub connection_seconds: u32,
    /// The same of the Voice Agent.
    pub agent_connection_seconds: u32,
}

impl Default for DeepgramSettings {
    fn default() -> Self {
        Self {
            base_url: "https://api.deepgram.com".into(),
            agent_base_url: "https://agent.deepgram.com".into(),
            flux_model: "flux-general-en".into(),
            nova_model: "nova-3".into(),
            voice: "aura-2-thalia-en".into(),
            agent_model: "open_ai/gpt-4o-mini".into(),
            // Its references name none, read 2026-11.
            connection_seconds: 0,
            agent_connection_seconds: 0,
        }
    }
}

/// `[providers.elevenlabs]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ElevenlabsSettings {
    /// Base URL.
    pub base_url: String,
    /// Id of the agent to talk with.
    pub agent_id: String,
    /// The agent's own settings allow that instructions and language are replaced; otherwise it refuses who tries.
    pub agent_overrides: bool,
    /// Ear.
    pub scribe_model: String,
    /// Mouth.
    pub model: String,
    /// Voice id.
    pub voice: String,
    /// How long one connection of an ear or a mouth lasts, s; another one is made in time. 0 = not known.
    pub connection_seconds: u32,
    /// The same of the agent, as its own settings say (its longest conversation).
    pub agent_connection_seconds: u32,
}

impl Default for ElevenlabsSettings {
    fn default() -> Self {
        Self {
            base_url: "https://api.elevenlabs.io".into(),
            agent_id: String::new(),
            agent_overrides: false,
            scribe_model: "scribe_v2_realtime".into(),
            model: "eleven_flash_v2_5".into(),
            voice: "21m00Tcm4TlvDq8ikWAM".into(),
            // Scribe's sessions have a limit (`session_time_limit_exceeded`), whose length no reference names, read 2026-11.
            connection_seconds: 0,
            // Agents, `max_duration_seconds` of a new one, read 2026-11.
            agent_connection_seconds: 600,
        }
    }
}

/// `[providers.cartesia]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CartesiaSettings {
    /// Base URL.
    pub base_url: String,
    /// The API's version date.
    pub version: String,
    /// Ear.
    pub ink_model: String,
    /// Mouth.
    pub model: String,
    /// Voice id.
    pub voice: String,
    /// How long one connection lasts, s; another one is made in time. 0 = not known.
    pub connection_seconds: u32,
}

impl Default for CartesiaSettings {
    fn default() -> Self {
        Self {
            base_url: "https://api.cartesia.ai".into(),
            version: "2026-08-14".into(),
            ink_model: "ink-2".into(),
            model: "sonic-3.5".into(),
            voice: "f786b574-daa5-4673-aa0c-cbe3e8534c02".into(),
            // Its reference names none but for idle ones, read 2026-11.
            connection_seconds: 0,
        }
    }
}

/// `[providers.workers]`: voices on Workers AI, in the account of `[gateway]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WorkersSettings {
    /// Base URL; the account and the model are added.
    pub base_url: String,
    /// Ear that knows turns.
    pub flux_model: String,
    /// Ear that does not.
    pub nova_model: String,
    /// Mouth.
    pub aura_model: String,
    /// The mouth's voice.
    pub voice: String,
    /// How long one connection lasts, s; another one is made in time. 0 = not known.
    pub connection_seconds: u32,
}

impl Default for WorkersSettings {
    fn default() -> Self {
        Self {
            base_url: "https://api.cloudflare.com/client/v4".into(),
            flux_model: "@cf/deepgram/flux".into(),
            nova_model: "@cf/deepgram/nova-3".into(),
            aura_model: "@cf/deepgram/aura-2-en".into(),
            voice: "thalia".into(),
            // Undocumented, read 2026-11.
            connection_seconds: 0,
        }
    }
}

/// `[providers.gpt_live]`: at `OpenAI`, with the `OpenAI` key and base URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GptLiveSettings {
    /// Model id.
    pub model: String,
    /// Voice name.
    pub voice: String,
    /// How long one connection lasts, s, where the provider does not tell; another one is made in time. 0 = not known.
    pub connection_seconds: u32,
}

impl Default for GptLiveSettings {
    fn default() -> Self {
        // Two hours, read 2026-11.
        Self { model: "gpt-live-1".into(), voice: "marin".into(), connection_seconds: 7200 }
    }
}

/// `[cascade]`: who listens, who thinks, who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CascadeSettings {
    /// Speech to text.
    pub ear: Ear,
    /// Text to speech.
    pub mouth: Mouth,
    /// The text model as `provider/model`; empty = the text pane's.
    pub brain: String,
    /// Base URL of the user's own speech server (`http://localhost:8000/v1`).
    pub local_base_url: String,
    /// Its model for listening.
    pub local_ear_model: String,
    /// Its model for speaking.
    pub local_mouth_model: String,
    /// Its voice.
    pub local_voice: String,
    /// `OpenAI`'s model for listening.
    pub openai_ear_model: String,
    /// `OpenAI`'s model for speaking.
    pub openai_mouth_model: String,
    /// `OpenAI`'s voice.
    pub openai_voice: String,
    /// How long connections that were opened ahead may wait unused, s.
    pub idle_seconds: u32,
}

impl Default for CascadeSettings {
    fn default() -> Self {
        Self {
            ear: Ear::default(),
            mouth: Mouth::default(),
            brain: String::new(),
            local_base_url: "http://localhost:8000/v1".into(),
            local_ear_model: "whisper-1".into(),
            local_mouth_model: "kokoro".into(),
            local_voice: "af_heart".into(),
            openai_ear_model: "gpt-4o-mini-transcribe".into(),
            openai_mouth_model: "gpt-4o-mini-tts".into(),
            openai_voice: "marin".into(),
            // Deepgram ends a listening socket after 10 s without sound (NET-0001), ElevenLabs a speaking one after 20 s.
            idle_seconds: 8,
        }
    }
}

/// Who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Ear {
    /// Deepgram Flux.
    #[default]
    DeepgramFlux,
    /// Deepgram Nova.
    DeepgramNova,
    /// Deepgram Flux on Workers AI.
    WorkersFlux,
    /// Deepgram Nova on Workers AI.
    WorkersNova,
    /// `ElevenLabs` Scribe.
    Elevenlabs,
    /// Cartesia Ink.
    Cartesia,
    /// `OpenAI` transcription.
    Openai,
    /// The user's own server.
    Local,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Mouth {
    /// Deepgram Aura, or Flux, as the voice's name says.
    #[default]
    DeepgramAura,
    /// Deepgram Aura on Workers AI.
    WorkersAura,
    /// `ElevenLabs`.
    Elevenlabs,
    /// Cartesia Sonic.
    Cartesia,
    /// `OpenAI` speech.
    Openai,
    /// The user's own server.
    Local,
}

/// `[providers.fal]`: pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FalSettings {
    /// Base URL; the app's id is added. The key is sent there.
    pub base_url: String,
    /// Id of the app that makes pictures. One that ends in `/realtime` is asked over a socket that stays open; through
    /// the gateway, which has no such sockets, over HTTP and without that ending.
    pub app: String,
    /// Which way requests go.
    pub way: Way,
    /// Price of a picture in US dollars; below 0: as listed.
    pub price: f32,
}

impl Default for FalSettings {
    fn default() -> Self {
        // fal's list of models, read 2026-11.
        Self { base_url: "https://fal.run".into(), app: "fal-ai/flux/schnell".into(), way: Way::default(), price: -1.0 }
    }
}
