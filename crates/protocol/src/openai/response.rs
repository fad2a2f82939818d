//! One response at a time: asking for it, following it, and what its end means for the questions it answers.

use std::time::{Duration, Instant};

use super::client;
use super::interruption::Cut;
use super::link::Purpose;
use super::realtime::Realtime;
use super::refusal::Complaint;
use super::server::{Ending, WireResponse};
use super::timeline::{Side, Stage};
use crate::{Cause, Delivery, Event, Fault, ItemId, Kind, Usage};

const BEGINNING: Duration = Duration::from_secs(20);
const PROGRESS: Duration = Duration::from_secs(45);
/// In the middle of an item, whose pieces come faster than they are heard.
const STREAMING: Duration = Duration::from_secs(15);
const CANCELLING: Duration = Duration::from_secs(10);

/// The place for the one response of the conversation.
#[derive(Debug, Default)]
pub(super) enum Slot {
    #[default]
    Free,
    /// `response.create` was sent, `response.created` has not come.
    Requested { until: Instant, cut: Cut },
    /// Between `response.created` and `response.done`, whoever asked for it.
    Active(Response),
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) id: Option<String>,
    pub(super) until: Instant,
    pub(super) cut: Cut,
    pub(super) is_cancelling: bool,
    /// What it has produced.
    pub(super) items: Vec<ItemId>,
    /// The questions it answers.
    pub(super) causes: Vec<ItemId>,
    /// Something of it could be heard or read.
    pub(super) has_spoken: bool,
    /// All of its words came.
    is_whole: bool,
}

impl Slot {
    pub(super) fn is_free(&self) -> bool {
        matches!(self, Self::Free)
    }

    pub(super) fn deadline(&self) -> Option<(Instant, &'static str)> {
        match self {
            Self::Free => None,
            Self::Requested { until, .. } => Some((*until, "response.created")),
            Self::Active(response) => Some((response.until, "the response to go on")),
        }
    }

    pub(super) fn active_mut(&mut self) -> Option<&mut Response> {
        match self {
            Self::Active(response) => Some(response),
            Self::Free | Self::Requested { .. } => None,
        }
    }
}

impl Realtime {
    /// Asks for a response. The caller has seen that none is running.
    pub(super) fn request(&mut self, now: Instant) {
        let asks = |stage| stage == Some(Stage::OnServer { ask: true });
        let newest = self.timeline.entries().iter().rev().find(|entry| asks(entry.stage()));
        let is_aloud = newest.and_then(|entry| entry.utterance()).is_none_or(|utterance| utterance.aloud);
        let response = (!is_aloud).then_some(client::Manner { output_modalities: ["text"] });
        self.link.continues = false;
        self.transmit(client::Event::Respond { response }, Purpose::Respond);
        self.emit(Event::Requested);
        self.link.slot = Slot::Requested { until: now + BEGINNING, cut: Cut::No };
    }

    /// Every question the provider has and has not answered.
    pub(super) fn open_questions(&self) -> Vec<ItemId> {
        let is_open = |stage| matches!(stage, Some(Stage::OnServer { .. }));
        self.timeline.entries().iter().filter(|entry| is_open(entry.stage())).map(|entry| entry.item.id).collect()
    }

    pub(super) fn is_finished(&self, id: &str) -> bool {
        self.finished.iter().any(|finished| finished == id)
    }

    fn remember_finished(&mut self, id: Option<&str>) {
        let Some(id) = id else { return };
        self.finished.push_back(id.to_owned());
        if self.finished.len() > 64 {
            self.finished.pop_front();
        }
    }

    pub(super) fn response_created(&mut self, id: Option<&str>, now: Instant) {
        if !self.state.is_ready() || id.is_some_and(|id| self.is_finished(id)) {
            return;
        }
        let cut = match std::mem::take(&mut self.link.slot) {
            Slot::Free if std::mem::take(&mut self.link.is_due_stopped) => Cut::Stopped,
            Slot::Free => Cut::No,
            Slot::Requested { cut, .. } => {
                self.link.collisions = 0;
                cut
            }
            Slot::Active(mut running) if running.id.is_none() || id.is_none() || running.id.as_deref() == id => {
                running.id = running.id.or_else(|| id.map(str::to_owned));
                self.link.slot = Slot::Active(running);
                return;
            }
            Slot::Active(lost) => {
                self.conclude(lost, Ending::Cancelled, None, None, now);
                Cut::No
            }
        };
        let cut = self.cut_of_floor(cut);
        self.link.answer_due = None;
        for commit in &mut self.link.commits {
            commit.until = None;
        }
        self.link.slot = Slot::Active(Response::new(id, self.open_questions(), cut, now));
        self.emit(Event::ResponseStarted);
        if cut != Cut::No {
            self.cancel(now);
        }
    }

    /// Stops the generation of the running response.
    pub(super) fn cancel(&mut self, now: Instant) {
        let Some(response) = self.link.slot.active_mut().filter(|response| !response.is_cancelling) else { return };
        response.is_cancelling = true;
        response.until = now + CANCELLING;
        let id = response.id.clone();
        self.transmit(client::Event::Cancel { response_id: id.as_deref() }, Purpose::Cancel);
    }

