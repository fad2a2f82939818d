//! Speech with several contexts on one socket, and its form for dialogues. Faults: `quota` (an error in the place of the
//! first sound).

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{admit, refusal};
use crate::voices::definitions::Definitions;
use crate::voices::sound::{RATE, bytes, tone};
use crate::voices::{Act, Actor, Message, Plan, Request};

static SCHEMA: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::new(
        include_str!("../../../schemas/elevenlabs-tts-ws.schema.json"),
        &[
            "InitializeConnectionMulti",
            "SendTextMulti",
            "CloseContext",
            "KeepContextAlive",
            "TextToDialogueWebsocketClientMessageMulti",
        ],
    )
});

/// Contexts at a time.
const MOST: usize = 5;
/// How long a letter sounds, in ms.
const LETTER: u32 = 30;

/// See the module.
#[derive(Debug)]
pub(super) struct Multi {
    is_dialogue: bool,
    fault: String,
    is_refused: bool,
    inactivity: Duration,
    /// Contexts: whether they are open.
    contexts: BTreeMap<String, bool>,
}

impl Multi {
    pub(super) fn new(plan: &Plan, is_dialogue: bool) -> Self {
        let fault = plan.fault.clone().unwrap_or_default();
        let inactivity = Duration::from_secs(20);
        Self { is_dialogue, fault, is_refused: false, inactivity, contexts: BTreeMap::new() }
    }

    fn kind(&self, frame: &Value) -> &'static str {
        if frame.get("close_context").is_some() {
            "CloseContext"
        } else if self.is_dialogue {
            "TextToDialogueWebsocketClientMessageMulti"
        } else {
            match frame.get("text").and_then(Value::as_str) {
                Some(" ") => "InitializeConnectionMulti",
                Some("") => "KeepContextAlive",
                Some(_) | None => "SendTextMulti",
            }
        }
    }

    fn begin(&mut self, name: &str) -> Vec<Act> {
        if self.contexts.contains_key(name) {
            return vec![Act::Violation(format!("the context {name} is used again"))];
        }
        self.contexts.insert(name.to_owned(), true);
        let mut acts = Vec::new();
        if self.contexts.values().filter(|is_open| **is_open).count() > MOST {
            acts.push(Act::Violation("more than five contexts".into()));
        }
        acts
    }

    fn say(&self, name: &str, text: &str, is_flushed: bool) -> Vec<Act> {
        if self.contexts.get(name) != Some(&true) {
            return vec![Act::Violation(format!("text for the context {name}, which is not open"))];
        }
        if self.fault == "quota" {
            let error =
                json!({ "message": "This request exceeds your quota.", "error": "quota_exceeded", "code": 1008 });
            return vec![Act::json(&error), Act::Close(1008, "quota_exceeded".into())];
        }
        let mut acts = Vec::new();
        if !text.ends_with(' ') || !is_flushed {
            acts.push(Act::Violation("a sentence without a space behind it, or without a flush".into()));
        }
        let letters = u32::try_from(text.trim().chars().count()).unwrap_or(u32::MAX);
        let sound = bytes(&tone(440.0, LETTER * letters, RATE));
        // Odd pieces: samples are cut in two.
        acts.extend(sound.chunks(9_601).map(|piece| self.audio(name, piece)));
        acts
    }

    fn audio(&self, name: &str, piece: &[u8]) -> Act {
        let audio = BASE64_STANDARD.encode(piece);
        if self.is_dialogue {
            return Act::json(&json!({ "audio": audio, "context_id": name }));
        }
        Act::json(&json!({ "audio": audio, "contextId": name, "isFinal": null }))
    }

    fn close(&mut self, name: &str) -> Vec<Act> {
        if self.contexts.insert(name.to_owned(), false) != Some(true) {
            return vec![Act::Violation(format!("the context {name} is closed and was not open"))];
        }
        let last = if self.is_dialogue {
            json!({ "is_final": true, "context_id": name })
        } else {
            json!({ "isFinal": true, "contextId": name })
        };
        // Sound that was under way.
        vec![self.audio(name, &bytes(&tone(440.0, 20, RATE))), Act::json(&last)]
    }
}

impl Actor for Multi {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        admit(request)?;
        let query = |name: &str| request.query.get(name).map(String::as_str).unwrap_or_default();
        if query("output_format") != "pcm_24000" {
            return Err(refusal(422, "invalid_output_format", "output_format"));
        }
        if let Ok(seconds) = query("inactivity_timeout").parse::<u64>() {
            self.inactivity = Duration::from_secs(seconds.min(180));
        }
        let is_newer = ["eleven_v3", "eleven_v4"].iter().any(|model| query("model_id").starts_with(model));
        self.is_refused = is_newer != self.is_dialogue;
        Ok(())
    }

    fn open(&mut self) -> Vec<Act> {
        if !self.is_refused {
            return Vec::new();
        }
        let error = json!({ "message": "This model is not served here.", "error": "unsupported_model", "code": 1008 });
        vec![Act::json(&error), Act::Close(1008, "unsupported_model".into())]
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let Message::Text(text) = message else { return vec![Act::Violation("a binary frame".into())] };
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = self.kind(&frame);
        if let Some(breach) = SCHEMA.breach(kind, &frame) {
            return vec![Act::Violation(breach)];
        }
        let name = frame.get("context_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_flushed = frame.get("flush").and_then(Value::as_bool) == Some(true);
        let input = frame.pointer("/inputs/0/text").and_then(Value::as_str);
        match (kind, frame.get("text").and_then(Value::as_str), input) {
            ("CloseContext", ..) => self.close(&name),
            ("InitializeConnectionMulti", ..) => self.begin(&name),
            ("SendTextMulti", Some(text), _) | (_, None, Some(text)) => self.say(&name, text, is_flushed),
            (_, None, None) if frame.get("voices").is_some() => self.begin(&name),
            _ => Vec::new(),
        }
    }

    fn pause(&self) -> Option<Duration> {
        Some(self.inactivity)
    }

    fn wake(&mut self) -> Vec<Act> {
        vec![Act::Close(1008, "input_timeout_exceeded".into())]
    }
}
