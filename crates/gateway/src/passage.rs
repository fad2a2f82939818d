//! Requests that go to a provider as they are, without being understood: the same limits, budget, breaker, credential and
//! ledger as for the others; no cache, no second try, no other target.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use protocol::chat::{self, Failure, FailureKind};
use serde_json::Value;
use tokio::time::Instant;

use crate::budget::{Reserve, Wish};
use crate::credential::{Office, Passport};
use crate::exchange::{cancelled, closed};
use crate::health::{Pass, milliseconds};
use crate::meter::{Meter, answers_of, limit_of, prompt_tokens, unbounded};
use crate::pipeline::{Shared, unix_ms};
use crate::price::{assumed, effective, listed, own, price};
use crate::receipt::echo_of;
use crate::transport::{self, Body, Reply, first_byte};
use crate::{
    Auth, CacheState, GatewayOptions, Header, HttpRequest, HttpResponse, Method, Nanodollars, Outcome, Provider,
    Purpose, Quantity, Row, Settings, Target, Times, Trace, Way, address, provider,
};

/// The largest answer, bytes: sound, pictures and files come here too.
const LARGEST: usize = 256 << 20;

/// A request that goes to a provider as it is. Its `Debug` does not show what is said.
#[derive(Clone)]
pub struct Passage {
    /// To whom; the model is known as far as the request names it.
    pub target: Target,
    /// `GET` or `POST`. Only a `POST` is limited, paid for and written down.
    pub method: Method,
    /// Behind the provider's base URL, or whole from its version on; begins with a slash, and may have a query.
    pub path: String,
    /// What goes along beside keys; no keys. Names are lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// What it is for.
    pub purpose: Purpose,
    /// The profile that pays.
    pub profile: String,
    /// How to reach the provider; `None`: as the settings say.
    pub route: Option<Way>,
    /// The trace that it is a part of.
    pub trace: Option<Trace>,
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} to {:?}, {} bytes", self.method, self.target, self.body.len())
    }
}

/// Sends it. The answer is the provider's, whatever its status; a failure is ours.
pub(crate) async fn run(shared: &Arc<Shared>, passage: Passage) -> Result<HttpResponse, Failure> {
    let unknown =
        || Failure::new(FailureKind::Model, format!("There is no provider called {}.", passage.target.provider));
    let provider = provider(&passage.target.provider).ok_or_else(unknown)?;
    let settings = shared.settings();
    let mut account = Account::new(shared, settings, provider, &passage);
    match account.send(provider, passage).await {
        Ok(Reply { status, headers, body }) => {
            account.head(status, &headers);
            Ok(HttpResponse { status, headers, body: account.watch(body) })
        }
        Err(failure) => {
            account.close(Err(failure.clone()));
            Err(failure)
        }
    }
}

/// What is known of a passage so far. Dropped before its end, it was stopped.
struct Account {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    row: Row,
    /// What the prompt may have in tokens.
    input: u64,
    reserve: Option<Reserve>,
    /// What was set aside.
    aside: Option<Nanodollars>,
    pass: Option<Pass>,
    meter: Meter,
    started: Instant,
    begun: Instant,
    is_paid_for: bool,
    is_open: bool,
}

impl Account {
    fn new(shared: &Arc<Shared>, settings: Arc<Settings>, provider: &Provider, passage: &Passage) -> Self {
        let row = Row {
            started_ms: i64::try_from(unix_ms()).unwrap_or(i64::MAX),
            purpose: passage.purpose,
            profile: passage.profile.clone(),
            conversation: None,
            target: passage.target.clone(),
            answered_by: None,
            way: address::way(provider, passage.route, &settings),
            is_stream: false,
            times: Times::default(),
            tokens: chat::Tokens::default(),
            is_estimate: false,
            cost: None,
            list_cost: None,
            cache: CacheState::Off,
            attempts: 0,
            outcome: Outcome::Done,
            failure: None,
            code: None,
            status: None,
            finish: None,
            gateway: None,
        };
        let now = Instant::now();
        Self {
            shared: Arc::clone(shared),
            settings,
            row,
            input: 0,
            reserve: None,
            aside: None,
            pass: None,
            meter: Meter::new(&passage.path),
            started: now,
            begun: now,
            is_paid_for: passage.method == Method::Post,
            is_open: true,
        }
    }

