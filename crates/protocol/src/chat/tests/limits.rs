//! Rate limits in the headers of every provider.

use super::*;

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn limit(pairs: &[(&str, &str)]) -> (Option<u64>, Option<u64>, Option<f64>) {
    let limit = rate_limit(&headers(pairs)).unwrap();
    (limit.remaining_requests, limit.remaining_tokens, limit.resets_in.map(|span| span.as_secs_f64()))
}

#[test]
fn openai_and_groq() {
    let pairs = [
        ("X-RateLimit-Limit-Requests", "5000"),
        ("X-RateLimit-Remaining-Requests", "4999"),
        ("X-RateLimit-Reset-Requests", "12ms"),
        ("x-ratelimit-limit-tokens", "160000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0.5s"),
    ];
    assert_eq!(limit(&pairs), (Some(4999), Some(0), Some(360.5)));
    // Nothing used up: the next renewal.
    let pairs = [
        ("x-ratelimit-reset-requests", "2m59s"),
        ("x-ratelimit-remaining-tokens", "9"),
        ("x-ratelimit-reset-tokens", "7.66s"),
    ];
    assert_eq!(limit(&pairs), (None, Some(9), Some(7.66)));
}

#[test]
fn anthropic_counts_from_the_servers_own_clock() {
    let pairs = [
        ("date", "Sat, 21 Nov 2026 16:00:00 GMT"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2026-11-21T16:00:01Z"),
        ("anthropic-ratelimit-tokens-remaining", "18000"),
        ("anthropic-ratelimit-input-tokens-limit", "10000"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-11-21T16:00:30Z"),
        ("anthropic-ratelimit-output-tokens-remaining", "8000"),
    ];
    assert_eq!(limit(&pairs), (Some(49), Some(0), Some(30.0)));
    assert_eq!(limit(&pairs[1..]).2, None, "without a clock there is no span");
}

#[test]
fn cerebras_mistral_and_openrouter() {
    let cerebras = [
        ("x-ratelimit-remaining-requests-day", "14399"),
        ("x-ratelimit-reset-requests-day", "33011.38"),
        ("x-ratelimit-remaining-tokens-minute", "0"),
        ("x-ratelimit-reset-tokens-minute", "11.38"),
    ];
    assert_eq!(limit(&cerebras), (Some(14_399), Some(0), Some(11.38)));
    let mistral = [
        ("x-ratelimit-limit-req-minute", "60"),
        ("x-ratelimit-remaining-req-minute", "59"),
        ("x-ratelimit-remaining-tokens-minute", "499000"),
        ("x-ratelimit-remaining-tokens-month", "1000"),
    ];
    assert_eq!(limit(&mistral), (Some(59), Some(1000), None));
    let openrouter = [
        ("Date", "Sat, 21 Nov 2026 16:00:00 GMT"),
        ("X-RateLimit-Limit", "20"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", "1795276860000"),
    ];
    assert_eq!(limit(&openrouter), (Some(0), None, Some(60.0)));
}

#[test]
fn other_headers_say_nothing() {
    let pairs =
        [("content-type", "application/json"), ("x-ratelimit-remaining-tokens", "many"), ("x-ratelimit-limit", "5")];
    assert_eq!(rate_limit(&headers(&pairs)), None);
}

#[test]
fn a_refusal_says_how_long_to_wait() {
    const MILLISECOND: u64 = 1;
    const SECOND: u64 = 1000;
    let date = ("date", "Sat, 21 Nov 2026 16:00:00 GMT");
    let google = r#"{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}"#;
    let words =
        r#"{"error":{"message":"Rate limit reached. Please try again in 7.5s. Visit …","code":"rate_limit_exceeded"}}"#;
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<u64>);
    let cases: [Case<'_>; 10] = [
        (&[("retry-after-ms", "250"), ("retry-after", "9")], "", Some(250 * MILLISECOND)),
        (&[("Retry-After", "9")], "", Some(9 * SECOND)),
        (&[("retry-after", "0.5")], "", Some(500 * MILLISECOND)),
        (&[date, ("retry-after", "Sat, 21 Nov 2026 16:01:30 GMT")], "", Some(90 * SECOND)),
        (&[("retry-after", "-1")], "", None),
        (&[], google, Some(34 * SECOND)),
        (&[("retry-after", "2")], google, Some(2 * SECOND)),
        (&[], words, Some(7500 * MILLISECOND)),
        (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")], "", Some(360 * SECOND)),
        (&[("x-ratelimit-remaining-requests", "5"), ("x-ratelimit-reset-requests", "6m0s")], "", None),
    ];
    for (pairs, body, wait) in cases {
        let failure = refusal(429, &headers(pairs), body.as_bytes());
        assert_eq!(failure.retry_after, wait.map(Duration::from_millis), "{pairs:?} {body}");
        assert_eq!(failure.kind, FailureKind::RateLimited);
    }
}
