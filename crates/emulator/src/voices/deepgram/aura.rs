//! Aura: a tone for every character.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Act, Actor, Message, Plan, REASON, REQUEST_ID, Request, Site, admit, late, number, read, spoken, unparsable,
};

const KNOWN: [&str; 7] = ["encoding", "sample_rate", "container", "speed", "speaker", "mip_opt_out", "tag"];
/// Between two frames of sound.
const PACE: Duration = Duration::from_millis(5);
/// Flushes of one connection: more than twenty in a minute are refused.
const FLUSHES: u64 = 20;

#[derive(Debug)]
pub(super) struct Aura {
    site: Site,
    fault: String,
    rate: u32,
    text: String,
    outgoing: VecDeque<Act>,
    flushes: u64,
}

impl Aura {
    pub(super) fn new(site: Site, plan: &Plan) -> Self {
        let fault = plan.fault.clone().unwrap_or_default();
        Self { site, fault, rate: 24_000, text: String::new(), outgoing: VecDeque::new(), flushes: 0 }
    }

    fn flush(&mut self) -> Vec<Act> {
        if self.flushes >= FLUSHES {
            let warning = json!({ "type": "Warning", "code": "EXCESSIVE_FLUSH", "description": "too many" });
            return vec![Act::json(&warning)];
        }
        let text = std::mem::take(&mut self.text);
        if !text.trim().is_empty() {
            self.outgoing.extend(spoken(&text, self.rate).into_iter().map(|piece| Act::Send(Message::Binary(piece))));
        }
        if self.fault == "error" {
            let error = json!({ "type": "Error", "code": "INTERNAL_SERVER_ERROR", "description": "it broke" });
            return vec![Act::json(&error), Act::Close(1011, "NET-0000".into())];
        }
        if self.fault != "mute" {
            self.outgoing.push_back(Act::json(&json!({ "type": "Flushed", "sequence_id": self.flushes })));
        }
        self.flushes += 1;
        Vec::new()
    }

    fn clear(&mut self) -> Vec<Act> {
        let late = late(&mut self.outgoing);
        self.text.clear();
        let cleared = Act::json(&json!({ "type": "Cleared", "sequence_id": self.flushes }));
        late.into_iter().chain([cleared]).collect()
    }
}

impl Actor for Aura {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        let needed: &[&str] = if self.site == Site::Workers { &["speaker"] } else { &[] };
        admit(request, self.site, &self.fault, &KNOWN, needed)?;
        self.rate = number(request, "sample_rate").map_or(self.rate, |rate| rate as u32);
        Ok(())
    }

    fn reason_header(&self) -> Option<&'static str> {
        Some(REASON)
    }

    fn open(&mut self) -> Vec<Act> {
        vec![Act::json(&json!({
            "type": "Metadata",
            "request_id": REQUEST_ID,
            "model_name": "aura",
            "model_version": "fake",
            "model_uuid": REQUEST_ID,
        }))]
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let Message::Text(text) = message else {
            return unparsable("a mouth hears nothing".into());
        };
        let frame = match read(text, &super::schema::SPEAK_V1) {
            Ok(frame) => frame,
            Err(why) => return unparsable(why),
        };
        match frame.get("type").and_then(Value::as_str).unwrap_or_default() {
            "Speak" => {
                let text = frame.get("text").and_then(Value::as_str).unwrap_or_default();
                if text.chars().count() > 2_000 {
                    return vec![Act::Violation("more than 2000 characters".into())];
                }
                self.text.push_str(text);
                Vec::new()
            }
            "Flush" => self.flush(),
            "Clear" => self.clear(),
            _ => vec![Act::Close(1000, String::new())],
        }
    }

    fn pause(&self) -> Option<Duration> {
        (!self.outgoing.is_empty()).then_some(PACE)
    }

    fn wake(&mut self) -> Vec<Act> {
        self.outgoing.pop_front().into_iter().collect()
    }
}
