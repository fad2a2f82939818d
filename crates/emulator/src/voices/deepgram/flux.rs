//! Flux: turns by energy, in the place of a model's judgement.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::sound::{Detector, Turn, samples};
use super::{
    Act, Actor, Message, Plan, REASON, REQUEST_ID, Request, Site, admit, bounded, is_empty, number, read, so_far,
    unparsable,
};

const KNOWN: [&str; 11] = [
    "encoding",
    "sample_rate",
    "eot_threshold",
    "eager_eot_threshold",
    "eot_timeout_ms",
    "keyterm",
    "language_hint",
    "profanity_filter",
    "numerals",
    "mip_opt_out",
    "tag",
];
/// Without sound for so long it hangs up.
const LONELY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Flux {
    site: Site,
    fault: String,
    words: String,
    rate: u32,
    detector: Detector,
    is_eager: bool,
    threshold: f64,
    timeout_ms: f64,
    sequence: u64,
    turn: u64,
    turn_began: u64,
    /// Where the next `Update` is due.
    update_at: u64,
}

impl Flux {
    pub(super) fn new(site: Site, plan: &Plan) -> Self {
        Self {
            site,
            fault: plan.fault.clone().unwrap_or_default(),
            words: plan.words.clone(),
            rate: 16_000,
            detector: Detector::new(16_000, 500),
            is_eager: false,
            threshold: 0.7,
            timeout_ms: 5_000.0,
            sequence: 0,
            turn: 0,
            turn_began: 0,
            update_at: 0,
        }
    }

    /// How long a pause ends a turn.
    fn pause_ms(&self) -> u32 {
        // 1.0: never, but for the timeout.
        let by_model = if self.threshold >= 1.0 { f64::MAX } else { 1_000.0 * self.threshold };
        by_model.min(self.timeout_ms) as u32
    }

    fn sequenced(&mut self, mut frame: Value) -> Act {
        if let Some(frame) = frame.as_object_mut() {
            frame.insert("request_id".into(), REQUEST_ID.into());
            frame.insert("sequence_id".into(), self.sequence.into());
            if self.fault == "untyped" && frame.contains_key("event") {
                frame.remove("type");
            }
        }
        self.sequence += 1;
        Act::json(&frame)
    }

    fn seconds(&self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.rate)
    }

    fn info(&mut self, event: &str, transcript: &str, trigger: Option<&str>) -> Act {
        let words: Vec<Value> =
            transcript.split_whitespace().map(|word| json!({ "word": word, "confidence": 0.9 })).collect();
        let mut frame = json!({
            "type": "TurnInfo",
            "event": event,
            "turn_index": self.turn,
            "audio_window_start": self.seconds(self.turn_began),
            "audio_window_end": self.seconds(self.detector.heard),
            "transcript": transcript,
            "words": words,
            "end_of_turn_confidence": if event == "EndOfTurn" { 0.9 } else { 0.1 },
        });
        if let (Some(trigger), Some(frame)) = (trigger, frame.as_object_mut()) {
            frame.insert("trigger".into(), trigger.into());
        }
        self.sequenced(frame)
    }

    fn transcript(&self) -> String {
        if self.words.is_empty() { self.detector.words() } else { self.words.clone() }
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<Act> {
        let mut acts = Vec::new();
        let step = u64::from(self.rate / 50);
        for piece in samples(bytes).chunks(step as usize) {
            for turn in self.detector.hear(piece) {
                match turn {
                    Turn::Began => {
                        self.turn_began = self.detector.heard.saturating_sub(step);
                        acts.push(self.info("StartOfTurn", "", None));
                        if self.fault == "error" {
                            acts.extend(self.fail());
                        }
                    }
                    Turn::Ended => acts.extend(self.end(if self.threshold >= 1.0 { "timeout" } else { "model" })),
                }
            }
            if self.detector.heard >= self.update_at {
                self.update_at = self.detector.heard + u64::from(self.rate / 4);
                let spoken = self.detector.spoken * 1_000 / u64::from(self.rate);
                let text = if self.detector.is_speaking() { so_far(&self.transcript(), spoken) } else { String::new() };
                acts.push(self.info("Update", &text, None));
            }
        }
        acts
    }

    fn end(&mut self, trigger: &str) -> Vec<Act> {
        let text = if self.fault == "deaf" { String::new() } else { self.transcript() };
        let mut acts = Vec::new();
        if self.is_eager && trigger == "model" {
            acts.push(self.info("EagerEndOfTurn", &text, None));
            if self.fault == "resume" {
                acts.push(self.info("TurnResumed", &text, None));
            }
        }
        if self.fault != "endless" {
            acts.push(self.info("EndOfTurn", &text, Some(trigger)));
        }
        self.turn += 1;
        acts
    }

    fn fail(&mut self) -> Vec<Act> {
        let error = json!({ "type": "Error", "code": "INTERNAL_SERVER_ERROR", "description": "something broke" });
        vec![self.sequenced(error), Act::Close(1011, "NET-0000".into())]
    }

    fn configure(&mut self, frame: &Value) -> Vec<Act> {
        if self.fault == "no-configure" {
            let failure = json!({ "type": "ConfigureFailure", "code": "NOT_NOW", "description": "no" });
            return vec![self.sequenced(failure)];
        }
        let threshold = |name: &str| frame.pointer(&format!("/thresholds/{name}")).and_then(Value::as_f64);
        self.threshold = threshold("eot_threshold").unwrap_or(self.threshold);
        self.timeout_ms = threshold("eot_timeout_ms").unwrap_or(self.timeout_ms);
        self.is_eager |= threshold("eager_eot_threshold").is_some();
        let pause_ms = self.pause_ms();
        self.detector.wait(pause_ms);
        let success = json!({
            "type": "ConfigureSuccess",
            "thresholds": frame.get("thresholds").cloned().unwrap_or_else(|| json!({})),
            "keyterms": [],
        });
        vec![self.sequenced(success)]
    }
}

