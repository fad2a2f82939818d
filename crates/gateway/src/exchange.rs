//! One request under way: the stages from the route to the ledger, in order.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use protocol::chat::{self, Decoder, Delta, Failure, FailureKind};
use tokio::time::{Instant, sleep_until};

use crate::budget::{Reserve, Wish};
use crate::cache::{self, Key};
use crate::choice::gone_on;
use crate::credential::{Office, Passport};
use crate::health::{Pass, milliseconds};
use crate::meter::answers_of;
use crate::outlet::Outlet;
use crate::pipeline::{Shared, unix_ms};
use crate::price::{assumed, effective, input_tokens, listed, own};
use crate::receipt::echo;
use crate::retry::{Proof, Schedule, hint, may_fall_back};
use crate::socket::Terms;
use crate::transport::{self, Reply, first_byte};
use crate::universal::Candidate;
use crate::wire::{self, Reader};
use crate::{
    Ask, CacheState, GatewayEcho, Header, HttpRequest, Method, Nanodollars, Piece, Progress, Provider, ProviderId,
    Receipt, Retry, Settings, Target, Transport, Way, address, auto, provider,
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
    /// Who answers was told.
    is_told: bool,
    /// The provider took the last try, so it will be paid for.
    pub(crate) is_taken: bool,
    /// Bytes of the answer.
    pub(crate) said: usize,
    /// What the provider says that it costs.
    pub(crate) charged: Option<Nanodollars>,
    /// Who is asked after those of the present try.
    pub(crate) rest: Vec<Target>,
    /// Whether the last refusal asks for another try, if it says so.
    hint: Option<bool>,
    /// What came before the first word of the last try.
    held: Vec<Delta>,
    /// The user's own limit of the answer.
    max_output: Option<u64>,
    /// Money set aside.
    pub(crate) reserve: Option<Reserve>,
}

