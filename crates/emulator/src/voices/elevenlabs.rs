//! ElevenLabs: Scribe, speech with several contexts, agents. Faults: `quota`, and those that each of them names.

mod agent;
mod multi;
mod scribe;
#[cfg(test)]
mod tests;

use serde_json::json;

use super::{Actor, Plan, Request};

/// Who plays on a path.
pub(super) fn cast(request: &Request, plan: &Plan) -> Option<Box<dyn Actor>> {
    let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["v1", "speech-to-text", "realtime"] => Some(Box::new(scribe::Scribe::new(plan))),
        ["v1", "text-to-speech", _, "multi-stream-input"] => Some(Box::new(multi::Multi::new(plan, false))),
        ["v1", "text-to-dialogue", "multi-stream-input"] => Some(Box::new(multi::Multi::new(plan, true))),
        ["v1", "convai", "conversation"] | [.., "elevenlabs"] => Some(Box::new(agent::Agent::new(plan))),
        _ => None,
    }
}

/// Keys come by header.
fn admit(request: &Request) -> Result<(), (u16, String)> {
    let has_key = request.headers.get("xi-api-key").is_some_and(|key| !key.is_empty());
    if has_key { Ok(()) } else { Err(refusal(401, "needs_authorization", "An API key is needed: xi-api-key.")) }
}

fn refusal(status: u16, name: &str, message: &str) -> (u16, String) {
    (status, json!({ "detail": { "status": name, "message": message } }).to_string())
}
