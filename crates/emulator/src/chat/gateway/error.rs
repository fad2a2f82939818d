//! The gateway's own errors.

use std::time::Duration;

use serde_json::json;

use crate::chat::fault::FaultKind;
use crate::chat::reply::Reply;
use crate::chat::script::Shape;

/// An error with the gateway's code.
pub(super) fn coded(shape: Shape, status: u16, code: u32, message: &str) -> Reply {
    let error = json!({"code": code, "message": message});
    let body = match shape {
        Shape::Current => json!({"success": false, "result": [], "messages": [], "error": [error],
            "name": "AiGatewayError", "httpCode": status, "internalCode": code}),
        Shape::Short => json!({"success": false, "result": [], "messages": [], "error": [error]}),
        Shape::Rest => json!({"result": null, "success": false, "errors": [error], "messages": []}),
        Shape::Array => json!([error]),
    };
    Reply::json(status, &body)
}

/// What this fault means at the gateway, if anything.
#[expect(clippy::wildcard_enum_match_arm, reason = "most faults are none of this")]
pub(super) fn of(kind: FaultKind, shape: Shape, retry_after: Duration) -> Option<Reply> {
    let coded = |status, code, message: &str| Some(coded(shape, status, code, message));
    let blocked = |reply: Reply, check: &str| {
        let finding = json!({"profile": {"context": {}, "entry_ids": ["e"], "profile_id": "p"}, "policy_ids": ["d"], "check": check});
        reply.with("cf-aig-dlp", json!({"findings": [finding], "action": "BLOCK"}).to_string())
    };
    match kind {
        FaultKind::GatewayMissing => coded(400, 2001, "Please configure AI Gateway in the Cloudflare dashboard"),
        FaultKind::GatewayUnauthorized => coded(401, 2009, "Unauthorized"),
        FaultKind::GatewayRateLimited => {
            let seconds = retry_after.as_millis().div_ceil(1000).to_string();
            coded(429, 2003, "Rate limited").map(|reply| reply.with("retry-after", seconds))
        }
        FaultKind::GatewayWholesaleLimited => coded(429, 2018, "Wholesale Rate limited"),
        FaultKind::GatewaySpendLimit => coded(429, 2041, "Spend limit exceeded"),
        FaultKind::GatewaySpendBucket => {
            let error = json!({"message": "Spending limit exceeded", "bucket": "day", "spent": 10.01, "limit": 10});
            Some(Reply::json(429, &json!({"error": error})))
        }
        FaultKind::GatewayNoAnswer => coded(400, 2005, "Failed to get response from provider"),
        FaultKind::GatewayNoCredits => coded(402, 2021, "Insufficient credits, add a provider key"),
        FaultKind::GuardrailPrompt => coded(424, 2016, "Prompt blocked due to security configurations"),
        FaultKind::GuardrailAnswer => coded(424, 2017, "Response blocked due to security configurations"),
        FaultKind::GuardrailFailed => coded(503, 7013, "Guardrails failed"),
        FaultKind::DlpPrompt => coded(400, 2029, "Request content blocked due to DLP policy violations")
            .map(|reply| blocked(reply, "REQUEST")),
        FaultKind::DlpAnswer => coded(400, 2030, "Response content blocked due to DLP policy violations")
            .map(|reply| blocked(reply, "RESPONSE")),
        FaultKind::GatewayPolicy => {
            Some(Reply::json(403, &json!({"success": false, "error": {"message": "Access denied by policy"}})))
        }
        FaultKind::GatewayEdge => {
            let page =
                "<!DOCTYPE html><html><head><title>520: Web server is returning an unknown error</title></head></html>";
            Some(Reply::text(520, "text/html; charset=UTF-8", page.to_owned()))
        }
        _ => None,
    }
}
