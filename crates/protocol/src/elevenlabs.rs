//! ElevenLabs: an ear (Scribe realtime), a mouth (several contexts on one socket), and Agents, which are whole
//! conversations. Everything is JSON in text frames, sound in base64 inside of it (ElevenLabs API, November 2026).

pub(crate) mod agent;
mod format;
pub(crate) mod multi;
mod refusal;
pub(crate) mod scribe;
#[cfg(test)]
pub(crate) mod tests;

use crate::{Config, Leg, Place};

/// Which agent, and what may be changed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The agent's id, as ElevenLabs' site shows it.
    pub agent_id: String,
    /// The agent's settings allow a caller to replace its prompt, first message and language. Where they do not, an
    /// agent refuses who tries; the instructions are then told as a remark.
    pub overrides: bool,
}

impl Setup {
    /// The agent's one socket.
    pub(crate) fn place(&self) -> Place {
        Place {
            leg: Leg::Voice,
            path: "v1/convai/conversation".to_owned(),
            query: vec![("agent_id", self.agent_id.trim().to_owned())],
        }
    }
}

/// The language that the user speaks, in the service's spelling: bare (`ru`, not `ru-RU`) but for Brazil's.
fn language(config: &Config) -> Option<String> {
    let language = config.transcription.as_ref()?.language.as_deref()?.trim().to_lowercase().replace('_', "-");
    let bare = if language == "pt-br" { language.as_str() } else { language.split('-').next().unwrap_or_default() };
    Some(bare.to_owned()).filter(|bare| !bare.is_empty())
}
