//! What the agent is asked: turns of the talk key, and messages.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Agent, Stage};
use crate::deepgram::{control, silence, string, trouble};
use crate::interpreter::Told;
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;

/// Behind the last word of a turn that is ended by the key, so that the word is not cut.
const TRAIL: Duration = Duration::from_millis(200);
/// For an ear that goes by silence.
const LONG_TRAIL: Duration = Duration::from_millis(1_500);
/// The words of a turn that was ended.
const WORDS: Duration = Duration::from_secs(4);
/// While the agent speaks it takes no message: another try after this.
const AGAIN: Duration = Duration::from_millis(700);
const TRIES: u8 = 12;
/// How long the end of an answer that nobody wants is waited for.
const PATIENCE: Duration = Duration::from_secs(4);

/// Push to talk: the turn of the key.
#[derive(Debug, Default)]
pub(super) struct Press {
    /// What the agent took for turns before the key was let go.
    early: String,
    has_sound: bool,
    released: Option<Released>,
}

#[derive(Debug)]
struct Released {
    item: String,
    /// `None`: the words have come.
    until: Option<Instant>,
}

impl Press {
    /// The key was let go, and the words are awaited.
    pub(super) fn is_released(&self) -> bool {
        self.until().is_some()
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.released.as_ref()?.until
    }
}

/// A message on its way to the agent.
#[derive(Debug)]
pub(super) struct Question {
    number: u64,
    text: String,
    /// When it is sent; `None`: it was.
    at: Option<Instant>,
    tries: u8,
}

impl Question {
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    pub(super) fn is_asked(&self) -> bool {
        self.at.is_none()
    }
}

impl Agent {
    /// A message of the conversation: told from before, or about to be asked.
    pub(super) fn message(&mut self, role: &'static str, text: &str) {
        let earlier = self.typed.take().map(|text| ("user", text));
        let own = (role != "user").then(|| ("assistant", text.to_owned()));
        if matches!(self.stage, Stage::Greeting | Stage::Learning) {
            self.history.extend(earlier.into_iter().chain(own));
        }
        if role == "user" {
            self.typed = Some(text.to_owned());
        }
    }

    /// A new turn of the key begins, or the present one was thrown away.
    pub(super) fn clear(&mut self, now: Instant) {
        self.press = self.is_push_to_talk().then(Press::default);
        if self.wanted.take().is_some() {
            // The agent hears the user instead of answering, or answers too late.
            (self.question, self.is_owing, self.is_late) = (None, false, true);
            let response = self.name("response");
            self.tell(Told::Began { response: response.clone() });
            self.tell(Told::Ended { response, ending: Ending::Cancelled, usage: None, complaint: None });
        }
        if self.is_speaking {
            self.discard(now);
        }
    }

    /// Sound of a turn; one that was begun on an earlier connection, or is sent again, comes without a beginning.
    pub(super) fn pressed_sound(&mut self) {
        if self.is_push_to_talk() {
            self.press = self.press.take().filter(|press| press.released.is_none());
            self.press.get_or_insert_default().has_sound = true;
        }
    }

    fn discard(&mut self, now: Instant) {
        self.is_speaking = false;
        self.discarded += 1;
        self.force_end(now);
    }

    /// The agent noticed speech that was thrown away meanwhile.
    pub(super) fn discard_unheard(&mut self, now: Instant) {
        if self.press.as_ref().is_none_or(|press| !press.has_sound) {
            self.discard(now);
        }
    }

    pub(super) fn commit(&mut self, now: Instant) {
        self.force_end(now);
        let item = self.name("turn");
        let press = self.press.get_or_insert_default();
        press.released = Some(Released { item: item.clone(), until: Some(now + WORDS) });
        self.tell(Told::Committed { item });
    }

    pub(super) fn force_end(&mut self, now: Instant) {
        if !self.can_force {
            return self.fall_silent(now);
        }
        self.transmit(silence(TRAIL), false, now);
        self.transmit(control("ForceEndTurn"), false, now);
    }

