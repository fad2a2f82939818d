//! A session on Gemini Live, with a stopped clock and a recorder. Frames are checked against the provider's schema.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonschema::Validator;
use protocol::{
    Config, Detector, Event, Fault, Input, Item, ItemId, Leg, Message, Output, Received, Session, Tool, Transcription,
    TurnTaking, Wire, gemini,
};
use serde_json::{Value, json};

/// The schema as it stands allows any field; the service does not.
fn strict(schema: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(schema).unwrap();
    for definition in schema["$defs"].as_object_mut().unwrap().values_mut() {
        if definition.get("properties").is_some() && definition.get("additionalProperties").is_none() {
            definition["additionalProperties"] = json!(false);
        }
    }
    schema["additionalProperties"] = json!(false);
    schema["maxProperties"] = json!(1);
    jsonschema::validator_for(&schema).unwrap()
}

static CLIENT: LazyLock<Validator> =
    LazyLock::new(|| strict(include_str!("../../../emulator/schemas/google-live.client.schema.json")));
static SERVER: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value =
        serde_json::from_str(include_str!("../../../emulator/schemas/google-live.server.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

fn check(validator: &Validator, message: &Value) {
    if let Err(error) = validator.validate(message) {
        panic!("{error} at {}\n{message}", error.instance_path());
    }
}

pub(crate) fn setup() -> gemini::Setup {
    gemini::Setup { model: "gemini-3.8-live".to_owned(), version: "v1beta".to_owned(), compressed_at: None }
}

pub(crate) fn config() -> Config {
    Config {
        wire: Wire::Gemini(setup()),
        voice: "Kore".to_owned(),
        instructions: "Be brief.".to_owned(),
        transcription: Some(Transcription { model: String::new(), language: None }),
        noise_reduction: None,
        turn_taking: TurnTaking::PushToTalk,
        speed: None,
        retention_ratio: None,
        reasoning_effort: Some("low".to_owned()),
        tools: Vec::new(),
    }
}

pub(crate) fn open() -> Config {
    Config { turn_taking: TurnTaking::Open { detector: Detector::Silence, patience: 0.0 }, ..config() }
}

pub(crate) fn with_search(config: Config) -> Config {
    let parameters = json!({ "type": "object", "properties": { "q": { "type": "string" } }, "required": ["q"] });
    let tool = Tool { name: "look_up".to_owned(), description: "Looks up a word.".to_owned(), parameters };
    Config { tools: vec![tool], ..config }
}

/// What a client message is called by: `setup`, `content`, or the field of its live input.
pub(crate) fn kind(message: &Value) -> String {
    let (name, inner) = message.as_object().unwrap().iter().next().unwrap();
    match name.as_str() {
        "realtimeInput" => inner.as_object().unwrap().keys().next().unwrap().clone(),
        other => other.to_owned(),
    }
}

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) outputs: Vec<Output>,
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
        rig.outputs.clear();
        rig.sent.clear();
        rig
    }

    pub(crate) fn connect(&mut self) {
        self.input(Input::Opened);
        self.serve(json!({ "setupComplete": {} }));
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        while let Some(output) = self.session.poll() {
            if let Output::Transmit { message: Message::Text(text), leg: Leg::Voice, .. } = &output {
                let message = serde_json::from_str(text).unwrap();
                check(&CLIENT, &message);
                self.sent.push(message);
            }
            self.outputs.push(output);
        }
    }

    /// A message of the server, valid by schema, in a binary frame as the service sends it.
    pub(crate) fn serve(&mut self, message: Value) {
        check(&SERVER, &message);
        self.frame(message.to_string().as_bytes());
    }

    pub(crate) fn content(&mut self, content: Value) {
        self.serve(json!({ "serverContent": content }));
    }

    pub(crate) fn frame(&mut self, bytes: &[u8]) {
        self.input(Input::Received { leg: Leg::Voice, received: Received::Binary(bytes) });
    }

    /// Sound of an answer: so many ms of a level.
    pub(crate) fn sound(&mut self, level: i16, ms: usize) {
        self.content(json!({ "modelTurn": { "parts": [{ "inlineData": sound(level, ms) }] } }));
    }

    /// A whole short answer, but for `turnComplete`.
    pub(crate) fn answer(&mut self, words: &str) {
        self.sound(1_000, 100);
        self.content(json!({ "outputTranscription": { "text": words } }));
        self.content(json!({ "generationComplete": true }));
    }

    pub(crate) fn turn_complete(&mut self) {
        self.content(json!({ "turnComplete": true }));
    }

    /// A push-to-talk turn of 200 ms.
    pub(crate) fn speak(&mut self) {
        self.input(Input::Press);
        self.input(Input::Audio(&vec![2_000; 4_800]));
        self.input(Input::Release);
    }

    /// The open microphone hears so many ms of a level, in pieces of 20 ms.
    pub(crate) fn hear(&mut self, level: i16, ms: usize) {
        for _ in 0..ms / 20 {
            self.input(Input::Audio(&[level; 480]));
        }
    }

    pub(crate) fn close(&mut self, code: Option<u16>, reason: &str) {
        self.input(Input::Closed { code, reason });
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some((at, _)) = self.session.deadline().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    /// What was sent since the last call.
    pub(crate) fn sent(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.sent)
    }

    /// The same by [`kind`]; sound that follows sound is told once.
    pub(crate) fn kinds(&mut self) -> Vec<String> {
        let mut kinds: Vec<String> = self.sent().iter().map(kind).collect();
        kinds.dedup();
        kinds
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        self.session.items()
    }

    pub(crate) fn item(&self, index: usize) -> Item {
        self.items().get(index).expect("there is such an item").clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let events = self.outputs.iter();
        events.filter_map(|output| if let Output::Event(event) = output { Some(event.clone()) } else { None }).collect()
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        let events = self.events().into_iter();
        events.filter_map(|event| if let Event::Fault(fault) = event { Some(fault) } else { None }).collect()
    }

    pub(crate) fn played(&self, id: ItemId) -> usize {
        let played = |output: &Output| {
            if let Output::Play { item, pcm } = output
                && *item == id
            {
                pcm.len()
            } else {
                0
            }
        };
        self.outputs.iter().map(played).sum()
    }

    pub(crate) fn has_flushed(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Flush))
    }

    pub(crate) fn reconnects(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Reconnect(_)))
    }
}

pub(crate) fn sound(level: i16, ms: usize) -> Value {
    let bytes: Vec<u8> = std::iter::repeat_n(level.to_le_bytes(), ms * 24).flatten().collect();
    json!({ "mimeType": "audio/pcm;rate=24000", "data": STANDARD.encode(bytes) })
}
