//! A session under test with a stopped clock, and the track of a model that speaks when the test says so.

use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonschema::Validator;
use protocol::{
    Config, Detector, Errand, Event, Fault, Input, Item, ItemId, Leg, Message, Output, Question, Received, Session,
    Thought, Transcription, TurnTaking, Wire, gpt_live,
};
use serde_json::{Value, json};

pub(crate) const MS: Duration = Duration::from_millis(1);

fn validators(schema: &str) -> HashMap<String, Validator> {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let events = definitions.keys().filter(|name| name.contains('.') || *name == "error");
    let validator = |name: &String| {
        let one = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/$defs/{name}"),
            "$defs": definitions,
        });
        (name.clone(), jsonschema::validator_for(&one).unwrap())
    };
    events.map(validator).collect()
}

static CLIENT: LazyLock<HashMap<String, Validator>> =
    LazyLock::new(|| validators(include_str!("../schemas/gpt-live-client-events.schema.json")));
static SERVER: LazyLock<HashMap<String, Validator>> =
    LazyLock::new(|| validators(include_str!("../schemas/gpt-live-server-events.schema.json")));

fn check(validators: &HashMap<String, Validator>, event: &Value) {
    let kind = event["type"].as_str().unwrap();
    let validator = validators.get(kind).unwrap_or_else(|| panic!("no such event: {kind}"));
    if let Err(error) = validator.validate(event) {
        panic!("{kind}: {error} at {}\n{event}", error.instance_path());
    }
}

pub(crate) fn config() -> Config {
    Config {
        wire: Wire::GptLive(gpt_live::Setup { model: "gpt-live-1".to_owned(), voice: "marin".to_owned() }),
        voice: String::new(),
        instructions: "Be brief.".to_owned(),
        transcription: Some(Transcription { model: String::new(), language: None }),
        noise_reduction: None,
        turn_taking: TurnTaking::PushToTalk,
        speed: None,
        retention_ratio: None,
        reasoning_effort: None,
        tools: Vec::new(),
    }
}

