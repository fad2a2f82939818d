//! Tool calls: handed to the caller, and answered once, so that the call goes on.
//!
//! The answer goes on when the last tool that it waits for is done. A new turn of the user's, or his wish for silence,
//! puts the tools aside: what comes of them is still told to the model, but nobody waits for it.

use std::time::{Duration, Instant};

use super::client::{Event, NewItem};
use super::link::Purpose;
use super::realtime::Realtime;
use super::timeline::{Answer, Side};
use crate::{Delivery, ItemId, Kind, Output, Role};

const UNKNOWN: &str = "There is no such tool. Answer without it, or say that you cannot.";
const TOO_LATE: &str = "The tool did not answer in time.";
/// A model that asks again and again without an answer in between is left to the user.
const MOST_ROUNDS: u8 = 8;
/// The caller's own limits are shorter; this one sees to it that an answer never hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A tool at work.
#[derive(Debug)]
pub(super) struct ToolCall {
    item: ItemId,
    call_id: String,
    until: Instant,
    /// The answer goes on when it is done.
    is_awaited: bool,
}

impl Realtime {
    /// Hands each call of a completed response to the caller. True if the model shall go on afterwards.
    pub(super) fn answer_calls(&mut self, items: &[ItemId], now: Instant) -> bool {
        let call = |id: &ItemId| {
            let entry = self.timeline.find(*id)?;
            let Kind::ToolCall { name } = &entry.item.kind else { return None };
            let call_id = entry.answer()?.call_id.clone()?;
            let is_new = !self.link.answered_calls.contains(&call_id);
            is_new.then(|| (*id, call_id, name.clone(), entry.item.text.clone()))
        };
        let calls: Vec<_> = items.iter().filter_map(call).collect();
        if calls.is_empty() || self.link.tool_rounds >= MOST_ROUNDS {
            return false;
        }
        self.link.tool_rounds += 1;
        self.link.continues = true;
        for (item, call_id, name, arguments) in calls {
            if !self.link.answered_calls.insert(call_id.clone()) {
                continue;
            }
            self.hand_out(ToolCall { item, call_id, until: now + LIMIT, is_awaited: true }, name, arguments);
        }
        true
    }

    /// A call of no answer's.
    pub(super) fn side_call(&mut self, call_id: String, name: String, arguments: String, now: Instant) {
        if !self.state.is_ready() {
            return;
        }
        let parts = vec![(0, arguments.clone())];
        let side = Answer { parts, is_whole: true, call_id: Some(call_id.clone()), ..Answer::default() };
        let kind = Kind::ToolCall { name: name.clone() };
        let id = self.timeline.push(Role::Assistant, kind, Delivery::Complete, Side::Assistant(side));
        if let Some((item, _)) = self.timeline.answer_mut(id) {
            item.text.clone_from(&arguments);
            item.is_final = true;
        }
        self.timeline.bind(id, &call_id);
        self.tell(id);
        self.hand_out(ToolCall { item: id, call_id, until: now + LIMIT, is_awaited: false }, name, arguments);
    }

    fn hand_out(&mut self, call: ToolCall, name: String, arguments: String) {
        let item = call.item;
        if self.config.tools.iter().any(|tool| tool.name == name) {
            self.link.calls.push(call);
            self.output(Output::CallTool { item, name, arguments });
        } else {
            self.tell_output(item, &call.call_id, UNKNOWN);
        }
    }

    fn tell_output(&mut self, id: ItemId, call_id: &str, output: &str) {
        self.last_event += 1;
        let name = format!("st_call_{}", self.last_event);
        self.timeline.alias(id, &name);
        self.transmit(Event::Create { item: NewItem::ToolOutput { id: &name, call_id, output } }, Purpose::Upkeep);
    }

    pub(super) fn tool_result(&mut self, item: ItemId, output: &str, now: Instant) {
        let Some(at) = self.link.calls.iter().position(|call| call.item == item) else {
            return tracing::debug!("the result of a tool that no connection waits for");
        };
        let call = self.link.calls.remove(at);
        self.tell_output(item, &call.call_id, output);
        self.pump(now);
    }

    /// Whether the answer waits for a tool.
    pub(super) fn awaits_tools(&self) -> bool {
        self.link.calls.iter().any(|call| call.is_awaited)
    }

    /// Nobody waits for the tools any more; the questions that they were called for count as answered.
    pub(super) fn put_calls_aside(&mut self) {
        if !self.awaits_tools() {
            return;
        }
        self.link.continues = false;
        for call in &mut self.link.calls {
            call.is_awaited = false;
        }
        for id in self.open_questions() {
            self.answered(id);
        }
    }

    pub(super) fn tool_deadline(&self) -> Option<Instant> {
        self.link.calls.iter().map(|call| call.until).min()
    }

    pub(super) fn end_late_calls(&mut self, now: Instant) {
        let late: Vec<ItemId> = self.link.calls.iter().filter(|call| call.until <= now).map(|call| call.item).collect();
        for item in late {
            self.tool_result(item, TOO_LATE, now);
        }
    }
}
