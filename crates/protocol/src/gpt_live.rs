//! GPT-Live (OpenAI, WebSocket): one model listens and speaks at the same time and alone decides when; a text model of
//! the user's choice does the work behind it (client delegation).
//!
//! Tools are the text model's: the one that speaks has no command for them, and delegates what they are needed for.
//!
//! There are no turns on this wire. What the conversation calls turns is made here, of transcripts and of sound: see
//! `hearing` and `speaking`. The session's clock is the sound that it is given: see `pace`.

mod client;
mod hearing;
mod log;
mod pace;
mod portion;
mod server;
mod speaking;
mod tools;
mod track;
mod work;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::frame::malformed;
use crate::interpreter::{Deed, Interpreter, Told};
use crate::openai::client as wanted;
use crate::openai::refusal::Complaint;
use crate::openai::replay::weight;
use crate::toolbox::Toolbox;
use crate::{Config, Errand, Leg, Message, Received, Role, Thought};

use client::{Event, Frame, Session, Text};
use hearing::Floor;
use log::Log;
use pace::Pace;
use server::complaint;
use speaking::Voice;
use work::Work;

/// Which model, with which voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Model id.
    pub model: String,
    /// Voice name; empty = the provider's default.
    pub voice: String,
}

/// Path of the socket below the base URL. It has no query.
pub(crate) const PATH: &str = "live/sessions";
/// Ends a session that has started; without it the server takes the connection for lost, and the session may go on.
pub(crate) const FAREWELL: &str = r#"{"type":"session.close","event_id":"farewell"}"#;
/// Until when a session has to start.
const STARTING: Duration = Duration::from_secs(10);
/// Most messages of history, and how heavy they may be together (8,192 tokens).
const HISTORY: usize = 128;
const HISTORY_WEIGHT: usize = 24_000;
/// 16,384 tokens of instructions.
const INSTRUCTIONS_WEIGHT: usize = 45_000;
/// What the model has to know of its place, beside what the user wrote.
const POLICY: &str = "You speak with the user. Be brief. Answer small talk yourself. Delegate everything that needs \
    facts, files, calculation or reasoning, and whatever is to be made, shown or done; say at most a few words while you wait, and never invent a result. \
    When you get a commentary, say it closely and stop.";

/// How far the session has come.
#[derive(Debug)]
enum Stage {
    /// The conversation so far is being told, as the first command is to carry it.
    Replaying,
    /// The first command was sent. `is_plain`: for the second time, without what was refused.
    Starting { until: Instant, is_plain: bool },
    /// Its clock runs.
    Started,
    /// No use any more.
    Over,
}

/// How a text reaches the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As our rule for its behaviour.
    Instruction,
    /// As something to know.
    Thinking,
    /// As something to say.
    Commentary,
}

/// One session. Its parts know no commands: what they want is done here.
#[derive(Debug)]
pub(crate) struct Live {
    setup: Setup,
    instructions: String,
    is_open_microphone: bool,
    /// The user keeps the floor with an open microphone.
    is_floor_held: bool,
    stage: Stage,
    now: Option<Instant>,
    deeds: VecDeque<Deed>,
    /// The newest name that was made up.
    last_name: u64,
    /// What was said on earlier connections.
    history: Vec<(Role, String)>,
    /// Texts for the model from before the session started.
    waiting: Vec<(Kind, Option<String>, String)>,
    /// The newest event, to know its repetition.
    newest: String,
    pace: Option<Pace>,
    floor: Floor,
    voice: Voice,
    work: Work,
    toolbox: Toolbox,
    log: Log,
    /// Until when the session was accounted for.
    billed: Option<Instant>,
}