pub(crate) fn open() -> Config {
    Config { turn_taking: TurnTaking::Open { detector: Detector::Silence, patience: 0.0 }, ..config() }
}

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    outputs: Vec<Output>,
    sent: Vec<Value>,
    /// The session's clock in samples, and when it started; `None` before `session.started`.
    clock: Option<(u64, Instant, Instant)>,
    /// What the model says next.
    voice: VecDeque<i16>,
    /// Where its track ends, in samples.
    track: u64,
    events: u64,
    /// When the microphone was last heard.
    heard_at: Instant,
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any origin will do: the clock stands still from here")]
        let now = Instant::now();
        let session = Session::new(config);
        Self {
            session,
            now,
            outputs: Vec::new(),
            sent: Vec::new(),
            clock: None,
            voice: VecDeque::new(),
            track: 0,
            events: 0,
            heard_at: now,
        }
    }

    /// A session that has started; the recorder is empty.
    pub(crate) fn ready(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.connect();
        rig.take();
        rig.sent.clear();
        rig
    }

    pub(crate) fn connect(&mut self) {
        self.input(Input::Opened);
        self.begin();
        self.heard_at = self.now; // what was said before goes on from here
    }

    /// `session.started`.
    pub(crate) fn begin(&mut self) {
        self.clock = Some((0, self.now, self.now));
        (self.track, self.voice) = (0, VecDeque::new());
        let session = json!({ "id": "live_1", "model": "gpt-live-1", "status": "active", "expires_at": 1_800_000_000,
            "audio": { "format": { "type": "audio/pcm", "rate": 24000 } } });
        self.serve("session.started", json!({ "session": session }));
    }

    pub(crate) fn drop_connection(&mut self) {
        self.clock = None;
        self.input(Input::Closed { code: None, reason: "" });
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        while let Some(output) = self.session.poll() {
            if let Output::Transmit { message, leg, .. } = &output {
                assert_eq!(*leg, Leg::Voice);
                let Message::Text(text) = message else { panic!("a binary frame") };
                self.sent(serde_json::from_str(text).unwrap());
            }
            self.outputs.push(output);
        }
    }

    fn sent(&mut self, command: Value) {
        check(&CLIENT, &command);
        if command["type"] == "session.start" {
            assert!(self.clock.is_none(), "a second start");
        } else {
            let (samples, started, last) = self.clock.as_mut().unwrap_or_else(|| panic!("too early: {command}"));
            if command["type"] == "session.input_audio.append" {
                *samples += STANDARD.decode(command["audio"].as_str().unwrap()).unwrap().len() as u64 / 2;
                let time = Duration::from_micros(*samples * 1_000_000 / 24_000);
                let allowed = self.now - *started + 80 * MS;
                assert!(time <= allowed, "{time:?} of sound in {allowed:?}");
                *last = self.now;
                return;
            }
        }
        assert!(command["event_id"].is_string(), "{command}");
        if let Some(content) = command["content"].as_str() {
            assert!(content.chars().count() <= 1_400);
        }
        self.sent.push(command);
    }

    /// A server event, valid by schema.
    pub(crate) fn serve(&mut self, kind: &str, fields: Value) {
        self.events += 1;
        let mut event = json!({ "type": kind });
        if kind != "session.output_audio.delta" {
            event["event_id"] = json!(format!("evt_{}", self.events));
        }
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        check(&SERVER, &event);
        self.frame(&event.to_string());
    }

    /// Any frame.
    pub(crate) fn frame(&mut self, text: &str) {
        self.input(Input::Received { leg: Leg::Voice, received: Received::Text(text) });
    }

    /// So many ms pass; `pcm` is what the microphone hears meanwhile.
    fn go(&mut self, ms: usize, level: Option<i16>) {
        for _ in 0..ms / 20 {
            self.now += 20 * MS;
            if let Some(level) = level {
                self.heard_at = self.now;
                self.input(Input::Audio(&[level; 480]));
            }
            if self.session.deadline().is_some_and(|(at, _)| at <= self.now) {
                self.input(Input::Timeout);
            }
            self.run_track();
            if let Some((_, _, last)) = self.clock {
                let is_utterance = self.now - self.heard_at <= 1_100 * MS;
                assert!(is_utterance || self.now - last <= 250 * MS, "the clock stands still");
            }
        }
    }

    /// The model's track advances with the session's clock.
    fn run_track(&mut self) {
        while let Some((samples, ..)) = self.clock
            && self.track + 2_400 <= samples
        {
            self.track += 2_400;
            let count = self.voice.len().min(2_400);
            let mut pcm: Vec<i16> = self.voice.drain(..count).collect();
            pcm.resize(2_400, 0);
            let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.serve("session.output_audio.delta", json!({ "delta": STANDARD.encode(bytes) }));
        }
    }

    pub(crate) fn wait(&mut self, ms: usize) {
        self.go(ms, None);
    }

    /// Milliseconds of a constant tone at the microphone.
    pub(crate) fn speak(&mut self, ms: usize) {
        self.go(ms, Some(1_000));
    }

    /// Milliseconds of a silent room at an open microphone.
    pub(crate) fn hush(&mut self, ms: usize) {
        self.go(ms, Some(3));
    }

    /// A push-to-talk turn.
    pub(crate) fn turn(&mut self, ms: usize) {
        self.input(Input::Press);
        self.speak(ms);
        self.input(Input::Release);
    }

    /// The session's clock, ms.
    pub(crate) fn clock(&self) -> u64 {
        self.clock.map_or(0, |(samples, ..)| samples / 24)
    }

    /// The model understood the last `ms` so.
    pub(crate) fn understand(&mut self, words: &str, ms: u64) {
        let end = self.clock();
        let fields = json!({ "delta": words, "start_ms": end.saturating_sub(ms), "end_ms": end });
        self.serve("session.input_transcript.delta", fields);
    }

    /// The model begins to say this, for so long.
    pub(crate) fn voice(&mut self, words: &str, ms: usize) {
        self.voice.extend(vec![2_000; 24 * ms]);
        let from = self.track / 24;
        self.serve(
            "session.output_transcript.delta",
            json!({ "delta": words, "start_ms": from, "end_ms": from + ms as u64 }),
        );
    }

    /// The model stops at once.
    pub(crate) fn stop_voice(&mut self) {
        self.voice.clear();
    }

    pub(crate) fn delegate(&mut self, id: &str) {
        let delegation = json!({ "id": id, "type": "delegation", "target": "client" });
        let fields = json!({ "offset_ms": self.clock(), "delegation": delegation });
        self.serve("session.delegation.created", fields);
    }

    pub(crate) fn think(&mut self, errand: Errand, words: &str) {
        self.input(Input::Thought { errand, thought: Thought::Delta(words) });
        self.input(Input::Thought { errand, thought: Thought::Done });
    }

    /// All outputs since the last time.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// All commands sent since the last time, but for sound.
    pub(crate) fn take_sent(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.sent)
    }

    /// The texts that the model was given since the last time: kind, delegation, words.
    pub(crate) fn texts(&mut self) -> Vec<(String, Option<String>, String)> {
        let text = |command: Value| {
            let kind = command["type"].as_str().unwrap().strip_prefix("session.")?.strip_suffix(".append")?.to_owned();
            let delegation = command["delegation_id"].as_str().map(str::to_owned);
            Some((kind, delegation, command["content"].as_str()?.to_owned()))
        };
        self.take_sent().into_iter().filter_map(text).collect()
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

pub(crate) fn events(outputs: &[Output]) -> Vec<&Event> {
    outputs.iter().filter_map(|output| if let Output::Event(event) = output { Some(event) } else { None }).collect()
}

pub(crate) fn faults(outputs: &[Output]) -> Vec<Fault> {
    let fault = |event: &Event| if let Event::Fault(fault) = event { Some(fault.clone()) } else { None };
    events(outputs).into_iter().filter_map(fault).collect()
}

pub(crate) fn questions(outputs: &[Output]) -> Vec<(Errand, Question)> {
    let question = |output: &Output| match output {
        Output::Think { errand, question } => Some((*errand, question.clone())),
        _ => None,
    };
    outputs.iter().filter_map(question).collect()
}

/// Milliseconds to play, of all items together.
pub(crate) fn played(outputs: &[Output]) -> usize {
    let samples = |output: &Output| if let Output::Play { pcm, .. } = output { pcm.len() } else { 0 };
    outputs.iter().map(samples).sum::<usize>() / 24
}

pub(crate) fn last_played(outputs: &[Output]) -> Option<ItemId> {
    let item = |output: &Output| if let Output::Play { item, .. } = output { Some(*item) } else { None };
    outputs.iter().rev().find_map(item)
}

pub(crate) fn has_flush(outputs: &[Output]) -> bool {
    outputs.contains(&Output::Flush)
}

pub(crate) fn reconnects(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Reconnect(_)))
}
