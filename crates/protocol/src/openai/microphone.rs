//! The open microphone: the provider listens all the time and says when a turn begins and ends.

use std::time::{Duration, Instant};

use super::interruption::Cut;
use super::link::{ACKNOWLEDGEMENT, ATTEMPTS, UNANSWERED};
use super::realtime::Realtime;
use super::settings::silence_that_ends_a_turn;
use super::timeline::{Side, Stage, duration_of};
use super::turn::LONGEST;
use crate::{Delivery, Event, ItemId, Kind, SAMPLE_RATE};

/// Sixty seconds wait for a connection at most, as much as a turn may last where it is known to be speech; then the oldest
/// goes.
const BACKLOG: usize = 60 * SAMPLE_RATE as usize;
/// Speech that the detector had not reported yet when the connection died lies within the last two seconds.
const UNREPORTED: u64 = 2 * SAMPLE_RATE as u64;
const PER_MS: u64 = SAMPLE_RATE as u64 / 1_000;
/// A provider that answers ended turns by itself begins within this time; others are asked.
const OWN_ANSWER: Duration = Duration::from_secs(5);

/// The turn that the provider hears. Positions in samples since the connection's first.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) item: ItemId,
    wire: String,
    pub(super) start: u64,
    stop: Option<u64>,
    /// When its end has to be committed.
    pub(super) until: Option<Instant>,
}

/// An unanswered utterance that is put through the provider's ear again.
#[derive(Debug)]
pub(super) struct Resending {
    pub(super) item: ItemId,
    pub(super) until: Instant,
    is_noticed: bool,
}

impl Speech {
    /// The provider has not heard it end.
    pub(super) fn is_going_on(&self) -> bool {
        self.stop.is_none()
    }
}

fn position(ms: Option<f64>) -> Option<u64> {
    ms.map(|ms| (ms as u64).saturating_mul(PER_MS))
}

impl Realtime {
    pub(super) fn hear(&mut self, pcm: &[i16]) {
        self.own_ear.count(pcm.len());
        if !self.state.is_ready() || self.is_ear_reserved() {
            self.backlog.extend(pcm);
            self.bound_backlog();
            return self.cut_turn();
        }
        self.append(pcm);
        self.give_up_unnoticed();
        let end = self.link.ring.end();
        let Some(speech) = self.link.speech.as_ref().filter(|speech| speech.stop.is_none()) else { return };
        let (id, spoken) = (speech.item, duration_of(end.saturating_sub(speech.start)));
        let Some((item, _)) = self.timeline.utterance_mut(id) else { return };
        if spoken.saturating_sub(item.duration) >= Duration::from_millis(250) {
            item.duration = spoken;
            self.tell(id);
        }
    }

    fn bound_backlog(&mut self) {
        let most = if self.resumed.is_some() { LONGEST } else { BACKLOG };
        let excess = self.backlog.len().saturating_sub(most);
        self.backlog.drain(..excess);
    }

    /// Utterances that are sent again go first, but for a turn that has begun.
    fn is_ear_reserved(&self) -> bool {
        self.link.resending.is_some() || (!self.link.is_hearing() && self.has_waiting_speech())
    }

    /// Sends what was said while there was no connection.
    pub(super) fn release_backlog(&mut self) {
        if self.state.is_ready() && self.is_open_microphone() && !self.is_ear_reserved() {
            if self.resumed.is_some() {
                self.link.resumed_at = Some(self.link.ring.end());
                self.own_ear.begin_anew();
            }
            let pcm: Vec<i16> = std::mem::take(&mut self.backlog).into();
            self.append(&pcm);
        }
    }

    pub(super) fn speech_started(&mut self, wire: &str, at_ms: Option<f64>, now: Instant) {
        if !self.state.is_ready() || !self.is_open_microphone() || self.timeline.by_wire(wire).is_some() {
            return;
        }
        if let Some(resending) = self.link.resending.as_mut() {
            if !resending.is_noticed {
                resending.is_noticed = true;
                let id = resending.item;
                self.timeline.bind(id, wire);
            }
            return;
        }
        if let Some(speech) = self.link.speech.as_mut().filter(|speech| speech.stop.is_none()) {
            // The detector changed its mind about the item; it is still the same speech.
            wire.clone_into(&mut speech.wire);
            let id = speech.item;
            self.timeline.bind(id, wire);
            return;
        }
        self.speech_committed(now);
        self.own_ear.noticed();
        self.yield_floor();
        let id = self
            .resumed
            .take()
            .filter(|id| self.timeline.find(*id).is_some())
            .unwrap_or_else(|| self.timeline.push_speech());
        self.link.resumed_at = None;
        let end = self.link.ring.end();
        let start = position(at_ms).unwrap_or(end).min(end);
        self.link.speech = Some(Speech { item: id, wire: wire.to_owned(), start, stop: None, until: None });
        self.timeline.bind(id, wire);
        self.emit(Event::SpeechStarted);
        self.tell(id);
    }

