//! Cartesia: an ear (Ink) with a socket for the key and one that knows turns, and a mouth (Sonic). Sound goes to the
//! ear in binary frames and comes from the mouth in base64 (Cartesia API, version 2026-08-14).

pub(crate) mod ink;
mod refusal;
pub(crate) mod sonic;

use crate::{Config, SAMPLE_RATE};

/// What every address states: the date of the API's version.
fn versioned(version: &str) -> Vec<(&'static str, String)> {
    vec![("cartesia_version", version.trim().to_owned())]
}

/// The language that the user speaks, bare (`ru`, not `ru-RU`).
fn language(config: &Config) -> Option<String> {
    let language = config.transcription.as_ref()?.language.as_deref()?.trim().to_lowercase();
    let bare = language.split(['-', '_']).next().unwrap_or_default();
    Some(bare.to_owned()).filter(|bare| !bare.is_empty())
}

/// 100 ms: how much sound goes into a frame of an ear.
const PIECE: usize = SAMPLE_RATE as usize / 10;
