//! Stage 5: whether, and when, to try the same target again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use protocol::chat::{Failure, FailureKind};

use crate::{Patience, Way};

/// No own wait is longer; the provider's word may be.
const LONGEST: Duration = Duration::from_secs(8);
/// The gateway's answer to a token that it does not accept.
const UNAUTHORIZED: &str = "2009";
/// Cloudflare was seen to refuse good tokens for a moment.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// The tries that are left at one target.
pub(crate) struct Schedule {
    waits: ExponentialBackoff,
    longest: Duration,
    was_looked_at_twice: bool,
}

impl Schedule {
    /// `longest`: the longest wait that a provider may ask for.
    pub(crate) fn new(patience: &Patience, longest: Duration) -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(patience.delay)
            .with_max_delay(LONGEST)
            .with_max_times(patience.attempts.saturating_sub(1) as usize)
            .with_jitter()
            .build();
        Self { waits, longest, was_looked_at_twice: false }
    }

    /// How long to wait before the next try; `None`: give the target up. `is_proven`: the same token worked within the
    /// last minutes.
    pub(crate) fn next(&mut self, failure: &Failure, way: Way, is_proven: bool) -> Option<Duration> {
        let is_doubtful = failure.code.as_deref() == Some(UNAUTHORIZED) && way != Way::Direct;
        if is_doubtful && is_proven && !self.was_looked_at_twice {
            self.was_looked_at_twice = true;
            return Some(SECOND_LOOK);
        }
        if !failure.kind.is_transient() {
            return None;
        }
        let wait = self.waits.next()?;
        match failure.retry_after {
            Some(told) if told > self.longest => None,
            Some(told) => Some(told.max(wait)),
            None => Some(wait),
        }
    }
}

/// Whether another target may do better with the same request.
pub(crate) fn may_fall_back(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Credential
        | FailureKind::Quota
        | FailureKind::RateLimited
        | FailureKind::Model
        | FailureKind::TooLong
        | FailureKind::Unavailable
        | FailureKind::TimedOut
        | FailureKind::Unreachable
        | FailureKind::Broken
        | FailureKind::Gateway
        | FailureKind::Budget => true,
        // Asking elsewhere until somebody says it would go round the refusal.
        FailureKind::Refused | FailureKind::Invalid | FailureKind::Cancelled => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, "")
    }

    fn schedule() -> Schedule {
        Schedule::new(&Patience::default(), Duration::from_secs(60))
    }

    #[test]
    fn waits_grow_and_end_with_the_tries() {
        let mut schedule = schedule();
        let failure = failure(FailureKind::Unavailable);
        let waits: Vec<_> = std::iter::from_fn(|| schedule.next(&failure, Way::Direct, false)).collect();
        assert_eq!(waits.len(), 2, "three tries have two waits");
        assert!(
            (500..=1000).contains(&waits[0].as_millis()) && (1000..=2000).contains(&waits[1].as_millis()),
            "{waits:?}"
        );
    }

    #[test]
    fn the_provider_s_word_counts_unless_it_is_too_long() {
        let told =
            |seconds| Failure { retry_after: Some(Duration::from_secs(seconds)), ..failure(FailureKind::RateLimited) };
        assert_eq!(schedule().next(&told(30), Way::Direct, false), Some(Duration::from_secs(30)));
        assert_eq!(schedule().next(&told(61), Way::Direct, false), None);
        assert!(schedule().next(&told(0), Way::Direct, false) >= Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_waiting_does_not_mend_is_not_tried_again() {
        for kind in [FailureKind::Credential, FailureKind::Quota, FailureKind::Model, FailureKind::Invalid] {
            assert_eq!(schedule().next(&failure(kind), Way::Direct, true), None);
        }
    }

    #[test]
    fn a_token_that_worked_lately_gets_one_second_look() {
        let refused = Failure { code: Some(UNAUTHORIZED.to_owned()), ..failure(FailureKind::Gateway) };
        let mut schedule = schedule();
        assert_eq!(schedule.next(&refused, Way::Gateway, true), Some(SECOND_LOOK));
        assert_eq!(schedule.next(&refused, Way::Gateway, true), None);
        assert_eq!(self::schedule().next(&refused, Way::Gateway, false), None);
    }
}