    /// Something came of the running response.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.expect_more(now + PROGRESS);
    }

    /// A piece of a sentence came of it.
    pub(super) fn streamed(&mut self, now: Instant) {
        self.expect_more(now + STREAMING);
    }

    /// Nothing may come of it for so long yet.
    pub(super) fn delayed(&mut self, by: Duration, now: Instant) {
        self.expect_more(now + by + PROGRESS);
    }

    fn expect_more(&mut self, until: Instant) {
        if let Some(response) = self.link.slot.active_mut().filter(|response| !response.is_cancelling) {
            response.until = until;
        }
    }

    /// `response.create` was refused.
    pub(super) fn request_refused(&mut self, complaint: Complaint, now: Instant) {
        let Slot::Requested { cut, .. } = self.link.slot else { return };
        let is_collision = complaint.has_code("conversation_already_has_active_response");
        if is_collision {
            // Another response runs that we have not heard of; its end lets the next one begin.
            self.link.slot = Slot::Active(Response::new(None, Vec::new(), Cut::No, now));
            self.emit(Event::ResponseStarted);
            self.link.collisions = self.link.collisions.saturating_add(1);
            if self.link.collisions < 2 {
                return;
            }
        } else {
            self.link.slot = Slot::Free;
        }
        let fault = complaint.into_fault().of_answer();
        let open = self.open_questions();
        if cut == Cut::No && self.waits_out(&open, &fault, now) {
            return;
        }
        for id in open {
            if cut == Cut::Stopped {
                self.answered(id);
            } else {
                self.hold(id, Some(fault.clone()));
            }
        }
        self.tell_fault(fault);
        self.pump(now);
    }

    pub(super) fn response_done(&mut self, wire: WireResponse, now: Instant) {
        let id = wire.id.as_deref();
        if !self.state.is_ready() || id.is_some_and(|id| self.is_finished(id)) {
            return;
        }
        if matches!(self.link.slot, Slot::Requested { .. }) && id.is_some() {
            self.response_created(id, now);
        }
        let is_ours = self
            .link
            .slot
            .active_mut()
            .is_some_and(|running| id.is_none() || running.id.is_none() || running.id.as_deref() == id);
        if !is_ours {
            return;
        }
        if wire.ending == Ending::Completed {
            for item in &wire.items {
                self.item_done(id, item, None, now);
            }
        }
        let Slot::Active(response) = std::mem::take(&mut self.link.slot) else { return };
        let is_mute = wire.ending == Ending::Failed && response.cut == Cut::No && !response.has_spoken;
        let (ending, fault) = match fault_of(&wire) {
            Some(fault) if is_mute && self.waits_out(&response.causes, &fault, now) => (Ending::Cancelled, None),
            fault => (wire.ending, fault),
        };
        if let Some(fault) = fault.clone() {
            self.tell_fault(fault);
        }
        self.remember_finished(id);
        self.conclude(response, ending, fault, wire.usage, now);
        self.ask_for_summary();
        self.settle_speed();
        self.pump(now);
    }

    /// Nothing is missing of this response but, perhaps, sound.
    pub(super) fn is_whole(&mut self, id: &str) {
        let running = self.link.slot.active_mut().filter(|running| running.id.as_deref() == Some(id));
        if let Some(running) = running {
            running.is_whole = true;
        }
    }

    /// The connection died under the response.
    pub(super) fn abandon_response(&mut self) {
        match std::mem::take(&mut self.link.slot) {
            Slot::Free => {}
            Slot::Requested { cut, .. } => {
                if cut == Cut::Stopped {
                    for id in self.open_questions() {
                        self.answered(id);
                    }
                }
            }
            Slot::Active(response) => self.lose(response),
        }
    }

    /// A half answer is kept for the eye as failed and plays out as far as it came, but its question is asked again
    /// and the half is left out of the replay, unless the user had cut it short anyway, or its words are all there.
    fn lose(&mut self, response: Response) {
        self.remember_finished(response.id.as_deref());
        let has_answer = response.items.iter().any(|id| {
            let entry = self.timeline.find(*id).filter(|entry| entry.is_spoken() || entry.item.kind == Kind::Typed);
            entry.and_then(|entry| entry.answer()).is_some_and(|answer| answer.is_whole && !answer.is_commentary)
        });
        let is_whole = response.is_whole && response.has_spoken;
        let is_cut = response.cut == Cut::Stopped || (response.has_spoken && response.cut != Cut::No);
        let is_over = is_whole || has_answer || is_cut;
        let ending = match is_over {
            true if is_whole && response.cut == Cut::No => Ending::Completed,
            true => Ending::Cancelled,
            false => Ending::Failed,
        };
        for id in &response.items {
            self.settle_answer(*id, ending, None);
            if let Some((_, answer)) = self.timeline.answer_mut(*id) {
                answer.is_superseded = !is_over;
            }
        }
        if is_over {
            for id in response.causes {
                self.answered(id);
            }
        }
    }

    /// A response is over, however.
    fn conclude(
        &mut self,
        response: Response,
        ending: Ending,
        fault: Option<Fault>,
        usage: Option<Usage>,
        now: Instant,
    ) {
        // Whole or not: nobody was to hear it yet.
        let is_early = response.cut == Cut::Early && ending == Ending::Completed;
        let ending = if is_early { Ending::Cancelled } else { ending };
        self.remember_finished(response.id.as_deref());
        for id in &response.items {
            self.settle_answer(*id, ending, fault.as_ref());
        }
        for wire in std::mem::take(&mut self.link.deletions) {
            self.transmit(client::Event::Delete { item_id: &wire }, Purpose::Upkeep);
        }
        let has_calls =
            ending == Ending::Completed && response.cut == Cut::No && self.answer_calls(&response.items, now);
        let is_answered = response.cut == Cut::Stopped
            || match ending {
                Ending::Completed => response.has_spoken || !has_calls,
                Ending::Cancelled | Ending::Incomplete => response.has_spoken,
                Ending::Failed => false,
            };
        for id in &response.causes {
            match ending {
                _ if is_answered => self.answered(*id),
                // The model goes on when it has its tools' outputs.
                Ending::Completed => {}
                Ending::Cancelled => self.ask_again(*id, response.cut, now),
                Ending::Failed | Ending::Incomplete => self.hold(*id, fault.clone()),
            }
        }
        self.attach_usage(&response, usage);
        self.emit(Event::ResponseDone);
    }

    fn attach_usage(&mut self, response: &Response, usage: Option<Usage>) {
        let id = self.spender(&response.items, &response.causes);
        self.link.spender = response.id.clone().zip(id);
        if let Some(usage) = usage {
            self.charge(id, usage);
        }
    }

    /// Where it stands what a response cost: with the last thing that it said, or with its question.
    pub(super) fn spender(&self, items: &[ItemId], causes: &[ItemId]) -> Option<ItemId> {
        let last = |ids: &[ItemId]| ids.iter().rev().copied().find(|id| self.timeline.find(*id).is_some());
        last(items).or_else(|| last(causes))
    }

    pub(super) fn charge(&mut self, id: Option<ItemId>, usage: Usage) {
        let Some((id, entry)) = id.and_then(|id| Some((id, self.timeline.find_mut(id)?))) else { return };
        entry.item.usage = Some(usage);
        self.tell(id);
    }

    pub(super) fn answered(&mut self, id: ItemId) {
        let Some(entry) = self.timeline.find_mut(id) else { return };
        let Side::User(utterance) = &mut entry.side else { return };
        if matches!(utterance.stage, Stage::OnServer { .. }) {
            utterance.stage = Stage::Settled;
            utterance.pcm = Vec::new();
            entry.item.delivery = Delivery::Answered;
            entry.item.fault = None;
            self.tell(id);
        }
    }

    /// Only the user sends it again.
    pub(super) fn keep_for_user(&mut self, id: ItemId, why: &str) {
        let Some((item, utterance)) = self.timeline.utterance_mut(id) else { return };
        utterance.stage = Stage::Held;
        item.delivery = Delivery::Kept;
        let fault = || Fault::new(Cause::Response, None, why);
        item.fault.get_or_insert_with(fault);
        self.tell(id);
    }

    /// The item waits for the user or for the next connection.
    pub(super) fn hold(&mut self, id: ItemId, fault: Option<Fault>) {
        let Some((item, utterance)) = self.timeline.utterance_mut(id) else { return };
        if matches!(utterance.stage, Stage::OnServer { .. }) {
            utterance.stage = Stage::Held;
            item.delivery = Delivery::Kept;
            item.fault = fault;
            self.tell(id);
        }
    }
}

