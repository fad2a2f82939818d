//! The `cf-aig-*` headers of a request.

use std::time::Duration;

use serde_json::Value;

use crate::chat::ask::Ask;
use crate::chat::reception::header;
use crate::chat::script::Script;

/// How long an answer is cached when only a key asks for it.
const USUAL: Duration = Duration::from_secs(300);

/// What is wrong with them.
pub(super) fn complaints(headers: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in headers {
        let number = value.parse::<u64>().ok();
        let within = |least, most| number.is_some_and(|number| (least..=most).contains(&number));
        let is_good = match name.as_str() {
            "cf-aig-cache-ttl" => within(60, 2_592_000),
            "cf-aig-max-attempts" => within(1, 5),
            "cf-aig-retry-delay" => within(0, 60_000),
            "cf-aig-request-timeout" => number.is_some(),
            "cf-aig-backoff" => ["constant", "linear", "exponential"].contains(&value.as_str()),
            "cf-aig-skip-cache"
            | "cf-aig-collect-log"
            | "cf-aig-collect-log-payload"
            | "cf-aig-no-wholesale"
            | "cf-aig-zdr" => value == "true" || value == "false",
            "cf-aig-metadata" => is_metadata(value),
            "cf-aig-custom-cost" => is_cost(value),
            "cf-aig-authorization" | "cf-aig-cache-key" | "cf-aig-event-id" | "cf-aig-byok-alias" => !value.is_empty(),
            "cf-aig-otel-trace-id" => is_hex(value, 32),
            "cf-aig-otel-parent-span-id" => is_hex(value, 16),
            "cf-aig-gateway-id" => true,
            "cf-aig-no-session-affinity" => value == "true" || value == "false",
            "cf-aig-session-id" | "cf-aig-turn-id" | "cf-aig-allowed-models" | "cf-aig-allowed-providers" => {
                !value.is_empty()
            }
            other => !other.starts_with("cf-aig-"),
        };
        if !is_good {
            found.push(format!("{name} is not what the gateway takes"));
        }
    }
    found
}

fn is_hex(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first that the request allows to the auto router.
pub(super) fn allowed<'a>(auto: &'a [(String, String)], headers: &[(String, String)]) -> Option<&'a (String, String)> {
    let is_in = |list: &str, name: &str| {
        header(headers, list).is_none_or(|list| list.split(',').any(|known| known.trim() == name))
    };
    auto.iter().find(|(slug, model)| {
        is_in("cf-aig-allowed-providers", slug) && is_in("cf-aig-allowed-models", &format!("{slug}/{model}"))
    })
}

/// A flat object of at most five entries, none of them reserved.
fn is_metadata(value: &str) -> bool {
    let Ok(Value::Object(entries)) = serde_json::from_str(value) else { return false };
    let is_flat = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    entries.len() <= 5 && entries.iter().all(|(name, value)| !name.starts_with("cf.") && is_flat(value))
}

fn is_cost(value: &str) -> bool {
    const FIELDS: [&str; 4] = ["per_token_in", "per_token_out", "per_cache_read_token", "per_cache_write_token"];
    let Ok(Value::Object(costs)) = serde_json::from_str(value) else { return false };
    let is_known = |(name, cost): (&String, &Value)| FIELDS.contains(&name.as_str()) && cost.is_number();
    !costs.is_empty() && costs.iter().all(is_known)
}

/// Name and life of the cached answer, when caching is in play.
pub(super) fn cache(
    skip: Option<&str>,
    script: &Script,
    headers: &[(String, String)],
    ask: &Ask,
) -> Option<(String, Duration)> {
    let key = header(headers, "cf-aig-cache-key");
    let usual = script.gateway.cache;
    if skip == Some("true") || !ask.is_post || (usual.is_zero() && key.is_none()) {
        return None;
    }
    let told = header(headers, "cf-aig-cache-ttl").and_then(|ttl| ttl.parse().ok()).map(Duration::from_secs);
    let ttl = told.unwrap_or_else(|| if usual.is_zero() { USUAL } else { usual });
    let whole = || format!("{} {} {:?} {}", ask.provider.id, ask.path, ask.key, ask.body);
    Some((key.map_or_else(whole, |key| format!("key {key}")), ttl))
}

/// How often the delay is waited after this attempt.
pub(super) fn factor(backoff: Option<&str>, attempt: u64) -> u32 {
    let attempt = u32::try_from(attempt).unwrap_or(5);
    match backoff {
        Some("linear") => attempt,
        Some("exponential") => 1 << (attempt - 1).min(5),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked() {
        for (name, value, is_good) in [
            ("cf-aig-cache-ttl", "60", true),
            ("cf-aig-cache-ttl", "5", false),
            ("cf-aig-max-attempts", "6", false),
            ("cf-aig-backoff", "exponential", true),
            ("cf-aig-backoff", "quadratic", false),
            ("cf-aig-metadata", "{\"a\":1,\"b\":\"c\"}", true),
            ("cf-aig-metadata", "{\"a\":{}}", false),
            ("cf-aig-metadata", "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1}", false),
            ("cf-aig-custom-cost", "{\"per_token_in\":0.000001}", true),
            ("cf-aig-custom-cost", "{\"input\":1}", false),
            ("cf-aig-made-up", "1", false),
            ("user-agent", "x", true),
        ] {
            assert_eq!(complaints(&[(name.to_owned(), value.to_owned())]).is_empty(), is_good, "{name}: {value}");
        }
    }

    #[test]
    fn delays_grow_as_told() {
        let factors = |backoff| [1, 2, 3].map(|attempt| factor(backoff, attempt));
        assert_eq!(factors(None), [1, 1, 1]);
        assert_eq!(factors(Some("linear")), [1, 2, 3]);
        assert_eq!(factors(Some("exponential")), [1, 2, 4]);
    }
}
