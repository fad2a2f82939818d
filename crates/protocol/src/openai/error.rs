//! `error` events: which of our events was refused, and whom that concerns.

use std::time::Instant;

use serde_json::Value;

use super::interruption::Cut;
use super::limit::wait_of;
use super::link::{ATTEMPTS, Purpose, State};
use super::realtime::Realtime;
use super::refusal::Complaint;
use super::response::Slot;
use super::server::complaint;
use super::timeline::Stage;
use crate::{Cause, Delivery, Fault, ItemId};

/// A typed message above the provider's limit.
pub(super) fn too_long() -> Fault {
    let words = "This message is too long: the provider takes 256,000 characters.";
    Fault::new(Cause::Refused, Some("string_above_max_length".to_owned()), words)
}

impl Realtime {
    pub(super) fn error(&mut self, error: Option<&Value>, now: Instant) {
        let complaint = error.map(complaint).unwrap_or_default();
        let named = complaint.event_id.as_deref().and_then(|id| self.link.purpose(id));
        let purpose = named.or_else(|| self.purpose_by_code(&complaint));
        self.refused(purpose, complaint, now);
    }

    /// The event that was for `purpose` was refused.
    pub(super) fn refused(&mut self, purpose: Option<Purpose>, complaint: Complaint, now: Instant) {
        tracing::debug!(?purpose, is_benign = complaint.is_benign(), "the provider reports an error");
        match purpose {
            Some(Purpose::FirstUpdate) if self.state.is_configuring() => {
                self.state = State::Refused;
                self.tell_fault(complaint.into_fault());
            }
            Some(Purpose::Commit(id)) => self.commit_refused(id, complaint, now),
            Some(Purpose::Message(id)) => self.message_refused(id, complaint, now),
            Some(Purpose::Respond) => self.request_refused(complaint, now),
            Some(Purpose::Cancel | Purpose::Upkeep | Purpose::Clear) if !is_fatal(&complaint) => {}
            Some(_) | None if complaint.is_benign() => {}
            // The response that it is about tells the same.
            None if !self.link.slot.is_free() && wait_of(&complaint.clone().into_fault()).is_some() => {}
            Some(_) | None => self.tell_fault(complaint.into_fault()),
        }
    }

    /// For servers that do not name the event they refuse.
    fn purpose_by_code(&self, complaint: &Complaint) -> Option<Purpose> {
        if complaint.has_code("conversation_already_has_active_response") {
            return Some(Purpose::Respond);
        }
        let is_requested = matches!(self.link.slot, Slot::Requested { .. });
        if is_requested && complaint.clone().into_fault().cause == Cause::RateLimited {
            return Some(Purpose::Respond);
        }
        let commit = self.link.commits.front().filter(|_| complaint.has_code("input_audio_buffer_commit_empty"))?;
        Some(Purpose::Commit(commit.item))
    }

    /// The answer that was asked for along with a refused item has no question.
    fn withdraw_request(&mut self, id: ItemId) {
        let has_other = self
            .timeline
            .entries()
            .iter()
            .any(|entry| entry.item.id != id && matches!(entry.stage(), Some(Stage::OnServer { .. })));
        if let Slot::Requested { cut, .. } = &mut self.link.slot
            && !has_other
            && *cut == Cut::No
        {
            *cut = Cut::Spoken;
        }
    }

    fn commit_refused(&mut self, id: ItemId, complaint: Complaint, now: Instant) {
        let count = self.link.commits.len();
        self.link.commits.retain(|commit| commit.item != id);
        if self.link.commits.len() == count {
            return;
        }
        self.withdraw_request(id);
        let Some((_, utterance)) = self.timeline.utterance_mut(id) else { return };
        if complaint.is_benign() && utterance.attempts < ATTEMPTS {
            // The provider missed the audio (a race with a clear): it is still here.
            utterance.stage = Stage::Waiting;
        } else {
            let fault = complaint.into_fault().of_answer();
            self.put_off(id, fault, now);
        }
        self.tell(id);
        self.pump(now);
    }

    /// The provider does not have it: it goes out again when a limit has passed, or when the user wants it.
    fn put_off(&mut self, id: ItemId, fault: Fault, now: Instant) {
        let waits = self.waits_out(&[id], &fault, now);
        let Some((item, utterance)) = self.timeline.utterance_mut(id) else { return };
        if waits {
            utterance.stage = Stage::Waiting;
        } else {
            utterance.stage = Stage::Held;
            item.delivery = Delivery::Kept;
            item.fault = Some(fault.clone());
            self.tell_fault(fault);
        }
    }

    /// The provider took a turn and could make nothing of it.
    pub(super) fn unheard(&mut self, wire: &str, complaint: Complaint, now: Instant) {
        let Some(id) = self.timeline.by_wire(wire) else { return };
        self.timeline.unbind(id);
        let is_open = |stage| matches!(stage, Some(Stage::OnServer { .. }));
        if self.timeline.find(id).is_some_and(|entry| is_open(entry.stage())) {
            self.put_off(id, complaint.into_fault().of_answer(), now);
            self.tell(id);
        }
        self.pump(now);
    }

    fn message_refused(&mut self, id: ItemId, complaint: Complaint, now: Instant) {
        let Some(entry) = self.timeline.find(id) else { return };
        if !matches!(entry.stage(), Some(Stage::OnServer { .. })) {
            return;
        }
        self.withdraw_request(id);
        let fault = complaint.into_fault().of_answer();
        if let Some(entry) = self.timeline.find_mut(id) {
            entry.is_gone = true;
        }
        if let Some((item, utterance)) = self.timeline.utterance_mut(id) {
            utterance.stage = Stage::Settled;
            item.delivery = Delivery::Failed;
            item.fault = Some(fault.clone());
        }
        self.tell(id);
        self.tell_fault(fault);
        self.pump(now);
    }
}

/// The connection will end for this, whatever event brought it up.
fn is_fatal(complaint: &Complaint) -> bool {
    match complaint.clone().into_fault().cause {
        Cause::Credential | Cause::Permission | Cause::Quota | Cause::Expired => true,
        Cause::RateLimited | Cause::Refused | Cause::Server | Cause::Response => false,
    }
}
