//! What providers call what goes wrong.

use crate::chat::fault::FaultKind;
use crate::chat::provider::{Errors, Provider};

/// A refusal in everybody's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chat) struct Trouble {
    pub(in crate::chat) status: u16,
    /// `type` in OpenAI's shape.
    pub(in crate::chat) openai: &'static str,
    /// `code` in OpenAI's shape.
    pub(in crate::chat) code: Option<&'static str>,
    /// `type` in Anthropic's shape.
    pub(in crate::chat) anthropic: &'static str,
    /// `status` in Google's shape.
    pub(in crate::chat) google: &'static str,
    pub(in crate::chat) message: String,
    pub(in crate::chat) field: Option<String>,
    /// Whether Google's body tells how long to wait.
    pub(in crate::chat) tells_delay: bool,
}

impl Trouble {
    fn new(status: u16, openai: &'static str, anthropic: &'static str, google: &'static str, message: &str) -> Self {
        let message = message.to_owned();
        Self { status, openai, code: None, anthropic, google, message, field: None, tells_delay: false }
    }

    fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The client's mistake with a field.
    pub(in crate::chat) fn mistake(status: u16, field: &str, message: &str) -> Self {
        let invalid = "invalid_request_error";
        let new = Self::new(status, invalid, invalid, "INVALID_ARGUMENT", message);
        Self { field: Some(field.to_owned()), ..new }
    }

    /// There is nothing at this address.
    pub(in crate::chat) fn no_such_address() -> Self {
        Self::new(404, "invalid_request_error", "not_found_error", "NOT_FOUND", "Not Found")
    }

    /// What this fault means at this provider, if it is a refusal that has a shape.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most faults are none of this")]
    pub(in crate::chat) fn of(kind: FaultKind, provider: &Provider, model: &str) -> Option<Self> {
        let is_google = provider.errors == Errors::Google;
        let is_anthropic = provider.errors == Errors::Anthropic;
        let invalid = "invalid_request_error";
        let argument = "INVALID_ARGUMENT";
        let said = |google: &'static str, anthropic: &'static str, others: &'static str| {
            if is_google {
                google
            } else if is_anthropic {
                anthropic
            } else {
                others
            }
        };
        let wait = "Rate limit reached. Please try again later.";
        let trouble = match kind {
            FaultKind::InvalidRequest => Self::new(400, invalid, invalid, argument, "The request is not valid."),
            FaultKind::ContextLength => Self::new(
                400,
                invalid,
                invalid,
                argument,
                said(
                    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
                    "prompt is too long: 210011 tokens > 200000 maximum",
                    "This model's maximum context length is 131072 tokens. However, your messages resulted in 140011 \
                     tokens. Please reduce the length of the messages.",
                ),
            )
            .code("context_length_exceeded"),
            FaultKind::InvalidKey => Self::invalid_key(provider),
            FaultKind::NoCredit => Self::no_credit(provider),
            FaultKind::Forbidden => Self::new(
                403,
                "permission_error",
                "permission_error",
                "PERMISSION_DENIED",
                "Your key does not have permission to use this resource.",
            ),
            FaultKind::ModelNotFound => Self::model_not_found(provider, model),
            FaultKind::NoTools => {
                let message = said(
                    "Function calling is not enabled for this model.",
                    "This model does not support tools.",
                    "`tool calling` is not supported with this model.",
                );
                Self::new(400, invalid, invalid, argument, message)
            }
            FaultKind::TooLarge => {
                Self::new(413, invalid, "request_too_large", argument, "Request exceeds the maximum size")
            }
            FaultKind::Unprocessable => Self::new(422, invalid, invalid, argument, "Extra inputs are not permitted"),
            FaultKind::RateLimited => Self {
                tells_delay: true,
                ..Self::new(429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED", wait)
                    .code("rate_limit_exceeded")
            },
            FaultKind::RateLimitedUntil | FaultKind::RateLimitedMillis | FaultKind::RateLimitedSilently => {
                Self::new(429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED", wait)
                    .code("rate_limit_exceeded")
            }
            FaultKind::ServerError => {
                let message = "The server had an error while processing your request. Sorry about that!";
                Self::new(500, "server_error", "api_error", "INTERNAL", message)
            }
            FaultKind::Loading => {
                let message = format!("Loading model {model}");
                Self::new(503, "unavailable_error", "overloaded_error", "UNAVAILABLE", &message)
            }
            FaultKind::TimedOut => {
                Self::new(504, "timeout", "timeout_error", "DEADLINE_EXCEEDED", "The request timed out.")
            }
            FaultKind::Overloaded => Self::new(
                529,
                "overloaded_error",
                "overloaded_error",
                "UNAVAILABLE",
                said(
                    "The model is overloaded. Please try again later.",
                    "Overloaded",
                    "The engine is currently overloaded.",
                ),
            ),
            _ => return None,
        };
        Some(trouble)
    }

    fn invalid_key(provider: &Provider) -> Self {
        let (status, google, message) = match (provider.errors, provider.id) {
            (Errors::Google, "google-vertex") => (
                401,
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token.",
            ),
            (Errors::Google, _) => (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
            (Errors::Anthropic, _) => (401, "", "invalid x-api-key"),
            _ => (401, "unauthenticated", "Incorrect API key provided."),
        };
        let new = Self::new(status, "invalid_request_error", "authentication_error", google, message);
        if provider.id == "google-vertex" { new } else { new.code("invalid_api_key") }
    }

    fn no_credit(provider: &Provider) -> Self {
        let billing = "billing_error";
        match (provider.id, provider.errors) {
            ("openai", _) => Self::new(
                429,
                "insufficient_quota",
                billing,
                "",
                "You exceeded your current quota, please check your plan and billing details.",
            )
            .code("insufficient_quota"),
            (_, Errors::Google) => Self::new(
                429,
                "",
                billing,
                "RESOURCE_EXHAUSTED",
                "Your prepayment credits are depleted. Please manage your project and billing.",
            ),
            ("deepseek", _) => {
                Self::new(402, "unknown_error", billing, "", "Insufficient Balance").code("invalid_request_error")
            }
            _ => Self::new(
                402,
                "insufficient_quota",
                billing,
                "resource-exhausted",
                "Insufficient credits. Add more to continue.",
            )
            .code("insufficient_quota"),
        }
    }

    fn model_not_found(provider: &Provider, model: &str) -> Self {
        let message = match provider.errors {
            Errors::Google => format!("models/{model} is not found for API version v1beta, or is not supported."),
            Errors::Anthropic => format!("model: {model}"),
            Errors::Mistral => format!("Invalid model: {model}"),
            Errors::Openai | Errors::Openrouter | Errors::Xai | Errors::Text => {
                format!("The model `{model}` does not exist or you do not have access to it.")
            }
        };
        let is_mistral = provider.errors == Errors::Mistral;
        let (kind, code) =
            if is_mistral { ("invalid_model", "1500") } else { ("invalid_request_error", "model_not_found") };
        Self::new(404, kind, "not_found_error", "NOT_FOUND", &message).code(code)
    }
}
