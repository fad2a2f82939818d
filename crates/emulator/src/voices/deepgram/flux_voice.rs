//! Flux as a voice: turns of speech, a tone for every character.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Act, Actor, Message, Plan, REASON, REQUEST_ID, Request, Site, admit, bounded, late, number, read, spoken,
    unparsable,
};

const KNOWN: [&str; 6] = ["encoding", "sample_rate", "speed", "expressivity", "mip_opt_out", "tag"];
/// Between two frames of sound.
const PACE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct FluxVoice {
    fault: String,
    rate: u32,
    /// Text of the turn that is being written.
    text: String,
    /// Turns that were written.
    written: u64,
    outgoing: VecDeque<Act>,
}

impl FluxVoice {
    pub(super) fn new(plan: &Plan) -> Self {
        let fault = plan.fault.clone().unwrap_or_default();
        Self { fault, rate: 24_000, text: String::new(), written: 0, outgoing: VecDeque::new() }
    }

    fn speech(turn: u64) -> String {
        format!("dg_sp_{turn:012x}")
    }

    fn say(&mut self, text: &str) {
        let is_silent = |text: &str| !text.chars().any(char::is_alphanumeric);
        if is_silent(&self.text) && !is_silent(text) {
            let started = json!({ "type": "SpeechStarted", "speech_id": Self::speech(self.written) });
            self.outgoing.push_back(Act::json(&started));
        }
        if !is_silent(text) {
            self.outgoing.extend(spoken(text, self.rate).into_iter().map(|piece| Act::Send(Message::Binary(piece))));
        }
        self.text.push_str(text);
    }

    fn flush(&mut self) -> Vec<Act> {
        let text = std::mem::take(&mut self.text);
        let warning = |code: &str| vec![Act::json(&json!({ "type": "Warning", "code": code, "description": "" }))];
        if text.is_empty() {
            return warning("NO_ACTIVE_SPEECH");
        } else if !text.chars().any(char::is_alphanumeric) {
            return warning("NO_SYNTHESIZABLE_TEXT");
        } else if self.fault == "error" {
            let error = json!({ "type": "Error", "code": "NET-0000", "description": "it broke" });
            return vec![Act::json(&error), Act::Close(1011, "NET-0000".into())];
        }
        let speech = Self::speech(self.written);
        self.written += 1;
        if self.fault != "mute" {
            let flushed = json!({ "type": "Flushed", "speech_id": speech });
            let ended = Self::metadata(&speech, &text, true);
            self.outgoing.extend([Act::json(&flushed), Act::json(&ended)]);
        }
        Vec::new()
    }

    fn metadata(speech: &str, text: &str, is_message: bool) -> Value {
        let count = text.chars().count();
        let controls = json!({ "pronunciations_applied": 0, "breaks_applied": 0, "pronunciation_warnings": 0 });
        let mut metadata = json!({
            "speech_id": speech,
            "audio_duration_ms": 0,
            "input_character_count": count,
            "billable_character_count": count,
            "controls_applied": controls,
        });
        if let (true, Some(object)) = (is_message, metadata.as_object_mut()) {
            object.insert("type".into(), json!("SpeechMetadata"));
        }
        metadata
    }

    fn interrupt(&mut self) -> Vec<Act> {
        if self.outgoing.is_empty() && self.text.is_empty() {
            let warning = json!({ "type": "Warning", "code": "NO_ACTIVE_SPEECH", "description": "nothing is said" });
            return vec![Act::json(&warning)];
        }
        let late = late(&mut self.outgoing);
        let text = std::mem::take(&mut self.text);
        let metadata = Self::metadata(&Self::speech(self.written), &text, false);
        self.written += 1;
        let interrupted = json!({ "type": "SpeechInterrupted", "audio_played_ms": 0, "metadata": metadata });
        late.into_iter().chain([Act::json(&interrupted)]).collect()
    }
}

impl Actor for FluxVoice {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        admit(request, Site::Deepgram, &self.fault, &KNOWN, &[])?;
        let model = request.query.get("model").map(String::as_str).unwrap_or_default();
        if !model.starts_with("flux-") {
            return Err((400, "Only Flux voices speak here.".into()));
        }
        let speed = bounded(request, "speed", 0.5..=1.5)?.unwrap_or(1.0) * 20.0;
        if (speed - speed.round()).abs() > 1e-6 {
            return Err((400, "SPEED_INCREMENT_INVALID".into()));
        }
        self.rate = number(request, "sample_rate").map_or(self.rate, |rate| rate as u32);
        Ok(())
    }

    fn reason_header(&self) -> Option<&'static str> {
        Some(REASON)
    }

    fn open(&mut self) -> Vec<Act> {
        vec![Act::json(&json!({
            "type": "Connected",
            "request_id": REQUEST_ID,
            "model_name": "flux",
            "model_version": "fake",
            "model_uuids": [REQUEST_ID],
        }))]
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let Message::Text(text) = message else {
            return unparsable("a mouth hears nothing".into());
        };
        let frame = match read(text, &super::schema::SPEAK_V2) {
            Ok(frame) => frame,
            Err(why) => return unparsable(why),
        };
        match frame.get("type").and_then(Value::as_str).unwrap_or_default() {
            "Speak" => {
                self.say(frame.get("text").and_then(Value::as_str).unwrap_or_default());
                Vec::new()
            }
            "Flush" => self.flush(),
            "Interrupt" => self.interrupt(),
            "Configure" => vec![Act::json(&json!({ "type": "ConfigureSuccess", "applied": {} }))],
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
