//! What the model says: audio to play, captions, and the end of both.

use std::time::Instant;

use super::interruption::{Cut, split, words_heard};
use super::realtime::Realtime;
use super::response::Slot;
use super::server::{Ending, Form, Frame, WireItem};
use super::timeline::{Answer, Side, duration_of};
use crate::pcm::Pieces;
use crate::{Delivery, Fault, Item, ItemId, Kind, Output, Role, markdown};

/// Content parts of one item that are kept apart.
const MOST_PARTS: usize = 16;

impl Realtime {
    /// The item of ours that the provider calls `wire`, made if it is new and belongs to the running response.
    /// `None`: nothing of it is wanted.
    fn answer_entry(&mut self, response: Option<&str>, wire: &str, kind: Kind, now: Instant) -> Option<ItemId> {
        if !self.state.is_ready() || wire.is_empty() {
            return None;
        }
        if let Some(id) = self.timeline.by_wire(wire) {
            self.progressed(now);
            return Some(id);
        }
        if response.is_some_and(|response| self.is_finished(response)) {
            return None;
        }
        let is_expected = !self.link.slot.is_free() || !self.open_questions().is_empty();
        if self.link.slot.active_mut().is_none() && response.is_some() && is_expected {
            // A server that leaves out `response.created`.
            self.response_created(response, now);
        }
        let running = self.link.slot.active_mut()?;
        if running.id.is_none() {
            running.id = response.map(str::to_owned);
        }
        if response.is_some() && running.id.as_deref() != response {
            return None;
        }
        if running.cut != Cut::No {
            if !matches!(kind, Kind::ToolCall { .. }) && !self.link.deletions.iter().any(|deleted| deleted == wire) {
                self.link.deletions.push(wire.to_owned());
            }
            return None;
        }
        let cause = running.newest_cause();
        let last = running.items.last().copied();
        let anchor = last.or_else(|| cause.map(|cause| self.timeline.behind_calls(cause)));
        let id = self.timeline.push(Role::Assistant, kind, Delivery::Arriving, Side::Assistant(Answer::default()));
        if let Some(running) = self.link.slot.active_mut() {
            running.items.push(id);
        }
        self.timeline.bind(id, wire);
        if let Some(anchor) = anchor {
            self.timeline.put_behind(id, anchor);
        }
        self.progressed(now);
        Some(id)
    }

    pub(super) fn item_added(&mut self, response: Option<&str>, item: &WireItem, previous: Option<&str>, now: Instant) {
        let kind = match &item.form {
            Form::UserMessage => return self.user_item_added(&item.id, previous),
            Form::AssistantMessage => Kind::Spoken,
            Form::ToolCall { name, .. } => Kind::ToolCall { name: name.clone() },
        };
        let is_new = self.timeline.by_wire(&item.id).is_none();
        let Some(id) = self.answer_entry(response, &item.id, kind, now) else { return };
        if let Some((_, answer)) = self.timeline.answer_mut(id) {
            answer.is_commentary |= item.is_commentary;
        }
        let anchor = previous.and_then(|previous| self.timeline.by_wire(previous));
        let has_moved = anchor.is_some_and(|anchor| self.timeline.put_behind(id, anchor));
        if is_new || has_moved {
            self.tell(id);
        }
    }

    pub(super) fn item_done(&mut self, response: Option<&str>, item: &WireItem, previous: Option<&str>, now: Instant) {
        self.item_added(response, item, previous, now);
        let Some(id) = self.timeline.by_wire(&item.id) else { return };
        let Some((ours, answer)) = self.timeline.answer_mut(id) else { return };
        if ours.delivery != Delivery::Arriving {
            return;
        }
        if let Form::ToolCall { name, call_id, arguments } = &item.form {
            ours.kind = Kind::ToolCall { name: name.clone() };
            answer.call_id = Some(call_id.clone()).filter(|call_id| !call_id.is_empty());
            if !arguments.is_empty() {
                answer.parts = vec![(0, arguments.clone())];
            }
        } else if answer.parts.iter().all(|(_, text)| text.is_empty()) && !item.text.is_empty() {
            if answer.received == 0 && !answer.is_cut {
                ours.kind = Kind::Typed;
            }
            answer.parts = vec![(0, item.text.clone())];
        }
        answer.is_whole |= item.is_completed;
        ours.is_final = true;
        if answer.is_whole && !answer.is_cut {
            ours.delivery = Delivery::Complete;
        }
        let is_text = ours.kind == Kind::Typed && !answer.parts.is_empty();
        write_caption(ours, answer);
        if is_text && let Some(running) = self.link.slot.active_mut().filter(|running| running.items.contains(&id)) {
            running.has_spoken = true;
        }
        self.end_playing(id);
        self.tell(id);
    }

