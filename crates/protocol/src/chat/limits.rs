//! What a provider's headers say about its limits.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moment;

/// What is left of the provider's limits after an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are still allowed, in the scarcest window.
    pub remaining_requests: Option<u64>,
    /// Tokens that are still allowed, in the scarcest window.
    pub remaining_tokens: Option<u64>,
    /// Until a used-up limit is renewed, or the next one when none is used up. Moments need the header `date` beside them.
    pub resets_in: Option<Duration>,
}

impl RateLimit {
    /// Whether the next request will be refused before the reset.
    pub fn is_used_up(&self) -> bool {
        self.remaining_requests == Some(0) || self.remaining_tokens == Some(0)
    }
}

/// Reads the limits from the headers of an answer, whatever its status. Names in any case.
///
/// Understands `x-ratelimit-{remaining,reset}-{requests,tokens}` (OpenAI, Groq, xAI), `…-{requests-day,tokens-minute}`
/// (Cerebras), `…-{req-minute,tokens-minute}` (Mistral), `x-ratelimit-{remaining,reset}` (OpenRouter), and
/// `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{remaining,reset}`.
pub fn rate_limit(headers: &[(String, String)]) -> Option<RateLimit> {
    let now = header(headers, "date").and_then(moment::moment);
    let mut windows = BTreeMap::<String, Window>::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let Some(rest) = name.strip_prefix("x-ratelimit-").or_else(|| name.strip_prefix("anthropic-ratelimit-")) else {
            continue;
        };
        let word = |word: &str| rest.split('-').any(|part| part == word);
        let limited =
            rest.split('-').filter(|part| !matches!(*part, "remaining" | "reset")).collect::<Vec<_>>().join("-");
        if word("remaining") {
            windows.entry(limited).or_default().remaining = value.trim().parse().ok();
        } else if word("reset") {
            windows.entry(limited).or_default().resets_in = reset(value, now);
        }
    }
    let least = |is_tokens: bool| {
        let windows = windows.iter().filter(|(name, _)| name.contains("token") == is_tokens);
        windows.filter_map(|(_, window)| window.remaining).min()
    };
    let used_up = windows.values().filter(|window| window.remaining == Some(0)).filter_map(|window| window.resets_in);
    let limit = RateLimit {
        remaining_requests: least(false),
        remaining_tokens: least(true),
        resets_in: used_up.max().or_else(|| windows.values().filter_map(|window| window.resets_in).min()),
    };
    (limit != RateLimit::default()).then_some(limit)
}

/// One limit of the provider.
#[derive(Default)]
struct Window {
    remaining: Option<u64>,
    resets_in: Option<Duration>,
}

fn reset(value: &str, now: Option<f64>) -> Option<Duration> {
    match (moment::moment(value), now) {
        (Some(moment), Some(now)) => Some(moment::until(moment, now)),
        (Some(_), None) => None,
        (None, _) => moment::span(value),
    }
}

/// How long the headers ask to wait before the next try: `retry-after-ms`, or `retry-after` in seconds or as a date.
pub(super) fn retry_after(headers: &[(String, String)]) -> Option<Duration> {
    let milliseconds = header(headers, "retry-after-ms").and_then(|value| value.trim().parse::<f64>().ok());
    if let Some(wait) = milliseconds.and_then(|number| moment::seconds(number / 1000.0)) {
        return Some(wait);
    }
    reset(header(headers, "retry-after")?, header(headers, "date").and_then(moment::moment))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
