//! The outbox: what the user said and nobody has answered, kept on disk until somebody does. A crash, a closed app, a
//! missing network, a wrong key or an empty account do not lose it.
//!
//! ```text
//! call ─ Outbox ─ queue ─ `outbox` thread ─ outbox/<when>-<number>.turn, sealed with a key of the keychain
//!   ▲──────────── what an earlier run left ──┘
//! ```
//!
//! Without a keychain nothing is written: then it is kept in memory, as long as the program runs.

mod folder;
mod keeper;
mod letter;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use protocol::ItemId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::api::Problem;
use crate::credential::Credentials;
use folder::Folder;
use keeper::{Keeper, MOST_LETTERS, Order};

pub(crate) use letter::Name;

/// Orders that may wait for the disk or the keychain.
const ORDERS: usize = 64;
/// Speech is written this often while it is being spoken.
const STEP: Duration = Duration::from_secs(3);

/// Something that an earlier run left.
pub(crate) struct Kept {
    pub(crate) name: Name,
    pub(crate) said: Said,
}

/// What was said.
pub(crate) enum Said {
    /// Mono, 24 kHz.
    Spoken(Vec<i16>),
    Typed(String),
}

/// What was said is nobody's business, the log's neither.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is known of an item that has no answer.
#[derive(Debug)]
struct Entry {
    name: Name,
    /// Samples that were handed over.
    taken: usize,
    is_whole: bool,
}

/// The engine's end of the outbox. Never blocks.
pub(crate) struct Outbox {
    folder: PathBuf,
    credentials: Credentials,
    /// Lists what earlier runs left, if there is anything.
    is_listing: bool,
    orders: Option<SyncSender<Order>>,
    tell: mpsc::Sender<Kept>,
    inbox: mpsc::Receiver<Kept>,
    entries: BTreeMap<ItemId, Entry>,
    /// Letters named so far.
    count: u32,
    /// To be deleted as soon as the queue has room.
    owed: Vec<Name>,
    /// Who is speaking, and when that is written next.
    speaking: Option<(ItemId, Instant)>,
}

impl Outbox {
    /// `is_listing`: this run shows what earlier ones left; the keychain is only asked at once if they left something.
    pub(crate) fn new(folder: PathBuf, credentials: Credentials, is_listing: bool) -> Self {
        let (tell, inbox) = mpsc::channel(MOST_LETTERS);
        let mut outbox = Self {
            folder,
            credentials,
            is_listing,
            orders: None,
            tell,
            inbox,
            entries: BTreeMap::new(),
            count: 0,
            owed: Vec::new(),
            speaking: None,
        };
        if is_listing && count(&outbox.folder) > 0 {
            outbox.orders = outbox.start();
        }
        outbox
    }

    /// Keeps nothing.
    pub(crate) fn none(credentials: Credentials) -> Self {
        Self::new(PathBuf::new(), credentials, false)
    }

