//! A session under test, with a stopped clock and a recorder.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use async_openai::types::realtime::RealtimeClientEvent;
use jsonschema::Validator;
use protocol::{
    Config, Detector, Event, Fault, Input, Item, ItemId, Leg, Message, Output, Received, Session, Transcription,
    TurnTaking, Wire,
};
use serde_json::{Value, json};

use crate::server;

fn validators(schema: &str) -> HashMap<String, Validator> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let events = definitions.keys().filter(|name| name.contains('.') || *name == "error");
    events
        .map(|name| {
            let one = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("#/$defs/{name}"),
                "$defs": definitions,
            });
            (name.clone(), jsonschema::validator_for(&one).unwrap())
        })
        .collect()
}

static CLIENT: LazyLock<HashMap<String, Validator>> =
    LazyLock::new(|| validators(include_str!("../schemas/openai-realtime-client-events.schema.json")));
static SERVER: LazyLock<HashMap<String, Validator>> =
    LazyLock::new(|| validators(include_str!("../schemas/openai-realtime-server-events.schema.json")));

fn check(validators: &HashMap<String, Validator>, event: &Value) {
    let kind = event["type"].as_str().expect("an event has a type");
    let validator = validators.get(kind).unwrap_or_else(|| panic!("no such event: {kind}"));
    if let Err(error) = validator.validate(event) {
        panic!("{kind}: {error} at {}\n{event}", error.instance_path());
    }
}

/// async-openai wants keys that the specification leaves optional (all of them in `response.create`), and has
/// `noise_reduction` wrong (as a tagged enum in itself). Everything else it reads as we send it.
fn for_async_openai(mut event: Value) -> Value {
    let mut fill = |place: &str, key: &str, value: Value| {
        if let Some(object) = event.pointer_mut(place).and_then(Value::as_object_mut) {
            object.entry(key).or_insert(value);
        }
    };
    fill("/session/audio/output", "speed", json!(1.0));
    fill("/session/audio/output", "voice", json!("marin"));
    if event["item"]["type"] == "function_call_output" {
        event["item"]["status"] = json!("completed");
    }
    if event["type"] == "response.create"
        && let Some(event) = event.as_object_mut()
    {
        event.remove("response");
    }
    if let Some(input) = event.pointer_mut("/session/audio/input").and_then(Value::as_object_mut) {
        input.remove("noise_reduction");
    }
    event
}

/// Reads a frame that the session sends: valid by schema, readable by another maker's types, with an id.
pub(crate) fn check_client_frame(text: &str) -> Value {
    let event: Value = serde_json::from_str(text).unwrap();
    check(&CLIENT, &event);
    let second = for_async_openai(event.clone());
    serde_json::from_value::<RealtimeClientEvent>(second)
        .unwrap_or_else(|error| panic!("async-openai: {error}\n{text}"));
    assert!(event["event_id"].is_string(), "{text}");
    event
}

pub(crate) fn config() -> Config {
    Config {
        wire: Wire::Realtime,
        voice: "marin".to_owned(),
        instructions: "Be brief.".to_owned(),
        transcription: Some(Transcription { model: "gpt-4o-mini-transcribe".to_owned(), language: None }),
        noise_reduction: None,
        turn_taking: TurnTaking::PushToTalk,
        speed: None,
        retention_ratio: Some(0.8),
        reasoning_effort: None,
        tools: Vec::new(),
    }
}

