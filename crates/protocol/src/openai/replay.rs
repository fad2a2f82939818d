//! The conversation so far, told to a new connection as text.

use super::client;
use super::link::Purpose;
use super::realtime::Realtime;
use super::timeline::{Side, Stage};
use crate::{Delivery, ItemId, Kind};

/// The longest text the provider takes in one item, in characters.
pub(super) const LONGEST_TEXT: usize = 256_000;

impl Realtime {
    /// Our own id for an item on this connection; the provider allows 32 characters.
    pub(super) fn name(&mut self, id: ItemId) -> String {
        self.last_event += 1;
        let name = format!("st_{}_{}", id.0, self.last_event);
        self.timeline.bind(id, &name);
        name
    }

    /// Answered questions and heard answers, in order. Left out: what is empty, tool calls, answers that nobody
    /// heard or that are asked for again.
    pub(super) fn replay(&mut self) {
        let ids: Vec<ItemId> = self.timeline.entries().iter().map(|entry| entry.item.id).collect();
        for id in ids {
            let Some(entry) = self.timeline.find_mut(id) else { continue };
            if self.link.is_resumed && entry.is_remembered {
                self.name(id);
                continue;
            }
            let is_part = match &entry.side {
                Side::User(utterance) => utterance.stage == Stage::Settled && entry.item.delivery == Delivery::Answered,
                Side::Assistant(answer) => !answer.is_superseded && !matches!(entry.item.kind, Kind::ToolCall { .. }),
            };
            let text: String = entry.item.text.trim().chars().take(LONGEST_TEXT).collect();
            let is_by_user = entry.utterance().is_some();
            let is_settled = !is_by_user || entry.stage() == Some(Stage::Settled);
            if !is_part || text.is_empty() {
                entry.is_gone = is_settled;
                continue;
            }
            if is_by_user {
                let name = self.name(id);
                self.transmit(client::Event::user_text(&name, &text), Purpose::Upkeep);
            } else {
                self.replay_answer(id, &text);
            }
        }
    }

    /// Tells what the model said, or what was heard of it.
    pub(super) fn replay_answer(&mut self, id: ItemId, text: &str) {
        let name = self.name(id);
        self.transmit(client::Event::assistant_text(&name, text), Purpose::Upkeep);
        if let Some((_, answer)) = self.timeline.answer_mut(id) {
            answer.is_replayed = true;
        }
    }
}
