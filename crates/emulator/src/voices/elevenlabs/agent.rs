//! An agent: it hears turns by their sound and answers each with a tone. Faults: `quota` (an error at the beginning),
//! `no_agent`, `no_overrides` (who tries is refused), `greets`, `tool` (it asks for a tool first that nobody has),
//! `picture` (it announces a picture and asks for it; the sound of the words comes behind the call), `telephone` (µ-law
//! at 8 kHz), `silent` (it never answers), `leaves` (it answers once and ends the conversation).

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::admit;
use crate::voices::definitions::Definitions;
use crate::voices::sound::{Detector, Turn, bytes, samples, tone};
use crate::voices::{Act, Actor, Message, Plan, Request};

static SCHEMA: LazyLock<Definitions> = LazyLock::new(|| {
    Definitions::new(
        include_str!("../../../schemas/elevenlabs-agents.schema.json"),
        &[
            "UserAudioPayload",
            "PongPayload",
            "UserMessagePayload",
            "UserActivityPayload",
            "ContextualUpdatePayload",
            "ClientToolResultPayload",
            "ConversationInitiationPayload",
        ],
    )
});

/// Silence that ends a turn, in ms.
const SILENCE: u32 = 500;
/// How long a letter sounds, in ms.
const LETTER: u32 = 30;
/// The client's sound may not stop for so long: the agent would think that it is gone.
const STOPPED: Duration = Duration::from_secs(5);
/// A ping has its answer within this time.
const UNANSWERED: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct Agent {
    words: String,
    answer: String,
    fault: String,
    rate: u32,
    has_begun: bool,
    detector: Detector,
    events: i64,
    /// The ping that is not answered yet, with its time, and when the next is due, in samples heard.
    pinged: Option<(i64, Instant)>,
    ping_at: u64,
    /// The answer is being heard until so many samples were.
    speaks_until: u64,
    spoken: String,
    /// Tools that it waits for.
    calls: Vec<String>,
}

impl Agent {
    pub(super) fn new(plan: &Plan) -> Self {
        let fault = plan.fault.clone().unwrap_or_default();
        let rate = if fault == "telephone" { 8_000 } else { 16_000 };
        Self {
            words: plan.words.clone(),
            answer: plan.answer.clone(),
            fault,
            rate,
            has_begun: false,
            detector: Detector::new(rate, SILENCE),
            events: 0,
            pinged: None,
            ping_at: 0,
            speaks_until: 0,
            spoken: String::new(),
            calls: Vec::new(),
        }
    }

    fn event(&mut self) -> i64 {
        self.events += 1;
        self.events
    }

    fn begin(&mut self, frame: &Value) -> Vec<Act> {
        if self.fault == "no_overrides" && frame.get("conversation_config_override").is_some() {
            let words = "Override for field 'prompt' is not allowed by config.";
            return failed("override_error", words);
        }
        self.has_begun = true;
        let format = if self.fault == "telephone" { "ulaw_8000" } else { "pcm_16000" };
        let about = json!({
            "conversation_id": "conversation_1",
            "agent_output_audio_format": format,
            "user_input_audio_format": format,
        });
        let kind = "conversation_initiation_metadata";
        let mut acts =
            vec![Act::json(&json!({ "type": kind, "conversation_initiation_metadata_event": about })), self.ping()];
        if self.fault == "greets" {
            acts.extend(self.say("Hello, how can I help you?"));
        }
        acts
    }

    fn ping(&mut self) -> Act {
        let event_id = self.event();
        self.pinged = Some((event_id, Instant::now()));
        Act::json(&json!({ "type": "ping", "ping_event": { "event_id": event_id, "ping_ms": null } }))
    }

    /// Words and their sound.
    fn say(&mut self, text: &str) -> Vec<Act> {
        let event_id = self.event();
        text.clone_into(&mut self.spoken);
        let response = json!({ "agent_response": text, "event_id": event_id });
        let mut acts = vec![Act::json(&json!({ "type": "agent_response", "agent_response_event": response }))];
        let ms = LETTER * u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let sound = tone(440.0, ms, self.rate);
        self.speaks_until = self.detector.heard + sound.len() as u64;
        for piece in sound.chunks(self.rate as usize / 4) {
            let event_id = self.event();
            acts.push(self.audio(piece, event_id));
        }
        acts
    }

    fn audio(&self, pcm: &[i16], event_id: i64) -> Act {
        let sound =
            if self.fault == "telephone" { pcm.iter().map(|sample| ulaw(*sample)).collect() } else { bytes(pcm) };
        let event = json!({ "audio_base_64": BASE64_STANDARD.encode(sound), "event_id": event_id });
        Act::json(&json!({ "type": "audio", "audio_event": event }))
    }

    fn hear(&mut self, frame: &Value) -> Vec<Act> {
        let text = frame.get("user_audio_chunk").and_then(Value::as_str).unwrap_or_default();
        let Ok(bytes) = BASE64_STANDARD.decode(text) else {
            return vec![Act::Violation("the sound is not base64".into())];
        };
        let pcm: Vec<i16> =
            if self.fault == "telephone" { bytes.into_iter().map(of_ulaw).collect() } else { samples(&bytes) };
        let mut acts = Vec::new();
        for turn in self.detector.hear(&pcm) {
            match turn {
                Turn::Began if self.detector.heard < self.speaks_until => acts.extend(self.interrupt()),
                Turn::Began => {}
                Turn::Ended => acts.extend(self.understand()),
            }
        }
        if self.detector.heard >= self.ping_at {
            self.ping_at = self.detector.heard + 2 * u64::from(self.rate);
            // Sound that is sent again comes faster than any answer.
            match self.pinged {
                None => acts.push(self.ping()),
                Some((_, since)) if since.elapsed() < UNANSWERED => {}
                Some(_) => acts.push(Act::Violation("a ping without an answer".into())),
            }
        }
        acts
    }