/// With an open microphone.
pub(crate) fn open() -> Config {
    Config { turn_taking: TurnTaking::Open { detector: Detector::Silence, patience: 0.0 }, ..config() }
}

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    outputs: Vec<Output>,
    sent: Vec<Value>,
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any origin will do: the clock stands still from here")]
        let now = Instant::now();
        Self { session: Session::new(config), now, outputs: Vec::new(), sent: Vec::new() }
    }

    /// A session whose first connection is ready; the recorder is empty.
    pub(crate) fn ready(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.connect();
        rig.take();
        rig.take_sent();
        rig
    }

    /// A ready session with a spoken question, which the provider has as `item_u`.
    pub(crate) fn asked() -> Self {
        let mut rig = Self::ready(config());
        rig.turn(200);
        rig.serve(server::committed("item_u", None));
        rig
    }

    pub(crate) fn connect(&mut self) {
        self.input(Input::Opened);
        self.serve(server::created());
        self.serve(server::updated());
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            if let Output::Transmit { message: Message::Text(text), .. } = &output {
                self.sent.push(check_client_frame(text));
            }
            self.outputs.push(output);
        }
    }

    /// The conversation told to a connection of its own.
    pub(crate) fn standby(&self) -> Self {
        let session = self.session.standby(&config()).unwrap();
        let mut rig = Self { session, now: self.now, outputs: Vec::new(), sent: Vec::new() };
        rig.connect();
        rig
    }

    /// Goes on over that connection.
    pub(crate) fn adopt(&mut self, standby: Self) {
        self.session.adopt(standby.session, self.now);
        self.drain();
    }

    /// A server event, valid by schema.
    pub(crate) fn serve(&mut self, event: Value) {
        check(&SERVER, &event);
        self.frame(&event.to_string());
    }

    pub(crate) fn serve_all(&mut self, events: impl IntoIterator<Item = Value>) {
        for event in events {
            self.serve(event);
        }
    }

    /// Any frame.
    pub(crate) fn frame(&mut self, text: &str) {
        self.input(Input::Received { leg: Leg::Voice, received: Received::Text(text) });
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.input(Input::Timeout);
    }

    /// Milliseconds of a constant tone.
    pub(crate) fn speak(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            self.input(Input::Audio(&[1_000; 480]));
        }
    }

    /// A push-to-talk turn.
    pub(crate) fn turn(&mut self, ms: usize) {
        self.input(Input::Press);
        self.speak(ms);
        self.input(Input::Release);
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.input(Input::Say { text, aloud: true });
    }

    pub(crate) fn drop_connection(&mut self) {
        self.input(Input::Closed { code: None, reason: "" });
    }

    /// All outputs since the last time.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// All frames sent since the last time.
    pub(crate) fn take_sent(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.sent)
    }

    /// The types of the frames sent since the last time; `append` with its milliseconds, repetitions joined.
    pub(crate) fn sent(&mut self) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut ms = 0;
        for event in self.take_sent() {
            let kind = event["type"].as_str().unwrap();
            if kind == "input_audio_buffer.append" {
                ms += samples(&event) / 24;
                if words.last().is_some_and(|word| word.starts_with("append")) {
                    words.pop();
                }
                words.push(format!("append {ms}"));
            } else {
                ms = 0;
                words.push(
                    kind.trim_start_matches("input_audio_buffer.").trim_start_matches("conversation.").to_owned(),
                );
            }
        }
        words.join(", ")
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        self.session.items()
    }

    /// The conversation, an item a line.
    pub(crate) fn lines(&self) -> String {
        let line = |item: Item| {
            let unheard = if item.unheard.is_empty() { String::new() } else { format!(" [{}]", item.unheard) };
            format!("{:?} {:?}: {}{unheard}", item.role, item.delivery, item.text)
        };
        self.items().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Samples in an append.
pub(crate) fn samples(append: &Value) -> usize {
    use base64::Engine as _;
    let audio = append["audio"].as_str().unwrap();
    base64::engine::general_purpose::STANDARD.decode(audio).unwrap().len() / 2
}

pub(crate) fn events(outputs: &[Output]) -> Vec<&Event> {
    outputs.iter().filter_map(|output| if let Output::Event(event) = output { Some(event) } else { None }).collect()
}

pub(crate) fn faults(outputs: &[Output]) -> Vec<Fault> {
    let fault = |event: &Event| if let Event::Fault(fault) = event { Some(fault.clone()) } else { None };
    events(outputs).into_iter().filter_map(fault).collect()
}

/// Samples to play, by item.
pub(crate) fn played(outputs: &[Output]) -> Vec<(ItemId, usize)> {
    let play = |output: &Output| if let Output::Play { item, pcm } = output { Some((*item, pcm.len())) } else { None };
    outputs.iter().filter_map(play).collect()
}

pub(crate) fn has_flush(outputs: &[Output]) -> bool {
    outputs.contains(&Output::Flush)
}

pub(crate) fn reconnects(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Reconnect(_)))
}
