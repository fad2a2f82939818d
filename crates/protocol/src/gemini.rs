//! Gemini Live (`BidiGenerateContent`): Google's voice, which listens, thinks and speaks over one socket.
//!
//! Wire: Google's Live API reference and the types of google-genai 3.4.0, read 2026-11. JSON in text frames to the
//! server, in binary or text frames from it. The first message is `setup`; nothing else may be sent before
//! `setupComplete`. There is no event for the begin or the end of the user's speech, none to cancel an answer and none
//! to say how much of it was heard: the turn tells what is known of them.

mod answer;
mod asked;
mod content;
mod ear;
mod meaning;
mod message;
mod speech;
mod turn;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::frame::malformed;
use crate::interpreter::{Deed, Interpreter, Told};
use crate::openai::client::{Content, Event, NewItem};
use crate::pcm::Resampler;
use crate::{Config, Fault, Leg, Message, Place, Received, SAMPLE_RATE, Usage};

use ear::Ear;
use message::Said;
use turn::{Turn, User};

/// What Gemini Live needs to know beside [`Config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Model id, `gemini-3.8-live` for example; `models/` is put before it unless it has a path of its own.
    pub model: String,
    /// API version in the path: `v1beta`, `v1` or `v1alpha`.
    pub version: String,
    /// Tokens of context at which the oldest go; `None`: the provider decides (80 % of what the model takes).
    pub compressed_at: Option<u32>,
}

impl Setup {
    /// Where the socket is.
    pub(crate) fn place(&self) -> Place {
        let version = if self.version.is_empty() { "v1beta" } else { self.version.as_str() };
        let path = format!("ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent");
        Place { leg: Leg::Voice, path, query: Vec::new() }
    }

    /// Who translates for one connection.
    pub(crate) fn interpreter(&self) -> Box<dyn Interpreter> {
        Box::new(Gemini::new(self.clone()))
    }

    /// Older models take typed words only as live input ("on 3.1 `clientContent` only as initial history").
    fn takes_content(&self) -> bool {
        !self.model.contains("gemini-3.1")
    }
}

/// Samples per second that the model listens at.
const HEARD_RATE: u32 = 16_000;
/// 20 ms: no message carries less sound, but for the last of a turn.
const SHORTEST_PIECE: usize = HEARD_RATE as usize / 50;
/// 100 ms: none carries more.
const LONGEST_PIECE: usize = HEARD_RATE as usize / 10;
/// 100 ms: what is shorter is no turn, and the provider does not hear of it.
const SHORTEST_TURN: usize = SAMPLE_RATE as usize / 10;
/// Captions can come a little later than the sound that they belong to.
const TAIL: Duration = Duration::from_secs(2);
/// A turn that is over without an answer may be an older one; the answer has so long to begin.
const EMPTY: Duration = Duration::from_secs(3);
/// The provider wants to hear of a pause of the microphone ("more than a second").
const PAUSE: Duration = Duration::from_secs(1);

/// One connection to Gemini Live.
#[derive(Debug)]
pub(crate) struct Gemini {
    setup: Setup,
    /// The setup that was sent, without the handle: another one needs another connection.
    agreed: String,
    /// The user ends turns by the key, as far as this connection knows.
    is_manual: bool,
    /// What the conversation wants now; the two differ until there is a new connection.
    wants_manual: bool,
    has_captions: bool,
    is_ready: bool,
    /// Brought from an earlier connection.
    handle: Option<String>,
    silence_ms: u32,
    resampler: Resampler,
    /// Sound at [`HEARD_RATE`] that fills no message yet.
    piece: Vec<i16>,
    /// Sound of a turn that is too short so far.
    held: Vec<i16>,
    /// Manual turns: `activityStart` was sent.
    is_active: bool,
    /// A turn was dropped that the provider has heard.
    is_spoiled: bool,
    is_abandoned: bool,
    /// Open microphone.
    ear: Ear,
    is_floor_held: bool,
    /// When sound was last sent, while the stream is open.
    streaming: Option<Instant>,
    /// What was said in writing, or before this connection, and waits to be sent.
    said: Vec<(String, Said)>,
    user: Option<User>,
    /// Words of the user that belong to no item yet.
    words: String,
    turn: Turn,
    /// An answer is expected of what the provider has.
    awaits: bool,
    /// It will be read, not heard.
    is_written: bool,
    /// It will be the next part of an answer that used a tool.
    is_continued: bool,
    /// A turn ended without an answer.
    empty_until: Option<(Instant, Option<String>)>,
    /// Tokens of the present response, or of the newest one: what was told of them so far. It is told in any order with the end
    /// of a turn, and more than once; each time it is all of them.
    used: Option<Usage>,
    /// The newest response, once it is over.
    spender: Option<String>,
    calls: HashMap<String, String>,
    /// The newest frame.
    newest: Vec<u8>,
    last: u64,
    deeds: VecDeque<Deed>,
}

