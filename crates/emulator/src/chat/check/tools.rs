//! Tools: how each format offers them, and that every call has its result right behind.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Check;

/// A tool's name, and its parameters as JSON schema.
fn tool(check: &mut Check, path: &str, tool: &Value, parameters: &str) {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let is_name = |name: &str| (1..=64).contains(&name.len()) && name.chars().all(is_letter);
    if !tool["name"].as_str().is_some_and(is_name) {
        check.wrong(&format!("{path}.name"), "must be 1 to 64 letters, digits, _ and -");
    }
    if tool[parameters]["type"] != "object" {
        check.wrong(&format!("{path}.{parameters}"), "must be the schema of an object");
    }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Calls that wait for their results.
#[derive(Default)]
struct Open<'a> {
    calls: BTreeSet<&'a str>,
}

impl<'a> Open<'a> {
    fn call(&mut self, check: &mut Check, path: &str, id: &'a Value) {
        match id.as_str().filter(|id| !id.is_empty()) {
            Some(id) if self.calls.insert(id) => {}
            Some(_) | None => check.wrong(path, "a call needs an id of its own"),
        }
    }

    fn result(&mut self, check: &mut Check, path: &str, id: &Value) {
        if !id.as_str().is_some_and(|id| self.calls.remove(id)) {
            check.wrong(path, "must respond to a preceding call");
        }
    }

    /// Something else comes.
    fn end(&mut self, check: &mut Check, path: &str) {
        if !std::mem::take(&mut self.calls).is_empty() {
            check.wrong(path, "calls must be followed by their results");
        }
    }
}

/// OpenAI's chat completions.
pub(super) fn chat(check: &mut Check, body: &Value) {
    for (index, one) in each(&body["tools"]).enumerate() {
        if one["type"] == "function" {
            tool(check, &format!("tools[{index}].function"), &one["function"], "parameters");
        }
    }
    let mut open = Open::default();
    for (index, message) in each(&body["messages"]).enumerate() {
        let path = format!("messages[{index}]");
        if message["role"] == "tool" {
            open.result(check, &format!("{path}.tool_call_id"), &message["tool_call_id"]);
            continue;
        }
        open.end(check, &path);
        for call in each(&message["tool_calls"]) {
            open.call(check, &format!("{path}.tool_calls"), &call["id"]);
            if call["type"] != "function" || !call["function"]["arguments"].is_string() {
                check.wrong(&format!("{path}.tool_calls"), "must be functions with arguments as text");
            }
        }
    }
    open.end(check, "messages");
}

/// OpenAI's responses.
pub(super) fn responses(check: &mut Check, body: &Value) {
    for (index, one) in each(&body["tools"]).enumerate() {
        if one["type"] == "function" {
            tool(check, &format!("tools[{index}]"), one, "parameters");
        }
    }
    let mut open = Open::default();
    for (index, item) in each(&body["input"]).enumerate() {
        let path = format!("input[{index}]");
        match item["type"].as_str() {
            Some("function_call") => open.call(check, &path, &item["call_id"]),
            Some("function_call_output") => open.result(check, &path, &item["call_id"]),
            Some(_) | None => {}
        }
    }
    open.end(check, "input");
}

/// Anthropic's messages.
pub(super) fn messages(check: &mut Check, body: &Value) {
    for (index, one) in each(&body["tools"]).enumerate().filter(|(_, one)| one["type"].is_null()) {
        tool(check, &format!("tools[{index}]"), one, "input_schema");
    }
    let mut open = Open::default();
    for (index, message) in each(&body["messages"]).enumerate() {
        let path = format!("messages[{index}].content");
        for block in each(&message["content"]).filter(|block| block["type"] == "tool_result") {
            open.result(check, &path, &block["tool_use_id"]);
        }
        open.end(check, &path);
        for block in each(&message["content"]).filter(|block| block["type"] == "tool_use") {
            open.call(check, &path, &block["id"]);
            if !block["input"].is_object() {
                check.wrong(&format!("{path}.input"), "must be an object");
            }
            if body["tools"].is_null() {
                check.wrong("tools", "must be defined for requests with tool_use blocks");
            }
        }
    }
    open.end(check, "messages");
}

/// Google's generateContent, where results stand in the order of their calls.
pub(super) fn generate(check: &mut Check, body: &Value) {
    for (index, one) in each(&body["tools"]).flat_map(|tools| each(&tools["functionDeclarations"])).enumerate() {
        tool(check, &format!("tools.functionDeclarations[{index}]"), one, "parameters");
    }
    let mut owed: Vec<&Value> = Vec::new();
    for (index, content) in each(&body["contents"]).enumerate() {
        let path = format!("contents[{index}].parts");
        let named =
            |part: &'static str| each(&content["parts"]).map(move |one| &one[part]).filter(|one| one.is_object());
        let answered: Vec<&Value> = named("functionResponse").map(|response| &response["name"]).collect();
        if answered != owed {
            check.wrong(&path, "must have a function response for each function call");
        }
        owed = named("functionCall").map(|call| &call["name"]).collect();
        let first = each(&content["parts"]).find(|part| part["functionCall"].is_object());
        if first.is_some_and(|first| !first["thoughtSignature"].is_string()) {
            check.wrong(&path, "function call is missing a thought_signature");
        }
        if named("functionResponse").any(|response| !response["response"].is_object()) {
            check.wrong(&path, "a function's response must be an object");
        }
    }
    if !owed.is_empty() {
        check.wrong("contents", "must have a function response for each function call");
    }
}
