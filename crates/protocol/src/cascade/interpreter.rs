//! The cascade as a voice: an ear, a text model and a mouth, with the turn-taking that whole-conversation providers do
//! themselves.

use std::collections::VecDeque;
use std::time::Instant;

use super::answering::Answer;
use super::ear::{Ear, EarDeed, Heard};
use super::listening::{Eager, Turns};
use super::memory::Memory;
use super::mouth::{Mouth, MouthDeed, Said};
use super::{Setup, cast};
use crate::interpreter::{Deed, Interpreter, Told};
use crate::openai::client::{Content, Event, NewItem};
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::toolbox::Toolbox;
use crate::{Config, Errand, Fault, Leg, Received, Reply, Role, Thought};

/// Errands of the text model count from here; those of ears and mouths are small numbers.
const FIRST_THOUGHT: u64 = 1 << 32;

/// See the module.
#[derive(Debug)]
pub(crate) struct Cascade {
    pub(super) ear: Box<dyn Ear>,
    pub(super) mouth: Box<dyn Mouth>,
    pub(super) terms: Terms,
    pub(super) turns: Turns,
    pub(super) eager: Option<Eager>,
    pub(super) answer: Option<Answer>,
    pub(super) memory: Memory,
    pub(super) toolbox: Toolbox,
    is_ear_ready: bool,
    is_mouth_ready: bool,
    is_over: bool,
    last: u64,
    deeds: VecDeque<Deed>,
}

/// What of the settings concerns the cascade itself.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) instructions: String,
    /// Language of the conversation (ISO 639-1), if it is known.
    pub(super) language: String,
    /// The ear says when a turn is over, not the user's finger.
    pub(super) is_hands_free: bool,
    /// Turns that the ear hears end are answered at once.
    pub(super) answers: bool,
    /// Speed of speech, 1 = normal.
    pub(super) speed: f32,
}

impl Terms {
    fn of(config: &Config, answers: bool) -> Self {
        let language = config.transcription.as_ref().and_then(|wanted| wanted.language.clone());
        Self {
            instructions: config.instructions.clone(),
            language: language.unwrap_or_default(),
            is_hands_free: config.turn_taking.is_open(),
            answers,
            speed: config.speed.filter(|speed| speed.is_finite() && *speed > 0.0).unwrap_or(1.0),
        }
    }
}

impl Cascade {
    /// Who the setup names.
    pub(crate) fn new(setup: &Setup) -> Self {
        Self::of(cast::ear(&setup.ear), cast::mouth(&setup.mouth))
    }

    pub(super) fn of(ear: Box<dyn Ear>, mouth: Box<dyn Mouth>) -> Self {
        Self {
            ear,
            mouth,
            terms: Terms::default(),
            turns: Turns::default(),
            eager: None,
            answer: None,
            memory: Memory::default(),
            toolbox: Toolbox::default(),
            is_ear_ready: false,
            is_mouth_ready: false,
            is_over: false,
            last: 0,
            deeds: VecDeque::new(),
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn thought_errand(&mut self) -> Errand {
        Errand(FIRST_THOUGHT + self.number())
    }

    pub(super) fn act(&mut self, deed: Deed) {
        self.deeds.push_back(deed);
    }

    pub(super) fn tell(&mut self, told: Told) {
        self.act(Deed::Tell(told));
    }

    /// The connection is of no use without this ear or mouth.
    pub(super) fn give_up(&mut self, complaint: Option<Complaint>, why: &'static str) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        if let Some(complaint) = complaint {
            self.tell(Told::Refused { number: None, complaint });
        }
        self.act(Deed::Abandon(why));
    }

    /// Carries out what ear and mouth want, until they want nothing more.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(deed) = self.ear.poll() {
                self.ear_deed(deed, now);
            } else if let Some(deed) = self.mouth.poll() {
                self.mouth_deed(deed, now);
            } else {
                return;
            }
        }
    }

    fn ear_deed(&mut self, deed: EarDeed, now: Instant) {
        match deed {
            EarDeed::Transmit { message, is_audio } => {
                self.act(Deed::Transmit { leg: Leg::Ears, message, is_audio });
            }
            EarDeed::Fetch { errand, post } => self.act(Deed::Fetch { errand, leg: Leg::Ears, post }),
            EarDeed::CallOff(errand) => self.act(Deed::CallOff(errand)),
            EarDeed::Heard(Heard::Ready) => self.ready(true),
            EarDeed::Heard(heard) => self.heard(heard, now),
        }
    }

    fn mouth_deed(&mut self, deed: MouthDeed, now: Instant) {
        match deed {
            MouthDeed::Transmit(message) => {
                self.act(Deed::Transmit { leg: Leg::Mouth, message, is_audio: false });
            }
            MouthDeed::Fetch { errand, post } => self.act(Deed::Fetch { errand, leg: Leg::Mouth, post }),
            MouthDeed::CallOff(errand) => self.act(Deed::CallOff(errand)),
            MouthDeed::Said(Said::Ready) => self.ready(false),
            MouthDeed::Said(said) => self.said(said, now),
        }
    }

    fn ready(&mut self, is_ear: bool) {
        let is_ready = if is_ear { &mut self.is_ear_ready } else { &mut self.is_mouth_ready };
        let is_new = !std::mem::replace(is_ready, true);
        if is_new && self.is_ear_ready && self.is_mouth_ready {
            self.tell(Told::Ready { model: None, expires_at: None });
        }
    }

    fn create(&mut self, item: &NewItem<'_>) {
        match item {
            NewItem::Message { id, content: [Content::InputText { text }], .. } => {
                self.memory.write(id, Role::User, text);
            }
            NewItem::Message { id, content: [Content::OutputText { text }], .. } => {
                self.memory.write(id, Role::Assistant, text);
            }
            NewItem::ToolOutput { call_id, output, .. } => self.memory.output(call_id, output),
        }
    }

    fn truncate(&mut self, item: &str, heard: &str) {
        self.memory.truncate(item, heard);
        self.cut(item);
    }

    fn delete(&mut self, item: &str) {
        self.memory.remove(item);
        self.cut(item);
    }

    /// What comes of this answer from now on was not heard.
    fn cut(&mut self, item: &str) {
        if let Some(answer) = self.answer.as_mut().filter(|answer| answer.item == item) {
            answer.is_cut = true;
        }
    }
}

