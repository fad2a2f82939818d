//! How providers have been doing since the program began.

use protocol::chat::Failure;
use serde::Serialize;

use crate::ProviderId;

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
