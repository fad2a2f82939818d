//! Headers that tell a provider's limits.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::date;
use crate::chat::fault::FaultKind;
use crate::chat::provider::{Limits, Provider};
use crate::chat::reply::Reply;

/// How a refusal for too many requests tells when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chat) enum Rest {
    /// In the provider's own headers.
    Own,
    /// `retry-after` with a date.
    Until,
    /// `retry-after-ms`.
    Millis,
}

impl Rest {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most faults are none of this")]
    pub(super) fn of(kind: FaultKind) -> Option<Self> {
        match kind {
            FaultKind::RateLimited => Some(Self::Own),
            FaultKind::RateLimitedUntil => Some(Self::Until),
            FaultKind::RateLimitedMillis => Some(Self::Millis),
            _ => None,
        }
    }
}

/// Nothing is left until `after` has passed.
pub(super) fn exhausted(reply: Reply, provider: &Provider, rest: Rest, after: Duration) -> Reply {
    match rest {
        Rest::Until => reply.with("retry-after", date::http(now() + after)),
        Rest::Millis => reply.with("retry-after-ms", after.as_millis().to_string()),
        Rest::Own => {
            let reply = told(reply, provider, 0, after);
            let seconds = after.as_millis().div_ceil(1000).to_string();
            match provider.limits {
                Limits::Openai | Limits::Anthropic | Limits::Minute => reply.with("retry-after", seconds),
                // Their own headers must do.
                Limits::Cerebras | Limits::Mistral | Limits::Epoch | Limits::Nothing => reply,
            }
        }
    }
}

/// Much is left.
pub(super) fn granted(reply: Reply, provider: &Provider, number: usize) -> Reply {
    let id = format!("req_{number:06}");
    let reply = reply.with(if provider.limits == Limits::Anthropic { "request-id" } else { "x-request-id" }, id);
    told(reply, provider, 99, Duration::from_millis(600))
}

fn told(reply: Reply, provider: &Provider, left: u32, reset: Duration) -> Reply {
    let seconds = reset.as_secs_f64();
    let left = left.to_string();
    match provider.limits {
        Limits::Openai => ["requests", "tokens"].iter().fold(reply, |reply, what| {
            reply
                .with(&format!("x-ratelimit-limit-{what}"), "100")
                .with(&format!("x-ratelimit-remaining-{what}"), left.as_str())
                .with(&format!("x-ratelimit-reset-{what}"), span(reset))
        }),
        Limits::Anthropic => {
            ["requests", "tokens", "input-tokens", "output-tokens"].iter().fold(reply, |reply, what| {
                reply
                    .with(&format!("anthropic-ratelimit-{what}-limit"), "100")
                    .with(&format!("anthropic-ratelimit-{what}-remaining"), left.as_str())
                    .with(&format!("anthropic-ratelimit-{what}-reset"), date::rfc3339(now() + reset))
            })
        }
        Limits::Cerebras => ["requests-day", "tokens-minute"].iter().fold(reply, |reply, what| {
            reply
                .with(&format!("x-ratelimit-limit-{what}"), "100")
                .with(&format!("x-ratelimit-remaining-{what}"), left.as_str())
                .with(&format!("x-ratelimit-reset-{what}"), seconds.to_string())
        }),
        Limits::Mistral => ["req-minute", "tokens-minute"].iter().fold(reply, |reply, what| {
            reply
                .with(&format!("x-ratelimit-limit-{what}"), "100")
                .with(&format!("x-ratelimit-remaining-{what}"), left.as_str())
        }),
        Limits::Minute => ["requests", "tokens"].iter().fold(reply, |reply, what| {
            reply
                .with(&format!("x-ratelimit-limit-{what}"), "100")
                .with(&format!("x-ratelimit-remaining-{what}"), left.as_str())
        }),
        Limits::Epoch => reply
            .with("x-ratelimit-limit", "100")
            .with("x-ratelimit-remaining", left)
            .with("x-ratelimit-reset", (now() + reset).as_millis().to_string()),
        Limits::Nothing => reply,
    }
}

/// Such as `6m0s`, `1.5s` or `20ms`.
fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    if minutes > 0 {
        format!("{minutes}m{}s", time.as_secs() % 60)
    } else if time.as_secs() > 0 {
        format!("{}s", time.as_secs_f64())
    } else {
        format!("{}ms", time.as_millis())
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_openai_writes_them() {
        for (millis, text) in [(360_000, "6m0s"), (20, "20ms"), (1500, "1.5s"), (61_000, "1m1s")] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }
}