    /// The user speaks over the answer: it ends, and one more piece of it comes late.
    fn interrupt(&mut self) -> Vec<Act> {
        self.speaks_until = 0;
        let event_id = self.events;
        let correction = json!({
            "original_agent_response": self.spoken,
            "corrected_agent_response": self.spoken.split_whitespace().take(1).collect::<String>(),
            "event_id": event_id,
        });
        vec![
            Act::json(&json!({ "type": "interruption", "interruption_event": { "event_id": event_id } })),
            self.audio(&tone(880.0, 200, self.rate), event_id),
            Act::json(&json!({ "type": "agent_response_correction", "agent_response_correction_event": correction })),
        ]
    }

    fn understand(&mut self) -> Vec<Act> {
        let words = if self.words.is_empty() { self.detector.words() } else { self.words.clone() };
        let event = json!({ "user_transcript": words, "event_id": self.event() });
        let mut acts = vec![Act::json(&json!({ "type": "user_transcript", "user_transcription_event": event }))];
        acts.extend(self.reply(&words));
        acts
    }

    fn call(&mut self, name: &str, parameters: &Value) -> Act {
        let event_id = self.event();
        let id = format!("call_{event_id}");
        self.calls.push(id.clone());
        let call = json!({ "tool_name": name, "tool_call_id": id, "parameters": parameters, "event_id": event_id });
        Act::json(&json!({ "type": "client_tool_call", "client_tool_call": call }))
    }

    fn take_result(&mut self, frame: &Value) -> Vec<Act> {
        let is_of = |id: &String| frame.get("tool_call_id").and_then(Value::as_str) == Some(id);
        let Some(at) = self.calls.iter().position(is_of) else {
            return vec![Act::Violation("a result of no call, or a second one".into())];
        };
        self.calls.remove(at);
        let is_done = frame.get("result").and_then(Value::as_str).is_some_and(|result| result.contains("\"ok\":true"));
        self.say(if is_done { "It is done." } else { "I could not do that." })
    }

    fn reply(&mut self, words: &str) -> Vec<Act> {
        if self.fault == "silent" {
            return Vec::new();
        }
        if self.fault == "tool" {
            return vec![self.call("light", &json!({}))];
        }
        if self.fault == "picture" {
            let mut acts = self.say("One moment.");
            acts.insert(1, self.call("make_image", &json!({ "prompt": words })));
            return acts;
        }
        let answer = if self.answer.is_empty() { format!("You said: {words}") } else { self.answer.clone() };
        let mut acts = self.say(&answer);
        if self.fault == "leaves" {
            acts.push(Act::Close(1000, "Conversation ended by the agent.".into()));
        }
        acts
    }
}

fn failed(kind: &str, message: &str) -> Vec<Act> {
    let event = json!({ "code": 1008, "error_type": kind, "message": message });
    vec![Act::json(&json!({ "type": "error", "error_event": event })), Act::Close(1008, message.to_owned())]
}

impl Actor for Agent {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        admit(request)?;
        match request.query.get("agent_id").is_some_and(|id| !id.is_empty()) {
            true => Ok(()),
            false => Err(super::refusal(422, "invalid_agent_id", "agent_id is missing.")),
        }
    }

    fn open(&mut self) -> Vec<Act> {
        match self.fault.as_str() {
            "no_agent" => {
                vec![Act::Close(1008, "The AI agent you are trying to reach does not exist.".into())]
            }
            "quota" => failed("quota_exceeded", "This request exceeds your quota limit."),
            _ => Vec::new(),
        }
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let Message::Text(text) = message else { return vec![Act::Violation("a binary frame".into())] };
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = frame.get("type").and_then(Value::as_str);
        let definition = match kind {
            None => "UserAudioPayload",
            Some("pong") => "PongPayload",
            Some("user_message") => "UserMessagePayload",
            Some("user_activity") => "UserActivityPayload",
            Some("contextual_update") => "ContextualUpdatePayload",
            Some("client_tool_result") => "ClientToolResultPayload",
            Some("conversation_initiation_client_data") => "ConversationInitiationPayload",
            Some(other) => return vec![Act::Violation(format!("no message {other}"))],
        };
        if let Some(breach) = SCHEMA.breach(definition, &frame) {
            return vec![Act::Violation(breach)];
        }
        if !self.has_begun && kind != Some("conversation_initiation_client_data") {
            return vec![Act::Violation("something before the beginning".into())];
        }
        match kind {
            None => self.hear(&frame),
            Some("conversation_initiation_client_data") => self.begin(&frame),
            Some("pong") if frame.get("event_id").and_then(Value::as_i64) != self.pinged.take().map(|(id, _)| id) => {
                vec![Act::Violation("a pong for no ping".into())]
            }
            Some("user_message") => self.reply(frame.get("text").and_then(Value::as_str).unwrap_or_default()),
            Some("client_tool_result") => self.take_result(&frame),
            Some(_) => Vec::new(),
        }
    }

    fn pause(&self) -> Option<Duration> {
        self.has_begun.then_some(STOPPED)
    }

    fn wake(&mut self) -> Vec<Act> {
        vec![Act::Violation("the sound stopped".into()), Act::Close(1002, "no user input".into())]
    }
}

/// ITU-T G.711, as the telephone has it.
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + 0x84;
    let exponent = (24 - magnitude.leading_zeros() as i32).clamp(0, 7);
    !((sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)) as u8)
}

fn of_ulaw(byte: u8) -> i16 {
    let byte = i32::from(!byte);
    let magnitude = ((((byte & 0x0F) << 3) + 0x84) << ((byte >> 4) & 0x07)) - 0x84;
    (if byte & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}