impl Actor for Flux {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        admit(request, self.site, &self.fault, &KNOWN, &["encoding", "sample_rate"])?;
        let most = if self.site == Site::Workers { 0.9 } else { 1.0 };
        self.threshold = bounded(request, "eot_threshold", 0.5..=most)?.unwrap_or(self.threshold);
        self.timeout_ms = bounded(request, "eot_timeout_ms", 500.0..=30_000.0)?.unwrap_or(self.timeout_ms);
        let eager = bounded(request, "eager_eot_threshold", 0.3..=0.9)?;
        if eager.is_some_and(|eager| eager > self.threshold) {
            return Err((400, "eager_eot_threshold is above eot_threshold.".into()));
        }
        self.is_eager = eager.is_some();
        self.rate = number(request, "sample_rate").map_or(self.rate, |rate| rate as u32);
        if request.query.get("encoding").is_none_or(|encoding| encoding != "linear16") {
            return Err((400, "This fake takes linear16 only.".into()));
        }
        self.detector = Detector::new(self.rate, self.pause_ms());
        Ok(())
    }

    fn reason_header(&self) -> Option<&'static str> {
        Some(REASON)
    }

    fn open(&mut self) -> Vec<Act> {
        if self.fault == "no-connected" {
            return Vec::new();
        }
        vec![self.sequenced(json!({ "type": "Connected" }))]
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let text = match message {
            _ if is_empty(message) => return vec![Act::Violation("an empty frame of sound".into())],
            Message::Binary(bytes) => return self.hear(bytes),
            Message::Text(text) => text,
        };
        let frame = match read(text, &super::schema::LISTEN_V2) {
            Ok(frame) => frame,
            Err(why) => return unparsable(why),
        };
        match frame.get("type").and_then(Value::as_str).unwrap_or_default() {
            "CloseStream" => vec![Act::Close(1000, String::new())],
            kind if self.site == Site::Workers => unparsable(format!("{kind} is not known on Workers AI")),
            "ForceEndTurn" if self.detector.is_speaking() => {
                let acts = self.end("manual");
                self.detector.end();
                acts
            }
            "Configure" => self.configure(&frame),
            _ => Vec::new(),
        }
    }

    fn pause(&self) -> Option<Duration> {
        Some(LONELY)
    }

    fn wake(&mut self) -> Vec<Act> {
        vec![Act::Close(1011, "NET-0001".into())]
    }
}
