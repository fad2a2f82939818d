//! Equal requests that are under way at the same time: one is sent, all get its pieces as they come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::Piece;
use crate::cache::Key;

/// All flights.
#[derive(Default)]
pub(crate) struct Flights {
    open: Mutex<HashMap<Key, Arc<Flight>>>,
}

/// One request under way, and what came of it so far.
pub(crate) struct Flight {
    pieces: Mutex<Vec<Piece>>,
    /// Its receivers are the passengers.
    progress: watch::Sender<Progress>,
    /// Whether it is over, for one who has left.
    landed: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    count: usize,
    is_over: bool,
}

/// One that gets the pieces of a flight, from the first on.
pub(crate) struct Passenger {
    flight: Arc<Flight>,
    progress: watch::Receiver<Progress>,
    taken: usize,
}

impl Flights {
    fn open(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the flight of this key. With `Some`, it is a new one, and has to be flown.
    pub(crate) fn join(&self, key: Key) -> (Passenger, Option<Arc<Flight>>) {
        let mut open = self.open();
        let is_new = !open.contains_key(&key);
        let flight = Arc::clone(open.entry(key).or_insert_with(|| {
            let progress = watch::Sender::new(Progress::default());
            Arc::new(Flight { pieces: Mutex::default(), progress, landed: watch::Sender::new(false) })
        }));
        let passenger = Passenger { progress: flight.progress.subscribe(), flight: Arc::clone(&flight), taken: 0 };
        (passenger, is_new.then_some(flight))
    }

    /// Nobody joins any more, and those aboard know that nothing more comes.
    pub(crate) fn land(&self, key: &Key, flight: &Arc<Flight>) {
        remove(&mut self.open(), key, flight);
        flight.progress.send_modify(|progress| progress.is_over = true);
        flight.landed.send_replace(true);
    }

    /// Waits until everybody has left. Then nobody can join any more.
    pub(crate) async fn deserted(&self, key: &Key, flight: &Arc<Flight>) {
        loop {
            flight.progress.closed().await;
            let mut open = self.open();
            if flight.progress.receiver_count() == 0 {
                remove(&mut open, key, flight);
                return;
            }
        }
    }
}

/// Removes this flight, not one that began after it.
fn remove(open: &mut HashMap<Key, Arc<Flight>>, key: &Key, flight: &Arc<Flight>) {
    if open.get(key).is_some_and(|found| Arc::ptr_eq(found, flight)) {
        open.remove(key);
    }
}

impl Flight {
    /// Gives a piece to everybody.
    pub(crate) fn push(&self, piece: Piece) {
        let count = {
            let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
            pieces.push(piece);
            pieces.len()
        };
        self.progress.send_modify(|progress| progress.count = count);
    }
}

impl Passenger {
    /// The next piece; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        loop {
            let progress = *self.progress.borrow_and_update();
            if self.taken < progress.count {
                let pieces = self.flight.pieces.lock().unwrap_or_else(PoisonError::into_inner);
                let piece = pieces.get(self.taken).cloned();
                self.taken += 1;
                return piece;
            }
            if progress.is_over || self.progress.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Leaves. The last one to do so stops the flight, and gets its last piece.
    pub(crate) async fn leave(self) -> Option<Piece> {
        let Self { flight, progress, .. } = self;
        let mut landed = flight.landed.subscribe();
        drop(progress);
        if flight.progress.receiver_count() > 0 {
            return None;
        }
        landed.wait_for(|landed| *landed).await.ok()?;
        flight.pieces.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }
}
