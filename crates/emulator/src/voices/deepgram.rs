//! Deepgram: Flux (`v2/listen`, `v2/speak`), Nova (`v1/listen`), Aura (`v1/speak`) and the Voice Agent
//! (`v1/agent/converse`); all but the agent also behind Cloudflare AI Gateway, and all but it and the voices of Flux on
//! Workers AI.

mod agent;
mod aura;
mod flux;
mod flux_voice;
mod nova;
mod schema;

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Act, Actor, Message, Plan, Request};

/// The name of every request.
const REQUEST_ID: &str = "11111111-2222-3333-4444-555555555555";
/// Sound of a spoken character.
const MS_PER_CHARACTER: u32 = 40;
/// The longest spoken answer.
const LONGEST_MS: u32 = 30_000;
/// One frame of sound.
const PIECE_MS: u32 = 100;

/// Where an actor plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site {
    /// Deepgram's own host, or (as provider of a gateway) Cloudflare's.
    Deepgram,
    /// Workers AI.
    Workers,
}

/// Whose paths these are; `None`: somebody else's.
pub(super) fn cast(request: &Request, plan: &Plan) -> Option<Box<dyn Actor>> {
    let path = request.path.trim_end_matches('/');
    let model = request.query.get("model").map(String::as_str).unwrap_or_default();
    let on_workers = path.split_once("/ai/run/").map(|(_, model)| model);
    let on_workers = on_workers.or_else(|| path.ends_with("/workers-ai").then_some(model));
    let workers_model = on_workers.and_then(|model| model.strip_prefix("@cf/deepgram/"));
    let is_own = |place: &str| path == place || path.ends_with(&format!("/deepgram{place}"));
    match workers_model {
        Some("flux") => Some(Box::new(flux::Flux::new(Site::Workers, plan))),
        Some("nova-3") => Some(Box::new(nova::Nova::new(Site::Workers, plan))),
        Some("aura-1" | "aura-2-en" | "aura-2-es") => Some(Box::new(aura::Aura::new(Site::Workers, plan))),
        Some(_) => None,
        None if is_own("/v2/listen") => Some(Box::new(flux::Flux::new(Site::Deepgram, plan))),
        None if is_own("/v1/listen") => Some(Box::new(nova::Nova::new(Site::Deepgram, plan))),
        None if is_own("/v1/speak") => Some(Box::new(aura::Aura::new(Site::Deepgram, plan))),
        None if is_own("/v2/speak") => Some(Box::new(flux_voice::FluxVoice::new(plan))),
        None if path == "/v1/agent/converse" => Some(Box::new(agent::Agent::new(plan))),
        None => None,
    }
}

/// Deepgram's refusals carry their reason in this header too.
const REASON: &str = "dg-error";

/// Key, parameters and the refusals of `fault`.
fn admit(request: &Request, site: Site, fault: &str, known: &[&str], needed: &[&str]) -> Result<(), (u16, String)> {
    let header = |name: &str| request.headers.get(name).map(|value| value.to_ascii_lowercase()).unwrap_or_default();
    let is_gateway = request.path.contains("/workers-ai");
    let (authorization, gateway) = (header("authorization"), header("cf-aig-authorization"));
    let has_key = match site {
        Site::Deepgram => authorization.starts_with("token ") || authorization.starts_with("bearer "),
        Site::Workers if is_gateway => !gateway.is_empty() || authorization.starts_with("bearer "),
        Site::Workers => authorization.starts_with("bearer "),
    };
    let refused = |status: u16, words: &str| Err((status, words.to_owned()));
    match fault {
        _ if !has_key => return refused(401, "Invalid credentials."),
        "wrong-key" => return refused(401, "Invalid credentials."),
        "no-credit" => return refused(402, "Project does not have enough credits for an ASR request."),
        "not-allowed" => return refused(403, "Project does not have access to the requested model."),
        "too-many" => return refused(429, "Too many requests. Please try again later."),
        _ => {}
    }
    let is_known = |name: &&String| name.as_str() == "model" || known.contains(&name.as_str());
    if let Some(name) = request.query.keys().find(|name| !is_known(name)) {
        return refused(400, &format!("Unknown query parameter {name}."));
    }
    let has = |name: &str| request.query.get(name).is_some_and(|value| !value.is_empty());
    let model: &[&str] = if site == Site::Deepgram { &["model"] } else { &[] };
    match needed.iter().chain(model).find(|name| !has(name)) {
        Some(name) => refused(400, &format!("Missing query parameter {name}.")),
        None => Ok(()),
    }
}

/// A number in the query.
fn number(request: &Request, name: &str) -> Option<f64> {
    request.query.get(name)?.parse().ok()
}

/// A number in the query within its bounds; `Err` is the refusal.
fn bounded(request: &Request, name: &str, bounds: std::ops::RangeInclusive<f64>) -> Result<Option<f64>, (u16, String)> {
    match request.query.get(name).map(|text| text.parse::<f64>()) {
        None => Ok(None),
        Some(Ok(value)) if bounds.contains(&value) => Ok(Some(value)),
        Some(_) => Err((400, format!("Invalid value for {name}."))),
    }
}

/// A control frame of the client, checked against the schema of its type.
fn read(message: &str, schema: &schema::Schema) -> Result<Value, String> {
    let frame: Value = serde_json::from_str(message).map_err(|_| "a text frame is no JSON".to_owned())?;
    let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default();
    match schema.violation(kind, &frame) {
        None => Ok(frame),
        Some(why) => Err(format!("{kind:?}: {why}")),
    }
}

/// The end of a client that cannot be understood.
fn unparsable(what: String) -> Vec<Act> {
    let error = json!({
        "type": "Error",
        "sequence_id": 0,
        "code": "UNPARSABLE_CLIENT_MESSAGE",
        "description": "The client message could not be parsed.",
    });
    vec![Act::Violation(what), Act::json(&error), Act::Close(1008, "DATA-0000".into())]
}

/// A frame of sound without sound ends the stream: no client means that.
fn is_empty(message: &Message) -> bool {
    matches!(message, Message::Binary(bytes) if bytes.is_empty())
}

/// A sentence as sound, in frames.
fn spoken(text: &str, rate: u32) -> Vec<Vec<u8>> {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let ms = characters.saturating_mul(MS_PER_CHARACTER).clamp(PIECE_MS, LONGEST_MS);
    let bytes = super::sound::bytes(&super::sound::tone(440.0, ms, rate));
    bytes.chunks((rate / 1_000 * PIECE_MS * 2) as usize).map(<[u8]>::to_vec).collect()
}

/// Drops what was to be sent, but for the sound that is on its way already.
fn late(outgoing: &mut VecDeque<Act>) -> Vec<Act> {
    let is_sound = |act: &Act| matches!(act, Act::Send(Message::Binary(_)));
    outgoing.drain(..).filter(is_sound).take(2).collect()
}

/// The first words of a sentence that takes its time.
fn so_far(words: &str, ms: u64) -> String {
    let count = usize::try_from(ms / 250).unwrap_or(usize::MAX).max(1);
    words.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
