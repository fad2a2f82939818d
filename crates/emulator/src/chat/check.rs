//! What is wrong with the body of a request, by the rules of its format.

mod chat;
mod generate;
mod messages;
mod responses;
mod tools;

use std::ops::RangeInclusive;

use serde_json::Value;

use super::provider::{Format, Provider};

/// Something that the provider would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The field.
    pub(super) field: String,
    /// What is wrong with it, without its value.
    pub(super) message: String,
    /// It is merely a field that the provider does not know; many ignore such.
    pub(super) is_unknown_field: bool,
}

impl Complaint {
    pub(super) fn new(field: &str, message: &str) -> Self {
        Self { field: field.to_owned(), message: message.to_owned(), is_unknown_field: false }
    }
}

/// Checks the body of a request for an answer.
pub(super) fn ask(provider: &Provider, format: Format, body: &Value, is_model_in_path: bool) -> Vec<Complaint> {
    let mut check = Check::default();
    if !body.is_object() {
        check.wrong("body", "must be a JSON object");
        return check.found;
    }
    match format {
        Format::Chat => {
            chat::check(&mut check, provider, body);
            tools::chat(&mut check, body);
        }
        Format::Responses => {
            responses::check(&mut check, provider, body);
            tools::responses(&mut check, body);
        }
        Format::Messages => {
            messages::check(&mut check, body, is_model_in_path);
            tools::messages(&mut check, body);
        }
        Format::Generate => {
            generate::check(&mut check, body);
            tools::generate(&mut check, body);
        }
    }
    check.found
}

/// Checks the body of a request for embeddings, in OpenAI's shape.
pub(super) fn embeddings(body: &Value) -> Vec<Complaint> {
    let mut check = Check::default();
    check.fields(body, "", &["model", "input", "dimensions", "encoding_format", "user"]);
    check.model(body);
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let is_list = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_text));
    if !is_text(&body["input"]) && !is_list(&body["input"]) {
        check.wrong("input", "must be a text or a list of texts, none of them empty");
    }
    check.integer(body, "dimensions", 1);
    check.found
}

/// Collects complaints.
#[derive(Debug, Default)]
struct Check {
    found: Vec<Complaint>,
}

impl Check {
    fn wrong(&mut self, field: &str, message: &str) {
        self.found.push(Complaint::new(field, message));
    }

    /// Complains of every field of `value` that is not in the list.
    fn fields(&mut self, value: &Value, path: &str, known: &[&str]) {
        for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
            if !known.contains(&name.as_str()) {
                let field = format!("{path}{name}");
                self.found.push(Complaint { field, message: "is not known".into(), is_unknown_field: true });
            }
        }
    }

    /// The same, where nobody may ignore them.
    fn strict(&mut self, value: &Value, path: &str, known: &[&str]) {
        let before = self.found.len();
        self.fields(value, path, known);
        for complaint in self.found.iter_mut().skip(before) {
            complaint.is_unknown_field = false;
        }
    }

    fn model(&mut self, body: &Value) {
        if body["model"].as_str().is_none_or(|model| model.trim().is_empty()) {
            self.wrong("model", "must be the name of a model");
        }
    }

    fn number(&mut self, body: &Value, field: &str, range: RangeInclusive<f64>) {
        let value = &body[field];
        if !value.is_null() && !value.as_f64().is_some_and(|number| range.contains(&number)) {
            self.wrong(field, &format!("must be a number from {} to {}", range.start(), range.end()));
        }
    }

    fn integer(&mut self, body: &Value, field: &str, least: u64) {
        let value = &body[field];
        if !value.is_null() && value.as_u64().is_none_or(|number| number < least) {
            self.wrong(field, &format!("must be a whole number, at least {least}"));
        }
    }

    fn boolean(&mut self, body: &Value, field: &str) {
        if !body[field].is_null() && !body[field].is_boolean() {
            self.wrong(field, "must be true or false");
        }
    }

    fn text(&mut self, body: &Value, field: &str) {
        if !body[field].is_null() && !body[field].is_string() {
            self.wrong(field, "must be a text");
        }
    }

    /// The elements of a list that must be there and not empty.
    fn list<'a>(&mut self, body: &'a Value, field: &str) -> &'a [Value] {
        match body[field].as_array() {
            Some(list) if !list.is_empty() => list,
            _ => {
                self.wrong(field, "must be a list that is not empty");
                &[]
            }
        }
    }

    /// A picture as an address or a `data:` URL with base64 in it.
    fn picture(&mut self, field: &str, url: Option<&str>) {
        let is_data = |url: &str| {
            let data = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
            data.is_some_and(|(kind, data)| !kind.is_empty() && is_base64(data))
        };
        if !url.is_some_and(|url| url.starts_with("https://") || is_data(url)) {
            self.wrong(field, "must be an https address or a data URL of a picture");
        }
    }
}

