//! The conversation so far, told to a new connection as text: whole where it is short enough, else its newest part behind
//! a summary of the rest.

use super::client;
use super::link::Purpose;
use super::realtime::Realtime;
use super::timeline::{Side, Stage};
use crate::{Delivery, ItemId, Kind, Role};

/// The longest text the provider takes in one item, in characters.
pub(super) const LONGEST_TEXT: usize = 256_000;

/// How much of a conversation is told to a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// [`weight`] of all turns together.
    pub(super) weight: usize,
    /// Turns.
    pub(super) turns: usize,
}

/// Something that was said and is told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) id: ItemId,
    pub(super) role: Role,
    pub(super) text: String,
}

impl Bound {
    pub(crate) const fn new(weight: usize, turns: usize) -> Self {
        Self { weight, turns }
    }

    /// A part of it, in quarters.
    pub(super) fn quarters(self, count: usize) -> Self {
        Self::new(self.weight * count / 4, self.turns * count / 4)
    }

    pub(super) fn holds(self, turns: &[Turn]) -> bool {
        turns.len() <= self.turns && turns.iter().map(|turn| weight(&turn.text)).sum::<usize>() <= self.weight
    }

    /// Where the newest part begins that it holds, the last turn at least. A question of the user's begins it, if there is
    /// one in it.
    pub(super) fn newest(self, turns: &[Turn]) -> usize {
        let mut left = self.weight;
        let fits = |turn: &&Turn| {
            let rest = left.checked_sub(weight(&turn.text));
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        let count = turns.iter().rev().take(self.turns).take_while(fits).count().max(1);
        let from = turns.len().saturating_sub(count);
        let is_cut = from > 0;
        let by_user = turns.iter().skip(from).position(|turn| turn.role == Role::User).filter(|_| is_cut);
        from + by_user.unwrap_or(0)
    }
}

/// How much of a provider's memory a text takes, in letters.
pub(crate) fn weight(text: &str) -> usize {
    text.chars().map(weight_of).sum()
}

/// A token is about three letters, or a third of a sign of other scripts.
pub(crate) fn weight_of(sign: char) -> usize {
    if sign.is_ascii() { 1 } else { 3 }
}

impl Realtime {
    /// Our own id for an item on this connection; the provider allows 32 characters.
    pub(super) fn name(&mut self, id: ItemId) -> String {
        self.last_event += 1;
        let name = format!("st_{}_{}", id.0, self.last_event);
        self.timeline.bind(id, &name);
        name
    }

    /// Answered questions and heard answers, in order. Left out: what is empty, tool calls, answers that nobody
    /// heard or that are asked for again, and of a long conversation the older part, of which a summary is told.
    pub(super) fn replay(&mut self) {
        let turns = self.turns();
        let is_resumed = self.link.is_resumed;
        let mut remembered = Vec::new();
        for entry in self.timeline.entries_mut() {
            if is_resumed && entry.is_remembered {
                remembered.push(entry.item.id);
            } else if entry.stage().is_none_or(|stage| stage == Stage::Settled) {
                entry.is_gone = true; // until it is told
            }
        }
        for id in &remembered {
            self.name(*id);
        }
        let turns: Vec<Turn> = turns.into_iter().filter(|turn| !remembered.contains(&turn.id)).collect();
        let (preface, told) = self.told_again(turns);
        self.tell_turns(preface, told);
    }

    /// Tells these, the first behind the words of `preface`.
    pub(super) fn tell_turns(&mut self, preface: Option<String>, turns: Vec<Turn>) {
        let mut preface = preface.map(|words| format!("[{words}]\n\n"));
        for turn in turns {
            let text = preface.take().unwrap_or_default() + &turn.text;
            match turn.role {
                Role::User => {
                    let name = self.name(turn.id);
                    self.transmit(client::Event::user_text(&name, &text), Purpose::Upkeep);
                }
                Role::Assistant => self.replay_answer(turn.id, &text),
            }
        }
    }

    /// What can be told again.
    pub(super) fn turns(&self) -> Vec<Turn> {
        let turn = |entry: &super::timeline::Entry| {
            let is_part = match &entry.side {
                Side::User(utterance) => utterance.stage == Stage::Settled && entry.item.delivery == Delivery::Answered,
                Side::Assistant(answer) => !answer.is_superseded && !matches!(entry.item.kind, Kind::ToolCall { .. }),
            };
            let text: String = entry.item.text.trim().chars().take(LONGEST_TEXT).collect();
            (is_part && !text.is_empty()).then_some(Turn { id: entry.item.id, role: entry.item.role, text })
        };
        self.timeline.entries().iter().filter_map(turn).collect()
    }

    /// What of these is told, and what is said before it of the rest.
    fn told_again(&self, turns: Vec<Turn>) -> (Option<String>, Vec<Turn>) {
        let bound = self.config.wire.bound();
        if bound.holds(&turns) {
            return (None, turns);
        }
        // What a provider remembers by itself begins the same conversation: no summary of that.
        let summary = self.summary.text().filter(|_| !self.link.is_resumed);
        let summary = summary.filter(|_| turns.iter().any(|turn| !self.summary.has(turn.id)));
        let is_in_it = |turn: &Turn| summary.is_some() && self.summary.has(turn.id);
        let mut rest: Vec<Turn> = turns.into_iter().filter(|turn| !is_in_it(turn)).collect();
        let room = Bound { weight: bound.weight.saturating_sub(summary.map_or(0, weight)), ..bound };
        let from = if room.holds(&rest) { 0 } else { room.newest(&rest) };
        let told = rest.split_off(from);
        let preface = match (summary, from) {
            (Some(summary), 0) => format!("Earlier in this conversation, in short: {summary}"),
            (Some(summary), _) => {
                format!("Earlier in this conversation, in short: {summary} Some turns after that are left out here.")
            }
            (None, _) => "Older turns of this conversation are left out here.".to_owned(),
        };
        (Some(preface), told)
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