    /// The next thing that an earlier run left; safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Kept {
        match self.inbox.recv().await {
            Some(kept) => kept,
            // Never: one sender is our own.
            None => std::future::pending().await,
        }
    }

    pub(crate) fn knows(&self, item: ItemId) -> bool {
        self.entries.contains_key(&item)
    }

    /// The user has begun to speak this item, at this time (unix ms).
    pub(crate) fn begin(&mut self, item: ItemId, at: i64, now: Instant) {
        self.entry(item, at);
        if self.speaking.is_none_or(|(speaking, _)| speaking != item) {
            self.speaking = Some((item, now + STEP));
        }
    }

    /// The item whose speech has to be written now, and from which sample on.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(ItemId, usize)> {
        let (item, at) = self.speaking.filter(|(_, at)| *at <= now)?;
        self.speaking = Some((item, at.max(now) + STEP));
        self.entries.get(&item).map(|entry| (item, entry.taken))
    }

    /// What was spoken since.
    pub(crate) fn speech(&mut self, item: ItemId, pcm: Vec<i16>) {
        self.pass_speech(item, pcm, false, false);
    }

    /// Whether the item is handed over to its end, and how many samples of it are.
    pub(crate) fn progress(&mut self, item: ItemId, at: i64) -> (bool, usize) {
        let entry = self.entry(item, at);
        (entry.is_whole, entry.taken)
    }

    /// The turn is over: the rest of it, or (`is_anew`) all of it.
    pub(crate) fn end(&mut self, item: ItemId, pcm: Vec<i16>, is_anew: bool) {
        self.stop_listening(item);
        self.pass_speech(item, pcm, is_anew, true);
    }

    /// A message that waits for its answer.
    pub(crate) fn words(&mut self, item: ItemId, words: String) {
        let Some(entry) = self.entries.get_mut(&item) else { return };
        let order = Order::Words { name: entry.name, words };
        entry.is_whole = true;
        if !self.send(order) {
            self.hand_over_again(item);
        }
    }

    /// It stands in the conversation again under this id.
    pub(crate) fn restored(&mut self, item: ItemId, name: Name) {
        self.entries.insert(item, Entry { name, taken: 0, is_whole: true });
    }

    /// It needs no keeping any more: answered, dropped by the user, or refused for good.
    pub(crate) fn forget(&mut self, item: ItemId) {
        self.stop_listening(item);
        let entry = self.entries.remove(&item).filter(|entry| entry.is_whole || entry.taken > 0);
        if let Some(Entry { name, .. }) = entry
            && !self.send(Order::Forget(name))
        {
            self.owed.push(name);
        }
    }

    /// The user emptied the conversation.
    pub(crate) fn forget_all(&mut self) {
        let items: Vec<ItemId> = self.entries.keys().copied().collect();
        items.into_iter().for_each(|item| self.forget(item));
    }

    /// Ends when everything so far is on disk, with what keeps something from being there.
    pub(crate) fn sync(&mut self) -> Option<oneshot::Receiver<Option<Problem>>> {
        self.orders.as_ref()?;
        let (done, written) = oneshot::channel();
        self.send(Order::Sync(done)).then_some(written)
    }

    fn entry(&mut self, item: ItemId, at: i64) -> &mut Entry {
        let Self { entries, count, .. } = self;
        entries.entry(item).or_insert_with(|| {
            *count = count.wrapping_add(1);
            Entry { name: Name::new(at, *count), taken: 0, is_whole: false }
        })
    }

    fn stop_listening(&mut self, item: ItemId) {
        self.speaking.take_if(|(speaking, _)| *speaking == item);
    }

    fn pass_speech(&mut self, item: ItemId, pcm: Vec<i16>, is_anew: bool, is_end: bool) {
        let Some(entry) = self.entries.get(&item) else { return };
        let (name, count) = (entry.name, pcm.len());
        if !self.send(Order::Speech { name, pcm, is_anew, is_end }) {
            return;
        }
        if let Some(entry) = self.entries.get_mut(&item) {
            entry.taken = if is_anew { count } else { entry.taken + count };
            entry.is_whole = is_end;
        }
    }

    fn hand_over_again(&mut self, item: ItemId) {
        if let Some(entry) = self.entries.get_mut(&item) {
            entry.is_whole = false;
        }
    }

    fn send(&mut self, order: Order) -> bool {
        if self.orders.is_none() {
            self.orders = self.start();
        }
        let Some(orders) = &self.orders else { return false };
        while let Some(name) = self.owed.pop() {
            if orders.try_send(Order::Forget(name)).is_err() {
                self.owed.push(name);
                break;
            }
        }
        match orders.try_send(order) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                tracing::warn!("the outbox is too slow");
                false
            }
            Err(TrySendError::Disconnected(_)) => {
                tracing::error!("the outbox has ended");
                false
            }
        }
    }

    fn start(&self) -> Option<SyncSender<Order>> {
        if self.folder.as_os_str().is_empty() {
            return None;
        }
        let (orders, inbox) = sync_channel(ORDERS);
        let (folder, credentials) = (Folder::new(self.folder.clone()), self.credentials.clone());
        let keeper = Keeper::new(folder, credentials, Handle::try_current().ok()?, self.tell.clone(), self.is_listing);
        let spawned = thread::Builder::new().name("outbox".into()).spawn(move || keeper.run(&inbox));
        if let Err(error) = &spawned {
            tracing::error!(%error, "no thread for the outbox");
        }
        spawned.ok().map(|_| orders)
    }
}

/// How many letters wait in this folder.
pub(crate) fn count(folder: &Path) -> usize {
    Folder::new(folder.to_owned()).names().len()
}
