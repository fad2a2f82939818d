//! The user's side: spoken turns by the key, typed messages, and sending what waits.

use std::time::Instant;

use super::client;
use super::error::too_long;
use super::link::{ACKNOWLEDGEMENT, Commit, Purpose};
use super::realtime::Realtime;
use super::replay::LONGEST_TEXT;
use super::timeline::{Side, Stage, Utterance, duration_of};
use crate::{Cause, Delivery, Event, Fault, ItemId, Kind, Role, SAMPLE_RATE};

/// 100 ms: the provider takes no shorter commit.
const SHORTEST: usize = SAMPLE_RATE as usize / 10;
/// Ten minutes in one utterance, twenty in all that wait: bounds of memory (29 MB, 58 MB).
pub(super) const LONGEST: usize = 600 * SAMPLE_RATE as usize;
pub(super) const MOST_KEPT: usize = 2 * LONGEST;
/// A second: piece size when a whole utterance is sent at once.
const PIECE: usize = SAMPLE_RATE as usize;
/// A growing recording is told of four times a second.
const TOLD_EVERY: usize = SAMPLE_RATE as usize / 4;

impl Utterance {
    pub(super) fn new(stage: Stage, aloud: bool) -> Self {
        Self {
            stage,
            pcm: Vec::new(),
            aloud,
            attempts: 0,
            has_waited: false,
            is_caption_stale: false,
            is_restored: false,
        }
    }
}

impl Realtime {
    pub(super) fn press(&mut self, now: Instant) {
        if self.recording.is_some() || self.is_open_microphone() {
            return;
        }
        self.interrupt(now);
        let id = self.timeline.push_speech();
        self.recording = Some(id);
        self.tell(id);
        if self.state.is_ready() && !self.has_waiting_speech() {
            self.link.is_live = true;
            self.transmit(client::Event::Clear, Purpose::Clear);
        }
    }

    pub(super) fn has_waiting_speech(&self) -> bool {
        self.timeline.entries().iter().any(|entry| entry.stage() == Some(Stage::Waiting) && entry.is_spoken())
    }

    pub(super) fn audio(&mut self, pcm: &[i16]) {
        if pcm.is_empty() {
        } else if self.is_open_microphone() {
            self.hear(pcm);
        } else if let Some(id) = self.recording {
            self.record(id, pcm);
        }
    }

    fn record(&mut self, id: ItemId, pcm: &[i16]) {
        let kept = self.kept_samples();
        let Some((item, utterance)) = self.timeline.utterance_mut(id) else { return };
        let before = utterance.pcm.len();
        let room = LONGEST.saturating_sub(before).min(MOST_KEPT.saturating_sub(kept));
        let taken = pcm.get(..pcm.len().min(room)).unwrap_or_default();
        utterance.pcm.extend_from_slice(taken);
        item.duration = duration_of(utterance.pcm.len() as u64);
        let is_full = taken.len() < pcm.len() && item.fault.is_none();
        if is_full {
            let words = "This turn is as long as it can be; what you say now is not recorded.";
            let fault = Fault::new(Cause::Response, None, words);
            item.fault = Some(fault.clone());
            self.tell_fault(fault);
        }
        if is_full || before / TOLD_EVERY != (before + taken.len()) / TOLD_EVERY {
            self.tell(id);
        }
        if self.link.is_live && !taken.is_empty() {
            self.append(taken);
        }
    }

    pub(super) fn kept_samples(&self) -> usize {
        // What comes from an earlier run takes nothing of this one's room; the caller bounds it.
        let said = self.timeline.entries().iter().filter_map(|entry| entry.utterance());
        said.filter(|utterance| !utterance.is_restored).map(|utterance| utterance.pcm.len()).sum()
    }

    /// Sends audio, in pieces far below the 15 MiB that one event may hold.
    pub(super) fn append(&mut self, pcm: &[i16]) {
        for piece in pcm.chunks(PIECE) {
            self.transmit(client::Event::Append { pcm: piece.to_vec() }, Purpose::Append);
        }
        self.link.ring.push(pcm, self.link.turn_from());
    }

    /// A new connection takes up the turn that is being spoken, if nothing has to go before it.
    pub(super) fn resume_recording(&mut self) {
        if self.is_open_microphone() {
            return self.release_backlog();
        }
        let Some(id) = self.recording.filter(|_| !self.has_waiting_speech()) else { return };
        self.link.is_live = true;
        let pcm = self.pcm_of(id);
        self.append(&pcm);
    }

    fn pcm_of(&self, id: ItemId) -> Vec<i16> {
        self.timeline.find(id).and_then(|entry| entry.utterance()).map(|said| said.pcm.clone()).unwrap_or_default()
    }

    pub(super) fn release(&mut self, now: Instant) {
        let Some(id) = self.recording else { return };
        let Some((item, utterance)) = self.timeline.utterance_mut(id) else { return };
        if utterance.pcm.len() < SHORTEST {
            return self.discard(now);
        }
        self.recording = None;
        utterance.stage = Stage::Waiting;
        item.fault = None;
        item.delivery = if self.state.is_ready() { Delivery::Sent } else { Delivery::Kept };
        item.is_final = self.config.transcription.is_none();
        if std::mem::take(&mut self.link.is_live) {
            self.commit(id, now);
        }
        self.tell(id);
        self.pump(now);
    }

    pub(super) fn discard(&mut self, now: Instant) {
        let Some(id) = self.recording.take() else { return };
        if std::mem::take(&mut self.link.is_live) {
            self.transmit(client::Event::Clear, Purpose::Clear);
        }
        self.remove(id);
        self.pump(now);
    }