    async fn send(&mut self, provider: &Provider, passage: Passage) -> Result<Reply, Failure> {
        if self.is_paid_for {
            let (limits, id) = (&self.settings.limits, &passage.target.provider);
            self.shared.limiter.turn(limits, &passage.profile, id).await?;
            self.allow(&passage).await?;
        }
        let request = self.request(provider, passage).await?;
        let id = self.row.target.provider.clone();
        let pass = self.shared.board.pass(&id, Instant::now()).map_err(|until| closed(provider, until))?;
        self.pass = Some(pass);
        self.row.attempts = 1;
        self.begun = Instant::now();
        self.row.times.queue_ms = milliseconds(self.begun - self.started);
        let patience = &self.settings.patience;
        let first_byte = first_byte(patience, provider.is_local);
        let reply = transport::send(&*self.shared.parts.http, request, first_byte, patience.idle).await?;
        match reply.status {
            // Whoever followed it would take the request to a place that nobody chose.
            300..400 => Err(chat::refusal(reply.status, &reply.headers, &[])),
            _ => Ok(reply),
        }
    }

    /// Sets aside what it can cost at most. The request cannot be shortened, so it must be allowed as it is. Of one that
    /// names no model nobody knows what it costs: it is stopped by a budget that is spent.
    async fn allow(&mut self, passage: &Passage) -> Result<(), Failure> {
        let (budget, target) = (self.settings.budget, &passage.target);
        let fields: Value = serde_json::from_slice(&passage.body).unwrap_or_default();
        self.input = prompt_tokens(&fields);
        if !budget.is_set() {
            return Ok(());
        }
        let (reserves, ledger) = (&self.shared.reserves, &*self.shared.parts.ledger);
        let is_local = provider(&target.provider).is_some_and(|provider| provider.is_local);
        if let Some(name) = unbounded(&fields).filter(|_| !is_local) {
            let words = format!(
                "What {name} costs is known to the provider alone, so a request with it could pass your budget. Send all \
                 that is to be read with the request, and wait for its answer."
            );
            return Err(Failure::new(FailureKind::Budget, words));
        }
        if target.model.is_empty() && !is_local {
            self.reserve = Some(reserves.set_aside(&budget, ledger, None, Nanodollars::ZERO).await?);
            return Ok(());
        }
        let input = self.input * 3 / 2;
        let price = effective(&self.settings, target).unwrap_or_else(|| assumed(target, input));
        let wish = Wish {
            conversation: None,
            input,
            max_output: limit_of(&passage.path, &fields),
            most: listed(target.provider.as_str(), &target.model).and_then(|listed| listed.most),
            answers: answers_of(&fields),
        };
        let (allowance, reserve) = reserves.reserve(&budget, ledger, &price, wish).await?;
        if allowance.is_capped {
            let words = "The longest answer to this request would cost more than the budget leaves.";
            return Err(Failure::new(FailureKind::Budget, words));
        }
        (self.reserve, self.aside) = (Some(reserve), Some(allowance.amount));
        Ok(())
    }

    async fn request(&self, provider: &Provider, passage: Passage) -> Result<HttpRequest, Failure> {
        let Passage { target, method, path, headers: own_headers, body, trace, .. } = passage;
        let options = GatewayOptions { trace, ..GatewayOptions::default() };
        let parts = &self.shared.parts;
        // A path that names the place goes there, and to the host of that place.
        let settings = match address::place_in(&path).filter(|_| provider.auth == Auth::ServiceAccount) {
            Some(vertex) => Arc::new(Settings { vertex, ..Settings::clone(&self.settings) }),
            None => Arc::clone(&self.settings),
        };
        let office =
            Office { http: &*parts.http, keys: &*parts.keys, tokens: &self.shared.tokens, settings: &settings };
        let price = own(&self.settings, &target);
        let Passport { base, mut headers } = office.issue(provider, &target, self.row.way, &options, price).await?;
        for (name, value) in own_headers {
            // Never a key: those are the passport's.
            headers.retain(|(known, value)| *known != name || matches!(value, Header::Secret(_)));
            if !headers.iter().any(|(known, _)| *known == name) {
                headers.push((name, Header::Plain(value)));
            }
        }
        Ok(HttpRequest { method, url: address::join(provider, self.row.way, &settings, &base, &path), headers, body })
    }

