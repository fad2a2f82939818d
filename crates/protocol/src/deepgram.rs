//! Deepgram: two ears (Flux, Nova), two mouths (Aura, Flux), and the Voice Agent, which is a whole conversation. The
//! ears and Aura also run on Cloudflare Workers AI.
//!
//! Sound travels in binary frames, everything else in text frames of JSON that name their `type` (Deepgram API: listen
//! and speak v1 and v2, agent v1; types of the official SDK, 7.17).

pub(crate) mod agent;
pub(crate) mod aura;
pub(crate) mod flux;
pub(crate) mod flux_voice;
mod line;
pub(crate) mod nova;

use std::time::Duration;

use serde_json::Value;

use crate::cascade::Site;
use crate::openai::config::TurnTaking;
use crate::openai::refusal::Complaint;
use crate::{Config, Leg, Message, Place, SAMPLE_RATE};

/// Who listens, thinks and speaks in a Voice Agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The ear's model: `flux-…` knows turns and can be told when one ends; others go by silence.
    pub listen_model: String,
    /// Maker of the text model, in Deepgram's spelling (`open_ai`, `anthropic`, `google`, `groq`).
    pub think_provider: String,
    /// Text model.
    pub think_model: String,
    /// The voice: `aura-2-…` or `flux-…`.
    pub speak_model: String,
}

/// Samples of a ms.
const PER_MS: usize = SAMPLE_RATE as usize / 1_000;
/// Deepgram's recommendation for one frame of sound: 80 ms.
const FRAME: usize = 80 * PER_MS;

/// So much silence.
fn silence(duration: Duration) -> Message {
    Message::Binary(vec![0; duration.as_millis() as usize * PER_MS * 2])
}

/// A control frame without more than its name.
fn control(kind: &str) -> Message {
    Message::Text(serde_json::json!({ "type": kind }).to_string())
}

/// A string in a frame, empty if it is not there.
fn string<'a>(frame: &'a Value, key: &str) -> &'a str {
    frame.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What an `Error` frame says. Its codes are an open list; what they ask for can be read from their words.
fn complaint(frame: &Value) -> Complaint {
    let code = match string(frame, "code") {
        "" => string(frame, "variant"),
        code => code,
    };
    let words = code.to_ascii_uppercase();
    let has = |marks: &[&str]| marks.iter().any(|mark| words.contains(mark));
    let kind = if has(&["AUTH", "CREDENTIAL"]) {
        Some("authentication_error")
    } else if has(&["PAYMENT", "CREDIT", "BALANCE", "QUOTA"]) {
        Some("insufficient_quota")
    } else if has(&["RATE_LIMIT", "TOO_MANY"]) {
        Some("rate_limit_error")
    } else if has(&["PERMISSION", "FORBIDDEN"]) {
        Some("permission_error")
    } else if has(&["INVALID", "UNPARSABLE", "UNSUPPORTED", "UNKNOWN_MODEL"]) {
        Some("invalid_request_error")
    } else {
        None
    };
    let message = match string(frame, "description") {
        "" => string(frame, "message"),
        description => description,
    };
    Complaint {
        kind: kind.map(str::to_owned),
        code: Some(code.to_owned()).filter(|code| !code.is_empty()),
        message: message.to_owned(),
        event_id: None,
        retry_after: None,
    }
}

/// Trouble that Deepgram has not named itself.
fn trouble(message: &str) -> Complaint {
    Complaint { message: message.to_owned(), ..Complaint::default() }
}

fn is_push_to_talk(config: &Config) -> bool {
    !config.turn_taking.is_open()
}

/// 0 = quick, 1 = patient.
fn patience(config: &Config) -> f32 {
    match config.turn_taking {
        TurnTaking::Open { patience, .. } if patience.is_finite() => patience.clamp(0.0, 1.0),
        TurnTaking::Open { .. } | TurnTaking::PushToTalk => 0.5,
    }
}

/// The language that the user speaks, if it was said.
fn language(config: &Config) -> Option<&str> {
    config.transcription.as_ref()?.language.as_deref()
}

/// The place of a model on a site. On Workers AI the model is the path (`@cf/deepgram/flux`).
fn place(leg: Leg, site: Site, path: &str, model: &str, options: Vec<(&'static str, String)>) -> Place {
    let (path, model) = match site {
        Site::Deepgram => (path.to_owned(), Some(("model", model.trim().to_owned()))),
        Site::Workers => (model.trim().to_owned(), None),
    };
    Place { leg, path, query: model.into_iter().chain(options).collect() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
