//! Where the pieces of a request go.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{self, OwnedPermit};

use crate::Piece;
use crate::cache::Key;
use crate::flight::Flight;
use crate::pipeline::Shared;

/// Pieces on their way; a reader that is slower makes the provider wait.
const PIECES: usize = 64;

/// Pieces on their way to one reader. A place is kept for the last one: who closes his end, and so stops the request, still
/// gets the receipt.
#[derive(Debug, Clone)]
pub struct Line {
    sender: mpsc::Sender<Piece>,
    last: Arc<Mutex<Option<OwnedPermit<Piece>>>>,
}

impl Line {
    /// A line and its end.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Piece>) {
        let (sender, pieces) = mpsc::channel(PIECES + 1);
        let last = sender.clone().try_reserve_owned().ok();
        (Self { sender, last: Arc::new(Mutex::new(last)) }, pieces)
    }

    /// Gives a piece, waiting for a reader that is slower. Nobody there: it is lost.
    pub async fn push(&self, piece: Piece) {
        let is_last = matches!(piece, Piece::Receipt(_) | Piece::Failed(..));
        let place = is_last.then(|| self.last.lock().unwrap_or_else(PoisonError::into_inner).take()).flatten();
        match place {
            Some(place) => drop(place.send(piece)),
            None => drop(self.sender.send(piece).await),
        }
    }

    /// Waits until nobody wants more.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

/// To the one who asked, or to all who asked the same.
#[derive(Clone)]
pub(crate) enum Outlet {
    /// To one.
    Direct(Line),
    /// To all aboard.
    Flight(Arc<Shared>, Key, Arc<Flight>),
}

impl Outlet {
    /// Gives a piece, waiting for a reader that is slower. Nobody there: it is lost.
    pub(crate) async fn push(&self, piece: impl Into<Piece>) {
        let piece = piece.into();
        match self {
            Self::Direct(line) => line.push(piece).await,
            Self::Flight(_, _, flight) => flight.push(piece),
        }
    }

    /// Waits until nobody listens any more.
    pub(crate) async fn closed(&self) {
        match self {
            Self::Direct(line) => line.closed().await,
            Self::Flight(shared, key, flight) => shared.flights.deserted(key, flight).await,
        }
    }
}

/// Ends the flight when dropped, however its request ended.
pub(crate) struct Landing(pub(crate) Outlet);

impl Drop for Landing {
    fn drop(&mut self) {
        if let Outlet::Flight(shared, key, flight) = &self.0 {
            shared.flights.land(key, flight);
        }
    }
}
