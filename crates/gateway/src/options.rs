//! What can be asked of Cloudflare AI Gateway for one request: its `cf-aig-*` headers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::auto::AUTO;
use crate::{Header, Price};

/// Settings for Cloudflare AI Gateway; `None` or empty leaves the matter to the gateway's own settings. Limits:
/// Cloudflare's documentation of request headers, autumn 2026.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayOptions {
    /// `cf-aig-cache-ttl`, seconds, 60 to 2 592 000. Moves the time only where caching is on.
    pub cache_ttl: Option<u32>,
    /// `cf-aig-skip-cache`.
    pub skip_cache: Option<bool>,
    /// `cf-aig-cache-key`: replaces the computed key, and turns caching on for this request.
    pub cache_key: Option<String>,
    /// `cf-aig-metadata`: at most 5, none beginning with `cf.`.
    pub metadata: BTreeMap<String, String>,
    /// `cf-aig-collect-log`: whether the gateway keeps a log row.
    pub collect_log: Option<bool>,
    /// `cf-aig-collect-log-payload`: whether that row holds what was said.
    pub collect_log_payload: Option<bool>,
    /// `cf-aig-request-timeout`, ms to the first byte.
    pub request_timeout: Option<u32>,
    /// `cf-aig-max-attempts`, 1 to 5.
    pub max_attempts: Option<u8>,
    /// `cf-aig-retry-delay`, ms, up to 60 000.
    pub retry_delay: Option<u32>,
    /// `cf-aig-backoff`.
    pub backoff: Option<Backoff>,
    /// `cf-aig-event-id`: comes back as it is.
    pub event_id: Option<String>,
    /// `cf-aig-byok-alias`: which stored key.
    pub key_alias: Option<String>,
    /// `cf-aig-no-wholesale`: refuse rather than spend Cloudflare credits.
    pub no_wholesale: Option<bool>,
    /// `cf-aig-zdr`: endpoints without data retention; works with Cloudflare credits only.
    pub zero_data_retention: Option<bool>,
    /// `cf-aig-no-session-affinity`: the auto router chooses for each turn anew.
    pub no_session_affinity: Option<bool>,
    /// `cf-aig-allowed-models`, with commas: among which the auto router chooses; empty: all.
    pub allowed_models: Vec<String>,
    /// `cf-aig-allowed-providers`, with commas: the same for providers.
    pub allowed_providers: Vec<String>,
    /// `cf-aig-session-id`, for the auto router: the conversation. This and what follows makes no other answer of a
    /// request, so no key of a cache holds it.
    #[serde(skip)]
    pub session_id: Option<String>,
    /// `cf-aig-turn-id`, for the auto router: the question with all requests that its answer takes.
    #[serde(skip)]
    pub turn_id: Option<String>,
    /// The trace that the request is a part of.
    #[serde(skip)]
    pub trace: Option<Trace>,
}

/// A place in a trace, as W3C's `traceparent` and OpenTelemetry have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// `cf-aig-otel-trace-id`: 32 hexadecimal digits.
    id: String,
    /// `cf-aig-otel-parent-span-id`: 16 hexadecimal digits.
    parent: String,
}

impl Trace {
    /// Reads a `traceparent`: `00-TRACE-SPAN-FLAGS`. `None`: it is none.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.trim().split('-');
        let is_hex = |text: &&str, length| {
            let mut bytes = text.bytes();
            let is_id = text.len() == length && bytes.clone().any(|byte| byte != b'0');
            is_id && bytes.all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        parts.next().filter(|version| version.len() == 2 && *version != "ff")?;
        let id = parts.next().filter(|id| is_hex(id, 32))?.to_owned();
        let parent = parts.next().filter(|span| is_hex(span, 16))?.to_owned();
        Some(Self { id, parent })
    }
}

/// How the gateway's waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Not.
    Constant,
    /// By as much each time.
    Linear,
    /// To the double each time.
    Exponential,
}