impl Gemini {
    fn new(setup: Setup) -> Self {
        Self {
            setup,
            agreed: String::new(),
            is_manual: true,
            wants_manual: true,
            has_captions: false,
            is_ready: false,
            handle: None,
            silence_ms: 0,
            resampler: Resampler::new(SAMPLE_RATE, HEARD_RATE),
            piece: Vec::new(),
            held: Vec::new(),
            is_active: false,
            is_spoiled: false,
            is_abandoned: false,
            ear: Ear::default(),
            is_floor_held: false,
            streaming: None,
            said: Vec::new(),
            user: None,
            words: String::new(),
            turn: Turn::None,
            awaits: false,
            is_written: false,
            is_continued: false,
            empty_until: None,
            used: None,
            spender: None,
            calls: HashMap::new(),
            newest: Vec::new(),
            last: 0,
            deeds: VecDeque::new(),
        }
    }

    fn name(&mut self, kind: char) -> String {
        self.last += 1;
        format!("{kind}{}", self.last)
    }

    fn tell(&mut self, told: Told) {
        self.deeds.push_back(Deed::Tell(told));
    }

    fn send(&mut self, message: &serde_json::Value, is_audio: bool) {
        let message = Message::Text(message.to_string());
        self.deeds.push_back(Deed::Transmit { leg: Leg::Voice, message, is_audio });
    }

    fn abandon(&mut self, why: &'static str) {
        if !std::mem::replace(&mut self.is_abandoned, true) {
            self.deeds.push_back(Deed::Abandon(why));
        }
    }
}

impl Interpreter for Gemini {
    fn recall(&mut self, memory: &str) {
        self.handle = message::handle_of(memory, &self.setup.model);
    }

    fn open(&mut self, config: &Config, _now: Instant) {
        let setup = message::setup(&self.setup, config, None);
        self.agreed = setup.to_string();
        self.is_manual = !config.turn_taking.is_open();
        self.wants_manual = self.is_manual;
        self.has_captions = config.transcription.is_some();
        self.silence_ms = message::silence_ms(config.turn_taking);
        let setup = message::setup(&self.setup, config, self.handle.as_deref());
        self.send(&setup, false);
    }

    fn configure(&mut self, config: &Config, answers: bool, now: Instant) {
        self.has_captions = config.transcription.is_some();
        self.wants_manual = !config.turn_taking.is_open();
        self.hold_floor(!answers, now);
        let setup = message::setup(&self.setup, config, None).to_string();
        if setup != self.agreed {
            // A session's settings change only with a new connection.
            self.agreed = setup;
            self.tell(Told::Ending { within: Duration::ZERO });
        }
    }

    fn ask(&mut self, _number: u64, event: &Event<'_>, now: Instant) {
        match event {
            Event::Append { pcm } => self.hear(pcm, now),
            Event::Commit => self.commit(),
            Event::Clear => self.clear(),
            Event::Create { item: NewItem::Message { id, role, content: [content] } } => {
                let (Content::InputText { text } | Content::OutputText { text }) = content;
                let said = Said { is_by_user: *role == "user", text: (*text).to_owned() };
                self.said.push(((*id).to_owned(), said));
            }
            Event::Create { item: NewItem::ToolOutput { call_id, output, .. } } => self.answer_call(call_id, output),
            Event::Delete { item_id } => self.said.retain(|(id, _)| id != item_id),
            Event::Respond { response } => self.respond(response.is_some()),
            Event::Cancel { .. } => self.cancel(),
            // The provider keeps its own idea of what was heard.
            Event::Truncate { .. } | Event::Update { .. } => {}
        }
    }

    fn receive(&mut self, _leg: Leg, received: Received<'_>, now: Instant) {
        let bytes = match received {
            Received::Text(text) => text.as_bytes(),
            Received::Binary(bytes) => bytes,
        };
        match serde_json::from_slice(bytes) {
            Ok(value) => {
                let message = content::read(value);
                if message.is_repeatable() || self.newest != bytes {
                    bytes.clone_into(&mut self.newest);
                    self.take(message, now);
                }
            }
            Err(error) => malformed(&error),
        }
    }

    fn closed(&mut self, code: Option<u16>, reason: &str) -> Option<Fault> {
        self.end_made();
        self.tell_lost_usage();
        let fault = meaning::of_close(code?, reason)?;
        let is_stale = self.handle.is_some() && !self.is_ready && meaning::may_be_the_handle(&fault);
        if is_stale {
            self.tell(Told::Memory(None));
            return Some(Fault { cause: crate::Cause::Expired, ..fault });
        }
        Some(fault)
    }

    fn poll(&mut self) -> Option<Deed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let tail = self.turn.tail().map(|until| (until, "the last captions"));
        let empty = self.empty_until.as_ref().map(|(until, _)| (*until, "an answer after all"));
        let pause = self.pause_at().map(|until| (until, "the microphone to go on"));
        [tail, empty, pause].into_iter().flatten().min()
    }

    fn timeout(&mut self, now: Instant) {
        if self.turn.tail().is_some_and(|until| until <= now) {
            self.complete();
        }
        if self.empty_until.as_ref().is_some_and(|(until, _)| *until <= now) {
            self.conclude_empty();
        }
        if self.pause_at().is_some_and(|until| until <= now) {
            self.end_stream();
        }
    }
}
