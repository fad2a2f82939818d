//! Why a connection did not come about.

use std::error::Error;

use crate::api::{Code, Problem, Route};
use crate::net::Dial;

/// Why a connection did not come about. Never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The server answered, but not with a WebSocket.
    #[error("HTTP {status}{}{}{}", code_words(*code), detail_words(detail), ray_words(ray.as_deref()))]
    Http {
        /// HTTP status.
        status: u16,
        /// Cloudflare's number, 2009 for example.
        code: Option<i64>,
        /// The server's words.
        detail: String,
        /// Cloudflare's id of the request, for its support.
        ray: Option<String>,
    },
    /// Name, route or port cannot be reached, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The proxy refused or cannot be reached.
    #[error("{0}")]
    Proxy(String),
    /// The secure connection could not be made.
    #[error("{0}")]
    Tls(String),
    /// A key would have gone over a plain connection to another machine; nothing was sent.
    #[error("a key goes over a plain connection to this computer only, so nothing was sent; use https or wss")]
    Insecure,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
}

impl Refusal {
    /// Sorts an error of the HTTP stack. `proxy` is the one that the request went through.
    pub(super) fn of(error: &reqwest::Error, host: &str, proxy: Option<&str>) -> Self {
        if let Some(tls) = chain(error).find_map(tls_error) {
            return Self::Tls(format!("no secure connection to {host}: {tls}"));
        }
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let words = words(error);
        let is_tunnel = chain(error).any(|cause| cause.to_string().starts_with("tunnel error"));
        match proxy {
            Some(proxy) if is_tunnel || error.is_connect() => {
                Self::Proxy(format!("the proxy {proxy} did not connect to {host}: {words}"))
            }
            Some(_) | None if error.is_dns() => Self::Unreachable(format!("the name {host} was not found")),
            Some(_) | None => Self::Unreachable(format!("{host} cannot be reached: {words}")),
        }
    }

    /// The same without any secret of `dial`, should a server have repeated one.
    pub(super) fn without_secrets(self, dial: &Dial) -> Self {
        match self {
            Self::Http { status, code, detail, ray } => {
                Self::Http { status, code, detail: dial.redact(&detail), ray: ray.map(|ray| dial.redact(&ray)) }
            }
            Self::Unreachable(words) => Self::Unreachable(dial.redact(&words)),
            Self::Proxy(words) => Self::Proxy(dial.redact(&words)),
            Self::Tls(words) => Self::Tls(dial.redact(&words)),
            Self::Insecure | Self::TimedOut => self,
        }
    }

    /// Whether trying again can help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            // 2005: the provider gave no usable answer. 2018: the gateway's budget, refilled slowly. 2040 with 403:
            // a spending limit could not be looked up (Cloudflare AI Gateway error codes).
            Self::Http { code: Some(2005 | 2018), .. } | Self::Http { status: 403, code: Some(2040), .. } => true,
            Self::Http { code: Some(2021 | 2041), .. } => false,
            Self::Http { status, .. } => (*status == 429 && !self.is_out_of_credit()) || matches!(status, 408 | 500..),
            Self::Unreachable(_) | Self::TimedOut => true,
            Self::Proxy(words) => !words.contains("authorization required") && !words.contains("HTTP 407"),
            Self::Tls(_) | Self::Insecure => false,
        }
    }

    /// What the user is told.
    pub(crate) fn problem(&self, route: Route) -> Problem {
        let code = match self {
            Self::Http { status, code, .. } => code
                .filter(|_| route == Route::Gateway)
                .and_then(gateway_code)
                .unwrap_or_else(|| self.status_code(*status)),
            Self::Unreachable(_) | Self::TimedOut => Code::Offline,
            Self::Proxy(_) => Code::Proxy,
            Self::Tls(_) => Code::Tls,
            Self::Insecure => Code::InsecureRoute,
        };
        Problem { code, detail: self.to_string() }
    }

    fn status_code(&self, status: u16) -> Code {
        match status {
            // Google's words for a bad key and a country come with 400 (AIP-193 errors, read 2026-11).
            400 if self.has_words(&["API key not valid", "API key expired", "API_KEY_INVALID"]) => {
                Code::CredentialRefused
            }
            400 if self.has_words(&["User location is not supported"]) => Code::NotPermitted,
            401 => Code::CredentialRefused,
            402 => Code::Quota,
            403 => Code::NotPermitted,
            407 => Code::Proxy,
            429 if self.is_out_of_credit() => Code::Quota,
            429 => Code::RateLimited,
            408 | 500.. => Code::ProviderTrouble,
            _ => Code::Refused,
        }
    }

    fn is_out_of_credit(&self) -> bool {
        self.has_words(&[
            "insufficient_quota",
            "credit_balance_exhausted",
            "billing_hard_limit_reached",
            "Spending limit",
            "exceeded your current quota",
        ])
    }

    fn has_words(&self, words: &[&str]) -> bool {
        matches!(self, Self::Http { detail, .. } if words.iter().any(|word| detail.contains(word)))
    }
}

