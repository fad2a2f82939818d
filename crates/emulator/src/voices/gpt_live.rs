//! A fake GPT-Live (`/v1/live/sessions`): a session whose clock is the sound that it is given, a voice at real time, and
//! delegations when the user says "look up".
//!
//! Faults by name: `plain` (does not know `acknowledgement_delay_ms`), `quota` (refuses the session for want of credit),
//! `mute` (answers only when told to), `stubborn` (goes on speaking for 3 s after an interruption), `twice` (delegates
//! everything twice), `warning` (an error without a code after the first turn), `content` (the filter ends the session
//! after the first turn), `expiry` (the session ends 2 s after its start), `short` (it says that it will end in 62 s).

mod script;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jsonschema::ValidatorMap;
use serde_json::{Value, json};

use super::sound::{Detector, RATE, Turn};
use super::{Act, Actor, Message, Plan, Request};
use crate::schema::{Refusal, audio, compile, violation};
use script::Script;

static CLIENT: LazyLock<Option<ValidatorMap>> =
    LazyLock::new(|| compile(include_str!("../../schemas/gpt-live-client-events.schema.json")));

/// Where it plays.
const PATH: &str = "/live/sessions";

/// GPT-Live on its path.
pub(super) fn cast(request: &Request, plan: &Plan) -> Option<Box<dyn Actor>> {
    request.path.ends_with(PATH).then(|| Box::new(GptLive::new(plan)) as Box<dyn Actor>)
}
/// Without sound a session ends after this.
const STARVED: Duration = Duration::from_secs(31);
/// A turn is over after so much silence, in ms.
const TURN_END: u32 = 600;
/// 500 tokens, generously.
const LONGEST_APPEND: usize = 2_500;
/// The client may be this far ahead of time.
const AHEAD: Duration = Duration::from_millis(400);

/// See the module.
#[derive(Debug)]
pub(super) struct GptLive {
    plan: Plan,
    events: u64,
    started: Option<Instant>,
    is_over: bool,
    /// Samples that came: the session's clock.
    heard: u64,
    ears: Detector,
    turn_began: u64,
    delegations: HashSet<String>,
    script: Script,
    has_warned: bool,
    has_told_pace: bool,
    usage_told: u64,
}

