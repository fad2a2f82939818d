//! Stage 4, second half: whether a provider is left alone for a while. Decides only; time is a parameter.

use std::time::Duration;

use protocol::chat::FailureKind;
use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// Open for so long the first time; doubles with each probe that fails.
const FIRST: Duration = Duration::from_secs(10);
/// Never open for longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Counts failures in a row; after five nobody passes for a while, then one may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// All pass.
    Closed {
        /// In a row.
        failures: u32,
    },
    /// Nobody passes.
    Open {
        /// Until then.
        until: Instant,
        /// For so long.
        pause: Duration,
    },
    /// One is trying.
    HalfOpen {
        /// The last pause.
        pause: Duration,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether one may pass now. `Err`: ask again then. Who passes must tell how it went.
    pub(crate) fn pass(&mut self, now: Instant) -> Result<(), Instant> {
        match *self {
            Self::Closed { .. } => Ok(()),
            Self::Open { until, pause } if now >= until => {
                *self = Self::HalfOpen { pause };
                Ok(())
            }
            Self::Open { until, .. } => Err(until),
            Self::HalfOpen { .. } => Err(now + Duration::from_secs(1)),
        }
    }

    /// The provider answered, if only with a refusal.
    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// The provider failed.
    pub(crate) fn fail(&mut self, now: Instant) {
        let pause = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES => {
                *self = Self::Closed { failures: failures + 1 };
                return;
            }
            Self::Closed { .. } => FIRST,
            Self::HalfOpen { pause } => (pause * 2).min(LONGEST),
            // A straggler that began before it opened.
            Self::Open { .. } => return,
        };
        *self = Self::Open { until: now + pause, pause };
    }

    /// Who passed was stopped before it was known how it goes: the next may try.
    pub(crate) fn abandon(&mut self, now: Instant) {
        if let Self::HalfOpen { pause } = *self {
            *self = Self::Open { until: now, pause };
        }
    }
}

/// Whether a failure is the provider's fault. A limit is not, nor is what the user can mend.
pub(crate) fn is_fault(kind: FailureKind) -> bool {
    kind.is_transient() && kind != FailureKind::RateLimited
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES).for_each(|_| breaker.fail(now));
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        (0..FAILURES - 1).for_each(|_| breaker.fail(now));
        assert_eq!(breaker.pass(now), Ok(()));
        breaker.succeed();
        (0..FAILURES - 1).for_each(|_| breaker.fail(now));
        assert_eq!(breaker.pass(now), Ok(()));
        breaker.fail(now);
        assert_eq!(breaker.pass(now), Err(now + FIRST));
    }

    #[test]
    fn after_the_pause_exactly_one_may_try() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST;
        assert_eq!(breaker.pass(later), Ok(()));
        assert!(breaker.pass(later).is_err(), "the second waits for the first");
        breaker.succeed();
        assert_eq!(breaker.pass(later), Ok(()));
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_failed_probe_doubles_the_pause_up_to_the_longest() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let until = breaker.pass(now).err().unwrap_or(now);
            pauses.push((until - now).as_secs());
            now = until;
            assert_eq!(breaker.pass(now), Ok(()));
            breaker.fail(now);
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60, 60]);
    }

    #[test]
    fn a_stopped_probe_lets_the_next_one_try() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.pass(now + FIRST), Ok(()));
        breaker.abandon(now + FIRST);
        assert_eq!(breaker.pass(now + FIRST), Ok(()));
    }

    #[test]
    fn neither_a_limit_nor_a_wrong_key_is_the_provider_s_fault() {
        use FailureKind::*;
        let faults = [Unavailable, TimedOut, Unreachable, Broken];
        let others =
            [Credential, Quota, RateLimited, Model, Address, TooLong, Invalid, Refused, Gateway, Budget, Cancelled];
        assert!(faults.into_iter().all(is_fault));
        assert!(!others.into_iter().any(is_fault));
    }

    proptest! {
        #[test]
        fn it_never_stays_shut_and_never_lets_two_probe(steps in proptest::collection::vec((0_u8..4, 0_u64..40_000), 1..200)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::default();
            for (event, step) in steps {
                now += Duration::from_millis(step);
                match event {
                    0 => breaker.succeed(),
                    1 => breaker.fail(now),
                    2 => breaker.abandon(now),
                    _ => {
                        let was_half_open = matches!(breaker, Breaker::HalfOpen { .. });
                        let passed = breaker.pass(now);
                        prop_assert!(!(was_half_open && passed.is_ok()));
                        if let Err(until) = passed {
                            prop_assert!(until > now && until <= now + LONGEST);
                        }
                    }
                }
                // Whatever happened: once the one under way has ended well, everybody passes.
                let mut copy = breaker;
                copy.succeed();
                prop_assert_eq!(copy.pass(now), Ok(()));
            }
        }
    }
}
