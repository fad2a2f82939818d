//! Cartesia: Sonic, and Ink with the key and with turns. Faults: `quota`, and those that each of them names.

mod ink;
mod sonic;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::{Act, Actor, Plan, Request};

/// Who plays on a path.
pub(super) fn cast(request: &Request, plan: &Plan) -> Option<Box<dyn Actor>> {
    match request.path.trim_matches('/') {
        // The gateway has one address, for the voice.
        path if path == "tts/websocket" || path.ends_with("/cartesia") => Some(Box::new(sonic::Sonic::new(plan))),
        "stt/websocket" => Some(Box::new(ink::Key::new(plan))),
        "stt/turns/websocket" => Some(Box::new(ink::Turns::new(plan))),
        _ => None,
    }
}

/// Keys come by header, and every request states the version's date.
fn admit(request: &Request) -> Result<(), (u16, String)> {
    let has = |name: &str| request.headers.get(name).is_some_and(|value| !value.is_empty());
    let refused = |status, title: &str| Err((status, error(title, status).to_string()));
    let version = request.query.get("cartesia_version").or_else(|| request.headers.get("cartesia-version"));
    if !has("x-api-key") && !has("authorization") {
        refused(401, "Invalid API key")
    } else if version.is_none_or(|version| version.len() != 10) {
        refused(400, "Version missing")
    } else {
        Ok(())
    }
}

/// An `error` message.
fn error(title: &str, status: u16) -> Value {
    json!({ "type": "error", "title": title, "message": "See the title.", "status_code": status, "error_code": "fake" })
}

fn out_of_credits() -> Vec<Act> {
    vec![Act::json(&error("Out of credits", 402)), Act::Close(1008, "Out of credits".into())]
}
