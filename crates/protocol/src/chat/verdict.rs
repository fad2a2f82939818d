//! What can be done about an error, from the words and codes that came with it.

use std::time::Duration;

use super::FailureKind;

/// An error as it was told, whatever its shape.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    pub(super) message: String,
    /// The most exact word or number for it: `model_not_found`, `2009`.
    pub(super) code: Option<String>,
    /// The class of error: `invalid_request_error`, `RESOURCE_EXHAUSTED`.
    pub(super) kind: Option<String>,
    /// An HTTP status that stands in the body.
    pub(super) status: Option<u16>,
    /// The gateway says it, not a provider.
    pub(super) is_gateway: bool,
    /// A limit of a day: waiting a minute does not help.
    pub(super) is_daily: bool,
    /// The content was found objectionable.
    pub(super) is_flagged: bool,
    pub(super) wait: Option<Duration>,
}

impl Complaint {
    /// What it means; `status` of the answer, if the error did not come inside of one.
    pub(super) fn verdict(&self, status: Option<u16>) -> FailureKind {
        let status = status.filter(|status| *status >= 300).or(self.status);
        if self.is_gateway {
            return self.code.as_deref().and_then(|code| of_gateway(code, status)).unwrap_or_else(|| match status {
                // A policy of the account, told without a code.
                Some(403) => FailureKind::Refused,
                status => self.of_words(status),
            });
        }
        self.of_words(status)
    }

    fn of_words(&self, status: Option<u16>) -> FailureKind {
        let message = self.message.to_ascii_lowercase();
        if self.is_flagged {
            return FailureKind::Refused;
        }
        if status == Some(413) || says(&message, TOO_LONG) {
            return FailureKind::TooLong;
        }
        // Before the words: at Google it is a limit of a rate, at Anthropic an invalid request.
        if says(&message, NO_CREDIT) {
            return FailureKind::Quota;
        }
        let words = [&self.code, &self.kind].map(|word| word.as_deref().unwrap_or_default().to_ascii_lowercase());
        let told = words.iter().find_map(|word| of_word(word));
        let kind = told.or_else(|| of_message(&message)).unwrap_or_else(|| self.of_status(status, &message, &words));
        if self.is_daily && kind == FailureKind::RateLimited { FailureKind::Quota } else { kind }
    }

    fn of_status(&self, status: Option<u16>, message: &str, words: &[String]) -> FailureKind {
        match status {
            Some(401 | 403 | 407) => FailureKind::Credential,
            Some(402) => FailureKind::Quota,
            // Otherwise the address is wrong, not the model.
            Some(404) if message.contains("model") => FailureKind::Model,
            Some(404) if !message.contains("not found") && words.iter().any(|word| word.contains("not_found")) => {
                FailureKind::Model
            }
            Some(404 | 300..400) => FailureKind::Address,
            Some(408 | 504 | 522 | 524) => FailureKind::TimedOut,
            Some(425 | 429) => FailureKind::RateLimited,
            Some(500..) => FailureKind::Unavailable,
            Some(400..) => FailureKind::Invalid,
            Some(_) | None => match words.iter().any(|word| word.contains("invalid")) {
                true => FailureKind::Invalid,
                false => FailureKind::Unavailable,
            },
        }
    }
}

/// Codes of Cloudflare's AI gateway and of Workers AI (observed 2026-03 … 2026-10).
fn of_gateway(code: &str, status: Option<u16>) -> Option<FailureKind> {
    Some(match code.parse::<u32>().ok()? {
        // No such gateway, no such provider, its own token; 7000: no such address.
        2001 | 2008 | 2009 | 7000 | 10000 => FailureKind::Gateway,
        // No usable answer of the provider; 7013: the scanner of a guardrail failed; 3040: no capacity.
        2005 | 3040 | 7013 => FailureKind::Unavailable,
        // Its own limit; the limit of shared billing.
        2003 | 2018 => FailureKind::RateLimited,
        // The price for a spending limit could not be told: it may the next time. With 400: no key is stored there.
        2040 if status == Some(403) => FailureKind::Unavailable,
        2040 | 2044 => FailureKind::Credential,
        // No credits; spending limit; free share of the day.
        2021 | 2041 | 3036 => FailureKind::Quota,
        // Guardrails and data loss prevention, on the prompt or on the answer.
        2016 | 2017 | 2029 | 2030 => FailureKind::Refused,
        5007 | 7003 => FailureKind::Model,
        3003 | 3039 | 5004 | 7001 | 7002 => FailureKind::Invalid,
        3023 | 3041 | 5016 | 5018 | 5035 => FailureKind::Credential,
        3007 | 3008 => FailureKind::TimedOut,
        3006 | 5021 => FailureKind::TooLong,
        _ => return None,
    })
}

