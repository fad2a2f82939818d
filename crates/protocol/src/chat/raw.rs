//! Requests for chat completions that another program wrote, with fields that not every wire has: they are sent as they
//! are, and answered in the provider's own words.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Call, Delta, Dialect, Request, openai};

/// Such a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raw {
    /// The body, an object. Model, limit and the wish for usage are written into it; the rest stays.
    pub body: Value,
    /// What of it only chat completions have, such as `tools, logprobs`: the reason why others cannot answer it.
    pub beyond: String,
}

impl Raw {
    /// Whether it shows pictures.
    pub fn has_image(&self) -> bool {
        let messages = self.body["messages"].as_array().into_iter().flatten();
        let mut parts = messages.flat_map(|message| message["content"].as_array().into_iter().flatten());
        parts.any(|part| part["type"] == "image_url")
    }
}

/// Writes a request.
pub(super) fn write(raw: &Raw, dialect: Dialect, request: &Request, is_stream: bool) -> Call {
    let mut body = raw.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("model".to_owned(), json!(request.model));
        if let Some(limit) = request.max_output {
            fields.retain(|name, _| name != "max_tokens" && name != "max_completion_tokens");
            fields.insert(openai::limit(dialect).to_owned(), json!(limit));
        }
        if is_stream && dialect.stream_options {
            let options = fields.entry("stream_options").or_insert_with(|| json!({}));
            if let Some(options) = options.as_object_mut() {
                options.insert("include_usage".to_owned(), json!(true));
            }
        }
    }
    Call { path: "/chat/completions".to_owned(), body }
}

/// A piece of the answer as it is. `data`: its JSON, as it came.
pub(super) fn piece(chunk: &Value, data: &str) -> Delta {
    // Some servers break it into lines, which would end it.
    let data = if data.contains(['\n', '\r']) { chunk.to_string() } else { data.to_owned() };
    let choices = chunk["choices"].as_array().into_iter().flatten();
    let said = choices.map(|choice| said(&choice["delta"]) + said(&choice["message"])).sum();
    Delta::Raw { data, said }
}

/// What is told of the answer beside its pieces.
pub(super) fn is_told(delta: &Delta) -> bool {
    match delta {
        Delta::Raw { .. } | Delta::Model(_) | Delta::Usage(_) | Delta::Charged(_) | Delta::Finished(_) => true,
        Delta::Text(_) | Delta::Reasoning(_) | Delta::Citation { .. } | Delta::Call(_) => false,
    }
}

/// Bytes of what the model says in it: its words, and the names and arguments of tools.
fn said(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(said).sum(),
        Value::Object(fields) => {
            let said = fields.iter().filter(|(name, _)| !["role", "type", "id"].contains(&name.as_str()));
            said.map(|(_, value)| self::said(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
