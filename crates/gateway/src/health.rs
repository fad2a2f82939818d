//! How providers have been doing since the program began: their breakers, times and failures. Where the router compares
//! them, what was before counts too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use protocol::chat::{Failure, FailureKind};
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::breaker::{Breaker, is_fault};
use crate::{Ledger, ProviderId};

/// How a provider has been doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// Who.
    pub provider: ProviderId,
    /// Whether it is asked at all.
    pub circuit: Circuit,
    /// Tries that ended, with or without an answer.
    pub tries: u64,
    /// Tries that failed by its fault: overloaded, unreachable, too slow, broken off.
    pub failures: u64,
    /// To the first token.
    pub first: Percentiles,
    /// To the last byte.
    pub total: Percentiles,
    /// The last of its failures.
    pub last_failure: Option<Failure>,
}

/// Whether a provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// Yes.
    Closed,
    /// Not until this Unix time, ms: it failed too often.
    Open {
        /// Then one request may try.
        until_ms: u64,
    },
    /// One request is trying.
    HalfOpen,
}

/// Milliseconds, to two digits; 0 without any tries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half were faster.
    pub p50: u64,
    /// 95 of 100 were faster.
    pub p95: u64,
    /// 99 of 100 were faster.
    pub p99: u64,
}

/// How much the last try weighs in the averages that the router compares.
const WEIGHT: f64 = 0.2;
/// Times are counted up to this, ms.
const SLOWEST: u64 = 30 * 60 * 1000;

/// What the router compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// Average time to the first token, ms.
    pub(crate) first_ms: Option<f64>,
    /// Average share of tries that did not fail, 0 to 1.
    pub(crate) success: f64,
}

impl Default for Score {
    fn default() -> Self {
        Self { first_ms: None, success: 1.0 }
    }
}

impl Score {
    fn answered(&mut self, first_ms: Option<f64>) {
        self.success += WEIGHT * (1.0 - self.success);
        if let Some(ms) = first_ms {
            self.first_ms = Some(self.first_ms.map_or(ms, |average| average + WEIGHT * (ms - average)));
        }
    }

    fn failed(&mut self) {
        self.success -= WEIGHT * self.success;
    }
}

/// How a request of an earlier run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Who answered, or was tried last.
    pub provider: ProviderId,
    /// To the first token, ms.
    pub first_ms: Option<u64>,
    /// Why it failed.
    pub failure: Option<FailureKind>,
}

struct Record {
    breaker: Breaker,
    score: Score,
    tries: u64,
    failures: u64,
    first: Option<Histogram<u32>>,
    total: Option<Histogram<u32>>,
    last_failure: Option<Failure>,
}

impl Record {
    fn new(score: Score) -> Self {
        let histogram = || Histogram::new_with_bounds(1, SLOWEST, 2).ok();
        Self {
            breaker: Breaker::default(),
            score,
            tries: 0,
            failures: 0,
            first: histogram(),
            total: histogram(),
            last_failure: None,
        }
    }
}

/// The records of all providers.
#[derive(Default)]
pub(crate) struct Board {
    records: Mutex<HashMap<ProviderId, Record>>,
    /// Scores from before.
    past: OnceCell<HashMap<ProviderId, Score>>,
}

impl Board {
    fn records(&self) -> MutexGuard<'_, HashMap<ProviderId, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads once how providers did before this program began.
    pub(crate) async fn recall(&self, ledger: &dyn Ledger) {
        self.past.get_or_init(async || scores(&ledger.tried().await)).await;
    }

    fn past(&self, provider: &ProviderId) -> Score {
        self.past.get().and_then(|past| past.get(provider)).copied().unwrap_or_default()
    }

    /// Lets a try pass. `Err`: the breaker is open until then.
    pub(crate) fn pass(self: &Arc<Self>, provider: &ProviderId, now: Instant) -> Result<Pass, Instant> {
        self.records().entry(provider.clone()).or_insert_with(|| Record::new(self.past(provider))).breaker.pass(now)?;
        Ok(Pass { board: Arc::clone(self), provider: provider.clone(), is_settled: false })
    }

    /// Whether a try would be held back now.
    pub(crate) fn is_open(&self, provider: &ProviderId, now: Instant) -> bool {
        let records = self.records();
        records.get(provider).is_some_and(|record| match record.breaker {
            Breaker::Closed { .. } => false,
            Breaker::Open { until, .. } => until > now,
            Breaker::HalfOpen { .. } => true,
        })
    }

    /// What the router compares.
    pub(crate) fn score(&self, provider: &ProviderId) -> Score {
        self.records().get(provider).map_or_else(|| self.past(provider), |record| record.score)
    }