/// What Cloudflare's numbers mean to the user.
fn gateway_code(code: i64) -> Option<Code> {
    match code {
        // 7003: no route for this account and gateway.
        2001 | 7003 => Some(Code::GatewayMissing),
        2009 | 10000 => Some(Code::GatewayRefused),
        2003 => Some(Code::RateLimited),
        2018 | 2021 | 2041 => Some(Code::Quota),
        2005 => Some(Code::ProviderTrouble),
        // No key on the request and none stored under that name.
        2040 | 2044 => Some(Code::NoCredential),
        _ => None,
    }
}

/// An error and its causes.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        // An io error that wraps another one skips it in `source`.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

fn tls_error(error: &(dyn Error + 'static)) -> Option<String> {
    error.downcast_ref::<rustls::Error>().map(ToString::to_string)
}

/// The causes in one line, without those that only say that something failed.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in chain(error).map(ToString::to_string) {
        let is_empty_talk = cause.starts_with("error sending request") || cause.starts_with("client error");
        if !is_empty_talk && !words.iter().any(|word| word.contains(&cause)) {
            words.push(cause);
        }
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}

fn code_words(code: Option<i64>) -> String {
    code.map(|code| format!(" (code {code})")).unwrap_or_default()
}

fn detail_words(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

fn ray_words(ray: Option<&str>) -> String {
    ray.map(|ray| format!(" [ray {ray}]")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, code: Option<i64>, detail: &str) -> Refusal {
        Refusal::Http { status, code, detail: detail.into(), ray: None }
    }

    #[test]
    fn every_refusal_has_its_problem_and_says_whether_to_try_again() {
        let gateway: [(Refusal, Code, bool); 16] = [
            (http(400, Some(2001), ""), Code::GatewayMissing, false),
            (http(404, Some(7003), ""), Code::GatewayMissing, false),
            (http(401, Some(2009), ""), Code::GatewayRefused, false),
            (http(400, Some(2009), ""), Code::GatewayRefused, false),
            (http(401, Some(10000), ""), Code::GatewayRefused, false),
            (http(401, None, ""), Code::CredentialRefused, false),
            (http(429, Some(2003), "Rate limited"), Code::RateLimited, true),
            (http(429, Some(2018), ""), Code::Quota, true),
            (http(429, Some(2041), ""), Code::Quota, false),
            (http(402, Some(2021), ""), Code::Quota, false),
            (http(400, Some(2005), ""), Code::ProviderTrouble, true),
            (http(400, Some(2044), ""), Code::NoCredential, false),
            (http(403, None, "Access denied by policy"), Code::NotPermitted, false),
            (http(522, None, ""), Code::ProviderTrouble, true),
            (http(404, None, ""), Code::Refused, false),
            (Refusal::Insecure, Code::InsecureRoute, false),
        ];
        let direct: [(Refusal, Code, bool); 14] = [
            (http(400, Some(400), "API key not valid. Please pass a valid API key."), Code::CredentialRefused, false),
            (http(400, Some(400), "User location is not supported for the API use."), Code::NotPermitted, false),
            (http(429, Some(429), "You exceeded your current quota, please check your plan"), Code::Quota, false),
            (http(429, Some(429), "Resource has been exhausted"), Code::RateLimited, true),
            (http(401, Some(2009), ""), Code::CredentialRefused, false),
            (http(403, None, "unsupported_country_region_territory"), Code::NotPermitted, false),
            (http(429, None, "rate_limit_exceeded: slow down"), Code::RateLimited, true),
            (http(429, None, "insufficient_quota: pay"), Code::Quota, false),
            (http(503, None, ""), Code::ProviderTrouble, true),
            (Refusal::TimedOut, Code::Offline, true),
            (Refusal::Unreachable("x".into()), Code::Offline, true),
            (Refusal::Proxy("tunnel error: proxy authorization required".into()), Code::Proxy, false),
            (Refusal::Proxy("tunnel error: unsuccessful".into()), Code::Proxy, true),
            (Refusal::Tls("x".into()), Code::Tls, false),
        ];
        let rows = gateway.map(|row| (Route::Gateway, row)).into_iter().chain(direct.map(|row| (Route::Direct, row)));
        for (route, (refusal, code, is_transient)) in rows {
            assert_eq!(refusal.problem(route).code, code, "{refusal} {route:?}");
            assert_eq!(refusal.is_transient(), is_transient, "{refusal}");
        }
    }

    #[test]
    fn words_name_status_code_and_ray() {
        let refusal =
            Refusal::Http { status: 401, code: Some(2009), detail: "Unauthorized".into(), ray: Some("8f".into()) };
        assert_eq!(refusal.to_string(), "HTTP 401 (code 2009): Unauthorized [ray 8f]");
        assert_eq!(http(500, None, "").to_string(), "HTTP 500");
    }
}
