//! One request under way: the stages from the route to the ledger, in order.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use protocol::chat::{self, Delta, Failure, FailureKind};
use tokio::time::{Instant, sleep_until};

use crate::budget::{Reserve, Wish};
use crate::cache::{self, Key};
use crate::credential::{Office, Passport};
use crate::health::milliseconds;
use crate::outlet::Outlet;
use crate::pipeline::{Shared, unix_ms};
use crate::price::{effective, input_tokens, listed, own};
use crate::receipt::echo;
use crate::retry::{Schedule, may_fall_back};
use crate::transport::{self, first_byte};
use crate::wire::{self, Reader};
use crate::{
    Ask, CacheState, Header, HttpRequest, Method, Nanodollars, Piece, Provider, ProviderId, Receipt, Settings, Target,
    Way, address, provider, route,
};

/// A token that worked within this time is not doubted at once.
const PROVEN: Duration = Duration::from_secs(600);

/// One request under way, and what is known of it so far.
pub(crate) struct Exchange {
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) ask: Ask,
    pub(crate) outlet: Outlet,
    pub(crate) receipt: Receipt,
    pub(crate) started: Instant,
    pub(crate) started_ms: u64,
    /// Where its answer will be kept.
    pub(crate) key: Option<Key>,
    /// The answer so far, if it will be kept.
    pub(crate) answer: Vec<Delta>,
    /// Something was said that cannot be taken back.
    pub(crate) is_begun: bool,
    /// The provider took the last try, so it will be paid for.
    pub(crate) is_taken: bool,
    /// Bytes of the answer.
    pub(crate) said: usize,
    /// What the provider says that it costs.
    pub(crate) charged: Option<Nanodollars>,
    /// What came before the first word of the last try.
    held: Vec<Delta>,
    /// The user's own limit of the answer.
    max_output: Option<u64>,
    /// Money set aside.
    pub(crate) reserve: Option<Reserve>,
}

