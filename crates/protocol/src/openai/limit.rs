//! Limits of the provider's that pass soon: what they refused waits here, and is asked again once by itself.

use std::time::{Duration, Instant};

use super::realtime::Realtime;
use crate::{Cause, Delivery, Fault, ItemId};

/// Whether to wait longer is for the user to decide.
const LONGEST: Duration = Duration::from_secs(20);

/// How long a limit lasts that is worth waiting for.
pub(crate) fn wait_of(fault: &Fault) -> Option<Duration> {
    fault.retry_after.filter(|wait| fault.cause == Cause::RateLimited && *wait <= LONGEST)
}

impl Realtime {
    /// Whether what was refused is to be asked again when the limit has passed: not what has waited before.
    pub(super) fn waits_out(&mut self, ids: &[ItemId], fault: &Fault, now: Instant) -> bool {
        let Some(wait) = wait_of(fault) else { return false };
        let has_waited = |id: &ItemId| self.timeline.find(*id)?.utterance().map(|said| said.has_waited);
        if !ids.iter().any(|id| has_waited(id) == Some(false)) {
            return false;
        }
        tracing::debug!(?wait, "the provider's limit is waited out");
        self.link.limited_until = Some(now + wait);
        for id in ids {
            let Some((item, utterance)) = self.timeline.utterance_mut(*id) else { continue };
            utterance.has_waited = true;
            item.delivery = Delivery::Sent;
            item.fault = Some(fault.clone());
            self.tell(*id);
        }
        true
    }

    /// When the limit passes that is waited out.
    pub(crate) fn limited_until(&self) -> Option<Instant> {
        self.link.limited_until
    }

    /// Nothing may be asked yet.
    pub(super) fn is_limited(&self) -> bool {
        self.link.limited_until.is_some()
    }

    pub(super) fn limit_passed(&mut self, now: Instant) {
        self.forget_limit();
        self.pump(now);
    }

    /// The user wants no answer to what waits.
    pub(super) fn stop_waiting(&mut self) {
        if self.is_limited() {
            self.forget_limit();
            for id in self.open_questions() {
                self.answered(id);
            }
        }
    }

    fn forget_limit(&mut self) {
        self.link.limited_until = None;
        let mut changed = Vec::new();
        for entry in self.timeline.entries_mut() {
            let is_limited = entry.item.fault.as_ref().is_some_and(|fault| fault.cause == Cause::RateLimited);
            if is_limited && entry.item.delivery == Delivery::Sent {
                entry.item.fault = None;
                changed.push(entry.item.id);
            }
        }
        for id in changed {
            self.tell(id);
        }
    }
}
