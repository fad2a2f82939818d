//! Engine events on their way to the page: at most fifteen batches a second, the latest value of each part.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::api::{Change, Event};
use serde::Serialize;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Least time between two batches (15 a second): each one costs the page a script evaluation.
const INTERVAL: Duration = Duration::from_millis(67);

/// Events that wait are coalesced when there are this many, so that a flood takes no memory.
const MANY: usize = 256;

/// What the page gets at once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Batch {
    /// The changes that still matter, in order.
    pub(crate) events: Vec<Event>,
    /// Number of the first event that this batch covers.
    pub(crate) from: u64,
    /// Number of the last event that this batch covers.
    pub(crate) to: u64,
    /// Events were lost: take a new snapshot.
    pub(crate) is_stale: bool,
}

/// The one way from the engine to the page. A page that loads again takes the place of the one before.
#[derive(Debug, Default)]
pub(crate) struct Bridge(Mutex<Option<JoinHandle<()>>>);

impl Bridge {
    /// Sends what comes after event number `seq` to the page.
    pub(crate) fn connect(&self, events: Receiver<Event>, seq: u64, channel: Channel<Batch>) {
        let pump = pump(events, seq, move |batch| channel.send(batch).is_ok());
        let task = tauri::async_runtime::spawn(pump);
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        if let Some(before) = before {
            before.abort();
        }
    }
}

/// Runs until the engine ends or `send` says that nobody listens.
async fn pump(mut events: Receiver<Event>, seq: u64, mut send: impl FnMut(Batch) -> bool) {
    let mut pending = Pending::new(seq);
    loop {
        let due = pending.due();
        let is_over = tokio::select! {
            biased;
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                pending.take(Instant::now()).is_some_and(|batch| !send(batch))
            }
            event = events.recv() => match event {
                Ok(event) => { pending.push(event); false }
                Err(RecvError::Lagged(_)) => { pending.lag(); false }
                Err(RecvError::Closed) => true,
            },
        };
        if is_over {
            break;
        }
    }
    if let Some(batch) = pending.finish() {
        send(batch);
    }
}

/// What waits for the next batch.
#[derive(Debug)]
struct Pending {
    events: Vec<Event>,
    from: u64,
    to: u64,
    is_stale: bool,
    /// When the last batch went out.
    sent: Option<Instant>,
}

impl Pending {
    fn new(seq: u64) -> Self {
        Self { events: Vec::new(), from: seq + 1, to: seq, is_stale: false, sent: None }
    }

    /// Events that the snapshot contains are dropped.
    fn push(&mut self, event: Event) {
        if event.seq <= self.to {
            return;
        }
        self.to = event.seq;
        self.events.push(event);
        if self.events.len() >= MANY {
            self.events = coalesce(std::mem::take(&mut self.events));
        }
    }

    fn lag(&mut self) {
        self.is_stale = true;
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && !self.is_stale
    }

    /// When the next batch may go; `None` when there is nothing to say.
    fn due(&self) -> Option<Instant> {
        if self.is_empty() {
            return None;
        }
        Some(self.sent.map_or_else(Instant::now, |sent| sent + INTERVAL))
    }

    fn take(&mut self, now: Instant) -> Option<Batch> {
        if self.sent.is_some_and(|sent| now < sent + INTERVAL) {
            return None;
        }
        let batch = self.finish()?;
        self.sent = Some(now);
        Some(batch)
    }

    fn finish(&mut self) -> Option<Batch> {
        if self.is_empty() {
            return None;
        }
        let events = coalesce(std::mem::take(&mut self.events));
        let from = std::mem::replace(&mut self.from, self.to + 1);
        Some(Batch { events, from, to: self.to, is_stale: std::mem::take(&mut self.is_stale) })
    }
}

/// Drops each event whose part changes again later on. Order and numbers of the others stay. An item stays also when
/// something between its two states stands behind it: it has to be there by then.
fn coalesce(events: Vec<Event>) -> Vec<Event> {
    let mut later = HashSet::new();
    let mut needed = HashSet::new();
    let mut is_cleared = false;
    let mut kept: Vec<Event> = Vec::new();
    for event in events.into_iter().rev() {
        let part = Part::of(&event.change);
        if is_cleared && part.is_of_the_conversation() {
            continue;
        }
        let is_needed = matches!(part, Part::Item(id) if needed.contains(&id));
        if later.contains(&part) && !is_needed {
            continue;
        }
        if let Part::Item(id) = part {
            needed.remove(&id);
        }
        if let Change::Item { after: Some(after), .. } = &event.change {
            needed.insert(*after);
        }
        is_cleared |= part == Part::Conversation;
        if part != Part::Note {
            later.insert(part);
        }
        kept.push(event);
    }
    kept.reverse();
    kept
}

/// What an event gives a new value to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Call,
    Item(u64),
    Conversation,
    Problem,
    Settings,
    Credentials,
    Devices,
    SoundCheck,
    Recording,
    Chat,
    Message(i64),
    History,
    Models,
    Providers,
    Transfer,
    LocalApi,
    VoiceServers,
    Note,
}

impl Part {
    fn of(change: &Change) -> Self {
        match change {
            Change::Call(_) => Self::Call,
            Change::Item { item, .. } => Self::Item(item.id),
            Change::Removed(id) => Self::Item(*id),
            Change::Cleared => Self::Conversation,
            Change::Problem(_) => Self::Problem,
            Change::Settings(_) => Self::Settings,
            Change::Credentials(_) => Self::Credentials,
            Change::Devices(_) => Self::Devices,
            Change::SoundCheck(_) => Self::SoundCheck,
            Change::Recording(_) => Self::Recording,
            Change::Chat(_) => Self::Chat,
            Change::ChatMessage(message) => Self::Message(message.id),
            Change::History(_) => Self::History,
            Change::Models(_) => Self::Models,
            Change::Providers(_) => Self::Providers,
            Change::Transfer(_) => Self::Transfer,
            Change::LocalApi(_) => Self::LocalApi,
            Change::VoiceServers(_) => Self::VoiceServers,
            Change::Note(_) => Self::Note,
        }
    }

    fn is_of_the_conversation(self) -> bool {
        matches!(self, Self::Item(_) | Self::Conversation)
    }
}

#[cfg(test)]
mod tests;
