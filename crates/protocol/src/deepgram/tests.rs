//! The ears, the mouth and the agent by scripts. Every text frame that is sent is checked against Deepgram's schema.

mod agent;
mod aura;
mod flux;
mod flux_voice;
mod nova;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::cascade::ear::{Ear, EarDeed, Heard};
use crate::cascade::mouth::{Mouth, MouthDeed, Said};
use crate::{Config, Detector, Message, Received, Transcription, TurnTaking, Wire};

const LISTEN_V1: &str = include_str!("../../../emulator/schemas/deepgram-listen-v1.schema.json");
const LISTEN_V2: &str = include_str!("../../../emulator/schemas/deepgram-listen-v2.schema.json");
const SPEAK_V1: &str = include_str!("../../../emulator/schemas/deepgram-speak-v1.schema.json");
const SPEAK_V2: &str = include_str!("../../../emulator/schemas/deepgram-speak-v2.schema.json");
const AGENT_V1: &str = include_str!("../../../emulator/schemas/deepgram-agent-v1.schema.json");

/// All messages of all services, by name.
static VALIDATORS: LazyLock<HashMap<String, Validator>> =
    LazyLock::new(|| [LISTEN_V1, LISTEN_V2, SPEAK_V1, SPEAK_V2, AGENT_V1].into_iter().flat_map(validators).collect());

fn validators(schema: &str) -> Vec<(String, Validator)> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = |name: &String| {
        let one = json!({ "$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"] });
        (name.clone(), jsonschema::validator_for(&one).unwrap())
    };
    schema["$defs"].as_object().unwrap().keys().map(validator).collect()
}

/// Reads a frame that we send: valid by schema.
fn checked(prefix: &str, text: &str) -> Value {
    let frame: Value = serde_json::from_str(text).unwrap();
    let name = match (prefix, frame["type"].as_str().unwrap()) {
        ("SpeakV1", "Speak") => "Text",
        ("AgentV1", "FunctionCallResponse") => "SendFunctionCallResponse",
        (_, kind) => kind,
    };
    let validator = VALIDATORS.get(&format!("{prefix}{name}")).unwrap_or_else(|| panic!("no such message: {frame}"));
    if let Err(error) = validator.validate(&frame) {
        panic!("{error} at {}\n{frame}", error.instance_path());
    }
    frame
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "any origin will do: the clock stands still from here")]
    Instant::now()
}

fn config(turn_taking: TurnTaking) -> Config {
    Config {
        wire: Wire::Realtime,
        voice: String::new(),
        speed: None,
        instructions: "Be brief.".into(),
        transcription: Some(Transcription { model: String::new(), language: Some("en".into()) }),
        noise_reduction: None,
        turn_taking,
        retention_ratio: None,
        reasoning_effort: None,
        tools: Vec::new(),
    }
}

fn open(patience: f32) -> Config {
    config(TurnTaking::Open { detector: Detector::Meaning, patience })
}

fn push_to_talk() -> Config {
    config(TurnTaking::PushToTalk)
}

/// What was sent: the names of control frames, and how many ms of sound, whose is the microphone's.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sent {
    frames: Vec<Value>,
    microphone_ms: usize,
    silence_ms: usize,
}

impl Sent {
    fn kinds(&self) -> Vec<&str> {
        self.frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect()
    }
}

/// An ear, with a clock that stands still.
struct EarRig<E> {
    ear: E,
    now: Instant,
    prefix: &'static str,
}

impl<E: Ear> EarRig<E> {
    fn new(ear: E, prefix: &'static str, config: &Config) -> Self {
        let mut rig = Self { ear, now: now(), prefix };
        rig.ear.open(config, rig.now);
        rig
    }

    fn drain(&mut self) -> (Sent, Vec<Heard>) {
        let (mut sent, mut heard) = (Sent::default(), Vec::new());
        while let Some(deed) = self.ear.poll() {
            match deed {
                EarDeed::Transmit { message: Message::Text(text), .. } => {
                    sent.frames.push(checked(self.prefix, &text));
                }
                EarDeed::Transmit { message: Message::Binary(bytes), is_audio } => {
                    assert!(!bytes.is_empty(), "an empty frame ends the stream");
                    let ms = bytes.len() / 48;
                    *if is_audio { &mut sent.microphone_ms } else { &mut sent.silence_ms } += ms;
                }
                EarDeed::Heard(one) => heard.push(one),
                EarDeed::Fetch { .. } | EarDeed::CallOff(_) => panic!("Deepgram's ears have a socket"),
            }
        }
        (sent, heard)
    }

    fn heard(&mut self) -> Vec<Heard> {
        self.drain().1
    }

    fn sent(&mut self) -> Sent {
        self.drain().0
    }

    fn serve(&mut self, frame: &Value) -> Vec<Heard> {
        self.ear.receive(Received::Text(&frame.to_string()), self.now);
        self.heard()
    }

    fn say(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            self.ear.hear(&[1_000; 480], self.now);
        }
    }

    /// Lets time go by, with every deadline on the way.
    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut turns = 0;
        while let Some((at, _)) = self.ear.deadline().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.ear.timeout(self.now);
            turns += 1;
            assert!(turns < 1_000, "a deadline that does not pass");
        }
        self.now = until;
    }
}

/// A mouth, with a clock that stands still.
struct MouthRig<M> {
    mouth: M,
    now: Instant,
    prefix: &'static str,
}

impl<M: Mouth> MouthRig<M> {
    fn new(mouth: M, prefix: &'static str) -> Self {
        let mut rig = Self { mouth, now: now(), prefix };
        rig.mouth.open(&push_to_talk(), rig.now);
        assert_eq!(rig.drain().1, [Said::Ready]);
        rig
    }

    fn drain(&mut self) -> (Vec<String>, Vec<Said>) {
        let (mut sent, mut said) = (Vec::new(), Vec::new());
        while let Some(deed) = self.mouth.poll() {
            match deed {
                MouthDeed::Transmit(Message::Text(text)) => {
                    let frame = checked(self.prefix, &text);
                    let kind = frame["type"].as_str().unwrap();
                    sent.push(frame["text"].as_str().map_or_else(|| kind.to_owned(), |text| format!("{kind} {text}")));
                }
                MouthDeed::Said(one) => said.push(one),
                MouthDeed::Transmit(Message::Binary(_)) | MouthDeed::Fetch { .. } | MouthDeed::CallOff(_) => {
                    panic!("a mouth sends text")
                }
            }
        }
        (sent, said)
    }

    fn sent(&mut self) -> Vec<String> {
        self.drain().0
    }

    fn said(&mut self) -> Vec<Said> {
        self.drain().1
    }

    fn serve(&mut self, frame: &Value) -> Vec<Said> {
        self.mouth.receive(Received::Text(&frame.to_string()), self.now);
        self.drain().1
    }
}

/// What no service should send, and every one does some day.
fn garbage() -> Vec<String> {
    let frames = [json!([]), json!(null), json!("x"), json!({}), json!({ "type": 7 }), json!({ "type": "Nonsense" })];
    let broken = ["{\"type\":", "", "\u{0}", "[[[["].map(str::to_owned);
    let huge = json!({ "type": "Nonsense", "words": "x".repeat(1 << 20) }).to_string();
    frames.iter().map(Value::to_string).chain(broken).chain([huge]).collect()
}