    pub(super) fn speech_stopped(&mut self, wire: &str, at_ms: Option<f64>, now: Instant) {
        let end = self.link.ring.end();
        let Some(speech) = self.link.speech.as_mut() else { return };
        if speech.wire != wire || speech.stop.is_some() {
            return;
        }
        speech.stop = Some(position(at_ms).unwrap_or(end).clamp(speech.start, end));
        speech.until = Some(now + ACKNOWLEDGEMENT);
        let id = speech.item;
        self.keep_speech(id);
        self.emit(Event::SpeechStopped);
        self.tell(id);
    }

    /// Cuts the speech out of what was sent.
    fn keep_speech(&mut self, id: ItemId) {
        let Some(speech) = self.link.speech.as_ref() else { return };
        let pcm = self.link.ring.cut(speech.start, speech.stop.unwrap_or(u64::MAX));
        if let Some((item, utterance)) = self.timeline.utterance_mut(id) {
            item.duration = duration_of(pcm.len() as u64);
            utterance.pcm = pcm;
        }
    }

    pub(super) fn committed(&mut self, wire: &str, previous: Option<&str>, now: Instant) {
        if !self.state.is_ready() {
            return;
        }
        let known = self.timeline.by_wire(wire);
        let is = |item: Option<ItemId>| item.is_some_and(|item| known.is_none_or(|known| known == item));
        if is(self.link.resending.as_ref().map(|resending| resending.item)) {
            self.resent(wire, now);
        } else if known.is_none() && !self.link.commits.is_empty() {
            self.acknowledged(wire);
        } else if is(self.link.speech.as_ref().map(|speech| speech.item)) {
            if known.is_none()
                && let Some(id) = self.link.speech.as_ref().map(|speech| speech.item)
            {
                self.timeline.bind(id, wire);
            }
            self.speech_committed(now);
        } else if known.is_none() && self.is_open_microphone() {
            self.unannounced(wire, now);
        }
        self.place_user_item(wire, previous);
        self.release_backlog();
        self.pump(now);
    }

    /// A push-to-talk commit came through.
    pub(super) fn acknowledged(&mut self, wire: &str) {
        if let Some(commit) = self.link.commits.pop_front() {
            self.timeline.bind(commit.item, wire);
            self.tell(commit.item);
        }
    }

    /// The turn is over and the provider will answer it.
    fn speech_committed(&mut self, now: Instant) {
        let Some(id) = self.link.speech.as_ref().map(|speech| speech.item) else { return };
        if self.link.speech.as_ref().is_some_and(|speech| speech.stop.is_none()) {
            self.keep_speech(id);
            self.emit(Event::SpeechStopped);
        }
        let speech = self.link.speech.take();
        self.own_ear.noticed();
        self.link.committed_at = speech.and_then(|speech| speech.stop).unwrap_or_else(|| self.link.ring.end());
        self.count_attempt(id);
        self.expect_own_answer(id, now);
    }

    fn expect_own_answer(&mut self, id: ItemId, now: Instant) {
        self.taken(id, false);
        let has_captions = self.config.transcription.is_some();
        if let Some((item, _)) = self.timeline.utterance_mut(id) {
            item.is_final |= !has_captions;
        }
        self.link.answer_due = self.own_answer_until(now + OWN_ANSWER, now);
        self.link.is_due_stopped = false;
        if self.link.answer_due.is_some() {
            self.emit(Event::Requested);
        }
        self.tell(id);
    }

    /// A server that commits without telling of speech first.
    fn unannounced(&mut self, wire: &str, now: Instant) {
        let id = self.timeline.push_speech();
        self.timeline.bind(id, wire);
        let start = self.link.committed_at;
        self.link.speech = Some(Speech { item: id, wire: wire.to_owned(), start, stop: None, until: None });
        self.keep_speech(id);
        if let Some(speech) = self.link.speech.as_mut() {
            speech.stop = Some(self.link.ring.end());
        }
        self.yield_floor();
        self.speech_committed(now);
    }

    /// Puts an unanswered utterance through the ear again, with silence behind it, so that the detector ends the
    /// turn and the provider answers as it would have done.
    pub(super) fn resend_through_detector(&mut self, id: ItemId, now: Instant) {
        let Some((_, utterance)) = self.timeline.utterance_mut(id) else { return };
        let mut pcm = utterance.pcm.clone();
        let silence = u64::from(silence_that_ends_a_turn(self.config.turn_taking)) * PER_MS;
        pcm.resize(pcm.len() + silence as usize, 0);
        self.count_attempt(id);
        self.link.resending = Some(Resending { item: id, until: now + ACKNOWLEDGEMENT, is_noticed: false });
        self.append(&pcm);
    }

