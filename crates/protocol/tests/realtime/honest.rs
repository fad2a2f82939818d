//! A provider that keeps the rules, and the client to them.

use std::collections::{HashMap, HashSet, VecDeque};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::server;

const SILENCE_MS: usize = 300;

#[derive(Default)]
pub(crate) struct Provider {
    /// What it will say, in order.
    pub(crate) queue: VecDeque<Value>,
    connection: usize,
    is_updated: bool,
    listens: bool,
    /// It does not answer before it is asked.
    waits: bool,
    buffer: usize,
    /// Milliseconds heard since the beginning, of silence at the end, and where speech began.
    heard: usize,
    silent: usize,
    speech: Option<(String, usize)>,
    response: Option<String>,
    /// Assistant items with their milliseconds of audio.
    audio: HashMap<String, usize>,
    last: Option<String>,
    count: usize,
    has_tools: bool,
    responses: usize,
    /// Calls that it knows of no output for.
    calls: HashSet<String>,
    /// User items that it was given, as text or sound.
    pub(crate) questions: usize,
}

impl Provider {
    /// The provider of the nth connection: its names are never used again.
    pub(crate) fn greet(connection: usize) -> Self {
        Self { connection, queue: VecDeque::from([server::created()]), ..Self::default() }
    }

    fn name(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}_{}_{}", self.connection, self.count)
    }

    fn say(&mut self, event: Value) {
        self.queue.push_back(event);
    }

    pub(crate) fn hear(&mut self, event: &Value) {
        let kind = event["type"].as_str().unwrap();
        assert!(self.is_updated || kind == "session.update", "{kind} before the settings");
        match kind {
            "session.update" => {
                self.is_updated = true;
                self.has_tools |= event["session"]["tools"].is_array();
                let detection = &event["session"]["audio"]["input"]["turn_detection"];
                self.listens = !detection.is_null();
                self.waits = detection["create_response"] == false;
                let mut updated = server::updated();
                updated["session"]["audio"]["input"]["turn_detection"] = detection.clone();
                self.say(updated);
            }
            "input_audio_buffer.append" => self.append(event),
            "input_audio_buffer.clear" => {
                self.buffer = 0;
                self.speech = None;
            }
            "input_audio_buffer.commit" => {
                assert!(self.buffer >= 2_400, "an empty commit");
                self.commit(None);
            }
            "conversation.item.create" => {
                let item = &event["item"];
                let id = item["id"].as_str().unwrap().to_owned();
                self.questions += usize::from(item["role"] == "user");
                if let Some(call) = item["call_id"].as_str() {
                    assert!(self.calls.remove(call), "the output of a call that was made");
                }
                self.last = Some(id);
            }
            "response.create" => {
                if self.response.is_none() {
                    self.respond();
                } else {
                    // Only what the client cannot know yet excuses it.
                    let is_unknown = |event: &Value| {
                        event["type"] == "response.created"
                            && event["response"]["id"].as_str() == self.response.as_deref()
                    };
                    assert!(self.queue.iter().any(is_unknown), "two responses at once");
                    let id = event["event_id"].as_str();
                    self.say(server::error(Some("conversation_already_has_active_response"), id));
                }
            }
            "response.cancel" => self.cancel("client_cancelled", event["event_id"].as_str()),
            "conversation.item.truncate" => {
                let ms = event["audio_end_ms"].as_u64().unwrap() as usize;
                let received =
                    self.audio.get(event["item_id"].as_str().unwrap()).copied().expect("an item to truncate");
                assert!(ms > 0 && ms <= received, "{ms} of {received}");
            }
            "conversation.item.delete" => {}
            _ => panic!("{kind}"),
        }
    }

    fn append(&mut self, event: &Value) {
        let bytes = base64::engine::general_purpose::STANDARD.decode(event["audio"].as_str().unwrap()).unwrap();
        self.buffer += bytes.len() / 2;
        if !self.listens {
            return;
        }
        for millisecond in bytes.chunks(48) {
            self.heard += 1;
            if millisecond.iter().any(|byte| *byte != 0) {
                self.silent = 0;
                if self.speech.is_none() {
                    let id = self.name("item");
                    self.say(server::speech_started(&id, self.heard as u64 - 1));
                    self.speech = Some((id, self.heard - 1));
                    self.cancel("turn_detected", None);
                }
            } else {
                self.silent += 1;
            }
            if self.silent >= SILENCE_MS
                && let Some((id, _)) = self.speech.take()
            {
                self.say(server::speech_stopped(&id, (self.heard - SILENCE_MS) as u64));
                self.commit(Some(id));
                if self.response.is_none() && !self.waits {
                    self.respond();
                }
            }
        }
    }

    fn commit(&mut self, id: Option<String>) {
        let id = id.unwrap_or_else(|| self.name("item"));
        self.buffer = 0;
        self.questions += 1;
        let previous = self.last.replace(id.clone());
        self.say(server::committed(&id, previous.as_deref()));
        self.say(server::user_caption(&id, "Words."));
    }

    fn respond(&mut self) {
        let (response, item) = (self.name("resp"), self.name("item"));
        let previous = self.last.replace(item.clone());
        self.responses += 1;
        if self.has_tools && self.responses % 3 == 1 {
            return self.call(response, &item);
        }
        for event in server::answer(&response, &item, previous.as_deref(), 700, "An answer of words.") {
            self.say(event);
        }
        self.response = Some(response);
        self.audio.insert(item, 700);
    }

    fn call(&mut self, response: String, item: &str) {
        let call = self.name("call");
        self.say(server::response_created(&response));
        self.say(server::output_item_added(&response, server::call_item(item, &call, "in_progress")));
        self.say(server::output_item_done(&response, server::call_item(item, &call, "completed")));
        self.say(server::response_done(&response));
        self.calls.insert(call);
        self.response = Some(response);
    }

    /// What was not said yet of the running response is not said.
    fn cancel(&mut self, reason: &str, event_id: Option<&str>) {
        let Some(response) = self.response.take() else {
            if event_id.is_some() {
                self.say(server::error(Some("response_cancel_not_active"), event_id));
            }
            return;
        };
        let is_of =
            |event: &Value| event["response_id"] == response.as_str() || event["response"]["id"] == response.as_str();
        let was_created = !self.queue.iter().any(|event| event["type"] == "response.created" && is_of(event));
        if !was_created {
            // It begins and ends at once.
            self.queue.retain(|event| !is_of(event) || event["type"] == "response.created");
        } else {
            self.queue.retain(|event| !is_of(event));
        }
        self.queue.retain(|event| {
            !event["type"].as_str().unwrap().starts_with("conversation.item.") || event.get("item").is_none()
        });
        self.say(server::response_cancelled(&response, reason));
    }

    /// The next thing it says.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let event = self.queue.pop_front()?;
        if event["type"] == "response.done" && event["response"]["id"].as_str() == self.response.as_deref() {
            self.response = None;
        }
        Some(event)
    }
}

/// An `error` for nothing, now and then.
pub(crate) fn noise() -> Vec<String> {
    [
        json!({"type": "rate_limits.updated", "event_id": "x", "rate_limits": []}),
        json!({"type": "brand.new", "event_id": "x", "item": {"id": "y"}}),
    ]
    .iter()
    .map(Value::to_string)
    .chain(["{\"type\":".to_owned(), "\u{0}".to_owned()])
    .collect()
}
