use serde::{Deserialize, Serialize};

/// Exact quantiles by nearest rank, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: u64,
    /// 95 of 100 are at most this.
    pub p95: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
}

impl Quantiles {
    /// `None`: there are no times.
    pub(crate) fn of(mut times: Vec<u64>) -> Option<Self> {
        times.sort_unstable();
        let nearest = |hundredths: usize| times.get((times.len() * hundredths).div_ceil(100).checked_sub(1)?).copied();
        Some(Self { p50: nearest(50)?, p95: nearest(95)?, p99: nearest(99)? })
    }
}
