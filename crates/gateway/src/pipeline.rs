//! The stages in order: validate → limit → cache, and from there [`Exchange`]: route and breaker → retry → credential →
//! transport → wire → ledger.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::chat::Failure;
use tokio::time::Instant;

use crate::budget::Reserves;
use crate::cache::{self, Cache};
use crate::credential::Tokens;
use crate::exchange::{Exchange, cancelled};
use crate::flight::{Flights, Passenger};
use crate::health::Board;
use crate::limit::Limiter;
use crate::models::Known;
use crate::outlet::{Landing, Outlet};
use crate::socket::Pool;
use crate::{Ask, CacheState, Line, Nanodollars, Parts, Piece, Progress, Settings, validate};

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) limiter: Limiter,
    pub(crate) board: Arc<Board>,
    pub(crate) cache: Cache,
    pub(crate) flights: Flights,
    pub(crate) reserves: Reserves,
    pub(crate) tokens: Tokens,
    pub(crate) sockets: Pool,
    pub(crate) known: Known,
    /// When Cloudflare AI Gateway last took the token.
    pub(crate) worked: Mutex<Option<Instant>>,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let cache = Cache::new(&parts.settings.borrow().cache, parts.disk.clone());
        Self {
            parts,
            limiter: Limiter::default(),
            board: Arc::default(),
            cache,
            flights: Flights::default(),
            reserves: Reserves::default(),
            tokens: Tokens::default(),
            sockets: Pool::default(),
            known: Known::default(),
            worked: Mutex::default(),
        }
    }

    /// The newest settings.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.parts.settings.borrow())
    }
}

/// Unix time in milliseconds.
pub(crate) fn unix_ms() -> u64 {
    crate::health::milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// One request, from the first stage to the last.
pub(crate) async fn run(shared: Arc<Shared>, ask: Ask, is_anew: bool, line: Line) {
    let settings = shared.settings();
    let mut exchange = Exchange::new(Arc::clone(&shared), settings, ask, Outlet::Direct(line.clone()));
    if let Err(failure) = validate::check(&exchange.ask) {
        return exchange.finish(Err(failure)).await;
    }
    if let Err(failure) = limit(&exchange, &line).await {
        return exchange.finish(Err(failure)).await;
    }
    let key = cache::key(&exchange.ask, &exchange.settings);
    if is_anew {
        // Only now: it is no other request.
        exchange.ask.options.skip_cache = Some(true);
    }
    let Some(key) = key else { return exchange.run().await };
    exchange.receipt.cache = CacheState::Miss;
    if !is_anew && let Some(answer) = shared.cache.find(&key, &exchange.settings.cache, Instant::now()).await {
        return exchange.replay(&answer).await;
    }
    let (passenger, flight) = shared.flights.join(key);
    match flight {
        Some(flight) => {
            exchange.key = Some(key);
            exchange.outlet = Outlet::Flight(shared, key, flight);
            let landing = Landing(exchange.outlet.clone());
            tokio::spawn(async move {
                exchange.run().await;
                drop(landing);
            });
            forward(passenger, &line).await;
        }
        None => follow(exchange, passenger).await,
    }
}

/// Takes from the profile's bucket.
async fn limit(exchange: &Exchange, line: &Line) -> Result<(), Failure> {
    let (profile, rate) = (&exchange.ask.profile, exchange.settings.limits.profile);
    while let Err(until) = exchange.shared.limiter.profile(profile, rate, Instant::now()) {
        tokio::select! {
            biased;
            () = line.closed() => return Err(cancelled()),
            waited = exchange.wait(None, until, None) => waited?,
        }
    }
    Ok(())
}

/// For the one whose request it is: the pieces as they are.
async fn forward(mut passenger: Passenger, line: &Line) {
    loop {
        let piece = tokio::select! {
            biased;
            () = line.closed() => break,
            piece = passenger.next() => piece,
        };
        match piece {
            Some(piece) => line.push(piece).await,
            None => return,
        }
    }
    if let Some(piece) = passenger.leave().await {
        line.push(piece).await;
    }
}

/// For those who asked the same meanwhile: the same pieces, at no cost, with a row of their own.
async fn follow(mut exchange: Exchange, mut passenger: Passenger) {
    let outlet = exchange.outlet.clone();
    let result = loop {
        let piece = tokio::select! {
            biased;
            () = outlet.closed() => break Err(cancelled()),
            piece = passenger.next() => piece,
        };
        let (result, receipt) = match piece {
            Some(Piece::Receipt(receipt)) => (Ok(()), receipt),
            Some(Piece::Failed(failure, receipt)) => (Err(failure), receipt),
            Some(Piece::Progress(Progress::Answers { target, .. })) => {
                outlet.push(Progress::Answers { target, cache: CacheState::Coalesced }).await;
                continue;
            }
            Some(piece) => {
                outlet.push(piece).await;
                continue;
            }
            None => break Err(Failure::broken_off()),
        };
        exchange.receipt = receipt;
        break result;
    };
    exchange.receipt.cache = CacheState::Coalesced;
    exchange.receipt.attempts = 0;
    exchange.receipt.cost = Some(Nanodollars::ZERO);
    exchange.finish(result).await;
}
