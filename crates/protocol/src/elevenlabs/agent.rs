//! Agents: whole conversations over one socket (`/v1/convai/conversation`).
//!
//! The service decides whose turn it is from the sound alone, so sound never stops: silence goes out when there is
//! nothing else. With the key, the end of a turn is more silence. Of its answers it tells the words and the sound, not
//! where they end: that is when nothing more comes. An answer cannot be cancelled; what still comes of it is dropped.

mod answer;
mod frame;
mod line;
mod past;
#[cfg(test)]
mod tests;
mod tool;
mod turn;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Setup;
use super::format::{Decoder, Encoder, Format};
use super::refusal::{complaint, words};
use crate::frame::object;
use crate::interpreter::{Deed, Interpreter, Told};
use crate::openai::client::{Content, Event, NewItem};
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::{Cause, Config, Fault, Leg, Message, Received};

use answer::Voice;
use line::Line;
use past::Past;
use tool::Tools;
use turn::Turn;

/// See the module.
#[derive(Debug)]
pub(crate) struct ElevenAgent {
    setup: Setup,
    deeds: VecDeque<Deed>,
    is_open_microphone: bool,
    /// False while the user holds the floor.
    answers: bool,
    /// Told to the agent as a remark, where its prompt may not be replaced.
    instructions: String,
    /// Ids that were made up.
    ids: u64,
    /// The last frame, to know it again when it comes twice.
    newest: String,
    line: Line,
    past: Past,
    turn: Turn,
    voice: Voice,
    tools: Tools,
    /// When the service was last asked to be patient.
    patient_since: Option<Instant>,
    /// It told of an error: the connection ends for that.
    has_failed: bool,
}

/// The code of an end in good order (RFC 6455, 7.4.1).
const NORMAL: u16 = 1000;

/// Between two requests to be patient, which last about two seconds each.
const PATIENCE: Duration = Duration::from_secs(1);

impl ElevenAgent {
    /// For one connection whose place was [`Setup::place`].
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            deeds: VecDeque::new(),
            is_open_microphone: false,
            answers: true,
            instructions: String::new(),
            ids: 0,
            newest: String::new(),
            line: Line::default(),
            past: Past::default(),
            turn: Turn::default(),
            voice: Voice::default(),
            tools: Tools::default(),
            patient_since: None,
            has_failed: false,
        }
    }

    fn tell(&mut self, told: Told) {
        self.deeds.push_back(Deed::Tell(told));
    }

    fn send(&mut self, frame: &Value) {
        let message = Message::Text(frame.to_string());
        self.deeds.push_back(Deed::Transmit { leg: Leg::Voice, message, is_audio: false });
    }

    /// An id that no other item or response of this connection has.
    fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}_{}", self.ids)
    }

    fn is_ready(&self) -> bool {
        self.line.is_flowing()
    }

    /// Sound of the microphone, or silence, as far as it fills frames.
    fn send_sound(&mut self, frames: Vec<line::Sound>) {
        for sound in frames {
            let message = Message::Text(frame::sound(&sound.base64).to_string());
            self.deeds.push_back(Deed::Transmit { leg: Leg::Voice, message, is_audio: sound.is_heard });
        }
    }

    /// Keeps the agent from taking the turn in a pause of the user, for two seconds or so.
    fn ask_for_patience(&mut self, now: Instant) {
        if self.patient_since.is_none_or(|since| since + PATIENCE <= now) {
            self.patient_since = Some(now);
            self.send(&frame::activity());
        }
    }

    /// The agent is there and says which sound it speaks.
    fn started(&mut self, frame: &Value, now: Instant) {
        if self.is_ready() {
            return;
        }
        let about = frame.get("conversation_initiation_metadata_event").unwrap_or(&Value::Null);
        let format = |key: &str| {
            let name = words(about, key);
            Format::read(if name.is_empty() { "pcm_16000" } else { &name }).ok_or(name)
        };
        match (format("user_input_audio_format"), format("agent_output_audio_format")) {
            (Ok(input), Ok(output)) => {
                self.line.start(Encoder::new(input), now);
                self.voice.start(Decoder::new(output), now);
                let remark = std::mem::take(&mut self.instructions);
                if !remark.is_empty() {
                    self.send(&frame::remark(&format!("Instructions of the user: {remark}")));
                }
                self.tell(Told::Ready { model: None, expires_at: None });
            }
            (Err(name), _) | (_, Err(name)) => {
                let message = format!("This agent is set to the sound format {name}, which is not supported here.");
                let kind = Some("invalid_request_error".to_owned());
                self.tell(Told::Refused {
                    number: None,
                    complaint: Complaint { kind, message, ..Complaint::default() },
                });
                self.deeds.push_back(Deed::Abandon("the agent's sound format"));
            }
        }
    }

    fn event(&mut self, frame: &Value, now: Instant) {
        let part = |name: &str| frame.get(name).unwrap_or(&Value::Null);
        let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "conversation_initiation_metadata" => self.started(frame, now),
            "ping" => {
                if let Some(id) = part("ping_event").get("event_id").and_then(Value::as_i64) {
                    self.send(&frame::pong(id));
                }
            }
            "client_tool_call" => self.tool_called(part("client_tool_call"), now),
            "mcp_tool_call" => self.decline_approval(part("mcp_tool_call")),
            "error" => self.failed(part("error_event")),
            _ if !self.is_ready() => tracing::trace!("event before the beginning ignored"),
            "user_transcript" => {
                let event = part("user_transcription_event");
                self.heard(words(event, "user_transcript").trim());
            }
            "tentative_user_transcript" => {
                let event = part("tentative_user_transcription_event");
                self.hearing(words(event, "user_transcript").trim());
            }
            "agent_response" => self.said(words(part("agent_response_event"), "agent_response").trim(), now),
            "agent_chat_response_part" => self.said_part(part("text_response_part"), now),
            "agent_response_correction" => self.voice.corrected(),
            "audio" => {
                let event = part("audio_event");
                let id = event.get("event_id").and_then(Value::as_i64);
                if let Some(audio) = event.get("audio_base_64").and_then(Value::as_str) {
                    self.sounded(id, audio, now);
                }
            }
            "interruption" => self.interrupted(part("interruption_event").get("event_id").and_then(Value::as_i64)),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn failed(&mut self, event: &Value) {
        let code = words(event, "code");
        let name = ["error_type", "reason"].map(|key| words(event, key));
        let name = name.iter().find(|name| !name.is_empty()).unwrap_or(&code);
        let complaint = complaint(name, &words(event, "message"));
        if code == NORMAL.to_string() && is_good_end(complaint.clone()) {
            return tracing::debug!("the agent says that it ends the conversation");
        }
        self.has_failed = true;
        self.tell(Told::Refused { number: None, complaint });
    }

    /// Nobody here can judge what a tool would do.
    fn decline_approval(&mut self, call: &Value) {
        let id = words(call, "tool_call_id");
        if words(call, "state") == "awaiting_approval" && !id.is_empty() {
            self.send(&frame::no_approval(&id));
        }
    }
}