    /// Lets a turn end by silence, if one is to be ended.
    pub(super) fn fall_silent(&mut self, now: Instant) {
        if self.is_speaking || self.press.is_some() {
            self.transmit(silence(LONG_TRAIL), false, now);
        }
    }

    /// Words of the user, while or after the key was down.
    pub(super) fn pressed_words(&mut self, text: &str) {
        let Some(press) = self.press.as_mut() else { return self.is_late = true };
        let is_settled = press.released.as_ref().is_some_and(|released| released.until.is_none());
        if is_settled && press.early.ends_with(text) {
            return;
        }
        if !text.is_empty() {
            let space = if press.early.is_empty() { "" } else { " " };
            press.early.push_str(space);
            press.early.push_str(text);
        }
        let words = press.early.clone();
        match press.released.as_mut() {
            None => self.is_late = true,
            Some(released) => {
                released.until = None;
                let item = released.item.clone();
                self.is_late = false;
                self.is_owing = true;
                self.words.clone_from(&words);
                self.tell(Told::UserWords { item, text: words, is_final: true });
            }
        }
    }

    /// The agent found no words behind what it had heard before.
    pub(super) fn heard_nothing(&mut self, now: Instant) {
        let Some(Press { early, released: Some(released), .. }) = self.press.take() else { return };
        self.is_speaking = false;
        self.tell(Told::UserWords { item: released.item, text: early.clone(), is_final: true });
        match (self.wanted, early.is_empty()) {
            (Some(_), true) => self.fail(trouble("The provider heard no speech in this.")),
            (Some((number, _)), false) => self.put(number, early, now),
            (None, _) => self.words = early,
        }
    }

    /// Push to talk: the agent has the words that an answer was asked for.
    pub(super) fn is_answer_due(&self) -> bool {
        self.wanted.is_some() && self.is_owing
    }

    pub(super) fn respond(&mut self, number: u64, is_spoken: bool, now: Instant) {
        if self.answer.is_some() {
            return; // It has begun already.
        }
        self.wanted = Some((number, is_spoken));
        if let Some(text) = self.typed.take() {
            self.put(number, text, now);
        } else if self.is_owing || self.press.as_ref().is_some_and(Press::is_released) {
            // The agent answers by itself.
        } else if self.words.is_empty() {
            self.wanted = None;
            self.tell(Told::Refused { number: Some(number), complaint: trouble("There is nothing to answer.") });
        } else {
            self.put(number, self.words.clone(), now);
        }
    }

    /// Asks in writing, as soon as the agent is through with what nobody wants.
    fn put(&mut self, number: u64, text: String, now: Instant) {
        self.words.clone_from(&text);
        let at = if self.is_late { now + PATIENCE } else { now };
        self.question = Some(Question { number, text, at: Some(at), tries: 0 });
        if !self.is_late {
            self.inject(now);
        }
    }

    pub(super) fn inject_when_free(&mut self, now: Instant) {
        if self.question.as_ref().is_some_and(|question| !question.is_asked()) {
            self.inject(now);
        }
    }

    pub(super) fn inject(&mut self, now: Instant) {
        let Some(question) = &mut self.question else { return };
        question.at = None;
        self.is_late = false;
        self.echo = Some(question.text.trim().to_owned());
        let frame = json!({ "type": "InjectUserMessage", "content": question.text });
        self.send(&frame, now);
    }

    /// It speaks, or hears the user.
    pub(super) fn injection_refused(&mut self, frame: &Value, now: Instant) {
        let Some(question) = self.question.as_mut().filter(|question| question.is_asked()) else { return };
        if question.tries < TRIES {
            question.tries += 1;
            question.at = Some(now + AGAIN);
            self.is_late = true;
            return;
        }
        let number = question.number;
        (self.question, self.wanted) = (None, None);
        let complaint = Complaint { message: string(frame, "message").to_owned(), ..Complaint::default() };
        self.tell(Told::Refused { number: Some(number), complaint });
    }
}
