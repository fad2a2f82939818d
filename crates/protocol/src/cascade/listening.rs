//! The user's turns: by the key or by the ear's own judgement, and answers that are prepared before a turn is surely over.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::complaint::trouble;
use super::ear::Heard;
use super::interpreter::Cascade;
use crate::chat::ToolCall;
use crate::interpreter::{Deed, Told};
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::{Config, Errand};

/// How long the user has been speaking when an ear says so.
const NOTICED_AFTER: Duration = Duration::from_millis(600);

/// Turns that are heard or await their words.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Open microphone: the turn that goes on.
    speaking: Option<String>,
    /// Turns that are over, whose words the ear owes.
    awaiting: VecDeque<Awaited>,
    /// The ear itself finds where a turn ends; it is told of settings after what was said under those before.
    is_ear_hands_free: bool,
    /// Push to talk: what came while the ear was still busy with an earlier turn.
    held: VecDeque<Held>,
}

#[derive(Debug)]
struct Awaited {
    item: String,
    /// `None`: the ear was not told yet that it is over.
    until: Option<Instant>,
}

#[derive(Debug)]
enum Held {
    Sound(Vec<i16>),
    Clear,
    End,
    Configure(Box<Config>),
}

/// An answer that is prepared while the user may still go on.
#[derive(Debug)]
pub(super) struct Eager {
    /// The turn as it was understood then.
    pub(super) words: String,
    pub(super) errand: Errand,
    /// What the model has said.
    pub(super) said: String,
    /// What it calls, which is not done before the turn is over.
    pub(super) calls: Vec<ToolCall>,
    pub(super) is_done: bool,
}

impl Turns {
    pub(super) fn open(&mut self, config: &Config) {
        self.is_ear_hands_free = config.turn_taking.is_open();
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.awaiting.iter().filter_map(|awaited| awaited.until).min()
    }

    /// How long the words of all turns that the ear was told of may take yet.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let last = self.awaiting.iter().filter_map(|awaited| awaited.until).max();
        last.unwrap_or(now).saturating_duration_since(now)
    }

    /// Nothing of what is held since the last turn ended belongs to another one: the ear need not hear it first.
    fn drop_held(&mut self) {
        let ended = self.held.iter().rposition(|held| matches!(held, Held::End)).map_or(0, |last| last + 1);
        let later = self.held.split_off(ended);
        self.held.extend(later.into_iter().filter(|held| matches!(held, Held::Configure(_))));
    }

    /// Whether a turn is over whose words are still to come.
    pub(super) fn is_awaiting(&self) -> bool {
        !self.awaiting.is_empty()
    }

    /// Open microphone: whether the user is speaking.
    pub(super) fn is_speaking(&self) -> bool {
        self.speaking.is_some()
    }
}

impl Cascade {
    /// Push to talk: one turn after another goes through the ear.
    fn is_ear_busy(&self) -> bool {
        !self.turns.is_ear_hands_free && self.turns.deadline().is_some()
    }

    pub(super) fn configure_ear(&mut self, config: &Config, now: Instant) {
        if self.is_ear_busy() {
            self.turns.held.push_back(Held::Configure(Box::new(config.clone())));
        } else {
            self.turns.is_ear_hands_free = config.turn_taking.is_open();
            self.ear.configure(config, now);
        }
    }

    pub(super) fn append(&mut self, pcm: &[i16], now: Instant) {
        if self.is_ear_busy() {
            self.turns.held.push_back(Held::Sound(pcm.to_vec()));
        } else {
            self.ear.hear(pcm, now);
        }
    }

    pub(super) fn clear(&mut self, now: Instant) {
        self.fall_silent(now);
        if self.is_ear_busy() {
            self.turns.drop_held();
            self.turns.held.push_back(Held::Clear);
        } else {
            self.ear.clear(now);
        }
    }

    /// The turn that was heard is none.
    pub(super) fn fall_silent(&mut self, now: Instant) {
        self.drop_eager();
        if self.turns.speaking.take().is_some() {
            self.go_on(now);
        }
    }

    /// The user ended the turn.
    pub(super) fn commit(&mut self, now: Instant) {
        let item = format!("turn_{}", self.number());
        self.memory.turn(&item);
        self.tell(Told::Committed { item: item.clone() });
        if self.is_ear_busy() {
            self.turns.held.push_back(Held::End);
            self.turns.awaiting.push_back(Awaited { item, until: None });
        } else {
            self.ear.end_turn(now);
            self.turns.awaiting.push_back(Awaited { item, until: Some(now + self.ear.limit()) });
        }
    }

