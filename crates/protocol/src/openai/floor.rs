//! Holding the floor: with an open microphone the speaker may think for as long as the talk key is down. The provider
//! goes on hearing speech and taking it down piece by piece, but answers none of it before the key is let go.

use std::time::Instant;

use serde_json::Value;

use super::interruption::Cut;
use super::microphone::Speech;
use super::realtime::Realtime;

impl Realtime {
    /// The talk key went down or up. In push-to-talk the key means something else.
    pub(super) fn hold_floor(&mut self, is_held: bool, now: Instant) {
        if !self.is_open_microphone() || self.is_floor_held == is_held {
            return;
        }
        self.is_floor_held = is_held;
        self.link.is_floor_settling = !is_held;
        if self.state.is_ready() || self.state.is_configuring() {
            self.send_update(false);
        }
        if is_held {
            self.drop_due_answer();
        } else {
            self.answer_now(now);
        }
    }

    /// What was said before the key went down belongs to the turn that goes on; its answer is not waited for.
    fn drop_due_answer(&mut self) {
        self.link.answer_due = None;
        if std::mem::take(&mut self.link.is_due_stopped) {
            for id in self.open_questions() {
                self.answered(id);
            }
        }
    }

    /// The turn is over, unless its last words are still being heard: then the provider ends it.
    pub(super) fn answer_now(&mut self, now: Instant) {
        let is_speaking = self.link.speech.as_ref().is_some_and(Speech::is_going_on);
        if self.state.is_ready() && !is_speaking && self.link.slot.is_free() {
            self.ask_for_due_answers(now);
        }
    }

    /// When an answer that the provider should begin by itself is asked for instead. `None`: not while the key is down.
    pub(super) fn own_answer_until(&self, until: Instant, now: Instant) -> Option<Instant> {
        match (self.is_floor_held, self.link.is_floor_settling) {
            (true, _) => None,
            // It heard this before it heard that it may answer.
            (false, true) => Some(now),
            (false, false) => Some(until),
        }
    }

    /// A response that begins while the key is down comes too early.
    pub(super) fn cut_of_floor(&self, cut: Cut) -> Cut {
        if self.is_floor_held && cut != Cut::Stopped { Cut::Early } else { cut }
    }

    /// The provider confirmed settings: those in force may be the ones that let it answer.
    pub(super) fn floor_settled(&mut self, session: Option<&Value>) {
        let answers = session.and_then(|session| session.pointer("/audio/input/turn_detection/create_response"));
        if answers.and_then(Value::as_bool) != Some(false) {
            self.link.is_floor_settling = false;
        }
    }
}
