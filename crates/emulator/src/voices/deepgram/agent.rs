//! The Voice Agent: repeats what it heard, or says what the plan says.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::sound::{Detector, Turn, samples};
use super::{Act, Actor, Message, Plan, REASON, REQUEST_ID, Request, Site, admit, is_empty, read, spoken};

/// Between two frames of sound.
const PACE: Duration = Duration::from_millis(20);
/// With neither sound nor KeepAlive for so long it hangs up.
const LONELY: Duration = Duration::from_secs(10);
/// A pause that ends a turn, where the ear may end turns.
const PAUSE_MS: u32 = 600;

#[derive(Debug)]
pub(super) struct Agent {
    fault: String,
    words: String,
    answer: String,
    detector: Detector,
    rate: u32,
    is_set: bool,
    can_force: bool,
    calls: u64,
    function: String,
    outgoing: VecDeque<Act>,
}

impl Agent {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            fault: plan.fault.clone().unwrap_or_default(),
            words: plan.words.clone(),
            answer: plan.answer.clone(),
            detector: Detector::new(24_000, PAUSE_MS),
            rate: 24_000,
            is_set: false,
            can_force: false,
            calls: 0,
            function: String::new(),
            outgoing: VecDeque::new(),
        }
    }

    fn settings(&mut self, frame: &Value) -> Vec<Act> {
        if std::mem::replace(&mut self.is_set, true) {
            return vec![Act::Violation("Settings came twice".into())];
        }
        if self.fault == "bad-settings" {
            let error = json!({ "type": "Error", "code": "INVALID_SETTINGS", "description": "no such model" });
            return vec![Act::json(&error), Act::Close(1008, String::new())];
        }
        let rate = |way: &str| frame.pointer(&format!("/audio/{way}/sample_rate")).and_then(Value::as_u64);
        let hears = rate("input").and_then(|rate| u32::try_from(rate).ok()).unwrap_or(16_000);
        self.rate = rate("output").and_then(|rate| u32::try_from(rate).ok()).unwrap_or(24_000);
        self.detector = Detector::new(hears, PAUSE_MS);
        self.listen(frame.pointer("/agent/listen/provider"));
        self.offered(frame.pointer("/agent/think"));
        vec![Act::json(&json!({ "type": "SettingsApplied" }))]
    }

    /// The function that it calls first.
    fn offered(&mut self, think: Option<&Value>) {
        let name = think.and_then(|think| think.pointer("/functions/0/name")?.as_str());
        self.function = name.unwrap_or_default().to_owned();
    }

    fn listen(&mut self, provider: Option<&Value>) {
        let read = |key: &str| provider.and_then(|provider| provider.get(key));
        self.can_force = read("version").and_then(Value::as_str) == Some("v2") && self.fault != "no-force";
        let threshold = read("eot_threshold").and_then(Value::as_f64).unwrap_or(0.7);
        // 1.0: never, but for the timeout.
        self.detector.wait(if threshold >= 1.0 && self.fault != "no-force" { 30_000 } else { PAUSE_MS });
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<Act> {
        let mut acts = Vec::new();
        for turn in self.detector.hear(&samples(bytes)) {
            match turn {
                Turn::Began => {
                    self.outgoing.clear();
                    acts.push(Act::json(&json!({ "type": "UserStartedSpeaking" })));
                }
                Turn::Ended => self.take_turn(),
            }
        }
        // Sound comes in more often than this actor is woken.
        acts.extend(self.outgoing.pop_front());
        acts
    }

    fn take_turn(&mut self) {
        let words = if self.words.is_empty() { self.detector.words() } else { self.words.clone() };
        if self.fault != "deaf" {
            self.reply(&words);
        }
    }

    fn reply(&mut self, words: &str) {
        self.say(json!({ "type": "ConversationText", "role": "user", "content": words }));
        if self.fault == "error" {
            self.say(json!({ "type": "Error", "code": "FAILED_TO_THINK", "description": "the model broke" }));
            return self.outgoing.push_back(Act::Close(1011, String::new()));
        }
        if self.fault == "function" {
            self.calls += 1;
            let (name, arguments) = match self.function.as_str() {
                "" => ("f", "{}".to_owned()),
                offered => (offered, json!({ "prompt": words }).to_string()),
            };
            let call = json!({
                "id": format!("call_{}", self.calls), "name": name, "arguments": arguments, "client_side": true,
            });
            return self.say(json!({ "type": "FunctionCallRequest", "functions": [call] }));
        }
        self.answer(words);
    }

    fn answer(&mut self, words: &str) {
        let answer = if self.answer.is_empty() { format!("You said: {words}") } else { self.answer.clone() };
        self.say(json!({ "type": "AgentThinking", "content": "" }));
        for (at, sentence) in answer.split_inclusive(". ").enumerate() {
            self.say(json!({ "type": "ConversationText", "role": "assistant", "content": sentence.trim() }));
            if at == 0 {
                let latency = json!({ "total_latency": 0.1, "tts_latency": 0.05, "ttt_latency": 0.05 });
                let mut started = json!({ "type": "AgentStartedSpeaking" });
                if let (Some(started), Some(latency)) = (started.as_object_mut(), latency.as_object()) {
                    started.extend(latency.clone());
                }
                self.say(started);
            }
            let sound = spoken(sentence, self.rate).into_iter().map(|piece| Act::Send(Message::Binary(piece)));
            self.outgoing.extend(sound);
        }
        self.say(json!({ "type": "AgentAudioDone" }));
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is a literal")]
    fn say(&mut self, frame: Value) {
        self.outgoing.push_back(Act::json(&frame));
    }

    fn inject(&mut self, text: &str) -> Vec<Act> {
        let is_busy = !self.outgoing.is_empty() || self.detector.is_speaking();
        if is_busy {
            let message = "the agent speaks or hears the user";
            return vec![Act::json(&json!({ "type": "InjectionRefused", "message": message }))];
        }
        self.reply(text);
        Vec::new()
    }

    fn force_end(&mut self) -> Vec<Act> {
        if !self.can_force {
            let description = "the ear does not know turns";
            let warning =
                json!({ "type": "Warning", "code": "FORCE_END_TURN_UNSUPPORTED", "description": description });
            return vec![Act::json(&warning)];
        }
        if self.detector.is_speaking() {
            self.take_turn();
            self.detector.end();
        }
        Vec::new()
    }

    fn failed(what: String) -> Vec<Act> {
        let error = json!({ "type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": "not understood" });
        vec![Act::Violation(what), Act::json(&error), Act::Close(1008, String::new())]
    }
}

impl Actor for Agent {
    fn admit(&mut self, request: &Request) -> Result<(), (u16, String)> {
        let model = Request { query: [("model".to_owned(), "agent".to_owned())].into(), ..request.clone() };
        admit(&model, Site::Deepgram, &self.fault, &[], &[])
    }

    fn reason_header(&self) -> Option<&'static str> {
        Some(REASON)
    }

    fn open(&mut self) -> Vec<Act> {
        vec![Act::json(&json!({ "type": "Welcome", "request_id": REQUEST_ID }))]
    }

    fn receive(&mut self, message: &Message) -> Vec<Act> {
        let text = match message {
            _ if is_empty(message) => return vec![Act::Violation("an empty frame of sound".into())],
            Message::Binary(_) if !self.is_set => return vec![Act::Violation("sound before Settings".into())],
            Message::Binary(bytes) => return self.hear(bytes),
            Message::Text(text) => text,
        };
        let frame = match read(text, &super::schema::AGENT_V1) {
            Ok(frame) => frame,
            Err(why) => return Self::failed(why),
        };
        let string = |key: &str| frame.get(key).and_then(Value::as_str).unwrap_or_default();
        let updated = |kind: &str| vec![Act::json(&json!({ "type": kind }))];
        match string("type") {
            "Settings" => self.settings(&frame),
            kind if !self.is_set => Self::failed(format!("{kind} before Settings")),
            "UpdatePrompt" => updated("PromptUpdated"),
            "UpdateSpeak" => updated("SpeakUpdated"),
            "UpdateThink" => {
                self.offered(frame.get("think"));
                updated("ThinkUpdated")
            }
            "UpdateListen" => {
                self.listen(frame.pointer("/listen/provider"));
                updated("ListenUpdated")
            }
            "InjectUserMessage" => self.inject(string("content")),
            "ForceEndTurn" => self.force_end(),
            "FunctionCallResponse" => {
                let is_done = string("content").contains("\"ok\":true");
                self.answer(if is_done { "It is done." } else { "I cannot call that." });
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn pause(&self) -> Option<Duration> {
        Some(if self.outgoing.is_empty() { LONELY } else { PACE })
    }

    fn wake(&mut self) -> Vec<Act> {
        match self.outgoing.pop_front() {
            Some(act) => vec![act],
            None => vec![Act::Close(1011, "NET-0001".into())],
        }
    }
}
