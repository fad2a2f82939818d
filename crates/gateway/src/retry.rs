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

    /// How long to wait before the next try; `None`: give the target up.
    pub(crate) fn next(&mut self, failure: &Failure, way: Way, proof: Proof) -> Option<Duration> {
        let is_doubtful = failure.code.as_deref() == Some(UNAUTHORIZED) && way != Way::Direct;
        if is_doubtful && proof.is_proven && !self.was_looked_at_twice {
            self.was_looked_at_twice = true;
            return Some(SECOND_LOOK);
        }
        // 409: the providers' own programs try again, as somebody else holds what is wanted for a moment.
        let is_passing = failure.kind.is_transient() || failure.status == Some(409);
        if !proof.hint.unwrap_or(is_passing) {
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

/// What speaks for another try beside the failure itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Proof {
    /// The same token of the gateway's worked within the last minutes.
    pub(crate) is_proven: bool,
    /// The server's own word.
    pub(crate) hint: Option<bool>,
}

/// The server's own word on trying again: `x-should-retry` of OpenAI's and Anthropic's.
pub(crate) fn hint(headers: &[(String, String)]) -> Option<bool> {
    let (_, value) = headers.iter().find(|(name, _)| name == "x-should-retry")?;
    match value.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Whether another target may do better with the same request.
pub(crate) fn may_fall_back(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Credential
        | FailureKind::Quota
        | FailureKind::RateLimited
        | FailureKind::Model
        | FailureKind::Address
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

    const PROVEN: Proof = Proof { is_proven: true, hint: None };

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
        let waits: Vec<_> = std::iter::from_fn(|| schedule.next(&failure, Way::Direct, Proof::default())).collect();
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
        assert_eq!(schedule().next(&told(30), Way::Direct, Proof::default()), Some(Duration::from_secs(30)));
        assert_eq!(schedule().next(&told(61), Way::Direct, Proof::default()), None);
        assert!(schedule().next(&told(0), Way::Direct, Proof::default()) >= Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_waiting_does_not_mend_is_not_tried_again() {
        for kind in [FailureKind::Credential, FailureKind::Quota, FailureKind::Model, FailureKind::Invalid] {
            assert_eq!(schedule().next(&failure(kind), Way::Direct, PROVEN), None);
        }
    }

    #[test]
    fn a_token_that_worked_lately_gets_one_second_look() {
        let refused = Failure { code: Some(UNAUTHORIZED.to_owned()), ..failure(FailureKind::Gateway) };
        let mut schedule = schedule();
        assert_eq!(schedule.next(&refused, Way::Gateway, PROVEN), Some(SECOND_LOOK));
        assert_eq!(schedule.next(&refused, Way::Gateway, PROVEN), None);
        assert_eq!(self::schedule().next(&refused, Way::Gateway, Proof::default()), None);
    }

    #[test]
    fn the_server_s_own_word_goes_before_the_kind() {
        let word = |value: &str| hint(&[("x-should-retry".to_owned(), value.to_owned())]);
        let conflict = Failure { status: Some(409), ..failure(FailureKind::Invalid) };
        for (failure, value, is_tried) in [
            (failure(FailureKind::Unavailable), "false", false),
            (failure(FailureKind::RateLimited), "false", false),
            (failure(FailureKind::Invalid), "true", true),
            (failure(FailureKind::Invalid), "maybe", false),
            (failure(FailureKind::Unavailable), "maybe", true),
            (conflict.clone(), "", true),
            (conflict, "false", false),
        ] {
            let proof = Proof { is_proven: false, hint: word(value) };
            assert_eq!(schedule().next(&failure, Way::Direct, proof).is_some(), is_tried, "{failure:?} {value}");
        }
        assert_eq!(hint(&[]), None);
    }
}
