//! Google's generateContent.

use serde_json::Value;

use super::{Check, is_base64};

const FIELDS: &[&str] = &[
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
    "labels",
];

const CONFIG: &[&str] = &[
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "presencePenalty",
    "frequencyPenalty",
    "seed",
    "thinkingConfig",
    "responseMimeType",
    "responseSchema",
    "responseModalities",
    "mediaResolution",
    "speechConfig",
    "responseLogprobs",
    "logprobs",
];

pub(super) fn check(check: &mut Check, body: &Value) {
    // The JSON of protocol buffers is strict: what is not known is an error.
    check.strict(body, "", FIELDS);
    let config = &body["generationConfig"];
    check.strict(config, "generationConfig.", CONFIG);
    let thinking = &["includeThoughts", "thinkingBudget", "thinkingLevel"];
    check.strict(&config["thinkingConfig"], "generationConfig.thinkingConfig.", thinking);
    check.number(config, "temperature", 0.0..=2.0);
    check.integer(config, "maxOutputTokens", 1);
    if !body["systemInstruction"].is_null() {
        parts(check, "systemInstruction", &body["systemInstruction"]);
    }
    for (index, content) in check.list(body, "contents").iter().enumerate() {
        let path = format!("contents[{index}]");
        if !content["role"].is_null() && content["role"] != "user" && content["role"] != "model" {
            check.wrong(&format!("{path}.role"), "must be user or model");
        }
        parts(check, &path, content);
    }
}

fn parts(check: &mut Check, path: &str, content: &Value) {
    let Some(parts) = content["parts"].as_array().filter(|parts| !parts.is_empty()) else {
        return check.wrong(&format!("{path}.parts"), "must be a list that is not empty");
    };
    for (index, part) in parts.iter().enumerate() {
        let data = &part["inlineData"];
        let is_data = || data["mimeType"].is_string() && data["data"].as_str().is_some_and(is_base64);
        let others = ["fileData", "functionCall", "functionResponse"];
        let is_other = || others.iter().any(|name| part[*name].is_object());
        if !part["text"].is_string() && !is_data() && !is_other() {
            check.wrong(&format!("{path}.parts[{index}]"), "has nothing in it that is known");
        }
    }
}
