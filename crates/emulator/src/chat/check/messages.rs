//! Anthropic's messages.

use serde_json::Value;

use super::{Check, is_base64};

const FIELDS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "thinking",
    "output_config",
    "tools",
    "tool_choice",
    "service_tier",
    "container",
    "context_management",
    "mcp_servers",
    "cache_control",
];

/// `is_model_in_path`: as at Google Vertex AI, where `anthropic_version` stands in the body instead.
pub(super) fn check(check: &mut Check, body: &Value, is_model_in_path: bool) {
    check.strict(body, "", &[FIELDS, if is_model_in_path { &["anthropic_version"] } else { &[] }].concat());
    if !is_model_in_path {
        check.model(body);
    } else if body["anthropic_version"] != "vertex-2023-10-16" {
        check.wrong("anthropic_version", "must be vertex-2023-10-16");
    }
    if body["max_tokens"].is_null() {
        check.wrong("max_tokens", "is required");
    }
    check.integer(body, "max_tokens", 1);
    check.number(body, "temperature", 0.0..=1.0);
    check.boolean(body, "stream");
    match &body["system"] {
        Value::Null | Value::String(_) | Value::Array(_) => {}
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            check.wrong("system", "must be a text or a list of blocks")
        }
    }
    thinking(check, body);
    let messages = check.list(body, "messages");
    for (index, message) in messages.iter().enumerate() {
        self::message(check, &format!("messages[{index}]"), message);
    }
    // The newest models refuse to go on with words that are put into their mouth.
    if messages.last().is_some_and(|message| message["role"] == "assistant") {
        check.wrong("messages", "must end with a message of the user: this model does not support prefill");
    }
}

fn thinking(check: &mut Check, body: &Value) {
    match body["thinking"]["type"].as_str() {
        Some("enabled") => {
            let budget = body["thinking"]["budget_tokens"].as_u64().filter(|budget| *budget >= 1024);
            let most = body["max_tokens"].as_u64().unwrap_or_default();
            if budget.is_none_or(|budget| budget >= most) {
                check.wrong("thinking.budget_tokens", "must be at least 1024 and less than max_tokens");
            }
        }
        Some("disabled" | "adaptive") => {}
        Some(_) => check.wrong("thinking.type", "must be enabled, disabled or adaptive"),
        None if body["thinking"].is_null() => {}
        None => check.wrong("thinking.type", "is required"),
    }
}

fn message(check: &mut Check, path: &str, message: &Value) {
    check.strict(message, &format!("{path}."), &["role", "content"]);
    let is_role = message["role"].as_str().is_some_and(|role| role == "user" || role == "assistant");
    if !is_role {
        check.wrong(&format!("{path}.role"), "must be user or assistant; instructions belong into `system`");
    }
    match &message["content"] {
        Value::String(text) if !text.is_empty() => {}
        Value::Array(blocks) if !blocks.is_empty() => {
            for (index, block) in blocks.iter().enumerate() {
                self::block(check, &format!("{path}.content[{index}]"), block);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::String(_) | Value::Array(_) => {
            check.wrong(&format!("{path}.content"), "must be a text or a list of blocks, and not empty");
        }
    }
}

fn block(check: &mut Check, path: &str, block: &Value) {
    match block["type"].as_str() {
        Some("text") if block["text"].as_str().is_some_and(|text| !text.is_empty()) => {}
        Some("text") => check.wrong(&format!("{path}.text"), "must not be empty"),
        Some("image") => picture(check, path, &block["source"]),
        Some("thinking") if block["signature"].is_string() => {}
        Some("redacted_thinking" | "tool_use" | "tool_result" | "document" | "search_result") => {}
        _ => check.wrong(&format!("{path}.type"), "is not the type of a block"),
    }
}

fn picture(check: &mut Check, path: &str, source: &Value) {
    let media = source["media_type"].as_str().unwrap_or_default();
    let is_media = ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&media);
    let is_good = match source["type"].as_str() {
        Some("base64") => is_media && source["data"].as_str().is_some_and(is_base64),
        Some("url") => source["url"].as_str().is_some_and(|url| url.starts_with("https://")),
        _ => false,
    };
    if !is_good {
        check.wrong(&format!("{path}.source"), "must be base64 of a PNG, JPEG, GIF or WebP picture, or its address");
    }
}
