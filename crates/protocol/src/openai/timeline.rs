//! The conversation in its order, with what the wire needs to know of each item.

use std::collections::HashMap;
use std::time::Duration;

use crate::pcm::Pieces;
use crate::{Delivery, Item, ItemId, Kind, Role, SAMPLE_RATE};

/// What is still to be done about something the user said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is being spoken.
    Recording,
    /// It waits for its turn to be sent.
    Waiting,
    /// The provider has it and owes an answer; `ask`: it answers only when asked (`response.create`).
    OnServer { ask: bool },
    /// It failed: sent again at the user's wish or with the next connection.
    Held,
    /// Nothing: answered, or refused for good.
    Settled,
}

/// The wire's side of a user item.
#[derive(Debug)]
pub(super) struct Utterance {
    pub(super) stage: Stage,
    /// What was said, kept until it is answered. Empty for typed messages.
    pub(super) pcm: Vec<i16>,
    /// Whether the answer is spoken.
    pub(super) aloud: bool,
    /// How often it was sent.
    pub(super) attempts: u8,
    /// It has waited for a limit of the provider's to pass.
    pub(super) has_waited: bool,
    /// The next caption delta starts the caption anew (it was sent again).
    pub(super) is_caption_stale: bool,
    /// It was said in an earlier run.
    pub(super) is_restored: bool,
}

/// The wire's side of an assistant item.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Text by content part.
    pub(super) parts: Vec<(u64, String)>,
    /// Samples received.
    pub(super) received: u64,
    /// Its sound, whose deltas may end in the middle of a sample.
    pub(super) pieces: Pieces,
    /// The user interrupted: nothing of it is played any more.
    pub(super) is_cut: bool,
    /// The caller said how much was heard, and the text was split there.
    pub(super) is_split: bool,
    /// Where: characters that were heard.
    pub(super) split_at: Option<usize>,
    /// It was heard to its end.
    pub(super) is_played: bool,
    /// No more audio is expected.
    pub(super) has_ended: bool,
    /// The provider said that it is whole.
    pub(super) is_whole: bool,
    /// It lost its connection half way and its question is asked again: not part of replays.
    pub(super) is_superseded: bool,
    /// This connection knows it as text only.
    pub(super) is_replayed: bool,
    /// Its call, for tool calls.
    pub(super) call_id: Option<String>,
    pub(super) is_commentary: bool,
}

#[derive(Debug)]
pub(super) enum Side {
    User(Utterance),
    Assistant(Answer),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) item: Item,
    /// The provider's id on this connection.
    pub(super) wire: Option<String>,
    /// The provider of this connection does not have it and will not.
    pub(super) is_gone: bool,
    /// It is in what the provider remembers beyond the connection.
    pub(super) is_remembered: bool,
    pub(super) side: Side,
}

impl Entry {
    pub(super) fn utterance(&self) -> Option<&Utterance> {
        match &self.side {
            Side::User(utterance) => Some(utterance),
            Side::Assistant(_) => None,
        }
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        match &self.side {
            Side::Assistant(answer) => Some(answer),
            Side::User(_) => None,
        }
    }

    pub(super) fn stage(&self) -> Option<Stage> {
        self.utterance().map(|utterance| utterance.stage)
    }

    pub(super) fn is_spoken(&self) -> bool {
        self.item.kind == Kind::Spoken
    }
}

#[derive(Debug, Default)]
pub(super) struct Timeline {
    entries: Vec<Entry>,
    last: u64,
    wires: HashMap<String, ItemId>,
}

impl Timeline {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    /// Adds a turn that somebody speaks.
    pub(super) fn push_speech(&mut self) -> ItemId {
        let utterance = Utterance::new(Stage::Recording, true);
        self.push(Role::User, Kind::Spoken, Delivery::Recording, Side::User(utterance))
    }

    /// Adds an item at the end.
    pub(super) fn push(&mut self, role: Role, kind: Kind, delivery: Delivery, side: Side) -> ItemId {
        self.last += 1;
        let id = ItemId(self.last);
        let item = Item {
            id,
            role,
            kind,
            text: String::new(),
            unheard: String::new(),
            is_final: false,
            delivery,
            duration: Duration::ZERO,
            heard: None,
            usage: None,
            fault: None,
        };
        self.entries.push(Entry { item, wire: None, is_gone: false, is_remembered: false, side });
        id
    }

    /// Puts the newest item before everything but restored ones.
    pub(super) fn put_behind_restored(&mut self) {
        let is_restored = |entry: &Entry| entry.utterance().is_some_and(|utterance| utterance.is_restored);
        let restored = self.entries.iter().take_while(|entry| is_restored(entry)).count();
        if restored < self.entries.len() {
            self.shift(self.entries.len() - 1, restored);
        }
    }

