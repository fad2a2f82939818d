#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod key;
mod open;
mod tools;
mod trouble;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::elevenlabs::Setup;
use crate::elevenlabs::tests::rig::{self, Schema};
use crate::{Cause, Config, Delivery, Event, Fault, Input, Item, Leg, Message, Output, Received, Session, Wire};

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new(include_str!("../../../../emulator/schemas/elevenlabs-agents.schema.json")));

fn setup() -> Setup {
    Setup { agent_id: "agent_1".to_owned(), overrides: false }
}

fn by_key() -> Config {
    Config { wire: Wire::ElevenAgent(setup()), ..rig::config() }
}

fn open_microphone() -> Config {
    Config { wire: Wire::ElevenAgent(setup()), ..rig::open(0.5) }
}

/// A conversation with an agent, with a stopped clock and a record.
struct Rig {
    session: Session,
    now: Instant,
    outputs: Vec<Output>,
    sent: Vec<(Value, bool)>,
    events: i64,
}

impl Rig {
    fn new(config: Config) -> Self {
        let session = Session::new(config);
        Self { session, now: rig::now(), outputs: Vec::new(), sent: Vec::new(), events: 0 }
    }

    /// With a connection that is ready; the record is empty.
    fn ready(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.connect();
        rig.take();
        rig.sent.clear();
        rig
    }

    fn connect(&mut self) {
        self.input(Input::Opened);
        self.serve(&metadata("pcm_16000", "pcm_16000"));
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.handle(input, self.now);
        while let Some(output) = self.session.poll() {
            if let Output::Transmit { leg, message, is_audio } = &output {
                let (Leg::Voice, Message::Text(text)) = (leg, message) else { panic!("{output:?}") };
                let frame: Value = serde_json::from_str(text).unwrap();
                SCHEMA.check(definition(&frame), &frame);
                self.sent.push((frame, *is_audio));
            }
            self.outputs.push(output);
        }
    }

    fn serve(&mut self, frame: &Value) {
        self.frame(&frame.to_string());
    }

    fn frame(&mut self, text: &str) {
        self.input(Input::Received { leg: Leg::Voice, received: Received::Text(text) });
    }

    fn event(&mut self) -> i64 {
        self.events += 1;
        self.events
    }

    fn transcript(&mut self, words: &str) {
        let event_id = self.event();
        self.serve(&json!({ "type": "user_transcript", "user_transcription_event": { "user_transcript": words, "event_id": event_id } }));
    }

    fn says(&mut self, words: &str) {
        let event_id = self.event();
        self.serve(&json!({ "type": "agent_response", "agent_response_event": { "agent_response": words, "event_id": event_id } }));
    }

    /// So many ms of the agent's voice, at 16 kHz.
    fn sounds(&mut self, ms: usize) -> i64 {
        let event_id = self.event();
        self.sounds_as(event_id, ms);
        event_id
    }

    fn sounds_as(&mut self, event_id: i64, ms: usize) {
        let audio = rig::sound(ms * 16);
        self.serve(&json!({ "type": "audio", "audio_event": { "audio_base_64": audio, "event_id": event_id } }));
    }

    fn interrupts(&mut self, event_id: i64) {
        self.serve(&json!({ "type": "interruption", "interruption_event": { "event_id": event_id } }));
    }

    /// Lets time pass, with every deadline on the way.
    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some((at, _)) = self.session.deadline().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    /// Speech (or silence) as it is spoken, with the silence that the interpreter adds.
    fn hear(&mut self, ms: u64, level: i16) {
        for _ in 0..ms / 20 {
            self.input(Input::Audio(&[level; 480]));
            self.wait(20);
        }
    }

    /// A turn of the key that the agent understood as these words.
    fn turn(&mut self, ms: u64, words: &str) {
        self.input(Input::Press);
        self.hear(ms, 3_000);
        self.input(Input::Release);
        self.transcript(words);
    }

    fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Kinds of what was sent, sound as its ms, silence with `*`, sums of the same kind.
    fn sent(&mut self) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut sums: Option<(u64, bool)> = None;
        let flush = |sum: &mut Option<(u64, bool)>, words: &mut Vec<String>| {
            if let Some((samples, is_audio)) = sum.take() {
                words.push(format!("{}{}", samples / 16, if is_audio { "" } else { "*" }));
            }
        };
        for (frame, is_audio) in std::mem::take(&mut self.sent) {
            if let Some(sound) = frame["user_audio_chunk"].as_str() {
                let samples = crate::pcm::decoded(sound).unwrap().len() as u64 / 2;
                match &mut sums {
                    Some((sum, is)) if *is == is_audio => *sum += samples,
                    _ => {
                        flush(&mut sums, &mut words);
                        sums = Some((samples, is_audio));
                    }
                }
                continue;
            }
            flush(&mut sums, &mut words);
            let text = frame["text"].as_str().map(|text| format!(" {text}")).unwrap_or_default();
            words.push(format!("{}{text}", frame["type"].as_str().unwrap()));
        }
        flush(&mut sums, &mut words);
        words.join(", ")
    }

    /// What was sent beside sound.
    fn said(&mut self) -> Vec<Value> {
        let sent = std::mem::take(&mut self.sent);
        sent.into_iter().map(|(frame, _)| frame).filter(|frame| frame.get("user_audio_chunk").is_none()).collect()
    }

    fn lines(&self) -> String {
        let line = |item: Item| {
            let unheard = if item.unheard.is_empty() { String::new() } else { format!(" [{}]", item.unheard) };
            format!("{:?} {:?}: {}{unheard}", item.role, item.delivery, item.text)
        };
        self.session.items().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn newest(&self) -> Item {
        self.session.items().pop().unwrap()
    }

    /// Samples to play since the last time, and whether the speaker was silenced.
    fn played(&mut self) -> (usize, bool) {
        let outputs = self.take();
        let play = |output: &Output| if let Output::Play { pcm, .. } = output { pcm.len() } else { 0 };
        (outputs.iter().map(play).sum(), outputs.contains(&Output::Flush))
    }

    fn faults(&mut self) -> Vec<Fault> {
        let fault = |output| if let Output::Event(Event::Fault(fault)) = output { Some(fault) } else { None };
        self.take().into_iter().filter_map(fault).collect()
    }
}

fn metadata(output: &str, input: &str) -> Value {
    json!({ "type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": {
        "conversation_id": "conv_1", "agent_output_audio_format": output, "user_input_audio_format": input,
    } })
}

fn definition(frame: &Value) -> &'static str {
    match frame.get("type").and_then(Value::as_str) {
        None => "UserAudioPayload",
        Some("pong") => "PongPayload",
        Some("user_message") => "UserMessagePayload",
        Some("user_activity") => "UserActivityPayload",
        Some("contextual_update") => "ContextualUpdatePayload",
        Some("client_tool_result") => "ClientToolResultPayload",
        Some("mcp_tool_approval_result") => "MCPToolApprovalResultPayload",
        Some("conversation_initiation_client_data") => "ConversationInitiationPayload",
        Some(kind) => panic!("no frame {kind}"),
    }
}