/// One try, ready to be sent.
struct Try<'a> {
    provider: &'a Provider,
    id: &'a ProviderId,
    way: Way,
    request: HttpRequest,
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>, settings: Arc<Settings>, ask: Ask, outlet: Outlet) -> Self {
        let first = ask.order.targets().first().cloned();
        let target = first.unwrap_or_else(|| Target { provider: "".into(), model: ask.request.model.clone() });
        let way = provider(&target.provider).map_or(settings.way, |row| address::way(row, ask.route, &settings));
        Self {
            receipt: Receipt::new(target, way),
            max_output: ask.request.max_output,
            started: Instant::now(),
            started_ms: unix_ms(),
            key: None,
            answer: Vec::new(),
            is_begun: false,
            is_taken: false,
            said: 0,
            charged: None,
            held: Vec::new(),
            reserve: None,
            shared,
            settings,
            ask,
            outlet,
        }
    }

    /// Route, retry, credential, transport, wire; then the ledger. Ends early when nobody listens any more.
    pub(crate) async fn run(mut self) {
        let outlet = self.outlet.clone();
        let result = tokio::select! {
            biased;
            () = outlet.closed() => Err(cancelled()),
            result = self.targets() => result,
        };
        self.finish(result).await;
    }

    /// Waits with a word about it; refuses when that is too long.
    pub(crate) async fn wait(&self, provider: Option<&ProviderId>, until: Instant) -> Result<(), Failure> {
        let wait = until.saturating_duration_since(Instant::now());
        if wait > self.settings.limits.longest_wait {
            let message = format!("The limit of requests is reached for another {} s.", wait.as_secs());
            return Err(Failure { retry_after: Some(wait), ..Failure::new(FailureKind::RateLimited, message) });
        }
        let until_ms = unix_ms() + milliseconds(wait);
        self.outlet.push(Piece::Waiting { provider: provider.cloned(), until_ms }).await;
        sleep_until(until).await;
        Ok(())
    }

    async fn targets(&mut self) -> Result<(), Failure> {
        let targets = route::order(&self.ask.order, &self.ask.request, &self.settings, &self.shared.board)?;
        let mut targets = targets.into_iter();
        let mut next = targets.next();
        while let Some(target) = next {
            next = targets.next();
            let Err(why) = self.target(&target, next.is_some()).await else { return Ok(()) };
            match &next {
                Some(to) if !self.is_begun && may_fall_back(why.kind) => {
                    self.outlet.push(Piece::FellBack { from: target, to: to.clone(), why }).await;
                }
                _ => return Err(why),
            }
        }
        Err(Failure::new(FailureKind::Model, "No model is chosen."))
    }

    /// One target, as often as it makes sense. `has_next`: another one is ready, so this one is not waited for.
    async fn target(&mut self, target: &Target, has_next: bool) -> Result<(), Failure> {
        let provider =
            provider(&target.provider).ok_or_else(|| Failure::new(FailureKind::Model, "Unknown provider."))?;
        let way = address::way(provider, self.ask.route, &self.settings);
        self.receipt.target.clone_from(target);
        self.receipt.way = way;
        self.allow(target).await?;
        let request = self.request(provider, target, way).await?;
        let current = Try { provider, id: &target.provider, way, request };
        let mut schedule = Schedule::new(&self.settings.patience, self.settings.limits.longest_wait);
        for attempt in 1.. {
            self.admit(&target.provider, has_next).await?;
            let pass =
                self.shared.board.pass(&target.provider, Instant::now()).map_err(|until| closed(provider, until))?;
            self.receipt.attempts += 1;
            self.outlet.push(Piece::Trying { target: target.clone(), attempt }).await;
            let begun = Instant::now();
            let Err(failure) = self.attempt(&current, begun).await else {
                let first = self.is_begun.then(|| Duration::from_millis(self.receipt.times.first_ms));
                pass.answered(first, begun.elapsed());
                return Ok(());
            };
            if provider.is_local && failure.kind == FailureKind::Unreachable {
                // It is not running. Neither waiting nor leaving it alone helps: it will be there once it is started.
                return Err(failure);
            }
            pass.failed(&failure, Instant::now());
            if failure.kind == FailureKind::RateLimited {
                self.shared.limiter.close(&target.provider, failure.retry_after, Instant::now());
            }
            let is_elsewhere_faster = has_next && failure.kind == FailureKind::RateLimited;
            if self.is_begun || is_elsewhere_faster {
                return Err(failure);
            }
            let Some(wait) = schedule.next(&failure, way, self.is_proven()) else { return Err(failure) };
            self.wait(Some(&target.provider), Instant::now() + wait).await?;
        }
        Ok(())
    }

    /// Takes from the provider's bucket.
    async fn admit(&self, id: &ProviderId, has_next: bool) -> Result<(), Failure> {
        let limits = &self.settings.limits;
        let rate = limits.providers.get(id).copied().unwrap_or(limits.provider);
        while let Err(until) = self.shared.limiter.provider(id, rate, Instant::now()) {
            if has_next {
                let wait = until.saturating_duration_since(Instant::now());
                let failure = Failure::new(FailureKind::RateLimited, "The limit of requests is reached.");
                return Err(Failure { retry_after: Some(wait), ..failure });
            }
            self.wait(Some(id), until).await?;
        }
        Ok(())
    }

    /// Sets the money for the target aside, and what that leaves of the answer's length.
    async fn allow(&mut self, target: &Target) -> Result<(), Failure> {
        self.reserve = None;
        self.receipt.is_capped = false;
        self.ask.request.max_output = self.max_output;
        let budget = self.settings.budget;
        let Some(price) = effective(&self.settings, target).filter(|_| budget.is_set()) else { return Ok(()) };
        let wish = Wish {
            conversation: self.ask.conversation,
            // Half as much again: the count is ours.
            input: input_tokens(&self.ask.request) * 3 / 2,
            max_output: self.max_output,
            most: listed(target.provider.as_str(), &target.model).and_then(|listed| listed.most),
        };
        let ledger = &*self.shared.parts.ledger;
        let (allowance, reserve) = self.shared.reserves.reserve(&budget, ledger, &price, wish).await?;
        self.ask.request.max_output = allowance.max_output;
        self.receipt.is_capped = allowance.is_capped;
        self.reserve = Some(reserve);
        Ok(())
    }

    /// Credential and wire: the request as it will be sent, the same for every try.
    async fn request(&mut self, provider: &Provider, target: &Target, way: Way) -> Result<HttpRequest, Failure> {
        let (http, keys) = (&*self.shared.parts.http, &*self.shared.parts.keys);
        let office = Office { http, keys, tokens: &self.shared.tokens, settings: &self.settings };
        let price = own(&self.settings, target);
        let Passport { base, mut headers } =
            office.issue(provider, &target.model, way, &self.ask.options, price).await?;
        self.ask.request.model.clone_from(&target.model);
        let (path, body) = wire::write(provider, &self.ask.request, self.ask.is_stream)?;
        let accept = if self.ask.is_stream { "text/event-stream" } else { "application/json" };
        headers.push(("content-type", Header::Plain("application/json".to_owned())));
        headers.push(("accept", Header::Plain(accept.to_owned())));
        Ok(HttpRequest { method: Method::Post, url: base + &path, headers, body })
    }

    /// Transport and wire: one try, to its end.
    async fn attempt(&mut self, current: &Try<'_>, begun: Instant) -> Result<(), Failure> {
        self.receipt.times.queue_ms = milliseconds(begun - self.started);
        self.receipt.answered_by = None;
        self.receipt.tokens = chat::Tokens::default();
        self.receipt.gateway = None;
        self.held.clear();
        self.charged = None;
        self.is_taken = false;
        let patience = &self.settings.patience;
        let first_byte = first_byte(patience, current.provider.is_local);
        let http = &*self.shared.parts.http;
        let reply = transport::send(http, current.request.clone(), first_byte, patience.idle).await?;
        self.receipt.times.connect_ms = milliseconds(begun.elapsed());
        self.shared.limiter.observe(current.id, &reply.headers, Instant::now());
        if current.way != Way::Direct {
            self.receipt.gateway = Some(echo(&reply));
        }
        match reply.status {
            200..300 => {}
            300..400 => {
                // Following it would take the keys to a place that nobody chose.
                let failure = Failure::new(FailureKind::Broken, "The server points to another address.");
                return Err(Failure { status: Some(reply.status), ..failure });
            }
            status => {
                let headers = reply.headers;
                return Err(chat::refusal(status, &headers, &reply.body.refusal().await));
            }
        }
        if current.way != Way::Direct {
            *self.shared.worked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.is_taken = true;
        let mut reader = Reader::new(current.provider, reply);
        while let Some(delta) = reader.next().await? {
            self.delta(delta, begun).await;
        }
        for delta in std::mem::take(&mut self.held) {
            self.say(delta).await;
        }
        Ok(())
    }

    /// Whether the gateway took the same token lately.
    fn is_proven(&self) -> bool {
        let worked = *self.shared.worked.lock().unwrap_or_else(PoisonError::into_inner);
        worked.is_some_and(|at| at.elapsed() < PROVEN)
    }

    async fn delta(&mut self, delta: Delta, begun: Instant) {
        match &delta {
            Delta::Text(text) | Delta::Reasoning(text) if text.is_empty() => {}
            Delta::Text(text) | Delta::Reasoning(text) => {
                if self.said == 0 {
                    self.receipt.times.first_ms = milliseconds(begun.elapsed());
                }
                self.said += text.len();
                self.is_begun = true;
            }
            Delta::Citation { .. } => self.is_begun = true,
            Delta::Model(model) => self.receipt.answered_by = Some(model.clone()),
            Delta::Usage(tokens) => self.receipt.tokens = *tokens,
            Delta::Charged(nano) => self.charged = Some(Nanodollars(i64::try_from(*nano).unwrap_or(i64::MAX))),
            Delta::Finished(finish) => self.receipt.finish = Some(*finish),
        }
        if !self.is_begun {
            self.held.push(delta);
            return;
        }
        for held in std::mem::take(&mut self.held) {
            self.say(held).await;
        }
        self.say(delta).await;
    }

    async fn say(&mut self, delta: Delta) {
        if self.key.is_some() {
            cache::append(&mut self.answer, &delta);
        }
        self.outlet.push(Piece::Delta(delta)).await;
    }

    /// An answer that is kept already, piece by piece.
    pub(crate) async fn replay(mut self, kept: &cache::Answer) {
        self.receipt = Receipt {
            answered_by: kept.answered_by.clone(),
            cache: CacheState::Hit,
            tokens: kept.tokens,
            list_cost: kept.list_cost,
            finish: kept.finish,
            ..Receipt::new(kept.target.clone(), kept.way)
        };
        for delta in &kept.deltas {
            self.outlet.push(Piece::Delta(delta.clone())).await;
        }
        self.finish(Ok(())).await;
    }
}

pub(crate) fn cancelled() -> Failure {
    Failure::new(FailureKind::Cancelled, "Stopped.")
}

fn closed(provider: &Provider, until: Instant) -> Failure {
    let wait = until.saturating_duration_since(Instant::now());
    let message = format!("{} failed several times in a row; next try in {} s.", provider.name, wait.as_secs() + 1);
    Failure { retry_after: Some(wait), ..Failure::new(FailureKind::Unavailable, message) }
}