/// Codes and types of the providers, in small letters. Classes that say nothing (`invalid_request_error`) are left out.
fn of_word(word: &str) -> Option<FailureKind> {
    Some(match word {
        "invalid_api_key"
        | "wrong_api_key"
        | "api_key_invalid"
        | "api_key_service_blocked"
        | "authentication_error"
        | "authentication"
        | "unauthenticated"
        | "unauthorized"
        | "account_deactivated"
        | "invalid_organization"
        | "token_expired"
        | "permission_error"
        | "permission_denied"
        | "insufficient_permissions"
        | "unsupported_country_region_territory"
        | "service_disabled" => FailureKind::Credential,
        "insufficient_quota"
        | "insufficient_balance"
        | "insufficient_credits"
        | "billing_error"
        | "billing_not_active"
        | "billing_hard_limit_reached"
        | "credit_balance_exhausted" => FailureKind::Quota,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "rate_limited"
        | "resource_exhausted"
        | "too_many_requests"
        | "too_many_requests_error"
        | "request_quota_exceeded"
        | "token_quota_exceeded"
        | "queue_exceeded"
        | "tokens"
        | "requests" => FailureKind::RateLimited,
        "model_not_found"
        | "model_not_supported"
        | "model_not_available"
        | "model_decommissioned"
        | "invalid_model" => FailureKind::Model,
        "context_length_exceeded" | "exceed_context_size_error" | "request_too_large" | "tokens_limit_reached" => {
            FailureKind::TooLong
        }
        "content_filter" | "content_policy_violation" | "invalid_prompt" | "moderation_blocked" => FailureKind::Refused,
        "overloaded_error"
        | "overloaded"
        | "engine_overloaded"
        | "server_error"
        | "api_error"
        | "internal"
        | "internal_error"
        | "internal_server_error"
        | "service_unavailable"
        | "unavailable"
        | "unavailable_error" => FailureKind::Unavailable,
        "timeout" | "timeout_error" | "deadline_exceeded" => FailureKind::TimedOut,
        _ => return None,
    })
}

/// Words of servers that give no code for it, or the same one for everything.
fn of_message(message: &str) -> Option<FailureKind> {
    const WORDS: &[(FailureKind, &[&str])] = &[
        (
            FailureKind::Credential,
            &[
                "incorrect api key",
                "invalid api key",
                "api key not valid",
                "api key not found",
                "missing api key",
                "missing bearer",
                "no auth credentials",
                "no cookie auth",
                "invalid username or password",
            ],
        ),
        (
            FailureKind::Model,
            &[
                "model not found",
                "no such model",
                "not a valid model",
                "invalid model",
                "unknown model",
                "no endpoints found",
                "try pulling it",
                "supported by any provider",
                "sonar is now the agent api",
            ],
        ),
        (
            FailureKind::Refused,
            &["content policy", "content management policy", "safety system", "was flagged", "denied by policy"],
        ),
        (FailureKind::Unavailable, &["overloaded", "loading model", "currently loading"]),
    ];
    WORDS.iter().find(|(_, words)| says(message, words)).map(|(kind, _)| *kind)
}

/// That a conversation is too long is mostly told as one of many invalid requests, and sometimes as a limit of a rate.
const TOO_LONG: &[&str] = &[
    "context length",
    "context window",
    "context size",
    "maximum context",
    "prompt is too long",
    "input is too long",
    "input token count",
    "request too large",
];

/// That no money is left.
const NO_CREDIT: &[&str] = &[
    "insufficient balance",
    "insufficient credits",
    "credit balance is too low",
    "credits are depleted",
    "more credits",
    "out of credits",
    "used all available credits",
    "monthly included credits",
    "spending limit",
];

fn says(message: &str, words: &[&str]) -> bool {
    words.iter().any(|word| message.contains(word))
}
