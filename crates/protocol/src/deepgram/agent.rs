//! Deepgram's Voice Agent, which listens, thinks and speaks (Deepgram API: `v1/agent/converse`).
//!
//! It answers every turn by itself and cannot be told to be silent: an answer that nobody wants is dropped here. It
//! learns of the conversation so far in its first frame, so that frame waits until the conversation was told.

mod answer;
mod question;
mod settings;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::answer::Answer;
use self::question::{Press, Question};
use self::settings::History;
use super::{Setup, complaint, control, is_push_to_talk, silence, string};
use crate::frame::object;
use crate::interpreter::{Deed, Interpreter, Told};
use crate::openai::client::{Content, Event, NewItem};
use crate::openai::refusal::Complaint;
use crate::pcm::{Pieces, bytes};
use crate::{Config, Leg, Message, Place, Received};

/// For `Welcome`, and then for `SettingsApplied`.
const STEP: Duration = Duration::from_secs(8);
/// Sent when no sound goes out.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// So long without sound while the user's turn is open: the microphone has stopped, and silence stands in.
const GAP: Duration = Duration::from_millis(500);
const FILL: Duration = Duration::from_millis(250);
/// How long ago speech began that is told of.
const NOTICED: Duration = Duration::from_millis(500);
/// What the model hears of a function that it wants to call.
const NO_FUNCTIONS: &str = "There is no such function. Answer without it, or say that you cannot.";

fn function_response(id: &str, name: &str, content: &str) -> Value {
    json!({ "type": "FunctionCallResponse", "id": id, "name": name, "content": content })
}

