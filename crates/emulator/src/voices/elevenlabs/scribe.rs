//! Scribe realtime. Faults: `quota` (an error with the first sound), `doubled` (each commit comes with timestamps too).

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{admit, refusal};
use crate::voices::definitions::Definitions;
use crate::voices::sound::{Detector, Turn, samples};
use crate::voices::{Act, Actor, Message, Plan, Request};

static SCHEMA: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::new(
        include_str!("../../../schemas/elevenlabs-scribe-realtime.schema.json"),
        &["InputAudioChunkPayload"],
    )
});

/// See the module.
#[derive(Debug)]
pub(super) struct Scribe {
    words: String,
    fault: String,
    rate: u32,
    is_vad: bool,
    detector: Detector,
    /// Samples since the last commit.
    fresh: u64,
}

impl Scribe {
    pub(super) fn new(plan: &Plan) -> Self {
        let fault = plan.fault.clone().unwrap_or_default();
        let detector = Detector::new(24_000, u32::MAX);
        Self { words: plan.words.clone(), fault, rate: 24_000, is_vad: false, detector, fresh: 0 }
    }

    fn chunk(&mut self, frame: &Value) -> Vec<Act> {
        let text = frame.get("audio_base_64").and_then(Value::as_str).unwrap_or_default();
        let Ok(bytes) = BASE64_STANDARD.decode(text) else {
            return vec![Act::Violation("the sound is not base64".into())];
        };
        let pcm = samples(&bytes);
        self.fresh += pcm.len() as u64;
        if self.fault == "quota" && !pcm.is_empty() {
            return failed("quota_exceeded", "This request exceeds your quota.");
        }
        let mut acts = Vec::new();
        if frame.get("sample_rate").and_then(Value::as_u64) != Some(u64::from(self.rate)) {
            acts.push(Act::Violation("the sample rate is not that of the address".into()));
        }
        for turn in self.detector.hear(&pcm) {
            match turn {
                Turn::Began => acts.push(Act::json(&json!({ "message_type": "partial_transcript", "text": "I" }))),
                Turn::Ended => acts.extend(self.commit()),
            }
        }
        if frame.get("commit").and_then(Value::as_bool) == Some(true) {
            if self.fresh * 10 < u64::from(self.rate) * 3 {
                acts.push(Act::Violation("a commit of less than 0.3 s".into()));
                acts.extend(failed("input_error", "There is too little audio to commit."));
                return acts;
            }
            acts.extend(self.commit());
        }
        acts
    }

    fn commit(&mut self) -> Vec<Act> {
        let text = match (self.detector.spoken, self.words.as_str()) {
            (0, _) => String::new(),
            (_, "") => self.detector.words(),
            (_, words) => words.to_owned(),
        };
        self.detector.end();
        (self.detector.spoken, self.fresh) = (0, 0);
        let mut acts = vec![Act::json(&json!({ "message_type": "committed_transcript", "text": text }))];
        if self.fault == "doubled" {
            let kind = "committed_transcript_with_timestamps";
            acts.push(Act::json(&json!({ "message_type": kind, "text": text, "language_code": "en", "words": [] })));
        }
        acts
    }
}

fn failed(kind: &str, message: &str) -> Vec<Act> {
    vec![Act::json(&json!({ "message_type": kind, "error": message })), Act::Close(1008, kind.to_owned())]
}

impl Actor for Scribe {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        admit(request)?;
        let query = |name: &str| request.query.get(name).map(String::as_str).unwrap_or_default();
        let rate = query("audio_format").strip_prefix("pcm_").and_then(|rate| rate.parse().ok());
        self.rate = rate.ok_or_else(|| refusal(422, "invalid_audio_format", "audio_format"))?;
        let patience: f32 = query("vad_silence_threshold_secs").parse().unwrap_or(1.5);
        self.is_vad = match query("commit_strategy") {
            "vad" if (0.3..=3.0).contains(&patience) => true,
            "manual" | "" => false,
            other => return Err(refusal(422, "invalid_commit_strategy", other)),
        };
        self.detector = Detector::new(self.rate, if self.is_vad { (patience * 1_000.0) as u32 } else { u32::MAX });
        Ok(())
    }

    fn open(&mut self) -> Vec<Act> {
        let config = json!({ "sample_rate": self.rate, "commit_strategy": if self.is_vad { "vad" } else { "manual" } });
        vec![Act::json(&json!({ "message_type": "session_started", "session_id": "session_1", "config": config }))]
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let Message::Text(text) = message else { return vec![Act::Violation("a binary frame".into())] };
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        match SCHEMA.breach("InputAudioChunkPayload", &frame) {
            Some(breach) => vec![Act::Violation(breach)],
            None => self.chunk(&frame),
        }
    }
}