    pub(super) fn audio_delta(&mut self, frame: &Frame<'_>, now: Instant) {
        let wire = frame.item_id.as_deref().unwrap_or_default();
        let delta = frame.delta.as_deref().unwrap_or_default();
        self.answer_audio(frame.response_id.as_deref(), wire, now, |pieces| pieces.decode(delta));
    }

    /// Sound of an answer; `read` is called when it is wanted.
    pub(super) fn answer_audio(
        &mut self,
        response: Option<&str>,
        wire: &str,
        now: Instant,
        read: impl FnOnce(&mut Pieces) -> Option<Vec<i16>>,
    ) {
        let is_new = self.timeline.by_wire(wire).is_none();
        let Some(id) = self.answer_entry(response, wire, Kind::Spoken, now) else { return };
        let Some((item, answer)) = self.timeline.answer_mut(id) else { return };
        if answer.is_cut || answer.has_ended || item.delivery != Delivery::Arriving {
            return;
        }
        let Some(pcm) = read(&mut answer.pieces) else { return };
        if !pcm.is_empty() {
            answer.received += pcm.len() as u64;
            item.kind = Kind::Spoken;
            item.duration = duration_of(answer.received);
            if let Some(running) = self.link.slot.active_mut() {
                running.has_spoken = true;
            }
            self.output(Output::Play { item: id, pcm });
            self.streamed(now);
        }
        if is_new {
            self.tell(id);
        }
    }

    pub(super) fn audio_done(&mut self, wire: &str, now: Instant) {
        self.progressed(now);
        if let Some(id) = self.timeline.by_wire(wire) {
            self.end_playing(id);
        }
    }

    fn end_playing(&mut self, id: ItemId) {
        let Some((_, answer)) = self.timeline.answer_mut(id) else { return };
        if answer.received == 0 || answer.has_ended {
            return;
        }
        answer.has_ended = true;
        if answer.pieces.end() {
            tracing::debug!("audio ended with half a sample");
        }
        if !answer.is_cut {
            self.output(Output::PlayEnd(id));
        }
    }

    /// Words of the answer: of its speech (`is_spoken`), or text that is only read.
    pub(super) fn caption_delta(&mut self, frame: &Frame<'_>, is_spoken: bool, now: Instant) {
        let delta = frame.delta.as_deref().unwrap_or_default();
        self.caption(frame, is_spoken, now, |text| text.push_str(delta));
    }

    /// The final words win.
    pub(super) fn caption_done(&mut self, frame: &Frame<'_>, words: &str, is_spoken: bool, now: Instant) {
        self.caption(frame, is_spoken, now, |text| words.clone_into(text));
    }

    fn caption(&mut self, frame: &Frame<'_>, is_spoken: bool, now: Instant, write: impl FnOnce(&mut String)) {
        let wire = frame.item_id.as_deref().unwrap_or_default();
        let kind = if is_spoken { Kind::Spoken } else { Kind::Typed };
        let Some(id) = self.answer_entry(frame.response_id.as_deref(), wire, kind, now) else { return };
        let Some((item, answer)) = self.timeline.answer_mut(id) else { return };
        // Late pieces of what was told as final would only be duplicates.
        if item.is_final && !answer.is_split && !answer.parts.is_empty() && frame.delta.is_some() {
            return;
        }
        let index = frame.content_index.unwrap_or(0.0) as u64;
        let Some(text) = part(&mut answer.parts, index) else { return };
        write(text);
        if !is_spoken && answer.received == 0 && item.kind == Kind::Spoken {
            item.kind = Kind::Typed;
        }
        write_caption(item, answer);
        let is_read = item.kind == Kind::Typed && !item.text.is_empty();
        if is_read && let Some(running) = self.link.slot.active_mut().filter(|running| running.items.contains(&id)) {
            running.has_spoken = true;
        }
        self.tell(id);
    }

