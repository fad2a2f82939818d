//! Where the pieces of a request go.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::Piece;
use crate::cache::Key;
use crate::flight::Flight;
use crate::pipeline::Shared;

/// To the one who asked, or to all who asked the same.
#[derive(Clone)]
pub(crate) enum Outlet {
    /// To one.
    Direct(mpsc::Sender<Piece>),
    /// To all aboard.
    Flight(Arc<Shared>, Key, Arc<Flight>),
}

impl Outlet {
    /// Gives a piece, waiting for a reader that is slower. Nobody there: it is lost.
    pub(crate) async fn push(&self, piece: Piece) {
        match self {
            Self::Direct(sender) => drop(sender.send(piece).await),
            Self::Flight(_, _, flight) => flight.push(piece),
        }
    }

    /// Waits until nobody listens any more.
    pub(crate) async fn closed(&self) {
        match self {
            Self::Direct(sender) => sender.closed().await,
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
