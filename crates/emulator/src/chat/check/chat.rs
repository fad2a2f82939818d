//! OpenAI's chat completions, and what others know of them.

use serde_json::Value;

use super::Check;
use crate::chat::provider::Provider;

/// What everybody who keeps to the format knows.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "temperature",
    "top_p",
    "n",
    "stream",
    "stop",
    "max_tokens",
    "presence_penalty",
    "frequency_penalty",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "metadata",
    "prediction",
];

/// What most know besides.
const USUAL: &[&str] = &[
    "stream_options",
    "max_completion_tokens",
    "reasoning_effort",
    "seed",
    "user",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "service_tier",
    "store",
];

pub(super) fn check(check: &mut Check, provider: &Provider, body: &Value) {
    let own: &[&str] = match provider.id {
        "mistral" => &["random_seed", "safe_prompt", "prompt_mode"],
        "openai" => {
            &["modalities", "audio", "verbosity", "web_search_options", "safety_identifier", "prompt_cache_key"]
        }
        "groq" => &["reasoning_format", "include_reasoning", "search_settings"],
        "openrouter" => {
            &["reasoning", "provider", "models", "route", "transforms", "plugins", "usage", "top_k", "min_p"]
        }
        "deepseek" => &["thinking"],
        "google-ai-studio" | "google-vertex" => &["extra_body"],
        "xai" => &["search_parameters", "deferred"],
        _ => &[],
    };
    let usual = if provider.id == "mistral" { &[] } else { USUAL };
    check.fields(body, "", &[FIELDS, usual, own].concat());
    check.model(body);
    check.number(body, "temperature", 0.0..=2.0);
    check.number(body, "top_p", 0.0..=1.0);
    check.integer(body, "max_tokens", 1);
    check.integer(body, "max_completion_tokens", 1);
    check.boolean(body, "stream");
    if provider.id != "mistral" && !body["stream_options"].is_null() && body["stream"] != true {
        check.wrong("stream_options", "is only for streams");
    }
    let thinks = |model: &str| ["gpt-5", "gpt-6", "o1", "o3", "o4"].iter().any(|start| model.starts_with(start));
    if provider.id == "openai" && !body["max_tokens"].is_null() && body["model"].as_str().is_some_and(thinks) {
        check.wrong("max_tokens", "is not supported with this model. Use 'max_completion_tokens' instead");
    }
    for (index, message) in check.list(body, "messages").iter().enumerate() {
        self::message(check, &format!("messages[{index}]"), message);
    }
}

fn message(check: &mut Check, path: &str, message: &Value) {
    let role = message["role"].as_str().unwrap_or_default();
    if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
        check.wrong(&format!("{path}.role"), "must be system, developer, user, assistant or tool");
    }
    match &message["content"] {
        Value::String(_) => {}
        Value::Array(parts) => {
            for (index, part) in parts.iter().enumerate() {
                self::part(check, &format!("{path}.content[{index}]"), part);
            }
        }
        Value::Null if role == "assistant" && message["tool_calls"].is_array() => {}
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            check.wrong(&format!("{path}.content"), "must be a text or a list of parts");
        }
    }
}

fn part(check: &mut Check, path: &str, part: &Value) {
    match part["type"].as_str() {
        Some("text") if part["text"].is_string() => {}
        Some("text") => check.wrong(&format!("{path}.text"), "must be a text"),
        Some("image_url") => check.picture(&format!("{path}.image_url"), part["image_url"]["url"].as_str()),
        Some("input_audio" | "file" | "refusal") => {}
        _ => check.wrong(&format!("{path}.type"), "must be text, image_url, input_audio, file or refusal"),
    }
}