fn is_base64(data: &str) -> bool {
    use base64::Engine as _;
    !data.is_empty() && base64::engine::general_purpose::STANDARD.decode(data).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Fields complained of.
    fn found(provider: &str, format: Format, body: &Value) -> Vec<String> {
        ask(Provider::named(provider), format, body, false).into_iter().map(|complaint| complaint.field).collect()
    }

    #[test]
    fn good_bodies_of_every_format_are_taken() {
        let picture = "data:image/png;base64,iVBORw0KGgo=";
        let chat = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [
                {"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": picture}}]}]});
        let responses = json!({"model": "m", "instructions": "Be brief.", "stream": true, "max_output_tokens": 64,
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "What?"},
                {"type": "input_image", "image_url": picture}]}, {"role": "assistant", "content": "That."},
                {"role": "user", "content": "Why?"}]});
        let messages = json!({"model": "m", "max_tokens": 8192, "system": "Be brief.", "stream": true,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, {"type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}]});
        let generate = json!({"contents": [{"role": "user", "parts": [{"text": "What?"},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]}, {"role": "model", "parts": [{"text": "That."}]},
            {"role": "user", "parts": [{"text": "Why?"}]}], "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "generationConfig": {"temperature": 0.5, "maxOutputTokens": 64, "thinkingConfig": {"includeThoughts": true}}});
        let none: Vec<String> = Vec::new();
        assert_eq!(found("openai", Format::Chat, &chat), none);
        assert_eq!(found("openai", Format::Responses, &responses), none);
        assert_eq!(found("anthropic", Format::Messages, &messages), none);
        assert_eq!(found("google", Format::Generate, &generate), none);
    }

    #[test]
    fn bad_chat_bodies_are_complained_of() {
        let user = json!([{"role": "user", "content": "Hi"}]);
        for (provider, body, field) in [
            ("openai", json!([]), "body"),
            ("openai", json!({"messages": user}), "model"),
            ("openai", json!({"model": "m"}), "messages"),
            ("openai", json!({"model": "m", "messages": []}), "messages"),
            ("openai", json!({"model": "m", "messages": [{"role": "model", "content": "Hi"}]}), "messages[0].role"),
            ("openai", json!({"model": "m", "messages": [{"role": "user"}]}), "messages[0].content"),
            ("openai", json!({"model": "m", "messages": user, "stream": "yes"}), "stream"),
            ("openai", json!({"model": "m", "messages": user, "temperature": 3}), "temperature"),
            ("openai", json!({"model": "gpt-6-luna", "messages": user, "max_tokens": 5}), "max_tokens"),
            ("openai", json!({"model": "m", "messages": user, "stream_options": {}}), "stream_options"),
            ("openai", json!({"model": "m", "messages": user, "thinking": {}}), "thinking"),
            (
                "mistral",
                json!({"model": "m", "messages": user, "stream": true, "stream_options": {}}),
                "stream_options",
            ),
            ("mistral", json!({"model": "m", "messages": user, "max_completion_tokens": 5}), "max_completion_tokens"),
        ] {
            assert_eq!(found(provider, Format::Chat, &body), [field], "{provider} {body}");
        }
        let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,**"}});
        let body = json!({"model": "m", "messages": [{"role": "user", "content": [picture]}]});
        assert_eq!(found("openai", Format::Chat, &body), ["messages[0].content[0].image_url"]);
    }

    #[test]
    fn a_call_without_a_result_is_complained_of_in_every_format() {
        let schema = json!({"type": "object"});
        let function = json!({"name": "f", "description": "F.", "parameters": schema});
        let tools = [
            (Format::Chat, json!([{"type": "function", "function": function}])),
            (Format::Responses, json!([{"type": "function", "name": "f", "parameters": schema}])),
            (Format::Messages, json!([{"name": "f", "input_schema": schema}])),
            (Format::Generate, json!([{"functionDeclarations": [function]}])),
        ];
        for (format, tools) in tools {
            let (list, call, result, rest) = match format {
                Format::Chat => (
                    "messages",
                    json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
                    json!({"role": "tool", "tool_call_id": "c", "content": "done"}),
                    json!({"role": "user", "content": "Hi"}),
                ),
                Format::Responses => (
                    "input",
                    json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}),
                    json!({"type": "function_call_output", "call_id": "c", "output": "done"}),
                    json!({"role": "user", "content": "Hi"}),
                ),
                Format::Messages => (
                    "messages",
                    json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}),
                    json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "done"}]}),
                    json!({"role": "user", "content": "Hi"}),
                ),
                Format::Generate => (
                    "contents",
                    json!({"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2VhbA=="}]}),
                    json!({"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"ok": true}}}]}),
                    json!({"role": "user", "parts": [{"text": "Hi"}]}),
                ),
            };
            let body = |messages: Value| {
                let mut body = json!({"model": "m", "max_tokens": 9, "tools": tools});
                if format == Format::Generate {
                    body = json!({"tools": tools});
                } else if format == Format::Responses {
                    body = json!({"model": "m", "tools": tools});
                }
                body[list] = messages;
                found("openai", format, &body)
            };
            assert_eq!(body(json!([rest, call, result])), Vec::<String>::new(), "{format:?}");
            assert!(!body(json!([rest, call, rest])).is_empty(), "{format:?}");
            assert!(!body(json!([rest, result])).is_empty(), "{format:?}");
        }
    }

    #[test]
    fn bad_bodies_of_the_other_formats_are_complained_of() {
        let user = json!([{"role": "user", "content": "Hi"}]);
        for (format, body, field) in [
            (Format::Messages, json!({"model": "m", "messages": user}), "max_tokens"),
            (Format::Messages, json!({"model": "m", "messages": user, "max_tokens": 0}), "max_tokens"),
            (
                Format::Messages,
                json!({"model": "m", "max_tokens": 9, "messages": [{"role": "system", "content": "x"}]}),
                "messages[0].role",
            ),
            (
                Format::Messages,
                json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": ""}]}),
                "messages[0].content",
            ),
            (
                Format::Messages,
                json!({"model": "m", "max_tokens": 9, "messages": [user[0], {"role": "assistant", "content": "So"}]}),
                "messages",
            ),
            (
                Format::Messages,
                json!({"model": "m", "max_tokens": 9, "messages": user, "thinking": {"type": "enabled"}}),
                "thinking.budget_tokens",
            ),
            (
                Format::Messages,
                json!({"model": "m", "max_tokens": 9, "messages": user, "temperature": 2}),
                "temperature",
            ),
            (Format::Messages, json!({"model": "m", "max_tokens": 9, "messages": user, "n": 2}), "n"),
            (Format::Generate, json!({}), "contents"),
            (
                Format::Generate,
                json!({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}),
                "contents[0].role",
            ),
            (Format::Generate, json!({"contents": [{"role": "user", "parts": []}]}), "contents[0].parts"),
            (
                Format::Generate,
                json!({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"max_tokens": 1}}),
                "generationConfig.max_tokens",
            ),
            (Format::Generate, json!({"contents": [{"parts": [{"text": "x"}]}], "stream": true}), "stream"),
            (Format::Responses, json!({"model": "m"}), "input"),
            (Format::Responses, json!({"model": "m", "input": "x", "messages": user}), "messages"),
            (Format::Responses, json!({"model": "m", "input": "x", "max_output_tokens": 3}), "max_output_tokens"),
            (
                Format::Responses,
                json!({"model": "m", "input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
                "input[0].content[0].type",
            ),
        ] {
            assert_eq!(found("openai", format, &body), [field], "{format:?} {body}");
        }
    }
}