/// Where the agent is.
pub(crate) fn place() -> Place {
    Place { leg: Leg::Voice, path: "v1/agent/converse".into(), query: Vec::new() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// `Welcome` is awaited.
    Greeting,
    /// It has come; the conversation is being told.
    Learning,
    /// `SettingsApplied` is awaited.
    Applying,
    Ready,
}

/// The interpreter.
#[derive(Debug)]
pub(crate) struct Agent {
    setup: Setup,
    config: Option<Config>,
    /// The agent may end turns by itself.
    answers: bool,
    /// It takes `ForceEndTurn`.
    can_force: bool,
    stage: Stage,
    until: Option<Instant>,
    history: History,
    /// Frames that wait for `SettingsApplied`.
    held: Vec<(Message, bool)>,
    /// Newest number of the conversation's wishes, which it counts over all connections: what has a number of an earlier
    /// connection is taken for late.
    number: u64,
    names: u64,
    /// When something was sent last, and whether it was sound of the microphone.
    last: Option<(Instant, bool)>,
    /// The agent heard the user begin to speak, and no words yet.
    is_speaking: bool,
    /// Open microphone: the item of that speech.
    speech: Option<String>,
    /// Push to talk.
    press: Option<Press>,
    /// Turns that the user threw away and whose words are still to come.
    discarded: u32,
    /// What was asked in writing and not answered yet.
    question: Option<Question>,
    /// A message that it has, and may repeat.
    echo: Option<String>,
    /// The user's newest words, should they have to be asked again.
    words: String,
    /// The newest message of the conversation that nobody asked an answer for.
    typed: Option<String>,
    /// The agent owes an answer to what it heard.
    is_owing: bool,
    /// Push to talk: an answer was asked for; its number, and whether it is to be spoken.
    wanted: Option<(u64, bool)>,
    answer: Option<Answer>,
    /// Functions that are at work: names by id.
    calls: BTreeMap<String, String>,
    /// What comes belongs to an answer that nobody wants.
    is_late: bool,
    pieces: Pieces,
    deeds: VecDeque<Deed>,
}

impl Agent {
    /// For one connection.
    pub(crate) fn new(setup: Setup) -> Self {
        let can_force = setup.knows_turns();
        Self {
            setup,
            config: None,
            answers: true,
            can_force,
            stage: Stage::Greeting,
            until: None,
            history: Vec::new(),
            held: Vec::new(),
            number: 0,
            names: 0,
            last: None,
            is_speaking: false,
            speech: None,
            press: None,
            discarded: 0,
            question: None,
            echo: None,
            words: String::new(),
            typed: None,
            is_owing: false,
            wanted: None,
            answer: None,
            calls: BTreeMap::new(),
            is_late: false,
            pieces: Pieces::default(),
            deeds: VecDeque::new(),
        }
    }

    fn tell(&mut self, told: Told) {
        self.deeds.push_back(Deed::Tell(told));
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}_{}_{}", self.number, self.names)
    }

    fn is_push_to_talk(&self) -> bool {
        self.config.as_ref().is_some_and(is_push_to_talk)
    }

    fn transmit(&mut self, message: Message, is_audio: bool, now: Instant) {
        if self.stage != Stage::Ready {
            return self.held.push((message, is_audio));
        }
        self.last = Some((now, is_audio));
        self.deeds.push_back(Deed::Transmit { leg: Leg::Voice, message, is_audio });
    }

    fn send(&mut self, frame: &Value, now: Instant) {
        self.transmit(Message::Text(frame.to_string()), false, now);
    }

    /// The conversation was told as far as it goes: now the agent learns who it is.
    fn introduce(&mut self) -> Option<Deed> {
        let config = self.config.as_ref().filter(|_| self.stage == Stage::Learning)?;
        if let Some(text) = self.typed.take() {
            // Nobody asked for its answer: it is history too.
            self.history.push(("user", text));
        }
        let settings = self.setup.settings(config, self.answers, &self.history);
        self.stage = Stage::Applying;
        self.history.clear();
        Some(Deed::Transmit { leg: Leg::Voice, message: Message::Text(settings.to_string()), is_audio: false })
    }

    fn applied(&mut self, now: Instant) {
        if self.stage != Stage::Applying {
            return;
        }
        self.stage = Stage::Ready;
        self.until = None;
        self.last = Some((now, false));
        for (message, is_audio) in std::mem::take(&mut self.held) {
            self.transmit(message, is_audio, now);
        }
    }

    fn update(&mut self, kind: &str, key: &str, value: Value, now: Instant) {
        let mut frame = json!({ "type": kind });
        if let Some(object) = frame.as_object_mut() {
            object.insert(key.into(), value);
        }
        self.send(&frame, now);
    }

    fn user_started(&mut self, now: Instant) {
        self.is_speaking = true;
        self.is_late = false;
        self.discarded = 0;
        if self.is_push_to_talk() {
            self.cut_short();
            return self.discard_unheard(now);
        }
        if self.speech.is_none() {
            let item = self.name("turn");
            self.speech = Some(item.clone());
            self.tell(Told::SpeechStarted { item, since: NOTICED });
        }
        self.cut_short();
    }

    fn conversation_text(&mut self, frame: &Value) {
        let text = string(frame, "content").trim().to_owned();
        match string(frame, "role") {
            "user" => self.user_text(text),
            "assistant" if !text.is_empty() => self.agent_text(&text),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn user_text(&mut self, text: String) {
        if self.echo.as_ref() == Some(&text) {
            // It repeats what it was asked in writing.
            self.echo = None;
            self.is_late = false;
            return;
        }
        self.is_speaking = false;
        if self.discarded > 0 {
            self.discarded -= 1;
            self.is_late = true;
            return;
        }
        if self.is_push_to_talk() {
            return self.pressed_words(&text);
        }
        let is_repeated = self.is_owing && self.words == text;
        if self.speech.is_none() && (text.is_empty() || is_repeated) {
            return;
        }
        self.is_late = false;
        let item = self.speech.take().unwrap_or_else(|| {
            let item = self.name("turn");
            self.tell(Told::SpeechStarted { item: item.clone(), since: NOTICED });
            item
        });
        self.cut_short();
        self.tell(Told::SpeechStopped { item: item.clone() });
        self.tell(Told::UserWords { item: item.clone(), text: text.clone(), is_final: true });
        self.words = text;
        self.is_owing = true;
        self.tell(Told::Committed { item });
    }

    fn function_calls(&mut self, frame: &Value, now: Instant) {
        let is_wanted = self.begin();
        let mut calls = Vec::new();
        for call in frame.get("functions").and_then(Value::as_array).into_iter().flatten() {
            if call.get("client_side").and_then(Value::as_bool) == Some(false) {
                continue;
            }
            let (id, name) = (string(call, "id").to_owned(), string(call, "name").to_owned());
            let is_known = self.config.as_ref().is_some_and(|config| config.tools.iter().any(|tool| tool.name == name));
            if is_wanted && is_known && !id.is_empty() {
                calls.push((id, name, string(call, "arguments").to_owned()));
            } else {
                self.send(&function_response(&id, &name, NO_FUNCTIONS), now);
            }
        }
        if !calls.is_empty() {
            self.call_tools(calls);
        }
    }

    fn answer_call(&mut self, call: &str, output: &str, now: Instant) {
        let Some(name) = self.calls.remove(call) else { return };
        self.send(&function_response(call, &name, output), now);
        // It goes on by itself.
        self.is_owing = true;
    }

    fn warned(&mut self, frame: &Value, now: Instant) {
        if string(frame, "code") == "FORCE_END_TURN_UNSUPPORTED" && std::mem::take(&mut self.can_force) {
            self.fall_silent(now);
        } else {
            tracing::debug!(code = string(frame, "code"), "the agent warns");
        }
    }

    fn refused(&mut self, complaint: Complaint) {
        self.tell(Told::Refused { number: None, complaint });
    }

    /// When silence or a sign of life is due.
    fn sign_due(&self) -> Option<(Instant, bool)> {
        let (last, is_microphone) = self.last.filter(|_| self.stage == Stage::Ready)?;
        let is_open = self.is_speaking || self.press.as_ref().is_some_and(Press::is_released);
        Some(match (is_open, is_microphone) {
            (true, true) => (last + GAP, true),
            (true, false) => (last + FILL, true),
            (false, _) => (last + SIGN_OF_LIFE, false),
        })
    }
}

impl Interpreter for Agent {
    fn open(&mut self, config: &Config, now: Instant) {
        self.config = Some(config.clone());
        self.until = Some(now + STEP);
    }

    fn configure(&mut self, config: &Config, answers: bool, now: Instant) {
        let old = self.config.replace(config.clone());
        let had_leave = std::mem::replace(&mut self.answers, answers);
        let Some(old) = old.filter(|_| matches!(self.stage, Stage::Applying | Stage::Ready)) else { return };
        if old.tools != config.tools {
            self.update("UpdateThink", "think", self.setup.think(config), now);
        } else if old.instructions != config.instructions {
            self.update("UpdatePrompt", "prompt", json!(config.instructions), now);
        }
        let listen = self.setup.listen(config, answers);
        if listen != self.setup.listen(&old, had_leave) {
            self.update("UpdateListen", "listen", listen, now);
        }
        let speak = self.setup.speak(config);
        if speak != self.setup.speak(&old) {
            self.update("UpdateSpeak", "speak", speak, now);
        }
        if is_push_to_talk(&old) != is_push_to_talk(config) {
            (self.speech, self.press) = (None, None);
        }
        if answers && !had_leave && self.is_speaking {
            self.force_end(now);
        }
    }

    fn ask(&mut self, number: u64, event: &Event<'_>, now: Instant) {
        self.number = number;
        match event {
            Event::Append { pcm } => {
                self.pressed_sound();
                self.transmit(Message::Binary(bytes(pcm)), true, now);
            }
            Event::Create { item: NewItem::Message { role, content: [content], .. } } => {
                let (Content::InputText { text } | Content::OutputText { text }) = content;
                self.message(role, text);
            }
            Event::Clear => self.clear(now),
            Event::Commit => self.commit(now),
            Event::Respond { response } => self.respond(number, response.is_none(), now),
            Event::Cancel { .. } => self.cancel(),
            Event::Create { item: NewItem::ToolOutput { call_id, output, .. } } => {
                self.answer_call(call_id, output, now)
            }
            // The agent keeps account of what it said by itself.
            Event::Update { .. } | Event::Truncate { .. } | Event::Delete { .. } => {}
        }
    }

    fn receive(&mut self, _leg: Leg, received: Received<'_>, now: Instant) {
        let text = match received {
            Received::Binary(bytes) => return self.sound(bytes),
            Received::Text(text) => text,
        };
        let Some(frame) = object(text) else { return };
        match string(&frame, "type") {
            "Welcome" if self.stage == Stage::Greeting => {
                self.stage = Stage::Learning;
                self.until = Some(now + STEP);
                self.tell(Told::Ready { model: Some(self.setup.think_model.clone()), expires_at: None });
            }
            "SettingsApplied" => self.applied(now),
            "UserStartedSpeaking" => self.user_started(now),
            "ConversationText" => self.conversation_text(&frame),
            "AgentThinking" | "AgentStartedSpeaking" => drop(self.begin()),
            "AgentAudioDone" => self.audio_done(now),
            "FunctionCallRequest" => self.function_calls(&frame, now),
            "FunctionCallCancelled" => {
                for call in frame.get("functions").and_then(Value::as_array).into_iter().flatten() {
                    self.calls.remove(string(call, "id"));
                }
            }
            "InjectionRefused" => self.injection_refused(&frame, now),
            "Warning" => self.warned(&frame, now),
            "Error" => self.refused(complaint(&frame)),
            _ => tracing::trace!("event of no interest"),
        }
    }

    fn poll(&mut self) -> Option<Deed> {
        self.deeds.pop_front().or_else(|| self.introduce())
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        [
            self.until.map(|at| (at, "the agent to be ready")),
            self.sign_due().map(|(at, _)| (at, "a sign of life to be due")),
            self.press.as_ref().and_then(Press::until).map(|at| (at, "the agent to hear words")),
            self.question.as_ref().and_then(Question::at).map(|at| (at, "the question to be asked")),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
            return self.deeds.push_back(Deed::Abandon("the agent is not ready"));
        }
        if self.press.as_ref().and_then(Press::until).is_some_and(|until| until <= now) {
            self.heard_nothing(now);
        }
        if self.question.as_ref().and_then(Question::at).is_some_and(|at| at <= now) {
            self.inject(now);
        }
        if let Some((_, is_silence)) = self.sign_due().filter(|(at, _)| *at <= now) {
            let message = if is_silence { silence(FILL) } else { control("KeepAlive") };
            self.transmit(message, false, now);
        }
    }
}
