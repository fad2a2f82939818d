//! OpenAI's responses, and Perplexity's agents in the same format.

use serde_json::Value;

use super::Check;
use crate::chat::provider::Provider;

const FIELDS: &[&str] = &[
    "model",
    "input",
    "instructions",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "max_output_tokens",
    "max_tool_calls",
    "reasoning",
    "text",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "previous_response_id",
    "conversation",
    "store",
    "include",
    "metadata",
    "truncation",
    "background",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "top_logprobs",
    "user",
];

pub(super) fn check(check: &mut Check, provider: &Provider, body: &Value) {
    let is_perplexity = provider.id == "perplexity";
    let own: &[&str] = if is_perplexity { &["preset", "models", "max_steps", "language_preference"] } else { &[] };
    check.fields(body, "", &[FIELDS, own].concat());
    if !(is_perplexity && body["preset"].is_string()) {
        check.model(body);
    }
    check.number(body, "temperature", 0.0..=2.0);
    check.integer(body, "max_output_tokens", if is_perplexity { 1 } else { 16 });
    check.boolean(body, "stream");
    check.text(body, "instructions");
    match &body["input"] {
        Value::String(text) if !text.is_empty() => {}
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                self::item(check, &format!("input[{index}]"), item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::String(_) | Value::Array(_) => {
            check.wrong("input", "must be a text or a list of items, and not empty");
        }
    }
}

fn item(check: &mut Check, path: &str, item: &Value) {
    if item["type"].as_str().is_some_and(|kind| kind != "message") {
        return;
    }
    let role = item["role"].as_str().unwrap_or_default();
    if !["system", "developer", "user", "assistant"].contains(&role) {
        check.wrong(&format!("{path}.role"), "must be system, developer, user or assistant");
    }
    match &item["content"] {
        Value::String(_) => {}
        Value::Array(parts) => {
            for (index, part) in parts.iter().enumerate() {
                self::part(check, &format!("{path}.content[{index}]"), part, role);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            check.wrong(&format!("{path}.content"), "must be a text or a list of parts");
        }
    }
}

fn part(check: &mut Check, path: &str, part: &Value, role: &str) {
    match (part["type"].as_str(), role) {
        (Some("output_text" | "refusal"), "assistant") => {}
        (Some("input_text"), "user" | "system" | "developer") if part["text"].is_string() => {}
        (Some("input_image"), "user") => check.picture(&format!("{path}.image_url"), part["image_url"].as_str()),
        (Some("input_file" | "input_audio"), "user") => {}
        _ => check.wrong(&format!("{path}.type"), "does not fit the role"),
    }
}