    fn resent(&mut self, wire: &str, now: Instant) {
        let Some(resending) = self.link.resending.take() else { return };
        self.timeline.bind(resending.item, wire);
        self.link.committed_at = self.link.ring.end();
        self.expect_own_answer(resending.item, now);
    }

    /// The detector did not take it for speech: it waits for the user.
    pub(super) fn resending_unnoticed(&mut self, now: Instant) {
        let Some(resending) = self.link.resending.take() else { return };
        self.keep_for_user(resending.item, "The provider heard no speech in this.");
        self.release_backlog();
        self.pump(now);
    }

    /// No answer began by itself: ask.
    pub(super) fn ask_for_due_answers(&mut self, now: Instant) {
        self.link.answer_due = None;
        if std::mem::take(&mut self.link.is_due_stopped) {
            for id in self.open_questions() {
                self.answered(id);
            }
        }
        for entry in self.timeline.entries_mut() {
            if let Side::User(utterance) = &mut entry.side
                && utterance.stage == (Stage::OnServer { ask: false })
            {
                utterance.stage = Stage::OnServer { ask: true };
            }
        }
        self.pump(now);
    }

    /// An answer was cancelled before it said anything: its question is asked again, by the provider's detector
    /// with the next turn or by us. A provider that cancels unasked does so only so often.
    pub(super) fn ask_again(&mut self, id: ItemId, cut: Cut, now: Instant) {
        let is_heard = self.is_open_microphone();
        let Some((item, utterance)) = self.timeline.utterance_mut(id) else { return };
        if utterance.attempts >= ATTEMPTS {
            return self.keep_for_user(id, UNANSWERED);
        }
        utterance.attempts += u8::from(cut == Cut::No);
        let ask = !(is_heard && item.kind == Kind::Spoken);
        utterance.stage = Stage::OnServer { ask };
        if !ask {
            let patience = if cut == Cut::Early { Duration::ZERO } else { OWN_ANSWER };
            self.link.answer_due = self.own_answer_until(now + patience, now);
        }
    }

    /// The connection died: what was being said goes on with the next one.
    pub(super) fn suspend_speech(&mut self) {
        if !self.is_open_microphone() {
            return;
        }
        self.own_ear.begin_anew();
        let end = self.link.ring.end();
        let from = match (self.link.speech.take(), self.link.resumed_at) {
            (Some(speech), _) if speech.stop.is_some() => {
                self.wait(speech.item);
                speech.stop.unwrap_or(end)
            }
            (Some(speech), _) => {
                self.resumed = Some(speech.item);
                speech.start
            }
            (None, Some(resumed_at)) => resumed_at,
            (None, None) => {
                let recent = end.saturating_sub(UNREPORTED).max(self.link.committed_at);
                let is_free = self.link.resending.is_none();
                is_free.then(|| self.unnoticed_speech()).flatten().unwrap_or(recent)
            }
        };
        // What went through the ear for a resent utterance is kept with the utterance.
        if self.link.resending.is_none() {
            let lost = self.link.ring.cut(from, end);
            for sample in lost.into_iter().rev() {
                self.backlog.push_front(sample);
            }
            self.bound_backlog();
        }
    }

    /// The microphone is no longer open: what was being said is sent as it stands.
    pub(super) fn end_speech(&mut self) {
        if !self.is_open_microphone() {
            return;
        }
        if let Some(id) = self.link.speech.as_ref().map(|speech| speech.item) {
            if self.link.speech.as_ref().is_some_and(|speech| speech.stop.is_none()) {
                self.keep_speech(id);
                self.emit(Event::SpeechStopped);
            }
            self.link.speech = None;
            self.wait(id);
        }
        if let Some(id) = self.end_resumed() {
            self.wait(id);
        }
        self.link.resending = None;
        self.backlog.clear();
    }

    /// What was said of a turn that waits for a connection, or for this one to notice it, is all of it.
    pub(super) fn end_resumed(&mut self) -> Option<ItemId> {
        let id = self.resumed.take()?;
        let sent = self.link.resumed_at.take().map(|from| self.link.ring.cut(from, u64::MAX)).unwrap_or_default();
        let backlog = std::mem::take(&mut self.backlog);
        if let Some((item, utterance)) = self.timeline.utterance_mut(id) {
            utterance.pcm = sent;
            utterance.pcm.extend(backlog);
            item.duration = duration_of(utterance.pcm.len() as u64);
        }
        Some(id)
    }

    pub(super) fn wait(&mut self, id: ItemId) {
        let is_ready = self.state.is_ready();
        if let Some((item, utterance)) = self.timeline.utterance_mut(id) {
            utterance.stage = Stage::Waiting;
            item.delivery = if is_ready { Delivery::Sent } else { Delivery::Kept };
            self.tell(id);
        }
    }
}
