//! Tool calls: recorded, and answered with the truth, so that the call goes on.

use super::client::{Event, NewItem};
use super::link::Purpose;
use super::realtime::Realtime;
use crate::ItemId;

const NO_TOOLS: &str = "This app has no tools yet. Answer without them, or say that you cannot.";
/// A model that asks again and again without an answer in between is left to the user.
const MOST_ROUNDS: u8 = 8;

impl Realtime {
    /// Answers each call of a completed response once. True if the model shall go on.
    pub(super) fn answer_calls(&mut self, items: &[ItemId]) -> bool {
        let call = |id: &ItemId| {
            let call_id = self.timeline.find(*id)?.answer()?.call_id.clone()?;
            (!self.link.answered_calls.contains(&call_id)).then_some((*id, call_id))
        };
        let calls: Vec<(ItemId, String)> = items.iter().filter_map(call).collect();
        if calls.is_empty() || self.link.tool_rounds >= MOST_ROUNDS {
            return false;
        }
        self.link.tool_rounds += 1;
        for (id, call_id) in calls {
            if !self.link.answered_calls.insert(call_id.clone()) {
                continue;
            }
            self.last_event += 1;
            let name = format!("st_call_{}", self.last_event);
            self.timeline.alias(id, &name);
            let item = NewItem::ToolOutput { id: &name, call_id: &call_id, output: NO_TOOLS };
            self.transmit(Event::Create { item }, Purpose::Upkeep);
        }
        self.link.continues = true;
        true
    }
}
