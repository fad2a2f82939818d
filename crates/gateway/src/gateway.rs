//! The gateway as others see it.

use std::sync::Arc;

use protocol::chat::Failure;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::pipeline::{self, Shared, unix_ms};
use crate::price::input_tokens;
use crate::{
    Ask, Health, HttpResponse, Line, Model, Nanodollars, Parts, Passage, Piece, ProviderId, Reserve, models, passage,
    route,
};

/// The engine behind every text request. Cheap to clone; all clones share limits, cache and health.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

impl Gateway {
    /// A gateway with an empty cache and no history of health.
    pub fn new(parts: Parts) -> Self {
        Self { shared: Arc::new(Shared::new(parts)) }
    }

    /// Asks; pieces come as they come, the last is [`Piece::Receipt`] or [`Piece::Failed`]. Dropping the receiver
    /// cancels: the connection is closed, the ledger says so. Closing it cancels too, and the last piece still comes. Must be
    /// called within a tokio runtime.
    pub fn ask(&self, ask: Ask) -> mpsc::Receiver<Piece> {
        self.start(ask, false)
    }

    /// The same past the caches; what comes takes the place of what they keep.
    pub fn ask_anew(&self, ask: Ask) -> mpsc::Receiver<Piece> {
        self.start(ask, true)
    }

    fn start(&self, ask: Ask, is_anew: bool) -> mpsc::Receiver<Piece> {
        let (line, pieces) = Line::new();
        tokio::spawn(pipeline::run(Arc::clone(&self.shared), ask, is_anew, line));
        pieces
    }

    /// Sends a request to a provider as it is, within the limits and the budget, with the key, and writes it down. The
    /// answer is the provider's, whatever its status; a failure is this program's.
    pub async fn pass(&self, passage: Passage) -> Result<HttpResponse, Failure> {
        passage::run(&self.shared, passage).await
    }

    /// The models of a provider, its own list merged with the price list; reached as the settings say. Providers
    /// without a list of their own give the price list's.
    pub async fn models(&self, provider: &ProviderId) -> Result<Vec<Model>, Failure> {
        models::live(&self.shared, provider).await
    }

    /// The models of the price list, without asking anybody.
    pub fn known_models(&self, provider: &ProviderId) -> Vec<Model> {
        models::known(&self.shared.settings(), provider)
    }

    /// About what it will cost at the target that would be asked first; `None`: the price is not known.
    pub fn estimate(&self, ask: &Ask) -> Option<Nanodollars> {
        let settings = self.shared.settings();
        let targets = route::order(&ask.order, &ask.request, &settings, &self.shared.board, &self.shared.known);
        route::estimate(targets.ok()?.first()?, &ask.request, input_tokens(&ask.request), &settings)
    }

    /// Sets money aside for what is paid past this gateway, until the reserve is dropped: nothing that is asked meanwhile
    /// can pass a budget together with it. `None`: there is no budget.
    ///
    /// # Errors
    /// [`FailureKind::Budget`](protocol::chat::FailureKind::Budget): so much is not left, or nobody knows.
    pub async fn set_aside(&self, conversation: Option<i64>, amount: Nanodollars) -> Result<Option<Reserve>, Failure> {
        let budget = self.shared.settings().budget;
        if !budget.is_set() {
            return Ok(None);
        }
        let reserves = &self.shared.reserves;
        reserves.set_aside(&budget, &*self.shared.parts.ledger, conversation, amount).await.map(Some)
    }

    /// Takes its turn within the limits of a profile and a provider for what is asked past this gateway, waiting as long as
    /// may be.
    ///
    /// # Errors
    /// [`FailureKind::RateLimited`](protocol::chat::FailureKind::RateLimited): that would take too long.
    pub async fn take_turn(&self, profile: &str, provider: &ProviderId) -> Result<(), Failure> {
        self.shared.limiter.turn(&self.shared.settings().limits, profile, provider).await
    }

    /// Every provider that was tried since the start, by name.
    pub fn health(&self) -> Vec<Health> {
        self.shared.board.health(Instant::now(), unix_ms())
    }
}