impl Live {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            instructions: String::new(),
            is_open_microphone: false,
            is_floor_held: false,
            stage: Stage::Replaying,
            now: None,
            deeds: VecDeque::new(),
            last_name: 0,
            history: Vec::new(),
            waiting: Vec::new(),
            newest: String::new(),
            pace: None,
            floor: Floor::default(),
            voice: Voice::default(),
            work: Work::default(),
            toolbox: Toolbox::default(),
            log: Log::default(),
            billed: None,
        }
    }

    fn name(&mut self, kind: &str) -> String {
        self.last_name += 1;
        format!("{kind}_{}", self.last_name)
    }

    fn tell(&mut self, told: Told) {
        self.deeds.push_back(Deed::Tell(told));
    }

    fn is_started(&self) -> bool {
        matches!(self.stage, Stage::Started)
    }

    /// Nothing of what the model says is wanted before the user has ended the turn.
    fn is_listening(&self) -> bool {
        self.is_floor_held || self.floor.is_recording()
    }

    fn transmit(&mut self, event: Event<'_>, is_audio: bool) {
        let event_id = if matches!(event, Event::Audio { .. }) { None } else { Some(self.name("event")) };
        let Ok(text) = serde_json::to_string(&Frame { event_id, event }) else {
            tracing::error!("a command could not be written");
            return;
        };
        self.deeds.push_back(Deed::Transmit { leg: Leg::Voice, message: Message::Text(text), is_audio });
    }

    /// Gives the model a text; what one append cannot hold is left out.
    fn append(&mut self, kind: Kind, delegation: Option<&str>, content: &str) {
        let content = portion::fitting(content.trim());
        match self.stage {
            _ if content.is_empty() => {}
            Stage::Replaying | Stage::Starting { .. } => {
                self.waiting.push((kind, delegation.map(str::to_owned), content.to_owned()));
            }
            Stage::Started => {
                let text = Text { content, delegation_id: delegation };
                let event = match kind {
                    Kind::Instruction => Event::Instructions(text),
                    Kind::Thinking => Event::Thinking(text),
                    Kind::Commentary => Event::Commentary(text),
                };
                self.transmit(event, false);
            }
            Stage::Over => {}
        }
    }

    /// The first command, with the newest of the history that fits.
    fn start(&mut self, is_plain: bool, now: Instant) {
        self.log.begin_with(&self.history);
        let mut sum = 0;
        let fits = |(_, text): &&(Role, String)| {
            sum += weight(text);
            sum <= HISTORY_WEIGHT
        };
        let count = self.history.iter().rev().take(HISTORY).take_while(fits).count();
        let history: Vec<(Role, String)> = self.history.get(self.history.len() - count..).unwrap_or_default().to_vec();
        let instructions = format!("{}\n\n{POLICY}", self.instructions);
        let setup = self.setup.clone();
        let session = Session::new(
            &setup.model,
            &setup.voice,
            portion::beginning(instructions.trim(), INSTRUCTIONS_WEIGHT),
            history.iter().map(|(role, text)| (*role, text.as_str())),
            is_plain,
        );
        self.transmit(Event::Start { session }, false);
        self.stage = Stage::Starting { until: now + STARTING, is_plain };
    }

    fn started(&mut self, expires_at: Option<u64>, now: Instant) {
        if !matches!(self.stage, Stage::Starting { .. }) {
            return;
        }
        self.stage = Stage::Started;
        self.billed = Some(now);
        if let Some(pace) = self.pace.as_mut() {
            pace.start(now);
        }
        if let Some(at) = expires_at {
            self.tell(Told::Expires { at });
        }
        for (kind, delegation, content) in std::mem::take(&mut self.waiting) {
            self.append(kind, delegation.as_deref(), &content);
        }
        self.voice.await_anew(now);
        self.tick(now);
    }

    /// Before the session has started a refusal is its end, later it concerns one command.
    fn refused(&mut self, complaint: Complaint, now: Instant) {
        let is_unknown = complaint.has_code("unknown_parameter");
        match self.stage {
            Stage::Starting { is_plain: false, .. } if is_unknown => self.start(true, now),
            Stage::Replaying | Stage::Starting { .. } => {
                self.tell(Told::Refused { number: None, complaint });
                self.abandon("the session was refused");
            }
            // An append that came too late to be of use.
            Stage::Started if complaint.has_code("context_injection_incomplete") => {}
            Stage::Started if complaint.event_id.is_some() && !complaint.is_grave() => {
                tracing::warn!(code = complaint.code.as_deref().unwrap_or_default(), "a command was refused");
            }
            Stage::Started => self.tell(Told::Refused { number: None, complaint }),
            Stage::Over => {}
        }
    }

    fn closed(&mut self, reason: Option<&str>) {
        let of = |code: &str, kind: &str, message: &str| Complaint {
            kind: Some(kind.to_owned()),
            code: Some(code.to_owned()),
            message: message.to_owned(),
            event_id: None,
            retry_after: None,
        };
        let complaint = match reason {
            Some("expired") => Some(of("session_expired", "server_error", "The session reached its maximum length.")),
            // The same would happen again: no new connection by itself.
            Some("content") => {
                let words = "The provider's safety filter ended the conversation.";
                Some(of("content", "invalid_request_error", words))
            }
            Some(_) | None => None,
        };
        if let Some(complaint) = complaint {
            self.tell(Told::Refused { number: None, complaint });
        }
        self.abandon("the session was closed");
    }

    fn abandon(&mut self, why: &'static str) {
        if !matches!(self.stage, Stage::Over) {
            self.stage = Stage::Over;
            self.deeds.push_back(Deed::Abandon(why));
        }
    }

    /// Whatever time has brought. Called ten times a second at least, as sound is due that often.
    fn tick(&mut self, now: Instant) {
        if !self.is_started() {
            return;
        }
        while let Some(piece) = self.pace.as_mut().and_then(|pace| pace.next(now)) {
            self.transmit(Event::Audio { pcm: &piece.pcm }, piece.is_microphone);
        }
        self.settle_floor(now);
        self.begin_work(now);
        self.settle_answer(now);
    }

    fn event(&mut self, text: &str, now: Instant) {
        let frame = match serde_json::from_str::<server::Frame<'_>>(text) {
            Ok(frame) => frame,
            Err(error) => return malformed(&error),
        };
        if frame.event_id.as_deref().is_some_and(|id| !id.is_empty()) {
            if self.newest == text {
                tracing::debug!("repeated event ignored");
                return;
            }
            text.clone_into(&mut self.newest);
        }
        match frame.kind.as_ref() {
            "session.started" => {
                let expires_at = frame.session.as_ref().and_then(|session| session.get("expires_at")?.as_u64());
                self.started(expires_at, now);
            }
            "error" => self.refused(complaint(frame.error.as_ref()), now),
            "session.closed" => self.closed(frame.reason.as_ref().and_then(|reason| reason.as_str())),
            // A server that does as if the session had started could make us work for it.
            _ if !self.is_started() => tracing::trace!("event of no interest before the session has started"),
            "session.output_audio.delta" => {
                if let Some(pcm) = frame.pcm() {
                    self.sounds(&pcm, now);
                }
            }
            "session.input_transcript.delta" => self.heard(frame.fragment(), now),
            "session.output_transcript.delta" => self.says(frame.fragment(), now),
            "session.delegation.created" => {
                if let Some(id) = frame.delegation() {
                    self.delegated(id, now);
                }
            }
            _ => tracing::trace!("event of no interest"),
        }
    }

    /// A message that is told: of the past, or typed just now.
    fn create(&mut self, item: &wanted::NewItem<'_>) {
        let wanted::NewItem::Message { content: [content], role, .. } = item else { return };
        let (role, text) = match content {
            wanted::Content::InputText { text } if *role == "user" => (Role::User, *text),
            wanted::Content::InputText { text } | wanted::Content::OutputText { text } => (Role::Assistant, *text),
        };
        match self.stage {
            Stage::Replaying => self.history.push((role, text.to_owned())),
            Stage::Starting { .. } | Stage::Started if role == Role::User => self.work.type_in(text),
            // The model remembers what it said; what of it was heard it is told where it was cut.
            Stage::Starting { .. } | Stage::Started | Stage::Over => {}
        }
    }

    /// The last of the replayed messages may be a new one: an answer is asked for, and nothing was said.
    fn take_typed_of_replay(&mut self) {
        if matches!(self.stage, Stage::Replaying)
            && !self.floor.has_new_turn()
            && self.history.last().is_some_and(|(role, _)| *role == Role::User)
            && let Some((_, text)) = self.history.pop()
        {
            self.work.type_in(&text);
        }
        self.log.begin_with(&self.history);
    }
}

