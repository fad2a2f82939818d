//! Sonic. Faults: `quota` (an error in the place of the first sound).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{admit, error, out_of_credits};
use crate::voices::definitions::Definitions;
use crate::voices::sound::{RATE, bytes, tone};
use crate::voices::{Act, Actor, Message, Plan, Request};

static SCHEMA: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::new(
        include_str!("../../../schemas/cartesia-tts-ws.schema.json"),
        &["GenerationRequest", "CancelContextRequest"],
    )
});

/// How long a letter sounds, in ms.
const LETTER: u32 = 30;

/// See the module.
#[derive(Debug)]
pub(super) struct Sonic {
    fault: String,
    /// Contexts with what every request of them repeats; `None`: it is over.
    contexts: BTreeMap<String, Option<Value>>,
}

impl Sonic {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { fault: plan.fault.clone().unwrap_or_default(), contexts: BTreeMap::new() }
    }

    fn generate(&mut self, frame: &Value) -> Vec<Act> {
        let name = frame.get("context_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !frame.get("model_id").and_then(Value::as_str).is_some_and(|model| model.starts_with("sonic")) {
            let mut error = error("Model not found", 404);
            (error["context_id"], error["done"]) = (json!(name), json!(true));
            return vec![Act::json(&error)];
        }
        if self.fault == "quota" {
            return out_of_credits();
        }
        let mut settings = frame.clone();
        for key in ["transcript", "continue", "flush"] {
            settings.as_object_mut().map(|settings| settings.remove(key));
        }
        let mut acts = Vec::new();
        match self.contexts.insert(name.clone(), Some(settings.clone())) {
            Some(None) => acts.push(Act::Violation(format!("the context {name} is used again"))),
            Some(Some(before)) if before != settings => {
                acts.push(Act::Violation(format!("the context {name} changes its settings")));
            }
            Some(Some(_)) | None => {}
        }
        let transcript = frame.get("transcript").and_then(Value::as_str).unwrap_or_default();
        let letters = u32::try_from(transcript.trim().chars().count()).unwrap_or(u32::MAX);
        let sound = bytes(&tone(330.0, LETTER * letters, RATE));
        acts.extend(sound.chunks(9_601).map(|piece| chunk(&name, piece)));
        if frame.get("continue").and_then(Value::as_bool) != Some(true) {
            acts.extend(self.end(&name));
        }
        acts
    }

    fn end(&mut self, name: &str) -> Vec<Act> {
        if self.contexts.get_mut(name).and_then(Option::take).is_none() {
            return Vec::new();
        }
        vec![Act::json(&json!({ "type": "done", "context_id": name, "done": true, "status_code": 200 }))]
    }
}

fn chunk(name: &str, piece: &[u8]) -> Act {
    Act::json(&json!({
        "type": "chunk",
        "context_id": name,
        "data": BASE64_STANDARD.encode(piece),
        "done": false,
        "status_code": 206,
        "step_time": 1.5,
    }))
}

impl Actor for Sonic {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        admit(request)
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let Message::Text(text) = message else { return vec![Act::Violation("a binary frame".into())] };
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let is_cancel = frame.get("cancel").is_some();
        let definition = if is_cancel { "CancelContextRequest" } else { "GenerationRequest" };
        if let Some(breach) = SCHEMA.breach(definition, &frame) {
            return vec![Act::Violation(breach)];
        }
        if !is_cancel {
            return self.generate(&frame);
        }
        let name = frame.get("context_id").and_then(Value::as_str).unwrap_or_default();
        match self.end(name) {
            none if none.is_empty() => none,
            // What was under way still comes.
            done => [vec![chunk(name, &bytes(&tone(660.0, 100, RATE)))], done].concat(),
        }
    }
}