impl GptLive {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            events: 0,
            started: None,
            is_over: false,
            heard: 0,
            ears: Detector::new(RATE, TURN_END),
            turn_began: 0,
            delegations: HashSet::new(),
            script: Script::default(),
            has_warned: false,
            has_told_pace: false,
            usage_told: 0,
        }
    }

    fn has(&self, fault: &str) -> bool {
        self.plan.fault.as_deref() == Some(fault)
    }

    /// The session's clock, ms.
    fn clock(&self) -> u64 {
        self.heard * 1_000 / u64::from(RATE)
    }

    fn event(&mut self, kind: &str, fields: Value) -> Act {
        self.events += 1;
        let mut event = json!({ "type": kind, "event_id": format!("evt_{}", self.events) });
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        Act::json(&event)
    }

    fn error(&mut self, refusal: &Refusal, command: Option<&Value>) -> Act {
        let error = json!({
            "type": refusal.kind, "code": refusal.code, "message": refusal.message, "param": refusal.param,
            "client_event_id": command,
        });
        self.event("error", json!({ "error": error }))
    }

    /// The client is at fault.
    fn refuse(&mut self, refusal: &Refusal, command: Option<&Value>) -> Vec<Act> {
        vec![Act::Violation(refusal.message.clone()), self.error(refusal, command)]
    }

    fn command(&mut self, event: &Value) -> Vec<Act> {
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = event.get("event_id");
        let wrong = |code, param, words: &str| Refusal::new(Some(code), param, words);
        if self.is_over {
            return vec![Act::Violation(format!("{kind} after the end"))];
        }
        if kind != "session.input_audio.append" {
            if let Some(refusal) = violation(CLIENT.as_ref(), event) {
                return self.refuse(&refusal, id);
            }
            if id.and_then(Value::as_str).is_none() {
                return self.refuse(&wrong("invalid_event", Some("event_id"), "this command should have an id"), id);
            }
        }
        match (kind.as_str(), self.started.is_some()) {
            ("session.start", false) => self.start(event),
            ("session.start", true) => self.refuse(&wrong("invalid_event", None, "the session has started"), id),
            (_, false) => self.refuse(&wrong("invalid_event", None, &format!("{kind} before session.start")), id),
            ("session.input_audio.append", true) => match audio(event) {
                Ok(pcm) => self.hear(&pcm),
                Err(refusal) => self.refuse(&refusal, id),
            },
            ("session.instructions.append" | "session.thinking.append" | "session.commentary.append", true) => {
                self.append(&kind, event)
            }
            ("session.close", true) => self.close("close_requested"),
            (_, true) => vec![Act::Violation(format!("{kind} is of no use here"))],
        }
    }

    fn start(&mut self, event: &Value) -> Vec<Act> {
        let id = event.get("event_id");
        let delay = "session.delegation.acknowledgement_delay_ms";
        if self.has("plain") && event.pointer("/session/delegation/acknowledgement_delay_ms").is_some() {
            let words = format!("Unknown parameter: '{delay}'.");
            let error = self.error(&Refusal::new(Some("unknown_parameter"), Some(delay), words), id);
            return vec![error];
        }
        if self.has("quota") {
            let refusal = Refusal::new(Some("credit_balance_exhausted"), None, "Your credit is used up.");
            return vec![self.error(&refusal, id)];
        }
        self.started = Some(Instant::now());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let life = if self.has("short") { 62 } else { 7_200 };
        let mut session = event.get("session").cloned().unwrap_or_default();
        if let Some(session) = session.as_object_mut() {
            session.insert("id".into(), json!("live_1"));
            session.insert("status".into(), json!("active"));
            session.insert("expires_at".into(), json!(now + life));
        }
        vec![self.event("session.started", json!({ "session": session, "client_event_id": id }))]
    }

    fn append(&mut self, kind: &str, event: &Value) -> Vec<Act> {
        let id = event.get("event_id");
        let content = event.get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
        if content.chars().count() > LONGEST_APPEND {
            return self.refuse(&Refusal::new(Some("invalid_value"), Some("content"), "content is too long"), id);
        }
        let delegation = event.get("delegation_id").and_then(Value::as_str);
        if delegation.is_some_and(|delegation| !self.delegations.contains(delegation)) {
            let words = "this delegation is not known";
            return self.refuse(&Refusal::new(Some("invalid_value"), Some("delegation_id"), words), id);
        }
        let clock = self.clock();
        let appended = kind.replace("append", "appended");
        let ack = json!({ "client_event_id": id, "start_ms": clock + 700, "end_ms": clock + 700 });
        self.script.tell(clock + 700, &appended, ack);
        match kind {
            "session.commentary.append" => self.script.speak(clock + 850, &content),
            "session.instructions.append" if content.contains("Stop") && !self.has("stubborn") => {
                self.script.hush(clock + 200);
            }
            "session.instructions.append" if content.contains("answer now") && self.has("mute") => {
                let words = self.answer("");
                self.script.speak(clock + 500, &words);
            }
            _ => {}
        }
        Vec::new()
    }

    fn answer(&self, words: &str) -> String {
        match (self.plan.answer.as_str(), words) {
            ("", "") => "I am here.".to_owned(),
            ("", words) => format!("You said: {words}"),
            (answer, _) => answer.to_owned(),
        }
    }

    fn hear(&mut self, pcm: &[i16]) -> Vec<Act> {
        let mut acts = Vec::new();
        for piece in pcm.chunks(RATE as usize / 50) {
            self.heard += piece.len() as u64;
            for turn in self.ears.hear(piece) {
                match turn {
                    Turn::Began => {
                        self.turn_began = self.clock();
                        let patience = if self.has("stubborn") { 3_000 } else { 300 };
                        self.script.hush(self.turn_began + patience);
                    }
                    Turn::Ended => acts.extend(self.turn_ended()),
                }
            }
            let clock = self.clock();
            for (kind, fields) in self.script.due(clock) {
                acts.push(match kind.as_str() {
                    "session.output_audio.delta" => Act::json(&json!({ "type": kind, "delta": fields })),
                    _ => self.event(&kind, fields),
                });
            }
        }
        let is_early = self.started.is_some_and(|at| Duration::from_millis(self.clock()) > at.elapsed() + AHEAD);
        if is_early && !std::mem::replace(&mut self.has_told_pace, true) {
            acts.push(Act::Violation("sound comes faster than time passes".into()));
        }
        if self.clock() >= self.usage_told + 15_000 {
            self.usage_told = self.clock();
            let usage =
                json!({ "usage": { "seconds": self.clock() / 1_000 }, "context_window": { "usage_ratio": 0.01 } });
            acts.push(self.event("session.usage.updated", usage));
        }
        if self.has("expiry") && self.clock() >= 2_000 {
            acts.extend(self.close("expired"));
        }
        acts
    }

    /// The user has said something: words come in fragments, the answer or a delegation with them.
    fn turn_ended(&mut self) -> Vec<Act> {
        let words = if self.plan.words.is_empty() { self.ears.words() } else { self.plan.words.clone() };
        let clock = self.clock();
        let end = clock.saturating_sub(u64::from(TURN_END));
        let delegates = words.to_lowercase().contains("look up") || self.has("twice");
        // The words trail the delegation that they lead to.
        self.script.hear(clock + if delegates { 200 } else { 50 }, self.turn_began, end, &words);
        if delegates {
            for count in 0..if self.has("twice") { 2 } else { 1 } {
                let id = format!("dlg_{}", self.delegations.len() + 1);
                self.delegations.insert(id.clone());
                let delegation = json!({ "id": id, "type": "delegation", "target": "client" });
                let fields = json!({ "offset_ms": clock, "delegation": delegation });
                self.script.tell(clock + 100 + 50 * count, "session.delegation.created", fields.clone());
                self.script.tell(clock + 400, "session.delegation.created", fields);
            }
            self.script.speak(clock + 900, "One moment.");
        } else if !self.has("mute") {
            let answer = self.answer(&words);
            self.script.speak(clock + 400, &answer);
        }
        if std::mem::replace(&mut self.has_warned, true) {
        } else if self.has("warning") {
            let refusal = Refusal::new(None, None, "Something was moderated.");
            return vec![self.error(&refusal, None)];
        } else if self.has("content") {
            return self.close("content");
        }
        Vec::new()
    }

    fn close(&mut self, reason: &str) -> Vec<Act> {
        if std::mem::replace(&mut self.is_over, true) {
            return Vec::new();
        }
        let mut acts = Vec::new();
        for id in self.script.pending() {
            let words = "The session closed before this was put into it.";
            acts.push(self.error(&Refusal::new(Some("context_injection_incomplete"), None, words), Some(&id)));
        }
        let usage = json!({ "seconds": self.clock() / 1_000 });
        let session = json!({ "id": "live_1", "model": "gpt-live-1", "status": "active", "expires_at": 1_800_000_000 });
        acts.push(self.event("session.closed", json!({ "reason": reason, "usage": usage, "session": session })));
        acts.push(Act::Close(1000, String::new()));
        acts
    }
}

impl Actor for GptLive {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        let refused = |status, code: &str, message: &str| {
            let error = json!({ "type": "invalid_request_error", "code": code, "message": message, "param": null });
            Err((status, json!({ "error": error }).to_string()))
        };
        if !request.headers.get("authorization").is_some_and(|value| value.starts_with("Bearer ")) {
            return refused(401, "invalid_api_key", "Missing bearer authentication in header");
        }
        if !request.query.is_empty() {
            return refused(400, "unknown_parameter", "This address takes no query.");
        }
        Ok(())
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        match message {
            Message::Binary(_) => vec![Act::Violation("a binary frame".into())],
            Message::Text(text) => match serde_json::from_str(text) {
                Ok(event) => self.command(&event),
                Err(_) => self.refuse(&Refusal::new(Some("invalid_event"), None, "this is no JSON"), None),
            },
        }
    }

    fn pause(&self) -> Option<Duration> {
        self.started.map(|_| STARVED)
    }

    fn wake(&mut self) -> Vec<Act> {
        self.close("expired")
    }
}
