//! What shells may know of keys.

use serde::{Deserialize, Serialize};

use super::Code;

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
    /// Anthropic.
    Anthropic,
    /// Google AI Studio.
    Google,
    /// Google Vertex AI: the JSON of a service account.
    Vertex,
    /// Hugging Face.
    Huggingface,
    /// Perplexity.
    Perplexity,
    /// `DeepSeek`.
    Deepseek,
    /// Groq.
    Groq,
    /// `OpenRouter`.
    Openrouter,
    /// Mistral.
    Mistral,
    /// xAI.
    Xai,
    /// Cerebras.
    Cerebras,
    /// Cloudflare Workers AI.
    WorkersAi,
    /// The user's own server of text.
    Custom,
    /// Deepgram.
    Deepgram,
    /// `ElevenLabs`.
    Elevenlabs,
    /// Cartesia.
    Cartesia,
    /// fal.
    Fal,
}

impl Holder {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Openai,
        Self::Gateway,
        Self::Endpoint,
        Self::Anthropic,
        Self::Google,
        Self::Vertex,
        Self::Huggingface,
        Self::Perplexity,
        Self::Deepseek,
        Self::Groq,
        Self::Openrouter,
        Self::Mistral,
        Self::Xai,
        Self::Cerebras,
        Self::WorkersAi,
        Self::Custom,
        Self::Deepgram,
        Self::Elevenlabs,
        Self::Cartesia,
        Self::Fal,
    ];

    /// Its name in settings, on the command line and in the keychain. Never to be changed: stored keys would be lost.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Gateway => "gateway",
            Self::Endpoint => "endpoint",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::Vertex => "vertex",
            Self::Huggingface => "huggingface",
            Self::Perplexity => "perplexity",
            Self::Deepseek => "deepseek",
            Self::Groq => "groq",
            Self::Openrouter => "openrouter",
            Self::Mistral => "mistral",
            Self::Xai => "xai",
            Self::Cerebras => "cerebras",
            Self::WorkersAi => "workers_ai",
            Self::Custom => "custom",
            Self::Deepgram => "deepgram",
            Self::Elevenlabs => "elevenlabs",
            Self::Cartesia => "cartesia",
            Self::Fal => "fal",
        }
    }
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
    /// What kind of problem the test met, if one.
    pub code: Option<Code>,
    /// Particulars, never the key.
    pub detail: String,
}
