//! The cascade: any ear, any text model, any mouth, with turn-taking of its own. The text model may call the tools of the
//! settings.

mod abbreviation;
mod answering;
mod cast;
mod complaint;
pub(crate) mod ear;
mod interpreter;
mod listening;
mod memory;
pub(crate) mod mouth;
mod script;
mod sentence;
mod speech;
mod spoken;
mod tools;
mod transcription;

pub(crate) use cast::{places, services};
pub(crate) use interpreter::Cascade;

/// Who listens and who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Speech to text.
    pub ear: Ear,
    /// Text to speech.
    pub mouth: Mouth,
}

/// Where Deepgram's models run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// At Deepgram.
    Deepgram,
    /// On Cloudflare Workers AI.
    Workers,
}

/// Speech to text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ear {
    /// Deepgram Flux, which knows turns.
    DeepgramFlux {
        /// Model id.
        model: String,
        /// Where it runs.
        site: Site,
    },
    /// Deepgram Nova.
    DeepgramNova {
        /// Model id.
        model: String,
        /// Where it runs.
        site: Site,
    },
    /// ElevenLabs Scribe.
    ElevenlabsScribe {
        /// Model id.
        model: String,
    },
    /// Cartesia Ink.
    CartesiaInk {
        /// Model id.
        model: String,
        /// Date of the API's version.
        version: String,
    },
    /// OpenAI's `/v1/audio/transcriptions`, and servers that speak like it.
    OpenaiSpeech {
        /// Model id.
        model: String,
    },
}

/// Text to speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mouth {
    /// Deepgram Aura.
    DeepgramAura {
        /// Model id; at Deepgram it names the voice (`aura-2-thalia-en`).
        model: String,
        /// The voice on Workers AI, whose models do not name it; `None`: at Deepgram.
        speaker: Option<String>,
    },
    /// Deepgram Flux.
    DeepgramFlux {
        /// Model id, which names the voice (`flux-alexis-en`).
        model: String,
    },
    /// ElevenLabs, several contexts on one socket.
    Elevenlabs {
        /// Model id.
        model: String,
        /// Voice id.
        voice: String,
    },
    /// Cartesia Sonic.
    CartesiaSonic {
        /// Model id.
        model: String,
        /// Voice id.
        voice: String,
        /// Date of the API's version.
        version: String,
    },
    /// OpenAI's `/v1/audio/speech`, and servers that speak like it.
    OpenaiSpeech {
        /// Model id.
        model: String,
        /// Voice name.
        voice: String,
    },
}

#[cfg(test)]
mod tests;
