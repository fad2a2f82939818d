//! What the gateway tells of a request, as shells see it.

use gateway::CacheState;
use protocol::chat::Finish;

use crate::api::{CacheMark, GatewayEcho, Receipt, Retry, Target, Way};

pub(super) fn retry_view(retry: gateway::Retry) -> Retry {
    Retry { attempt: retry.attempt, attempts: retry.attempts, why: super::kind(retry.why) }
}

pub(super) fn target_view(target: gateway::Target) -> Target {
    Target { provider: target.provider.0, model: target.model }
}

impl From<gateway::GatewayEcho> for GatewayEcho {
    fn from(echo: gateway::GatewayEcho) -> Self {
        let of_route = |provider: Option<String>, model: Option<String>| match (provider, model) {
            (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
            (None, model) => model,
            (Some(_), None) => None,
        };
        let request_id = echo.request_id.filter(|id| echo.log_id.as_ref() != Some(id));
        Self {
            cache_status: echo.cache_status.unwrap_or_default(),
            log_id: echo.log_id.unwrap_or_default(),
            step: echo.step.map(|step| step.to_string()).unwrap_or_default(),
            routed: echo.routed_model.or_else(|| of_route(echo.provider, echo.model)).unwrap_or_default(),
            reason: echo.routing_reason.unwrap_or_default(),
            decision_id: echo.decision_id.unwrap_or_default(),
            request_id: request_id.unwrap_or_default(),
        }
    }
}

impl Receipt {
    /// This one together with that of the beginning, where this is the rest of an answer.
    pub(super) fn after(self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self };
        let both = |one: Option<i64>, other: Option<i64>| Some(one?.saturating_add(other?));
        Self {
            attempts: before.attempts.saturating_add(self.attempts),
            input_tokens: before.input_tokens.saturating_add(self.input_tokens),
            cached_tokens: before.cached_tokens.saturating_add(self.cached_tokens),
            output_tokens: before.output_tokens.saturating_add(self.output_tokens),
            reasoning_tokens: before.reasoning_tokens.saturating_add(self.reasoning_tokens),
            cost_nano: both(before.cost_nano, self.cost_nano),
            first_ms: before.first_ms.or(self.first_ms),
            total_ms: before.total_ms.saturating_add(self.total_ms),
            ..self
        }
    }
}

/// A receipt as shells see it.
pub(super) fn receipt_view(receipt: gateway::Receipt) -> Receipt {
    let ms = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
    Receipt {
        way: match receipt.way {
            gateway::Way::Direct => Way::Direct,
            gateway::Way::Gateway => Way::Gateway,
            gateway::Way::StoredKey => Way::StoredKey,
        },
        cache: match receipt.cache {
            CacheState::Off => CacheMark::Off,
            CacheState::Miss => CacheMark::Miss,
            CacheState::Hit => CacheMark::Hit,
            CacheState::Coalesced => CacheMark::Coalesced,
            CacheState::Remote => CacheMark::Remote,
        },
        attempts: receipt.attempts,
        input_tokens: receipt.tokens.input,
        cached_tokens: receipt.tokens.cached,
        output_tokens: receipt.tokens.output,
        reasoning_tokens: receipt.tokens.reasoning,
        cost_nano: receipt.cost.map(|cost| cost.0),
        first_ms: Some(ms(receipt.times.first_ms)).filter(|ms| *ms > 0),
        total_ms: ms(receipt.times.total_ms),
        gateway: receipt.gateway.map(GatewayEcho::from),
        is_cut: receipt.finish == Some(Finish::Length),
    }
}