    /// The ear is free: up to the end of the next turn it hears what came meanwhile.
    fn release(&mut self, now: Instant) {
        while !self.is_ear_busy()
            && let Some(held) = self.turns.held.pop_front()
        {
            match held {
                Held::Sound(pcm) => self.ear.hear(&pcm, now),
                Held::Clear => self.ear.clear(now),
                Held::Configure(config) => self.configure_ear(&config, now),
                Held::End => {
                    self.ear.end_turn(now);
                    let until = now + self.ear.limit();
                    if let Some(next) = self.turns.awaiting.iter_mut().find(|awaited| awaited.until.is_none()) {
                        next.until = Some(until);
                    }
                }
            }
        }
    }

    pub(super) fn heard(&mut self, heard: Heard, now: Instant) {
        match heard {
            Heard::Ready => {}
            Heard::Started => self.speech_started(now),
            Heard::Words(text) => self.words_so_far(text),
            Heard::EagerEnd(text) => self.think_early(text),
            Heard::Resumed => self.drop_eager(),
            Heard::Stopped => {
                if self.speech_stopped(now) {
                    self.begin_own_answer(now);
                }
            }
            Heard::Ended(text) => self.ended(&text, now),
            Heard::Missed(complaint) => self.missed(complaint, now),
            Heard::Failed(complaint) => self.give_up(Some(complaint), "the ear failed"),
        }
    }

    fn speech_started(&mut self, now: Instant) {
        if !self.terms.is_hands_free || self.turns.is_speaking() {
            return;
        }
        self.drop_eager();
        let item = format!("turn_{}", self.number());
        self.turns.speaking = Some(item.clone());
        self.tell(Told::SpeechStarted { item, since: NOTICED_AFTER });
        self.end_answer(Ending::Cancelled, None, now);
    }

    fn words_so_far(&mut self, text: String) {
        let awaited = self.turns.awaiting.front().map(|awaited| &awaited.item);
        if let Some(item) = awaited.or(self.turns.speaking.as_ref()).cloned() {
            self.tell(Told::UserWords { item, text, is_final: false });
        }
    }

    /// True: a turn was going on and is over.
    fn speech_stopped(&mut self, now: Instant) -> bool {
        let Some(item) = self.turns.speaking.take() else { return false };
        self.tell(Told::SpeechStopped { item: item.clone() });
        self.memory.turn(&item);
        // An answer that waited for silence is asked for along with this turn's.
        self.end_answer(Ending::Cancelled, None, now);
        self.tell(Told::Committed { item: item.clone() });
        self.turns.awaiting.push_back(Awaited { item, until: Some(now + self.ear.limit()) });
        true
    }

    fn ended(&mut self, text: &str, now: Instant) {
        let text = text.trim();
        if self.turns.awaiting.is_empty() && !self.turns.is_speaking() && !text.is_empty() {
            // An ear that did not notice the beginning.
            self.speech_started(now);
        }
        let is_new = self.turns.awaiting.is_empty() && self.speech_stopped(now);
        let Some(Awaited { item, .. }) = self.turns.awaiting.pop_front() else { return };
        self.memory.heard(&item, text);
        self.tell(Told::UserWords { item, text: text.to_owned(), is_final: true });
        self.release(now);
        if is_new {
            self.begin_own_answer(now);
        } else {
            self.go_on(now);
        }
    }

    /// Gives up the oldest turn whose words do not come.
    pub(super) fn look_after_turns(&mut self, now: Instant) {
        if self.turns.deadline().is_none_or(|at| at > now) {
            return;
        }
        if !self.ear.forgo() {
            return self.give_up(None, "the words of a turn did not come");
        }
        self.missed(trouble("The transcription took too long. What you said is kept: send it again."), now);
    }

    /// The oldest turn gets no words.
    fn missed(&mut self, complaint: Complaint, now: Instant) {
        let Some(Awaited { item, .. }) = self.turns.awaiting.pop_front() else { return };
        self.memory.remove(&item);
        self.tell(Told::Unheard { item, complaint });
        self.release(now);
        self.go_on(now);
    }

    fn begin_own_answer(&mut self, now: Instant) {
        if self.terms.answers {
            self.begin_answer(true, now);
        }
    }

    /// The turn is probably over: the model is asked, and nobody hears it before the turn is.
    fn think_early(&mut self, text: String) {
        let words = text.trim();
        let is_wanted = self.terms.answers && self.turns.is_speaking() && !self.turns.is_awaiting();
        if !is_wanted || words.is_empty() || self.eager.as_ref().is_some_and(|eager| eager.words == words) {
            return;
        }
        self.drop_eager();
        let errand = self.thought_errand();
        let question = self.question(Some(words), true, true);
        let words = words.to_owned();
        self.eager = Some(Eager { words, errand, said: String::new(), calls: Vec::new(), is_done: false });
        self.act(Deed::Think { errand, question });
    }

    pub(super) fn drop_eager(&mut self) {
        if let Some(eager) = self.eager.take()
            && !eager.is_done
        {
            self.act(Deed::CallOff(eager.errand));
        }
    }
}