    /// Makes the buffer a user item.
    fn commit(&mut self, id: ItemId, now: Instant) {
        self.transmit(client::Event::Commit, Purpose::Commit(id));
        self.link.commits.push_back(Commit { item: id, until: Some(now + ACKNOWLEDGEMENT) });
        self.count_attempt(id);
        self.taken(id, true);
    }

    /// The provider has the item.
    pub(super) fn taken(&mut self, id: ItemId, ask: bool) {
        self.link.tool_rounds = 0;
        self.put_calls_aside();
        let Some((item, utterance)) = self.timeline.utterance_mut(id) else { return };
        utterance.stage = Stage::OnServer { ask };
        item.delivery = Delivery::Sent;
        item.fault = None;
    }

    pub(super) fn say(&mut self, text: &str, aloud: bool, now: Instant) {
        if text.trim().is_empty() {
            return;
        }
        let is_too_long = text.chars().count() > LONGEST_TEXT;
        if !is_too_long && self.recording.is_none() {
            self.interrupt(now);
        }
        let utterance = Utterance::new(if is_too_long { Stage::Settled } else { Stage::Waiting }, aloud);
        let delivery = match (is_too_long, self.state.is_ready()) {
            (true, _) => Delivery::Failed,
            (false, true) => Delivery::Sent,
            (false, false) => Delivery::Kept,
        };
        let id = self.timeline.push(Role::User, Kind::Typed, delivery, Side::User(utterance));
        if let Some(entry) = self.timeline.find_mut(id) {
            entry.item.text = text.to_owned();
            entry.item.is_final = true;
            entry.item.fault = is_too_long.then(too_long);
        }
        self.tell(id);
        if is_too_long {
            self.emit(Event::Fault(too_long()));
        }
        self.pump(now);
    }

    /// Everything that had no answer goes out (again).
    pub(super) fn resend(&mut self, with_restored: bool, now: Instant) {
        let is_ready = self.state.is_ready();
        let ids: Vec<ItemId> = self.timeline.entries().iter().map(|entry| entry.item.id).collect();
        for id in ids {
            let Some(entry) = self.timeline.find_mut(id) else { continue };
            let is_on_server = entry.wire.is_some();
            let Side::User(utterance) = &mut entry.side else { continue };
            if utterance.stage != Stage::Held || (utterance.is_restored && !with_restored) {
                continue;
            }
            utterance.attempts = 0;
            utterance.has_waited = false;
            utterance.stage = if is_on_server { Stage::OnServer { ask: true } } else { Stage::Waiting };
            entry.item.fault = None;
            entry.item.delivery = if is_ready { Delivery::Sent } else { Delivery::Kept };
            self.tell(id);
        }
        self.pump(now);
    }

    /// Drops an utterance or message that waits or failed.
    pub(super) fn forget(&mut self, id: ItemId, now: Instant) {
        let Some(entry) = self.timeline.find(id) else { return };
        let is_idle = matches!(entry.stage(), Some(Stage::Waiting | Stage::Held))
            || (entry.stage() == Some(Stage::Settled) && entry.item.delivery == Delivery::Failed);
        let is_being_resent = self.link.resending.as_ref().is_some_and(|resending| resending.item == id);
        if !is_idle || is_being_resent {
            return;
        }
        if let Some(wire) = entry.wire.clone() {
            self.transmit(client::Event::Delete { item_id: &wire }, Purpose::Upkeep);
        }
        self.remove(id);
        self.release_backlog();
        self.pump(now);
    }

    /// Does the next thing that is due: one response at a time, one utterance after another.
    pub(super) fn pump(&mut self, now: Instant) {
        let is_free = self.link.slot.is_free() && !self.awaits_tools();
        if !self.state.is_ready() || !is_free || self.recording.is_some() || self.is_limited() {
            return;
        }
        if !self.is_answer_wanted() {
            self.send_next(now);
        }
        if self.is_answer_wanted() && !self.is_floor_held {
            self.request(now);
        }
    }

    fn is_answer_wanted(&self) -> bool {
        let asks = |stage| stage == Stage::OnServer { ask: true };
        self.link.continues || self.timeline.entries().iter().any(|entry| entry.stage().is_some_and(asks))
    }

    /// Sends the oldest item that waits.
    fn send_next(&mut self, now: Instant) {
        // While the provider's detector listens, speech goes one by one through its ear.
        let is_ear_taken = self.is_open_microphone() && (self.link.resending.is_some() || self.link.is_hearing());
        let is_answer_near = self.link.answer_due.is_some();
        let next = self.timeline.entries().iter().find(|entry| {
            entry.stage() == Some(Stage::Waiting) && !(entry.is_spoken() && (is_ear_taken || is_answer_near))
        });
        let Some(entry) = next else { return };
        let (id, is_spoken) = (entry.item.id, entry.is_spoken());
        self.put_behind_answered(id);
        if !is_spoken {
            let text = self.timeline.find(id).map(|entry| entry.item.text.clone()).unwrap_or_default();
            let name = self.name(id);
            self.transmit(client::Event::user_text(&name, &text), Purpose::Message(id));
            self.count_attempt(id);
            self.taken(id, true);
        } else if self.is_open_microphone() {
            return self.resend_through_detector(id, now);
        } else {
            // What a detector took for speech may be shorter than a commit has to be.
            let mut pcm = self.pcm_of(id);
            pcm.resize(pcm.len().max(SHORTEST), 0);
            self.append(&pcm);
            self.commit(id, now);
        }
        self.tell(id);
    }

    /// A question that is asked again stands where its answer will: at the end of what was answered.
    fn put_behind_answered(&mut self, id: ItemId) {
        let entries = self.timeline.entries();
        let is_later = entries.iter().skip_while(|entry| entry.item.id != id).skip(1).any(|entry| entry.wire.is_some());
        if is_later && self.timeline.put_last(id) {
            self.tell(id);
        }
    }
}