    pub(super) fn arguments_delta(&mut self, frame: &Frame<'_>, now: Instant) {
        let delta = frame.delta.as_deref().unwrap_or_default();
        self.arguments(frame, now, |text| text.push_str(delta));
    }

    pub(super) fn arguments_done(&mut self, frame: &Frame<'_>, words: &str, now: Instant) {
        self.arguments(frame, now, |text| words.clone_into(text));
    }

    fn arguments(&mut self, frame: &Frame<'_>, now: Instant, write: impl FnOnce(&mut String)) {
        let wire = frame.item_id.as_deref().unwrap_or_default();
        let kind = Kind::ToolCall { name: String::new() };
        let Some(id) = self.answer_entry(frame.response_id.as_deref(), wire, kind, now) else { return };
        let Some((item, answer)) = self.timeline.answer_mut(id) else { return };
        if item.is_final || !matches!(item.kind, Kind::ToolCall { .. }) {
            return;
        }
        if let Some(text) = part(&mut answer.parts, 0) {
            write(text);
        }
        write_caption(item, answer);
        self.tell(id);
    }

    /// The response of this item is over.
    pub(super) fn settle_answer(&mut self, id: ItemId, ending: Ending, fault: Option<&Fault>) {
        self.end_playing(id);
        let wire = self.timeline.find(id).and_then(|entry| entry.wire.clone());
        let Some((item, answer)) = self.timeline.answer_mut(id) else { return };
        let is_message = !matches!(item.kind, Kind::ToolCall { .. });
        let is_empty = answer.received == 0 && answer.parts.iter().all(|(_, text)| text.is_empty());
        let is_unheard = answer.is_cut && is_message && answer.received == 0 && item.kind == Kind::Spoken;
        item.is_final = true;
        if item.delivery == Delivery::Arriving {
            item.delivery = match ending {
                _ if answer.is_cut => Delivery::Interrupted,
                Ending::Completed => Delivery::Complete,
                Ending::Cancelled => Delivery::Interrupted,
                Ending::Failed | Ending::Incomplete => Delivery::Failed,
            };
            if item.delivery == Delivery::Failed {
                item.fault = fault.cloned();
            }
            if is_unheard {
                split(item, answer, std::time::Duration::ZERO);
            }
        }
        if is_unheard && let Some(wire) = wire {
            self.delete_unheard(id, wire);
        }
        if is_empty && is_message {
            self.remove(id);
        } else {
            self.tell(id);
        }
    }

    /// Nobody heard it, so the model shall not believe that it said it. Not before its response is over.
    pub(super) fn delete_unheard(&mut self, id: ItemId, wire: String) {
        if let Some(entry) = self.timeline.find_mut(id) {
            entry.is_gone = true;
        }
        if !self.link.deletions.contains(&wire) {
            self.link.deletions.push(wire);
        }
        if matches!(self.link.slot, Slot::Free) {
            self.delete_now();
        }
    }
}

fn part(parts: &mut Vec<(u64, String)>, index: u64) -> Option<&mut String> {
    let at = match parts.binary_search_by_key(&index, |(index, _)| *index) {
        Ok(at) => at,
        Err(_) if parts.len() >= MOST_PARTS => return None,
        Err(at) => {
            parts.insert(at, (index, String::new()));
            at
        }
    };
    parts.get_mut(at).map(|(_, text)| text)
}

/// Shows what is known of the words, on both sides of the cut if there is one. The cut stays where it was made,
/// whatever words come later.
pub(super) fn write_caption(item: &mut Item, answer: &mut Answer) {
    let texts: Vec<&str> = answer.parts.iter().map(|(_, text)| text.as_str()).filter(|text| !text.is_empty()).collect();
    let full = texts.join(" ");
    // What was said had no marks.
    let full = if item.kind == Kind::Spoken { markdown::plain(&full) } else { full };
    if !answer.is_split || full.is_empty() {
        item.text = full;
        return;
    }
    let heard = item.heard.unwrap_or_default();
    let cut = *answer.split_at.get_or_insert_with(|| words_heard(&full, heard, duration_of(answer.received)));
    let at = full.char_indices().nth(cut).map_or(full.len(), |(at, _)| at);
    let (heard, unheard) = full.split_at(at);
    item.text = heard.trim_end().to_owned();
    item.unheard = unheard.trim_start().to_owned();
}