    /// Every provider that was tried, by name.
    pub(crate) fn health(&self, now: Instant, unix_ms: u64) -> Vec<Health> {
        let records = self.records();
        let mut all: Vec<_> = records
            .iter()
            .map(|(provider, record)| Health {
                provider: provider.clone(),
                circuit: match record.breaker {
                    Breaker::Closed { .. } => Circuit::Closed,
                    Breaker::Open { until, .. } => {
                        Circuit::Open { until_ms: unix_ms + milliseconds(until.saturating_duration_since(now)) }
                    }
                    Breaker::HalfOpen { .. } => Circuit::HalfOpen,
                },
                tries: record.tries,
                failures: record.failures,
                first: percentiles(record.first.as_ref()),
                total: percentiles(record.total.as_ref()),
                last_failure: record.last_failure.clone(),
            })
            .collect();
        all.sort_by(|a, b| a.provider.cmp(&b.provider));
        all
    }
}

/// A try that passed the breaker. Dropped unsettled, it counts for nothing.
pub(crate) struct Pass {
    board: Arc<Board>,
    provider: ProviderId,
    is_settled: bool,
}

impl Pass {
    /// An answer came.
    pub(crate) fn answered(mut self, first: Option<Duration>, total: Duration) {
        self.settle(|record| {
            record.breaker.succeed();
            record.score.answered(first.map(|first| first.as_secs_f64() * 1000.0));
            if let Some(first) = first {
                count(record.first.as_mut(), first);
            }
            count(record.total.as_mut(), total);
        });
    }

    /// No answer came, or a broken one.
    pub(crate) fn failed(mut self, failure: &Failure, now: Instant) {
        self.settle(|record| {
            record.last_failure = Some(failure.clone());
            if is_fault(failure.kind) {
                record.failures += 1;
                record.score.failed();
                record.breaker.fail(now);
            } else {
                record.breaker.succeed();
            }
        });
    }

    fn settle(&mut self, settle: impl FnOnce(&mut Record)) {
        self.is_settled = true;
        if let Some(record) = self.board.records().get_mut(&self.provider) {
            record.tries += 1;
            settle(record);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.is_settled
            && let Some(record) = self.board.records().get_mut(&self.provider)
        {
            record.breaker.abandon(Instant::now());
        }
    }
}

/// What requests say, oldest first.
fn scores(tried: &[Tried]) -> HashMap<ProviderId, Score> {
    let mut scores: HashMap<ProviderId, Score> = HashMap::new();
    for Tried { provider, first_ms, failure } in tried {
        let score = scores.entry(provider.clone()).or_default();
        match failure {
            Some(kind) if is_fault(*kind) => score.failed(),
            Some(_) => {}
            #[expect(clippy::cast_precision_loss, reason = "for comparing")]
            None => score.answered(first_ms.map(|ms| ms as f64)),
        }
    }
    scores
}

fn count(histogram: Option<&mut Histogram<u32>>, time: Duration) {
    if let Some(histogram) = histogram {
        histogram.saturating_record(milliseconds(time).max(1));
    }
}

fn percentiles(histogram: Option<&Histogram<u32>>) -> Percentiles {
    let Some(histogram) = histogram.filter(|histogram| !histogram.is_empty()) else { return Percentiles::default() };
    let at = |quantile| histogram.value_at_quantile(quantile);
    Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

/// Whole milliseconds.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use protocol::chat::FailureKind;

    #[test]
    fn percentiles_failures_and_the_breaker_are_told() {
        let (board, now, openai) = (Arc::new(Board::default()), Instant::now(), ProviderId::from("openai"));
        for ms in 1..=100 {
            let time = Duration::from_millis(ms);
            board.pass(&openai, now).unwrap().answered(Some(time), time * 10);
        }
        let health = board.health(now, 5_000).remove(0);
        assert_eq!((health.tries, health.failures, health.circuit), (100, 0, Circuit::Closed));
        assert_eq!(health.first, Percentiles { p50: 50, p95: 95, p99: 99 });
        assert!(health.total.p50.abs_diff(500) <= 5, "{:?}", health.total);

        let failure = Failure::new(FailureKind::Unavailable, "overloaded");
        for _ in 0..5 {
            board.pass(&openai, now).unwrap().failed(&failure, now);
        }
        let health = board.health(now, 5_000).remove(0);
        assert_eq!((health.failures, health.circuit), (5, Circuit::Open { until_ms: 15_000 }));
        assert_eq!(health.last_failure, Some(failure));
        assert!(board.score(&openai).success < 0.5);
    }

    #[test]
    fn a_limit_leaves_the_breaker_closed() {
        let (board, now, openai) = (Arc::new(Board::default()), Instant::now(), ProviderId::from("openai"));
        for _ in 0..20 {
            board.pass(&openai, now).unwrap().failed(&Failure::new(FailureKind::RateLimited, ""), now);
        }
        assert_eq!(board.health(now, 0)[0].circuit, Circuit::Closed);
    }
}
