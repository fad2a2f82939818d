//! The last stage: one row for each request, never what was said.

use protocol::chat::{Failure, FailureKind, Finish, Tokens};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::cache::Answer;
use crate::exchange::Exchange;
use crate::health::milliseconds;
use crate::price::{assumed, input_tokens, own, price, text_tokens};
use crate::{CacheState, GatewayEcho, Nanodollars, Piece, Price, Purpose, Quantity, Target, Times, Way};

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// When it was asked, Unix time in milliseconds.
    pub started_ms: i64,
    /// What for.
    pub purpose: Purpose,
    /// Who paid.
    pub profile: String,
    /// In which conversation.
    pub conversation: Option<i64>,
    /// Who answered, or was tried last.
    pub target: Target,
    /// The model as the provider names it.
    pub answered_by: Option<String>,
    /// How it was reached.
    pub way: Way,
    /// Whether it was streamed.
    pub is_stream: bool,
    /// How long things took.
    pub times: Times,
    /// What was consumed.
    pub tokens: Tokens,
    /// Whether `tokens` are counted by us (the request was stopped, or the provider did not tell), or `cost` is assumed for
    /// the budget because nobody knows the price.
    pub is_estimate: bool,
    /// At the user's price, or else what the provider says, or else the listed price. `None`: not known.
    pub cost: Option<Nanodollars>,
    /// Without the user's price; for a cached answer, what it saved.
    pub list_cost: Option<Nanodollars>,
    /// Where the answer came from.
    pub cache: CacheState,
    /// Tries, over all targets.
    pub attempts: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    pub failure: Option<FailureKind>,
    /// The code of the provider or the gateway.
    pub code: Option<String>,
    /// HTTP status of the failure.
    pub status: Option<u16>,
    /// Why the answer is over.
    pub finish: Option<Finish>,
    /// What Cloudflare AI Gateway said.
    pub gateway: Option<GatewayEcho>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With an answer.
    Done,
    /// Without one, or with a broken one.
    Failed,
    /// The user stopped it.
    Cancelled,
}

impl Exchange {
    /// The end of a request: what it cost, its row, its place in the cache, the last piece.
    pub(crate) async fn finish(mut self, result: Result<(), Failure>) {
        let now = Instant::now();
        self.receipt.times.total_ms = milliseconds(now - self.started);
        match self.receipt.cache {
            CacheState::Hit | CacheState::Coalesced => self.receipt.cost = Some(Nanodollars::ZERO),
            CacheState::Off | CacheState::Miss | CacheState::Remote => self.charge(result.is_ok()),
        }
        self.shared.parts.ledger.write(self.row(result.as_ref().err()));
        // Only now: what was spent and what is set aside are never both without it.
        self.reserve = None;
        if let (Some(key), Ok(()), Some(Finish::Stop | Finish::Tool)) = (self.key, &result, self.receipt.finish) {
            let answer = Answer {
                target: self.receipt.target.clone(),
                answered_by: self.receipt.answered_by.clone(),
                way: self.receipt.way,
                deltas: std::mem::take(&mut self.answer),
                tokens: self.receipt.tokens,
                list_cost: self.receipt.list_cost,
                finish: self.receipt.finish,
            };
            self.shared.cache.keep(key, answer, &self.settings.cache, now).await;
        }
        self.outlet
            .push(match result {
                Ok(()) => Piece::Receipt(self.receipt),
                Err(failure) => Piece::Failed(failure, self.receipt),
            })
            .await;
    }

    fn charge(&mut self, is_whole: bool) {
        let receipt = &mut self.receipt;
        if !self.is_taken {
            // Nobody charges for a refusal.
            receipt.tokens = Tokens::default();
        } else if !is_whole || receipt.tokens == Tokens::default() {
            receipt.is_estimate = true;
            receipt.tokens.input = match receipt.tokens.input {
                0 => input_tokens(&self.ask.request),
                told => told,
            };
            receipt.tokens.output = receipt.tokens.output.max(text_tokens(self.said));
        }
        let is_free = receipt.gateway.as_ref().is_some_and(GatewayEcho::is_kept);
        let quantity = Quantity::from(if is_free { Tokens::default() } else { receipt.tokens });
        let cost = |price: &Price| price.cost(&quantity);
        // Nothing costs nothing, whatever the price.
        let nothing = || (quantity.tokens == Tokens::default()).then_some(Nanodollars::ZERO);
        let listed = || self.listed().as_ref().map(cost).or_else(nothing);
        let list_cost = self.charged.filter(|_| !is_free).or_else(listed);
        self.receipt.list_cost = list_cost;
        self.receipt.cost = own(&self.settings, &self.receipt.target).map(cost).or(list_cost);
        if self.receipt.cost.is_none() && self.settings.budget.is_set() {
            // A budget that did not count it would be none.
            self.receipt.is_estimate = true;
            self.receipt.cost = Some(cost(&assumed(&self.receipt.target, quantity.tokens.input)));
        }
        if is_free {
            self.receipt.cache = CacheState::Remote;
        }
    }

    /// The listed price of the model that was asked, or else of the one that says it answered.
    fn listed(&self) -> Option<Price> {
        let receipt = &self.receipt;
        let at = |model: String| price(&Target { provider: receipt.target.provider.clone(), model });
        let routed = || {
            let echo = receipt.gateway.as_ref()?;
            let routed = || Some(format!("{}/{}", echo.provider.as_deref()?, echo.model.as_deref()?));
            at(echo.routed_model.clone().or_else(routed)?)
        };
        price(&receipt.target).or_else(routed).or_else(|| at(receipt.answered_by.clone()?))
    }

    fn row(&self, failure: Option<&Failure>) -> Row {
        let receipt = &self.receipt;
        Row {
            started_ms: i64::try_from(self.started_ms).unwrap_or(i64::MAX),
            purpose: self.ask.purpose,
            profile: self.ask.profile.clone(),
            conversation: self.ask.conversation,
            target: receipt.target.clone(),
            answered_by: receipt.answered_by.clone(),
            way: receipt.way,
            is_stream: self.ask.is_stream,
            times: receipt.times,
            tokens: receipt.tokens,
            is_estimate: receipt.is_estimate,
            cost: receipt.cost,
            list_cost: receipt.list_cost,
            cache: receipt.cache,
            attempts: receipt.attempts,
            outcome: match failure.map(|failure| failure.kind) {
                None => Outcome::Done,
                Some(FailureKind::Cancelled) => Outcome::Cancelled,
                Some(_) => Outcome::Failed,
            },
            failure: failure.map(|failure| failure.kind),
            code: failure.and_then(|failure| failure.code.clone()),
            status: failure.and_then(|failure| failure.status),
            finish: receipt.finish,
            gateway: receipt.gateway.clone(),
        }
    }
}