    fn position(&self, id: ItemId) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.item.id == id)
    }

    pub(super) fn find(&self, id: ItemId) -> Option<&Entry> {
        self.position(id).and_then(|at| self.entries.get(at))
    }

    pub(super) fn find_mut(&mut self, id: ItemId) -> Option<&mut Entry> {
        let at = self.position(id)?;
        self.entries.get_mut(at)
    }

    pub(super) fn utterance_mut(&mut self, id: ItemId) -> Option<(&mut Item, &mut Utterance)> {
        let entry = self.find_mut(id)?;
        match &mut entry.side {
            Side::User(utterance) => Some((&mut entry.item, utterance)),
            Side::Assistant(_) => None,
        }
    }

    pub(super) fn answer_mut(&mut self, id: ItemId) -> Option<(&mut Item, &mut Answer)> {
        let entry = self.find_mut(id)?;
        match &mut entry.side {
            Side::Assistant(answer) => Some((&mut entry.item, answer)),
            Side::User(_) => None,
        }
    }

    /// The item before it.
    pub(super) fn before(&self, id: ItemId) -> Option<ItemId> {
        let at = self.position(id)?.checked_sub(1)?;
        self.entries.get(at).map(|entry| entry.item.id)
    }

    pub(super) fn remove(&mut self, id: ItemId) {
        if let Some(at) = self.position(id) {
            self.entries.remove(at);
        }
    }

    /// The provider calls the item `wire` on this connection.
    pub(super) fn bind(&mut self, id: ItemId, wire: &str) {
        if let Some(entry) = self.find_mut(id) {
            entry.wire = Some(wire.to_owned());
            entry.is_gone = false;
            self.alias(id, wire);
        }
    }

    /// The provider does not have the item any more.
    pub(super) fn unbind(&mut self, id: ItemId) {
        if let Some(wire) = self.find_mut(id).and_then(|entry| entry.wire.take()) {
            self.wires.remove(&wire);
        }
    }

    /// `wire` stands at the place of `id` (the output of a tool call has no item of its own here).
    pub(super) fn alias(&mut self, id: ItemId, wire: &str) {
        self.wires.insert(wire.to_owned(), id);
    }

    pub(super) fn by_wire(&self, wire: &str) -> Option<ItemId> {
        self.wires.get(wire).copied()
    }

    /// These turns, which are over, in a timeline of their own; no connection knows them.
    pub(super) fn settled(&self, turns: &[ItemId]) -> Self {
        let of = |entry: &Entry| {
            let side = match &entry.side {
                Side::User(utterance) => Side::User(Utterance::new(Stage::Settled, utterance.aloud)),
                Side::Assistant(_) => Side::Assistant(Answer::default()),
            };
            Entry { item: entry.item.clone(), wire: None, is_gone: false, is_remembered: false, side }
        };
        let entries = self.entries.iter().filter(|entry| turns.contains(&entry.item.id)).map(of).collect();
        Self { entries, last: self.last, wires: HashMap::new() }
    }

    /// The connection of `other` serves this conversation now. What it was not told is gone until it is.
    pub(super) fn take_names(&mut self, other: Self) {
        for entry in &mut self.entries {
            entry.is_gone = entry.stage().is_none_or(|stage| stage == Stage::Settled);
            entry.is_remembered = false;
        }
        for told in other.entries {
            let Some(entry) = self.find_mut(told.item.id) else { continue };
            (entry.wire, entry.is_gone, entry.is_remembered) = (told.wire, told.is_gone, told.is_remembered);
            if let (Side::Assistant(answer), Side::Assistant(told)) = (&mut entry.side, &told.side) {
                answer.is_replayed = told.is_replayed;
            }
        }
        self.wires = other.wires;
    }

    /// The connection is gone, and the provider's names with it.
    pub(super) fn unbind_all(&mut self) {
        self.wires.clear();
        for entry in &mut self.entries {
            entry.wire = None;
            entry.is_gone = false;
            if let Side::Assistant(answer) = &mut entry.side {
                answer.is_replayed = false;
            }
        }
    }

    /// Puts an item right behind `anchor` (and what of the anchor's neighbours only we still have). True if it moved.
    pub(super) fn put_behind(&mut self, id: ItemId, anchor: ItemId) -> bool {
        let (Some(from), Some(anchor)) = (self.position(id), self.position(anchor)) else { return false };
        if from == anchor {
            return false;
        }
        let mut to = anchor + 1;
        while to != from && self.entries.get(to).is_some_and(|entry| entry.is_gone) {
            to += 1;
        }
        self.shift(from, to)
    }

    /// Moves a user item behind `anchor` only where the present order contradicts the provider's: what waits or was
    /// deleted between the two keeps its place.
    pub(super) fn settle_behind(&mut self, id: ItemId, anchor: ItemId) -> bool {
        let (Some(from), Some(at)) = (self.position(id), self.position(anchor)) else { return false };
        let between = self.entries.get(at + 1..from);
        let is_in_order =
            between.is_some_and(|between| between.iter().all(|entry| entry.wire.is_none() || entry.is_gone));
        if from == at || is_in_order { false } else { self.put_behind(id, anchor) }
    }

    /// The last of the tool calls right behind an item, or the item itself.
    pub(super) fn behind_calls(&self, id: ItemId) -> ItemId {
        let behind = self.entries.iter().skip_while(|entry| entry.item.id != id).skip(1);
        let calls = behind.take_while(|entry| matches!(entry.item.kind, Kind::ToolCall { .. }));
        calls.last().map_or(id, |entry| entry.item.id)
    }

    /// Puts an item last.
    pub(super) fn put_last(&mut self, id: ItemId) -> bool {
        self.position(id).is_some_and(|from| self.shift(from, self.entries.len()))
    }

    fn shift(&mut self, from: usize, to: usize) -> bool {
        let to = if from < to { to - 1 } else { to };
        if from == to {
            return false;
        }
        let entry = self.entries.remove(from);
        self.entries.insert(to, entry);
        true
    }
}

/// How long that many samples last.
pub(super) fn duration_of(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(SAMPLE_RATE))
}