impl GatewayOptions {
    /// These, and where they are silent, those of `base`.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut metadata = base.metadata.clone();
        metadata.extend(self.metadata.clone());
        let list = |own: &[String], base: &[String]| if own.is_empty() { base.to_vec() } else { own.to_vec() };
        Self {
            cache_ttl: self.cache_ttl.or(base.cache_ttl),
            skip_cache: self.skip_cache.or(base.skip_cache),
            cache_key: self.cache_key.clone().or_else(|| base.cache_key.clone()),
            metadata,
            collect_log: self.collect_log.or(base.collect_log),
            collect_log_payload: self.collect_log_payload.or(base.collect_log_payload),
            request_timeout: self.request_timeout.or(base.request_timeout),
            max_attempts: self.max_attempts.or(base.max_attempts),
            retry_delay: self.retry_delay.or(base.retry_delay),
            backoff: self.backoff.or(base.backoff),
            event_id: self.event_id.clone().or_else(|| base.event_id.clone()),
            key_alias: self.key_alias.clone().or_else(|| base.key_alias.clone()),
            no_wholesale: self.no_wholesale.or(base.no_wholesale),
            zero_data_retention: self.zero_data_retention.or(base.zero_data_retention),
            no_session_affinity: self.no_session_affinity.or(base.no_session_affinity),
            allowed_models: list(&self.allowed_models, &base.allowed_models),
            allowed_providers: list(&self.allowed_providers, &base.allowed_providers),
            session_id: self.session_id.clone().or_else(|| base.session_id.clone()),
            turn_id: self.turn_id.clone().or_else(|| base.turn_id.clone()),
            trace: self.trace.clone().or_else(|| base.trace.clone()),
        }
    }

    /// What is wrong with them, if anything: the gateway would drop or refuse it without a word.
    pub fn fault(&self) -> Option<&'static str> {
        let is_token = |text: &Option<String>| {
            text.as_ref().is_none_or(|text| !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
        };
        let is_name =
            |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        let is_list = |names: &[String]| names.iter().all(is_name);
        let rules = [
            (
                self.cache_ttl.is_none_or(|ttl| (60..=2_592_000).contains(&ttl)),
                "the gateway keeps answers 60 s to 30 days",
            ),
            (self.max_attempts.is_none_or(|attempts| (1..=5).contains(&attempts)), "the gateway tries 1 to 5 times"),
            (self.retry_delay.is_none_or(|delay| delay <= 60_000), "the gateway waits at most 60 s between tries"),
            (self.metadata.len() <= 5, "the gateway takes at most 5 metadata entries"),
            (!self.metadata.keys().any(|key| key.starts_with("cf.")), "metadata names may not begin with cf."),
            (
                is_token(&self.cache_key) && is_token(&self.event_id) && is_token(&self.key_alias),
                "cache key, event id and key alias must be plain ASCII",
            ),
            (is_list(&self.allowed_models) && is_list(&self.allowed_providers), "the auto router's lists hold names"),
            (is_token(&self.session_id) && is_token(&self.turn_id), "session and turn id must be plain ASCII"),
        ];
        rules.into_iter().find(|(is_kept, _)| !is_kept).map(|(_, fault)| fault)
    }

    /// Adds the headers for a model. `price` is the user's own one, if there is one.
    pub(crate) fn write(&self, model: &str, price: Option<&Price>, headers: &mut Vec<(&'static str, Header)>) {
        let backoff = self.backoff.map(|backoff| match backoff {
            Backoff::Constant => "constant".to_owned(),
            Backoff::Linear => "linear".to_owned(),
            Backoff::Exponential => "exponential".to_owned(),
        });
        let values = [
            ("cf-aig-cache-ttl", self.cache_ttl.map(|value| value.to_string())),
            ("cf-aig-skip-cache", self.skip_cache.map(|value| value.to_string())),
            ("cf-aig-cache-key", self.cache_key.clone()),
            ("cf-aig-custom-cost", price.map(Price::custom_cost)),
            ("cf-aig-metadata", (!self.metadata.is_empty()).then(|| ascii_json(&self.metadata))),
            ("cf-aig-collect-log", self.collect_log.map(|value| value.to_string())),
            ("cf-aig-collect-log-payload", self.collect_log_payload.map(|value| value.to_string())),
            ("cf-aig-request-timeout", self.request_timeout.map(|value| value.to_string())),
            ("cf-aig-max-attempts", self.max_attempts.map(|value| value.to_string())),
            ("cf-aig-retry-delay", self.retry_delay.map(|value| value.to_string())),
            ("cf-aig-backoff", backoff),
            ("cf-aig-event-id", self.event_id.clone()),
            ("cf-aig-byok-alias", self.key_alias.clone()),
            ("cf-aig-no-wholesale", self.no_wholesale.map(|value| value.to_string())),
            ("cf-aig-zdr", self.zero_data_retention.map(|value| value.to_string())),
            ("cf-aig-otel-trace-id", self.trace.as_ref().map(|trace| trace.id.clone())),
            ("cf-aig-otel-parent-span-id", self.trace.as_ref().map(|trace| trace.parent.clone())),
        ];
        let list = |names: &[String]| (!names.is_empty()).then(|| names.join(","));
        let routed = [
            ("cf-aig-session-id", self.session_id.clone()),
            ("cf-aig-turn-id", self.turn_id.clone()),
            ("cf-aig-no-session-affinity", self.no_session_affinity.map(|value| value.to_string())),
            ("cf-aig-allowed-models", list(&self.allowed_models)),
            ("cf-aig-allowed-providers", list(&self.allowed_providers)),
        ];
        let routed = routed.into_iter().filter(|_| model == AUTO);
        headers
            .extend(values.into_iter().chain(routed).filter_map(|(name, value)| Some((name, Header::Plain(value?)))));
    }
}

/// JSON that fits into a header: everything beyond ASCII is escaped.
fn ascii_json(metadata: &BTreeMap<String, String>) -> String {
    let json = serde_json::to_string(metadata).unwrap_or_default();
    let mut ascii = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if (0x20..0x7f).contains(&byte) => ascii.push(char::from(byte)),
            Ok(_) | Err(_) => ascii.push_str(&format!("\\u{unit:04x}")),
        }
    }
    ascii
}
