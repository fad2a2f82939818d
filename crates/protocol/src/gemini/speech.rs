//! The user's voice on its way to the provider.

use std::time::{Duration, Instant};

use super::turn::User;
use super::{Gemini, LONGEST_PIECE, PAUSE, SHORTEST_PIECE, SHORTEST_TURN, message};
use crate::interpreter::Told;

/// So long after the silence that should have ended a turn, an answer is not coming by itself.
const UNANSWERED_MS: u32 = 1_000;

impl Gemini {
    pub(super) fn hear(&mut self, pcm: &[i16], now: Instant) {
        if self.wants_manual != self.is_manual || self.is_spoiled {
            // What is said is kept by the conversation, for a connection that can take it.
            if self.wants_manual {
                self.abandon("another way of taking turns");
            }
        } else if self.is_manual {
            self.hear_manual(pcm);
        } else {
            self.hear_open(pcm, now);
        }
    }

    fn hear_manual(&mut self, pcm: &[i16]) {
        if self.is_active {
            return self.stream(pcm);
        }
        self.held.extend_from_slice(pcm);
        if self.held.len() >= SHORTEST_TURN {
            self.begin_activity();
        }
    }

    fn begin_activity(&mut self) {
        self.supersede_answer();
        self.tell_history();
        self.is_active = true;
        self.user = None;
        self.words.clear();
        self.send(&message::activity_start(), false);
        let held = std::mem::take(&mut self.held);
        self.stream(&held);
    }

    /// The provider gives up what it was asked before when the user speaks again.
    fn supersede_answer(&mut self) {
        if std::mem::take(&mut self.awaits) {
            self.empty_until = None;
            let response = self.name('r');
            self.begin_response(response.clone());
            self.end(response, crate::openai::server::Ending::Cancelled, None);
        }
    }

    pub(super) fn commit(&mut self) {
        if !self.is_manual || self.is_spoiled {
            return;
        }
        if !self.is_active {
            self.begin_activity();
        }
        let mut rest = Vec::new();
        self.resampler.finish(&mut rest);
        self.piece.append(&mut rest);
        self.send_pieces(1);
        self.send(&message::activity_end(), false);
        self.is_active = false;
        self.await_answer();
        let item = self.name('u');
        self.tell(Told::Committed { item: item.clone() });
        self.user = Some(User { item, is_speaking: false, is_final: false });
        self.tell_words(false);
    }

    pub(super) fn clear(&mut self) {
        self.held.clear();
        if std::mem::take(&mut self.is_active) {
            // Nothing takes back what the provider has heard, so the next turn needs a connection that has not.
            self.is_spoiled = true;
            self.tell(Told::Ending { within: Duration::ZERO });
        }
    }

    fn hear_open(&mut self, pcm: &[i16], now: Instant) {
        self.tell_history();
        self.ear.hear(pcm);
        if self.is_floor_held {
            let sound = self.ear.without_pauses(pcm);
            if !sound.is_empty() {
                self.stream(&sound);
            }
            // A stream that stands still because nobody speaks is not at its end.
            self.streaming = None;
            return;
        }
        let mut sound = self.ear.with_pauses();
        sound.extend_from_slice(pcm);
        self.stream(&sound);
        self.streaming = Some(now);
        let is_over = self.ear.quiet_ms() >= self.silence_ms.saturating_add(UNANSWERED_MS);
        if is_over && self.user.as_ref().is_some_and(|user| user.is_speaking) {
            self.end_speech();
        }
    }

    /// Open microphone: while the user holds the floor, no pause is sent, so that none ends the turn.
    pub(super) fn hold_floor(&mut self, is_held: bool, now: Instant) {
        let is_freed = std::mem::replace(&mut self.is_floor_held, is_held && !self.is_manual) && !is_held;
        if is_freed {
            self.streaming = Some(now);
        }
    }

    /// When the provider has to hear that the microphone is silent.
    pub(super) fn pause_at(&self) -> Option<Instant> {
        self.streaming.filter(|_| !self.is_floor_held).map(|last| last + PAUSE)
    }

    pub(super) fn end_stream(&mut self) {
        self.streaming = None;
        let mut rest = Vec::new();
        self.resampler.finish(&mut rest);
        self.piece.append(&mut rest);
        self.send_pieces(1);
        self.send(&message::stream_end(), false);
    }

    /// Open microphone: somebody speaks who did not before.
    pub(super) fn begin_speech(&mut self) {
        if self.user.as_ref().is_some_and(|user| user.is_speaking) {
            return;
        }
        self.tell_words(true);
        self.words.clear();
        let item = self.name('u');
        self.user = Some(User { item: item.clone(), is_speaking: true, is_final: false });
        self.tell(Told::SpeechStarted { item, since: self.ear.since() });
    }

    /// Open microphone: the turn is over, an answer is expected.
    pub(super) fn end_speech(&mut self) {
        let Some(user) = self.user.as_mut().filter(|user| user.is_speaking) else { return };
        user.is_speaking = false;
        let item = user.item.clone();
        self.ear.turn_over();
        self.await_answer();
        self.tell(Told::SpeechStopped { item: item.clone() });
        self.tell(Told::Committed { item });
    }

    fn stream(&mut self, pcm: &[i16]) {
        self.resampler.push(pcm, &mut self.piece);
        self.send_pieces(SHORTEST_PIECE);
    }

    /// Sends what there is, unless it is less than `least` samples.
    fn send_pieces(&mut self, least: usize) {
        if self.piece.len() < least {
            return;
        }
        for piece in std::mem::take(&mut self.piece).chunks(LONGEST_PIECE) {
            self.send(&message::audio(piece), true);
        }
    }

    /// The user's words so far; `is_over`: no more are expected.
    pub(super) fn tell_words(&mut self, is_over: bool) {
        let Some(user) = self.user.as_mut() else { return };
        let is_over = is_over && !user.is_speaking;
        let is_final = is_over || user.is_final;
        if self.words.is_empty() && (user.is_final || !is_over) {
            return;
        }
        user.is_final |= is_over;
        let item = user.item.clone();
        if self.has_captions {
            self.tell(Told::UserWords { item, text: self.words.trim().to_owned(), is_final });
        }
    }
}