impl Interpreter for Cascade {
    fn open(&mut self, config: &Config, now: Instant) {
        self.terms = Terms::of(config, true);
        self.toolbox.tools.clone_from(&config.tools);
        self.turns.open(config);
        self.ear.open(config, now);
        self.mouth.open(config, now);
        self.settle(now);
    }

    fn configure(&mut self, config: &Config, answers: bool, now: Instant) {
        self.terms = Terms::of(config, answers);
        self.toolbox.tools.clone_from(&config.tools);
        if !self.terms.is_hands_free {
            self.fall_silent(now);
        }
        if !answers {
            self.drop_eager();
        }
        self.configure_ear(config, now);
        self.mouth.configure(config, now);
        self.settle(now);
    }

    fn ask(&mut self, _number: u64, event: &Event<'_>, now: Instant) {
        match event {
            Event::Update { .. } => tracing::debug!("settings come by another way"),
            Event::Append { pcm } => self.append(pcm, now),
            Event::Commit => self.commit(now),
            Event::Clear => self.clear(now),
            Event::Create { item } => self.create(item),
            Event::Truncate { item_id, heard, .. } => self.truncate(item_id, heard),
            Event::Delete { item_id } => self.delete(item_id),
            Event::Respond { response } => {
                let is_aloud = response.as_ref().is_none_or(|manner| manner.output_modalities != ["text"]);
                self.respond(is_aloud, now);
            }
            Event::Cancel { .. } => self.end_answer(Ending::Cancelled, None, now),
        }
        self.settle(now);
    }

    fn receive(&mut self, leg: Leg, received: Received<'_>, now: Instant) {
        match leg {
            Leg::Ears => self.ear.receive(received, now),
            Leg::Mouth => self.mouth.receive(received, now),
            Leg::Voice => tracing::debug!("a frame over a leg that a cascade does not have"),
        }
        self.settle(now);
    }

    fn thought(&mut self, errand: Errand, thought: Thought<'_>, now: Instant) {
        self.thinking(errand, thought, now);
        self.settle(now);
    }

    fn reply(&mut self, errand: Errand, reply: Reply<'_>, now: Instant) {
        if errand.0.is_multiple_of(2) {
            self.ear.reply(errand, reply, now);
        } else {
            self.mouth.reply(errand, reply, now);
        }
        self.settle(now);
    }

    fn closed(&mut self, _code: Option<u16>, reason: &str) -> Option<Fault> {
        self.tell_unsaid();
        self.ear.closed(reason).or_else(|| self.mouth.closed(reason))
    }

    fn poll(&mut self) -> Option<Deed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let words = self.turns.deadline().map(|at| (at, "the words of a turn"));
        let answer = self.answer.as_ref().and_then(Answer::deadline).map(|at| (at, "the answer to go on"));
        [self.ear.deadline(), self.mouth.deadline(), words, answer].into_iter().flatten().min()
    }

    fn timeout(&mut self, now: Instant) {
        let is_due = |deadline: Option<(Instant, &'static str)>| deadline.is_some_and(|(at, _)| at <= now);
        if is_due(self.ear.deadline()) {
            self.ear.timeout(now);
        }
        if is_due(self.mouth.deadline()) {
            self.mouth.timeout(now);
        }
        self.look_after_turns(now);
        self.look_after_answer(now);
        self.settle(now);
    }
}
