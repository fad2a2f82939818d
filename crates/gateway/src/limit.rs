//! Stage 2: requests per time, for each profile and each provider, and what providers say about their own limits.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use protocol::chat::{self, Failure, FailureKind};
use tokio::time::{Instant, sleep_until};

use crate::{Limits, ProviderId, Rate};

/// A provider that names no end is left alone this long.
const UNTOLD: Duration = Duration::from_secs(1);
/// No header closes a provider for longer: limits per day are found out again by trying.
const LONGEST: Duration = Duration::from_secs(3600);

/// A token bucket, kept as the moment when it will be full again (the generic cell rate algorithm).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    full: Option<Instant>,
}

impl Bucket {
    /// Takes one. `Err`: not before then, and nothing was taken.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Instant> {
        if rate.requests == 0 {
            return Ok(());
        }
        let interval = rate.window / rate.requests;
        let full = self.full.map_or(now, |full| full.max(now));
        let earliest = full.checked_sub(interval * rate.burst.saturating_sub(1)).unwrap_or(now);
        if earliest > now {
            return Err(earliest);
        }
        self.full = Some(full + interval);
        Ok(())
    }
}

/// All limits.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    profiles: HashMap<String, Bucket>,
    providers: HashMap<ProviderId, Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    bucket: Bucket,
    /// Closed until then, by the provider's own word.
    closed: Option<Instant>,
}

impl Limiter {
    /// Takes one request of a profile. `Err`: not before then.
    pub(crate) fn profile(&self, profile: &str, rate: Rate, now: Instant) -> Result<(), Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.profiles.entry(profile.to_owned()).or_default().take(rate, now)
    }

    /// Takes one request to a provider. `Err`: not before then.
    pub(crate) fn provider(&self, provider: &ProviderId, rate: Rate, now: Instant) -> Result<(), Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = state.gate(provider);
        match gate.closed.filter(|closed| *closed > now) {
            Some(closed) => Err(closed),
            None => gate.bucket.take(rate, now),
        }
    }

    /// Takes one request of a profile, then one to a provider, waiting as long as may be.
    pub(crate) async fn turn(&self, limits: &Limits, profile: &str, provider: &ProviderId) -> Result<(), Failure> {
        let rate = limits.providers.get(provider).copied().unwrap_or(limits.provider);
        turn(limits.longest_wait, |now| self.profile(profile, limits.profile, now)).await?;
        turn(limits.longest_wait, |now| self.provider(provider, rate, now)).await
    }

    /// Obeys the headers of an answer.
    pub(crate) fn observe(&self, provider: &ProviderId, headers: &[(String, String)], now: Instant) {
        let Some(limit) = chat::rate_limit(headers).filter(chat::RateLimit::is_used_up) else { return };
        self.close(provider, limit.resets_in, now);
    }

    /// Obeys a refusal for too many requests.
    pub(crate) fn close(&self, provider: &ProviderId, wait: Option<Duration>, now: Instant) {
        let until = now + wait.unwrap_or(UNTOLD).min(LONGEST);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = state.gate(provider);
        gate.closed = gate.closed.max(Some(until));
    }
}

impl State {
    fn gate(&mut self, provider: &ProviderId) -> &mut Gate {
        self.providers.entry(provider.clone()).or_default()
    }
}

async fn turn(longest: Duration, take: impl Fn(Instant) -> Result<(), Instant>) -> Result<(), Failure> {
    while let Err(until) = take(Instant::now()) {
        let wait = until.saturating_duration_since(Instant::now());
        if wait > longest {
            let message = format!("The limit of requests is reached for another {} s.", wait.as_secs());
            return Err(Failure { retry_after: Some(wait), ..Failure::new(FailureKind::RateLimited, message) });
        }
        sleep_until(until).await;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_window_lets_more_through_than_the_burst_and_its_share(
            requests in 1_u32..50, burst in 0_u32..20, steps in proptest::collection::vec(0_u64..3_000, 1..300),
        ) {
            let rate = Rate { requests, window: Duration::from_secs(10), burst };
            let start = Instant::now();
            let (mut bucket, mut now, mut taken) = (Bucket::default(), start, Vec::new());
            for step in steps {
                now += Duration::from_millis(step);
                match bucket.take(rate, now) {
                    Ok(()) => taken.push(now),
                    Err(until) => {
                        prop_assert!(until > now);
                        // Its word is kept.
                        prop_assert_eq!(bucket.clone().take(rate, until), Ok(()));
                    }
                }
            }
            for (index, first) in taken.iter().enumerate() {
                let within = taken[index..].iter().take_while(|at| **at - *first < rate.window).count();
                prop_assert!(within <= (requests + burst.max(1)) as usize, "{within}");
            }
        }
    }

    #[test]
    fn a_rested_bucket_gives_its_burst_at_once_and_then_one_by_one() {
        let rate = Rate { requests: 10, window: Duration::from_secs(10), burst: 3 };
        let (limiter, now) = (Limiter::default(), Instant::now());
        assert!((0..3).all(|_| limiter.profile("a", rate, now).is_ok()));
        assert_eq!(limiter.profile("a", rate, now), Err(now + Duration::from_secs(1)));
        assert_eq!(limiter.profile("b", rate, now), Ok(()), "another profile has its own");
        assert_eq!(limiter.profile("a", rate, now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let rate = Rate { requests: 0, window: Duration::ZERO, burst: 0 };
        let limiter = Limiter::default();
        assert!((0..1000).all(|_| limiter.provider(&"openai".into(), rate, Instant::now()).is_ok()));
    }

    #[test]
    fn the_provider_s_own_word_closes_it_until_then() {
        let (limiter, now, openai) = (Limiter::default(), Instant::now(), ProviderId::from("openai"));
        let headers = |remaining: &str| {
            vec![
                ("x-ratelimit-remaining-requests".to_owned(), remaining.to_owned()),
                ("x-ratelimit-reset-requests".to_owned(), "7s".to_owned()),
            ]
        };
        limiter.observe(&openai, &headers("1"), now);
        limiter.provider(&openai, Rate::default(), now).unwrap();
        limiter.observe(&openai, &headers("0"), now);
        assert_eq!(limiter.provider(&openai, Rate::default(), now), Err(now + Duration::from_secs(7)));
        assert_eq!(limiter.provider(&"groq".into(), Rate::default(), now), Ok(()));
        // A shorter word does not open it earlier.
        limiter.close(&openai, Some(Duration::from_secs(2)), now);
        assert_eq!(limiter.provider(&openai, Rate::default(), now), Err(now + Duration::from_secs(7)));
        limiter.provider(&openai, Rate::default(), now + Duration::from_secs(7)).unwrap();
    }
}
