//! Ears and mouths under test: a stopped clock, a record, and the providers' schemas.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::cascade::ear::{Ear, EarDeed, Heard};
use crate::cascade::mouth::{Context, Mouth, MouthDeed, Said};
use crate::openai::config::{Detector, Transcription, TurnTaking};
use crate::{Config, Message, Received, Wire};

/// Definitions of a schema that take no key which they do not name.
pub(crate) struct Schema {
    definitions: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Schema {
    pub(crate) fn new(text: &str) -> Self {
        let mut schema: Value = serde_json::from_str(text).unwrap();
        let mut definitions = schema["$defs"].take();
        close(&mut definitions);
        Self { definitions, validators: Mutex::default() }
    }

    fn validator(&self, name: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        if let Some(validator) = validators.get(name) {
            return Arc::clone(validator);
        }
        assert!(self.definitions.get(name).is_some(), "no definition {name}");
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/$defs/{name}"),
            "$defs": self.definitions,
        });
        let validator = Arc::new(jsonschema::validator_for(&schema).unwrap());
        validators.insert(name.to_owned(), Arc::clone(&validator));
        validator
    }

    /// The frame is of this kind.
    pub(crate) fn check(&self, name: &str, frame: &Value) {
        if let Err(error) = self.validator(name).validate(frame) {
            panic!("{name}: {error} at {}\n{frame}", error.instance_path());
        }
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(array) => array.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(crate) fn config() -> Config {
    Config {
        wire: Wire::Realtime,
        voice: String::new(),
        speed: None,
        instructions: String::new(),
        transcription: Some(Transcription { model: String::new(), language: None }),
        noise_reduction: None,
        turn_taking: TurnTaking::PushToTalk,
        retention_ratio: None,
        reasoning_effort: None,
        tools: Vec::new(),
    }
}

pub(crate) fn open(patience: f32) -> Config {
    Config { turn_taking: TurnTaking::Open { detector: Detector::Meaning, patience }, ..config() }
}

pub(crate) fn in_language(language: &str) -> Config {
    let transcription = Some(Transcription { model: String::new(), language: Some(language.to_owned()) });
    Config { transcription, ..config() }
}

pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "any origin will do: the clock stands still from here")]
    Instant::now()
}

/// An ear, what it heard and what it sent.
pub(crate) struct EarRig<E> {
    pub(crate) ear: E,
    pub(crate) now: Instant,
    heard: Vec<Heard>,
    sent: Vec<(Message, bool)>,
}

impl<E: Ear> EarRig<E> {
    pub(crate) fn new(ear: E, config: &Config) -> Self {
        let mut rig = Self { ear, now: now(), heard: Vec::new(), sent: Vec::new() };
        rig.ear.open(config, rig.now);
        rig.drain();
        rig
    }

    fn drain(&mut self) {
        while let Some(deed) = self.ear.poll() {
            match deed {
                EarDeed::Transmit { message, is_audio } => self.sent.push((message, is_audio)),
                EarDeed::Heard(heard) => self.heard.push(heard),
                EarDeed::Fetch { .. } | EarDeed::CallOff(_) => panic!("nothing is asked over HTTP"),
            }
        }
    }

    /// So many ms of a sound, in pieces of 20 ms.
    pub(crate) fn hear(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            self.ear.hear(&[1_000; 480], self.now);
            self.now += Duration::from_millis(20);
        }
        self.drain();
    }

    pub(crate) fn end_turn(&mut self) {
        self.ear.end_turn(self.now);
        self.drain();
    }

    pub(crate) fn clear(&mut self) {
        self.ear.clear(self.now);
        self.drain();
    }

    pub(crate) fn serve(&mut self, frame: &Value) {
        self.frame(&frame.to_string());
    }

    pub(crate) fn frame(&mut self, text: &str) {
        self.ear.receive(Received::Text(text), self.now);
        self.drain();
    }

    /// Lets time pass, with every deadline on the way.
    pub(crate) fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((at, _)) = self.ear.deadline().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.ear.timeout(self.now);
            let next = self.ear.deadline();
            assert!(next.is_none_or(|(next, _)| next > self.now), "a deadline that stays: {next:?}");
            self.drain();
        }
        self.now = end;
    }

    pub(crate) fn heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }

    pub(crate) fn sent(&mut self) -> Vec<(Message, bool)> {
        std::mem::take(&mut self.sent)
    }
}

/// A mouth, what it said and what it sent.
pub(crate) struct MouthRig<M> {
    pub(crate) mouth: M,
    pub(crate) now: Instant,
    said: Vec<Said>,
    sent: Vec<Value>,
}

impl<M: Mouth> MouthRig<M> {
    pub(crate) fn new(mouth: M, config: &Config) -> Self {
        let mut rig = Self { mouth, now: now(), said: Vec::new(), sent: Vec::new() };
        rig.mouth.open(config, rig.now);
        rig.drain();
        assert_eq!(rig.said(), [Said::Ready]);
        rig
    }

    fn drain(&mut self) {
        while let Some(deed) = self.mouth.poll() {
            match deed {
                MouthDeed::Transmit(Message::Text(text)) => self.sent.push(serde_json::from_str(&text).unwrap()),
                MouthDeed::Said(said) => self.said.push(said),
                MouthDeed::Transmit(Message::Binary(_)) | MouthDeed::Fetch { .. } | MouthDeed::CallOff(_) => {
                    panic!("mouths send text frames only")
                }
            }
        }
    }

    pub(crate) fn speak(&mut self, context: u64, text: &str) {
        self.mouth.speak(Context(context), text, self.now);
        self.drain();
    }

    pub(crate) fn finish(&mut self, context: u64) {
        self.mouth.finish(Context(context), self.now);
        self.drain();
    }

    pub(crate) fn cancel(&mut self, context: u64) {
        self.mouth.cancel(Context(context), self.now);
        self.drain();
    }

    pub(crate) fn serve(&mut self, frame: &Value) {
        self.frame(&frame.to_string());
    }

    pub(crate) fn frame(&mut self, text: &str) {
        self.mouth.receive(Received::Text(text), self.now);
        self.drain();
    }

    /// Lets time pass, with every deadline on the way.
    pub(crate) fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((at, _)) = self.mouth.deadline().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.mouth.timeout(self.now);
            let next = self.mouth.deadline();
            assert!(next.is_none_or(|(next, _)| next > self.now), "a deadline that stays: {next:?}");
            self.drain();
        }
        self.now = end;
    }

    pub(crate) fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    pub(crate) fn sent(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.sent)
    }
}

/// Base64 of so many samples.
pub(crate) fn sound(samples: usize) -> String {
    crate::pcm::base64(&crate::pcm::bytes(&vec![1_000; samples]))
}

/// Frames that no provider should send.
pub(crate) const GARBAGE: [&str; 10] = [
    "",
    "{\"type\":",
    "[]",
    "null",
    "{}",
    "{\"type\":7,\"message_type\":[],\"error\":null}",
    "{\"type\":\"chunk\",\"context_id\":{},\"data\":9}",
    "{\"audio\":\"!\",\"contextId\":\"c1\",\"isFinal\":\"yes\"}",
    "{\"type\":\"turn.end\"}",
    "{\"message_type\":\"committed_transcript\"}",
];