impl Interpreter for Live {
    fn open(&mut self, config: &Config, now: Instant) {
        self.now = Some(now);
        self.pace = Some(Pace::new(now));
        config.instructions.clone_into(&mut self.instructions);
        self.toolbox.tools.clone_from(&config.tools);
        self.is_open_microphone = config.turn_taking.is_open();
        // The history goes into the very first command, so the conversation has to tell it before: it does so at once
        // when it hears that we are ready. Sound and texts wait for `session.started`.
        self.tell(Told::Ready { model: Some(self.setup.model.clone()), expires_at: None });
    }

    fn configure(&mut self, config: &Config, answers: bool, now: Instant) {
        self.now = Some(now);
        self.toolbox.tools.clone_from(&config.tools);
        self.is_open_microphone = config.turn_taking.is_open();
        self.is_floor_held = !answers && self.is_open_microphone;
        if self.instructions != config.instructions {
            // The instructions of a session are fixed; it can be given more of them.
            config.instructions.clone_into(&mut self.instructions);
            let words = format!("From now on: {}", self.instructions);
            self.append(Kind::Instruction, None, &words);
        }
        self.release_held(now);
    }

    fn ask(&mut self, _number: u64, event: &wanted::Event<'_>, now: Instant) {
        self.now = Some(now);
        match event {
            wanted::Event::Append { pcm } => self.listen(pcm, now),
            wanted::Event::Commit => self.commit(now),
            wanted::Event::Clear => self.clear(),
            wanted::Event::Create { item: wanted::NewItem::ToolOutput { call_id, output, .. } } => {
                self.tool_done(call_id, output);
            }
            wanted::Event::Create { item } => self.create(item),
            wanted::Event::Respond { response } => {
                self.take_typed_of_replay();
                self.respond(response.is_some(), now);
            }
            wanted::Event::Cancel { .. } => self.cancel(now),
            wanted::Event::Truncate { heard, .. } => self.tell_heard(heard),
            wanted::Event::Delete { item_id } => {
                if self.voice.is_ours(item_id) {
                    self.tell_heard("");
                }
            }
            wanted::Event::Update { .. } => {}
        }
    }

