//! Ink. Faults: `quota` (an error with the first sound), `resumes` (with turns: an end that was none).

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{admit, out_of_credits};
use crate::voices::definitions::Definitions;
use crate::voices::sound::{Detector, Turn, samples};
use crate::voices::{Act, Actor, Message, Plan, Request};

static SCHEMA: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::new(
        include_str!("../../../schemas/cartesia-stt-ws.schema.json"),
        &["STTAutoFinalizeConfigCommand", "STTAutoFinalizeCloseCommand"],
    )
});

/// Silence that ends a turn, in ms.
const SILENCE: u32 = 600;

fn rate(request: &Request) -> Result<u32, (u16, String)> {
    admit(request)?;
    let query = |name: &str| request.query.get(name).map(String::as_str).unwrap_or_default();
    let rate = query("sample_rate").parse().ok().filter(|_| query("encoding") == "pcm_s16le");
    let is_known = query("model").starts_with("ink-");
    rate.filter(|_| is_known).ok_or_else(|| (400, super::error("Bad address", 400).to_string()))
}

fn words(plan: &str, detector: &Detector) -> String {
    match (detector.spoken, plan) {
        (0, _) => String::new(),
        (_, "") => detector.words(),
        (_, words) => words.to_owned(),
    }
}

/// The socket that is told when a turn is over.
#[derive(Debug)]
pub(super) struct Key {
    words: String,
    fault: String,
    detector: Detector,
}

impl Key {
    pub(super) fn new(plan: &Plan) -> Self {
        let fault = plan.fault.clone().unwrap_or_default();
        Self { words: plan.words.clone(), fault, detector: Detector::new(24_000, u32::MAX) }
    }

    /// The words in two pieces, which follow each other as they are.
    fn finalize(&mut self) -> Vec<Act> {
        let words = words(&self.words, &self.detector);
        self.detector.end();
        self.detector.spoken = 0;
        let middle = words.find(' ').unwrap_or(words.len());
        let (one, other) = words.split_at(middle);
        let pieces = [one, other].into_iter().filter(|piece| !piece.is_empty());
        let finals = pieces.map(|piece| transcript(piece, true));
        finals.chain([Act::json(&json!({ "type": "flush_done", "request_id": "request_1" }))]).collect()
    }
}

fn transcript(text: &str, is_final: bool) -> Act {
    Act::json(&json!({ "type": "transcript", "text": text, "is_final": is_final, "request_id": "request_1" }))
}

impl Actor for Key {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        self.detector = Detector::new(rate(request)?, u32::MAX);
        Ok(())
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        match message {
            Message::Binary(_) if self.fault == "quota" => out_of_credits(),
            Message::Binary(bytes) => {
                let turns = self.detector.hear(&samples(bytes));
                turns.iter().filter(|turn| **turn == Turn::Began).map(|_| transcript("I", false)).collect()
            }
            Message::Text(text) if text == "finalize" => self.finalize(),
            Message::Text(text) if text == "close" => {
                vec![Act::json(&json!({ "type": "done", "request_id": "request_1" })), Act::Close(1000, String::new())]
            }
            Message::Text(text) => vec![Act::Violation(format!("no command {text}"))],
        }
    }
}

/// The socket that knows turns.
#[derive(Debug)]
pub(super) struct Turns {
    words: String,
    fault: String,
    detector: Detector,
}

impl Turns {
    pub(super) fn new(plan: &Plan) -> Self {
        let fault = plan.fault.clone().unwrap_or_default();
        Self { words: plan.words.clone(), fault, detector: Detector::new(24_000, SILENCE) }
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<Act> {
        let mut acts = Vec::new();
        for turn in self.detector.hear(&samples(bytes)) {
            match turn {
                Turn::Began => acts.extend([event("start", None), event("update", Some("I"))]),
                Turn::Ended => {
                    let words = words(&self.words, &self.detector);
                    acts.push(event("update", Some(&words)));
                    acts.push(event("eager_end", Some(&words)));
                    if self.fault == "resumes" {
                        acts.extend([event("resume", None), event("eager_end", Some(&words))]);
                    }
                    acts.push(event("end", Some(&words)));
                }
            }
        }
        acts
    }
}

fn event(kind: &str, words: Option<&str>) -> Act {
    let mut event = json!({ "type": format!("turn.{kind}"), "request_id": "request_1" });
    if let Some(words) = words {
        event["transcript"] = json!(words);
    }
    Act::json(&event)
}

/// Thresholds in their limits and order: start above eager end above end. Where none is told, the stricter of the defaults
/// that versions of the service had.
fn breach_of_thresholds(turn: &Value) -> Option<String> {
    let value = |key: &str, default: f64| turn.get(key).and_then(Value::as_f64).unwrap_or(default);
    let (start, eager, end) =
        (value("start_threshold", 0.8), value("eager_end_threshold", 0.3), value("end_threshold", 0.2));
    let is_right = (0.5..=0.9).contains(&start)
        && (0.3..=0.6).contains(&eager)
        && (0.05..=0.5).contains(&end)
        && (640.0..=11_200.0).contains(&value("end_timeout_ms", 5_600.0))
        && start > eager
        && eager > end;
    (!is_right).then(|| format!("thresholds {turn}"))
}

impl Actor for Turns {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        self.detector = Detector::new(rate(request)?, SILENCE);
        Ok(())
    }

    fn open(&mut self) -> Vec<Act> {
        vec![Act::json(&json!({ "type": "connected", "request_id": "request_1" }))]
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let text = match message {
            Message::Binary(_) if self.fault == "quota" => return out_of_credits(),
            Message::Binary(bytes) => return self.hear(bytes),
            Message::Text(text) => text,
        };
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let is_close = frame.get("type").and_then(Value::as_str) == Some("close");
        let definition = if is_close { "STTAutoFinalizeCloseCommand" } else { "STTAutoFinalizeConfigCommand" };
        let breach = SCHEMA.breach(definition, &frame);
        let breach = breach.or_else(|| frame.get("turn").and_then(breach_of_thresholds));
        match breach {
            Some(breach) => vec![Act::Violation(breach)],
            None if is_close => vec![Act::Close(1000, String::new())],
            None => Vec::new(),
        }
    }
}