/// One try, ready to be sent.
pub(crate) struct Try {
    /// Who may answer it: one, or several in this order.
    pub(crate) candidates: Vec<Candidate>,
    request: HttpRequest,
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>, settings: Arc<Settings>, mut ask: Ask, outlet: Outlet) -> Self {
        auto::place(&mut ask);
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
            is_told: false,
            is_taken: false,
            said: 0,
            charged: None,
            rest: Vec::new(),
            hint: None,
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
    pub(crate) async fn wait(
        &self,
        provider: Option<&ProviderId>,
        until: Instant,
        retry: Option<Retry>,
    ) -> Result<(), Failure> {
        let wait = until.saturating_duration_since(Instant::now());
        if wait > self.settings.limits.longest_wait {
            let message = format!("The limit of requests is reached for another {} s.", wait.as_secs());
            return Err(Failure { retry_after: Some(wait), ..Failure::new(FailureKind::RateLimited, message) });
        }
        let until_ms = unix_ms() + milliseconds(wait);
        self.outlet.push(Progress::Waiting { provider: provider.cloned(), until_ms, retry }).await;
        sleep_until(until).await;
        Ok(())
    }

    async fn targets(&mut self) -> Result<(), Failure> {
        self.rest = self.order().await?;
        while let Some(first) = self.rest.first().cloned() {
            let mut candidates = self.candidates()?;
            self.rest.drain(..candidates.len());
            let before = candidates.clone();
            let Err(why) = self.ask(&mut candidates).await else { return Ok(()) };
            // Those that could not be asked together with the first still have their turn.
            let left = before.into_iter().skip(candidates.len()).map(|one| one.target);
            self.rest.splice(..0, left);
            self.leave_cut_off();
            if self.is_begun || !may_fall_back(why.kind) || !self.has_next().await {
                return Err(why);
            }
            if let Some(to) = self.rest.first().cloned() {
                let from = candidates.last().map_or(first, |last| last.target.clone());
                self.outlet.push(Progress::FellBack { from, to, why }).await;
            }
        }
        Err(Failure::new(FailureKind::Model, "No model is chosen."))
    }

    /// These candidates, as often as it makes sense; those that cannot be asked together with the first are taken off.
    async fn ask(&mut self, candidates: &mut Vec<Candidate>) -> Result<(), Failure> {
        let Some(first) = candidates.first().cloned() else {
            return Err(Failure::new(FailureKind::Model, "No model is chosen."));
        };
        self.answers(&first);
        let request = match self.allow(candidates).await {
            Ok(()) => self.together(candidates).await?,
            Err(why) => {
                candidates.truncate(1);
                return Err(why);
            }
        };
        let current = Try { candidates: candidates.clone(), request };
        let mut schedule = Schedule::new(&self.settings.patience, self.settings.limits.longest_wait);
        for attempt in 1.. {
            let Target { provider: id, .. } = &first.target;
            self.answers(&first);
            let passed = match self.admit(id, candidates.len() > 1).await {
                Ok(()) => self.shared.board.pass(id, Instant::now()).map_err(|until| closed(first.provider, until)),
                Err(why) => Err(why),
            };
            let pass = passed.inspect_err(|_| candidates.truncate(1))?;
            self.receipt.attempts += 1;
            self.outlet.push(Progress::Trying { target: first.target.clone(), attempt }).await;
            let begun = Instant::now();
            let Err(failure) = self.attempt(&current, begun).await else {
                self.answered(pass, &first, begun);
                return Ok(());
            };
            if first.provider.is_local && failure.kind == FailureKind::Unreachable {
                // It is not running. Neither waiting nor leaving it alone helps: it will be there once it is started.
                return Err(failure);
            }
            pass.failed(&failure, Instant::now());
            if failure.kind == FailureKind::RateLimited {
                self.shared.limiter.close(&self.receipt.target.provider, failure.retry_after, Instant::now());
            }
            if self.is_begun || failure.kind == FailureKind::RateLimited && self.has_next().await {
                return Err(failure);
            }
            let proof = Proof { is_proven: self.is_proven(), hint: self.hint };
            let Some(wait) = schedule.next(&failure, first.way, proof) else { return Err(failure) };
            let retry = Retry::after(attempt, self.settings.patience.attempts, &failure);
            self.wait(Some(id), Instant::now() + wait, Some(retry)).await?;
        }
        Ok(())
    }

    /// Whose answer it is, as far as is known.
    pub(crate) fn answers(&mut self, candidate: &Candidate) {
        self.receipt.target.clone_from(&candidate.target);
        self.receipt.way = candidate.way;
    }

    /// Health of the one that answered, and of the first one if it is another.
    fn answered(&self, pass: Pass, first: &Candidate, begun: Instant) {
        let time = self.is_begun.then(|| Duration::from_millis(self.receipt.times.first_ms));
        let winner = &self.receipt.target.provider;
        if *winner == first.target.provider {
            return pass.answered(time, begun.elapsed());
        }
        pass.failed(&gone_on(first), Instant::now());
        if let Ok(pass) = self.shared.board.pass(winner, Instant::now()) {
            pass.answered(time, begun.elapsed());
        }
    }

    /// Takes from the provider's bucket. When another target is ready, this one is not waited for.
    async fn admit(&self, id: &ProviderId, has_others: bool) -> Result<(), Failure> {
        let limits = &self.settings.limits;
        let rate = limits.providers.get(id).copied().unwrap_or(limits.provider);
        while let Err(until) = self.shared.limiter.provider(id, rate, Instant::now()) {
            // Nobody was named in its place: a limit, which is often the user's own, is waited for.
            if has_others || !self.rest.is_empty() {
                let wait = until.saturating_duration_since(Instant::now());
                let failure = Failure::new(FailureKind::RateLimited, "The limit of requests is reached.");
                return Err(Failure { retry_after: Some(wait), ..failure });
            }
            self.wait(Some(id), until, None).await?;
        }
        Ok(())
    }

    /// Sets the money for the dearest of them aside, and what that leaves of the answer's length.
    async fn allow(&mut self, candidates: &[Candidate]) -> Result<(), Failure> {
        self.reserve = None;
        self.receipt.is_capped = false;
        self.ask.request.max_output = self.max_output;
        let budget = self.settings.budget;
        if !budget.is_set() {
            return Ok(());
        }
        // Half as much again: the count is ours.
        let input = input_tokens(&self.ask.request) * 3 / 2;
        let price =
            |one: &Candidate| effective(&self.settings, &one.target).unwrap_or_else(|| assumed(&one.target, input));
        let prices = candidates.iter().map(price);
        let Some(price) = prices.reduce(|one, other| one.dearest(&other, input)) else { return Ok(()) };
        let longest = |one: &Candidate| listed(one.target.provider.as_str(), &one.target.model)?.most;
        let wish = Wish {
            conversation: self.ask.conversation,
            input,
            max_output: self.max_output,
            most: candidates.iter().map(longest).max().flatten(),
            answers: self.ask.request.raw.as_ref().map_or(1, |raw| answers_of(&raw.body)),
        };
        let ledger = &*self.shared.parts.ledger;
        let (allowance, reserve) = self.shared.reserves.reserve(&budget, ledger, &price, wish).await?;
        self.ask.request.max_output = allowance.max_output;
        self.receipt.is_capped = allowance.is_capped;
        self.reserve = Some(reserve);
        Ok(())
    }

    /// Credential and wire: the request as it will be sent, the same for every try.
    pub(crate) async fn request(&mut self, candidate: &Candidate) -> Result<HttpRequest, Failure> {
        let Candidate { provider, target, way } = candidate;
        let (http, keys) = (&*self.shared.parts.http, &*self.shared.parts.keys);
        let office = Office { http, keys, tokens: &self.shared.tokens, settings: &self.settings };
        let price = own(&self.settings, target);
        let Passport { base, mut headers } = office.issue(provider, target, *way, &self.ask.options, price).await?;
        self.ask.request.model.clone_from(&target.model);
        let (path, body) = wire::write(provider, &self.ask.request, self.ask.is_stream)?;
        let accept = if self.ask.is_stream { "text/event-stream" } else { "application/json" };
        headers.push(("content-type", Header::Plain("application/json".to_owned())));
        headers.push(("accept", Header::Plain(accept.to_owned())));
        Ok(HttpRequest { method: Method::Post, url: base + &path, headers, body })
    }

    /// Transport and wire: one try, to its end.
    async fn attempt(&mut self, current: &Try, begun: Instant) -> Result<(), Failure> {
        self.receipt.times.queue_ms = milliseconds(begun - self.started);
        self.receipt.answered_by = None;
        self.receipt.tokens = chat::Tokens::default();
        self.receipt.gateway = None;
        self.held.clear();
        self.charged = None;
        self.is_taken = false;
        self.hint = None;
        let reply = self.send(current).await?;
        self.receipt.times.connect_ms = milliseconds(begun.elapsed());
        if self.receipt.way != Way::Direct {
            self.receipt.gateway = Some(echo(&reply));
        }
        let winner = self.winner(current).await;
        let Some(Candidate { provider, target, way }) = winner else { return Ok(()) };
        self.shared.limiter.observe(&target.provider, &reply.headers, Instant::now());
        match reply.status {
            200..300 => {}
            status => {
                let headers = reply.headers;
                self.hint = hint(&headers);
                return Err(chat::refusal(status, &headers, &reply.body.refusal().await));
            }
        }
        if *way != Way::Direct {
            *self.shared.worked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.is_taken = true;
        let is_raw = self.ask.request.raw.is_some();
        let decoder = if is_raw { Decoder::raw() } else { Decoder::new(provider.wire) };
        let mut reader = Reader::new(decoder, reply);
        while let Some(delta) = reader.next().await? {
            self.delta(delta, begun).await;
        }
        for delta in std::mem::take(&mut self.held) {
            self.say(delta).await;
        }
        Ok(())
    }

    async fn send(&self, current: &Try) -> Result<Reply, Failure> {
        let patience = &self.settings.patience;
        let first = current.candidates.first();
        let is_local = first.is_some_and(|one| one.provider.is_local);
        let (first_byte, idle) = (first_byte(patience, is_local), patience.idle);
        let parts = &self.shared.parts;
        let gateway = self.settings.gateway.as_ref().filter(|_| self.receipt.way != Way::Direct);
        // The socket knows providers only: neither the user's routes nor the auto router.
        let is_socket = gateway.is_some_and(|gateway| gateway.transport == Transport::WebSocket)
            && first.is_some_and(Candidate::can_be_a_step);
        match &parts.sockets {
            Some(sockets) if is_socket && current.candidates.len() == 1 => {
                let terms = Terms { sockets: &**sockets, base: &address::gateway(gateway)?, first_byte, idle };
                self.shared.sockets.send(&terms, &current.request).await
            }
            Some(_) | None => transport::send(&*parts.http, current.request.clone(), first_byte, idle).await,
        }
    }

    /// Whether the gateway took the same token lately.
    fn is_proven(&self) -> bool {
        let worked = *self.shared.worked.lock().unwrap_or_else(PoisonError::into_inner);
        worked.is_some_and(|at| at.elapsed() < PROVEN)
    }

    async fn delta(&mut self, delta: Delta, begun: Instant) {
        match &delta {
            Delta::Text(text) | Delta::Reasoning(text) if text.is_empty() => {}
            Delta::Text(text) | Delta::Reasoning(text) => self.said(text.len(), begun),
            Delta::Raw { said: 0, .. } => {}
            Delta::Raw { said, .. } => self.said(*said, begun),
            Delta::Call(call) => self.said(call.name.len() + call.arguments.len(), begun),
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

    /// So many bytes of the answer came.
    fn said(&mut self, bytes: usize, begun: Instant) {
        if self.said == 0 {
            self.receipt.times.first_ms = milliseconds(begun.elapsed());
        }
        self.said += bytes;
        self.is_begun = true;
    }

    async fn say(&mut self, delta: Delta) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.outlet.push(self.answers_from(self.receipt.cache)).await;
        }
        if self.key.is_some() {
            cache::append(&mut self.answer, &delta);
        }
        self.outlet.push(Piece::Delta(delta)).await;
    }

    fn answers_from(&self, cache: CacheState) -> Progress {
        let is_remote = self.receipt.gateway.as_ref().is_some_and(GatewayEcho::is_kept);
        Progress::Answers {
            target: self.receipt.target.clone(),
            cache: if is_remote { CacheState::Remote } else { cache },
        }
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
        self.outlet.push(self.answers_from(CacheState::Hit)).await;
        for delta in &kept.deltas {
            self.outlet.push(Piece::Delta(delta.clone())).await;
        }
        self.finish(Ok(())).await;
    }
}

pub(crate) fn cancelled() -> Failure {
    Failure::new(FailureKind::Cancelled, "Stopped.")
}

pub(crate) fn closed(provider: &Provider, until: Instant) -> Failure {
    let wait = until.saturating_duration_since(Instant::now());
    let message = format!("{} failed several times in a row; next try in {} s.", provider.name, wait.as_secs() + 1);
    Failure { retry_after: Some(wait), ..Failure::new(FailureKind::Unavailable, message) }
}
