//! A summary of the older part of a long conversation: asked for while the conversation goes on, so that no new
//! connection waits for it.

use std::collections::BTreeSet;

use super::realtime::Realtime;
use super::replay::{Bound, Turn};
use crate::{ItemId, Output, Role};

/// How much every wire bears: what is beyond it on one of them may have to be told in short on the next.
const LEAST: Bound = Bound::new(10_000, 100);
/// The longest summary, in characters.
const LONGEST: usize = 2_000;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    text: Option<String>,
    /// What it tells of.
    ids: BTreeSet<ItemId>,
    /// What the one tells of that was asked for last, and its newest turn.
    asked: BTreeSet<ItemId>,
    until: Option<ItemId>,
}

impl Summary {
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    pub(super) fn has(&self, id: ItemId) -> bool {
        self.ids.contains(&id)
    }
}

impl Realtime {
    /// Asks for a summary of the older turns when those that no summary tells of, or is asked for, near the bound. One that
    /// does not come is asked for again with the next, which tells of both.
    pub(super) fn ask_for_summary(&mut self) {
        let turns = self.turns();
        let is_asked = |turn: &Turn| self.summary.has(turn.id) || self.summary.asked.contains(&turn.id);
        let fresh: Vec<Turn> = turns.iter().filter(|turn| !is_asked(turn)).cloned().collect();
        if LEAST.quarters(3).holds(&fresh) {
            return;
        }
        let mut untold: Vec<Turn> = turns.into_iter().filter(|turn| !self.summary.has(turn.id)).collect();
        untold.truncate(LEAST.quarters(2).newest(&untold));
        let Some(last) = untold.last().map(|turn| turn.id) else { return };
        let known = untold.iter().map(|turn| turn.id).chain(self.summary.ids.iter().copied());
        self.summary.asked = known.collect();
        self.summary.until = Some(last);
        let earlier = self.summary.text.clone();
        let talk: Vec<(Role, String)> = untold.into_iter().map(|turn| (turn.role, turn.text)).collect();
        self.output(Output::Summarise { until: last, earlier, talk });
    }

    /// A summary came; one of another question is out of date.
    pub(super) fn summarised(&mut self, until: ItemId, text: &str) {
        let text: String = text.trim().chars().take(LONGEST).collect();
        if text.is_empty() || self.summary.until != Some(until) {
            return;
        }
        self.summary.until = None;
        self.summary.ids = std::mem::take(&mut self.summary.asked);
        self.summary.text = Some(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wire;

    #[test]
    fn every_wire_bears_what_a_summary_leaves() {
        let live = crate::gpt_live::Setup { model: String::new(), voice: String::new() };
        for bound in [Wire::Realtime, Wire::GptLive(live)].map(|wire| wire.bound()) {
            assert!(bound.weight >= LEAST.weight && bound.turns >= LEAST.turns, "{bound:?}");
        }
    }
}