impl Response {
    fn new(id: Option<&str>, causes: Vec<ItemId>, cut: Cut, now: Instant) -> Self {
        Self {
            id: id.map(str::to_owned),
            until: now + PROGRESS,
            cut,
            is_cancelling: false,
            items: Vec::new(),
            causes,
            has_spoken: false,
            is_whole: false,
        }
    }

    /// The newest question it answers.
    pub(super) fn newest_cause(&self) -> Option<ItemId> {
        self.causes.last().copied()
    }
}

fn fault_of(wire: &WireResponse) -> Option<Fault> {
    let of_response = |message: &str| Fault::new(Cause::Response, wire.reason.clone(), message);
    match (wire.ending, &wire.complaint) {
        (Ending::Completed | Ending::Cancelled, _) => None,
        (Ending::Failed | Ending::Incomplete, Some(complaint)) => Some(complaint.clone().into_fault().of_answer()),
        (Ending::Failed, None) => Some(of_response("The provider could not make this answer.")),
        (Ending::Incomplete, None) => Some(match wire.reason.as_deref() {
            Some("content_filter") => of_response("The provider's content filter ended this answer."),
            Some("max_output_tokens") => of_response("The answer reached its maximum length."),
            Some(_) | None => of_response("The provider ended this answer early."),
        }),
    }
}
