//! Nova: words by the length of the sound, ends by pauses in it.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::sound::{Detector, Turn, samples};
use super::{
    Act, Actor, Message, Plan, REASON, REQUEST_ID, Request, Site, admit, is_empty, number, read, so_far, unparsable,
};

const KNOWN: [&str; 14] = [
    "language",
    "encoding",
    "sample_rate",
    "channels",
    "interim_results",
    "endpointing",
    "utterance_end_ms",
    "vad_events",
    "smart_format",
    "punctuate",
    "numerals",
    "keyterm",
    "mip_opt_out",
    "tag",
];
/// With neither sound nor KeepAlive for so long it hangs up.
const LONELY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Nova {
    site: Site,
    fault: String,
    words: String,
    rate: u32,
    detector: Detector,
    /// Where the next results begin, in samples.
    from: u64,
    /// Where the next interim results are due.
    interim_at: u64,
    has_interim: bool,
}

impl Nova {
    pub(super) fn new(site: Site, plan: &Plan) -> Self {
        Self {
            site,
            fault: plan.fault.clone().unwrap_or_default(),
            words: plan.words.clone(),
            rate: 16_000,
            detector: Detector::new(16_000, 10),
            from: 0,
            interim_at: 0,
            has_interim: false,
        }
    }

    fn transcript(&self) -> String {
        if self.words.is_empty() { self.detector.words() } else { self.words.clone() }
    }

    fn results(&self, transcript: &str, is_final: bool, speech_final: bool, from_finalize: bool) -> Act {
        let seconds = |samples: u64| samples as f64 / f64::from(self.rate);
        let (start, end) = (seconds(self.from), seconds(self.detector.heard));
        let word = |word: &str| json!({ "word": word, "start": start, "end": end, "confidence": 0.9 });
        let words: Vec<Value> = transcript.split_whitespace().map(word).collect();
        Act::json(&json!({
            "type": "Results",
            "channel_index": [0, 1],
            "start": start,
            "duration": end - start,
            "is_final": is_final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": { "alternatives": [{ "transcript": transcript, "confidence": 0.9, "words": words }] },
            "metadata": {
                "request_id": REQUEST_ID,
                "model_info": { "name": "nova", "version": "fake", "arch": "nova-3" },
                "model_uuid": REQUEST_ID,
            },
        }))
    }

    /// What was heard and not said finally.
    fn settle(&mut self, speech_final: bool, from_finalize: bool) -> Act {
        let text = if self.detector.is_speaking() || speech_final { self.transcript() } else { String::new() };
        let text = if self.fault == "deaf" { String::new() } else { text };
        let results = self.results(&text, true, speech_final, from_finalize);
        self.from = self.detector.heard;
        self.detector.end();
        results
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<Act> {
        let mut acts = Vec::new();
        let step = (self.rate / 50) as usize;
        for piece in samples(bytes).chunks(step) {
            for turn in self.detector.hear(piece) {
                match turn {
                    Turn::Began if self.fault == "error" => {
                        let error =
                            json!({ "type": "Error", "variant": "INTERNAL_SERVER_ERROR", "description": "it broke" });
                        acts.extend([Act::json(&error), Act::Close(1011, "NET-0000".into())]);
                    }
                    Turn::Began => {}
                    Turn::Ended if self.fault == "no-speech-final" => {
                        let text = self.transcript();
                        acts.push(self.results(&text, true, false, false));
                        self.from = self.detector.heard;
                        acts.push(Act::json(
                            &json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": -1.0 }),
                        ));
                    }
                    Turn::Ended => acts.push(self.settle(true, false)),
                }
            }
            let is_due = self.has_interim && self.detector.is_speaking() && self.detector.heard >= self.interim_at;
            if is_due {
                self.interim_at = self.detector.heard + u64::from(self.rate / 4);
                let spoken = self.detector.spoken * 1_000 / u64::from(self.rate);
                acts.push(self.results(&so_far(&self.transcript(), spoken), false, false, false));
            }
        }
        acts
    }
}

impl Actor for Nova {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        admit(request, self.site, &self.fault, &KNOWN, &["encoding", "sample_rate"])?;
        self.rate = number(request, "sample_rate").map_or(self.rate, |rate| rate as u32);
        self.has_interim = request.query.get("interim_results").is_some_and(|value| value == "true");
        let utterance_end = number(request, "utterance_end_ms");
        if utterance_end.is_some_and(|ms| ms < 1_000.0 || !self.has_interim) {
            return Err((400, "utterance_end_ms needs interim_results and at least 1000.".into()));
        }
        let pause_ms = number(request, "endpointing").unwrap_or(10.0);
        self.detector = Detector::new(self.rate, pause_ms as u32);
        Ok(())
    }

    fn reason_header(&self) -> Option<&'static str> {
        Some(REASON)
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let text = match message {
            _ if is_empty(message) => return vec![Act::Violation("an empty frame of sound".into())],
            Message::Binary(bytes) => return self.hear(bytes),
            Message::Text(text) => text,
        };
        let frame = match read(text, &super::schema::LISTEN_V1) {
            Ok(frame) => frame,
            Err(why) => return unparsable(why),
        };
        match frame.get("type").and_then(Value::as_str).unwrap_or_default() {
            "Finalize" if self.fault != "no-finalize" => vec![self.settle(false, true)],
            "CloseStream" => {
                let metadata = json!({
                    "type": "Metadata",
                    "transaction_key": "deprecated",
                    "request_id": REQUEST_ID,
                    "sha256": "",
                    "created": "2026-11-21T00:00:00Z",
                    "duration": self.detector.heard as f64 / f64::from(self.rate),
                    "channels": 1,
                });
                vec![self.settle(false, true), Act::json(&metadata), Act::Close(1000, String::new())]
            }
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