    fn receive(&mut self, _leg: Leg, received: Received<'_>, now: Instant) {
        self.now = Some(now);
        match received {
            Received::Text(text) => self.event(text, now),
            Received::Binary(bytes) => tracing::debug!(bytes = bytes.len(), "binary frame ignored"),
        }
        self.tick(now);
    }

    fn thought(&mut self, errand: Errand, thought: Thought<'_>, now: Instant) {
        self.now = Some(now);
        self.worked(errand, thought, now);
    }

    fn is_settled(&self, _now: Instant) -> bool {
        self.is_started()
    }

    fn poll(&mut self) -> Option<Deed> {
        if self.deeds.is_empty()
            && matches!(self.stage, Stage::Replaying)
            && let Some(now) = self.now
        {
            self.start(false, now);
        }
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        match self.stage {
            Stage::Starting { until, .. } => Some((until, "session.started")),
            Stage::Started => self.pace.as_ref().map(|pace| (pace.deadline(), "sound to be due")),
            Stage::Replaying | Stage::Over => None,
        }
    }

    fn timeout(&mut self, now: Instant) {
        self.now = Some(now);
        match self.stage {
            Stage::Starting { until, .. } if until <= now => self.abandon("no session.started"),
            Stage::Started => self.tick(now),
            Stage::Starting { .. } | Stage::Replaying | Stage::Over => {}
        }
    }
}