impl Interpreter for ElevenAgent {
    fn open(&mut self, config: &Config, now: Instant) {
        self.configure(config, true, now);
        self.send(&frame::initiation(&self.setup, config));
        if self.setup.overrides && !config.instructions.is_empty() {
            self.voice.expect_no_greeting();
        } else {
            self.instructions.clone_from(&config.instructions);
        }
    }

    fn configure(&mut self, config: &Config, answers: bool, _now: Instant) {
        self.is_open_microphone = config.turn_taking.is_open();
        self.answers = answers;
        self.tools.offer(config);
    }

    fn ask(&mut self, _number: u64, event: &Event<'_>, now: Instant) {
        match event {
            Event::Append { pcm } => self.hear(pcm, now),
            Event::Commit => self.commit(now),
            Event::Clear => self.clear(),
            Event::Create { item: NewItem::Message { role, content: [content], .. } } => {
                let (Content::InputText { text } | Content::OutputText { text }) = content;
                self.past.add(*role == "user", text);
            }
            Event::Respond { response } => {
                let is_written = response.as_ref().is_some_and(|manner| manner.output_modalities == ["text"]);
                self.respond(is_written, now);
            }
            Event::Cancel { .. } => self.cancel(),
            Event::Truncate { item_id, heard, .. } => self.cut_short(item_id, heard),
            Event::Delete { item_id } => self.cut_short(item_id, ""),
            Event::Create { item: NewItem::ToolOutput { call_id, output, .. } } => self.answer_call(call_id, output),
            Event::Update { .. } => {}
        }
    }

    fn receive(&mut self, _leg: Leg, received: Received<'_>, now: Instant) {
        let Received::Text(text) = received else { return tracing::debug!("binary frame ignored") };
        if text == self.newest {
            return tracing::debug!("repeated event ignored");
        }
        text.clone_into(&mut self.newest);
        if let Some(frame) = object(text) {
            self.event(&frame, now);
        }
    }

    fn is_settled(&self, now: Instant) -> bool {
        self.voice.greeting_until().is_none_or(|until| until <= now)
    }

    fn closed(&mut self, code: Option<u16>, reason: &str) -> Option<Fault> {
        let is_good = code == Some(NORMAL) && self.is_ready() && !self.has_failed && is_good_end(complaint("", reason));
        // Nobody leaves in the middle of a turn: its longest time was over, which has the same code.
        if is_good && !self.turn.is_owed(self.is_open_microphone) {
            // What it said last was all of it.
            self.finish_answer();
            self.tell(Told::Left);
        } else if let Some(response) = self.voice.whole() {
            self.tell(Told::Whole { response });
        }
        None
    }

    fn poll(&mut self) -> Option<Deed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let silence = self.line.deadline().map(|at| (at, "sound for the agent"));
        let end = self.voice.deadline().map(|at| (at, "the end of the answer"));
        let message = self.turn.deadline().map(|at| (at, "the agent's greeting"));
        let rest = self.tools.deadline().map(|at| (at, "the agent to go on behind a tool"));
        [silence, end, message, rest].into_iter().flatten().min()
    }

    fn timeout(&mut self, now: Instant) {
        if self.turn.deadline().is_some_and(|at| at <= now) {
            self.send_waiting_message();
        }
        if self.voice.deadline().is_some_and(|at| at <= now) {
            self.finish_answer();
        }
        if self.tools.deadline().is_some_and(|at| at <= now) {
            self.answer_nothing(Ending::Completed);
        }
        let silence = self.line.fill(now);
        self.send_sound(silence);
    }
}

/// Whether [`NORMAL`] with these words is the agent's own wish: it is used for the longest time of a conversation as well.
fn is_good_end(complaint: Complaint) -> bool {
    complaint.into_fault().cause == Cause::Server
}