    /// Status and headers are there.
    fn head(&mut self, status: u16, headers: &[(String, String)]) {
        self.row.times.connect_ms = milliseconds(self.begun.elapsed());
        self.shared.limiter.observe(&self.row.target.provider, headers, Instant::now());
        if self.row.way != Way::Direct {
            self.row.gateway = Some(echo_of(headers));
        }
        self.row.is_stream = self.meter.head(status, headers);
    }

    /// The body within its bounds, with an eye on it.
    fn watch(self, body: Body) -> BoxStream<'static, Result<Bytes, Failure>> {
        let watched = stream::unfold(Some((body.up_to(LARGEST), self)), |state| async move {
            let (mut body, mut account) = state?;
            match body.chunk().await {
                Some(Ok(bytes)) => {
                    account.piece(&bytes);
                    Some((Ok(bytes), Some((body, account))))
                }
                Some(Err(failure)) => {
                    account.close(Err(failure.clone()));
                    Some((Err(failure), None))
                }
                None => {
                    let outcome = account.meter.end();
                    account.close(outcome);
                    None
                }
            }
        });
        watched.boxed()
    }

    fn piece(&mut self, bytes: &[u8]) {
        if self.row.times.first_ms == 0 {
            self.row.times.first_ms = milliseconds(self.begun.elapsed()).max(1);
        }
        self.meter.feed(bytes);
    }

    /// Its row, and what it means for the provider's health and limits.
    fn close(&mut self, outcome: Result<(), Failure>) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        self.row.times.total_ms = milliseconds(self.started.elapsed());
        self.settle(outcome.as_ref().err());
        if let Err(failure) = &outcome {
            self.row.outcome =
                if failure.kind == FailureKind::Cancelled { Outcome::Cancelled } else { Outcome::Failed };
            (self.row.failure, self.row.code, self.row.status) =
                (Some(failure.kind), failure.code.clone(), failure.status);
        }
        if self.is_paid_for {
            self.charge();
            self.shared.parts.ledger.write(self.row.clone());
        }
        self.reserve = None;
    }

    fn settle(&mut self, failure: Option<&Failure>) {
        let Some(pass) = self.pass.take() else { return };
        match failure {
            None => {
                let first = Duration::from_millis(self.row.times.first_ms);
                pass.answered(Some(first), self.begun.elapsed());
            }
            // It was stopped: that says nothing about the provider.
            Some(failure) if failure.kind == FailureKind::Cancelled => drop(pass),
            Some(failure) => {
                pass.failed(failure, Instant::now());
                if failure.kind == FailureKind::RateLimited {
                    let id = &self.row.target.provider;
                    self.shared.limiter.close(id, failure.retry_after, Instant::now());
                }
            }
        }
    }

    fn assumed(&self, quantity: &Quantity) -> Nanodollars {
        assumed(&self.row.target, quantity.tokens.input).cost(quantity)
    }

    fn charge(&mut self) {
        let told = std::mem::take(&mut self.meter).told();
        self.row.finish = told.finish;
        if !told.is_taken {
            // Nobody charges for a refusal.
            (self.row.cost, self.row.list_cost) = (Some(Nanodollars::ZERO), Some(Nanodollars::ZERO));
            return;
        }
        self.row.is_estimate = told.tokens.is_none();
        self.row.tokens = told.tokens.or_else(|| told.guess(self.input)).unwrap_or_default();
        let quantity = Quantity::from(self.row.tokens);
        self.row.answered_by = told.model;
        let at = |model: &String| price(&Target { model: model.clone(), ..self.row.target.clone() });
        let listed = price(&self.row.target).or_else(|| at(self.row.answered_by.as_ref()?));
        let is_counted = self.row.tokens != chat::Tokens::default();
        self.row.list_cost = told.charged.or_else(|| Some(listed.filter(|_| is_counted)?.cost(&quantity)));
        let own = own(&self.settings, &self.row.target).filter(|_| is_counted).map(|price| price.cost(&quantity));
        // What nobody can tell counts as what was set aside for it.
        let assumed = || self.aside.map(|aside| if is_counted { self.assumed(&quantity) } else { aside });
        self.row.cost = own.or(self.row.list_cost).or_else(assumed);
        self.row.is_estimate |= self.row.list_cost.is_none() && own.is_none() && self.aside.is_some();
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.close(Err(cancelled()));
    }
}
