//! `POST …/chat/completions`: OpenAI's form, and what everybody else made of it.

use serde_json::{Map, Value, json};

use super::answer::{Answer, word};
use super::{
    Call, Delta, Dialect, Failure, FailureKind, Finish, Message, Part, Request, ToolCall, calls, raw, refusal, usage,
};
use crate::Tool;

/// Writes a request.
pub(super) fn write(dialect: Dialect, request: &Request, is_stream: bool) -> Call {
    if let Some(raw) = &request.raw {
        return raw::write(raw, dialect, request, is_stream);
    }
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    body.insert("messages".to_owned(), messages(request));
    if let Some(temperature) = request.temperature {
        body.insert("temperature".to_owned(), json!(rounded(temperature)));
    }
    if let Some(limit) = request.max_output {
        body.insert(self::limit(dialect).to_owned(), json!(limit));
    }
    if let (Some(effort), true) = (request.effort, dialect.reasoning_effort) {
        body.insert("reasoning_effort".to_owned(), json!(effort.word()));
    }
    if dialect.reasoning_format {
        body.insert("reasoning_format".to_owned(), json!("parsed"));
    }
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
    }
    if is_stream {
        body.insert("stream".to_owned(), json!(true));
        if dialect.stream_options {
            body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
        }
    }
    Call { path: "/chat/completions".to_owned(), body: Value::Object(body) }
}

/// What the limit of the answer is called.
pub(super) fn limit(dialect: Dialect) -> &'static str {
    if dialect.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" }
}

/// The temperature as the user wrote it: 0.7, not 0.699999988079071.
pub(super) fn rounded(temperature: f32) -> f64 {
    (f64::from(temperature) * 1000.0).round() / 1000.0
}

fn messages(request: &Request) -> Value {
    let instructions = request.instructions();
    let system = (!instructions.is_empty()).then(|| json!({ "role": "system", "content": instructions }));
    system.into_iter().chain(request.dialogue().flat_map(message)).collect()
}

fn tool(tool: &Tool) -> Value {
    let Tool { name, description, parameters } = tool;
    json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } })
}

/// What came of tools are messages of their own.
fn message(message: &Message) -> Vec<Value> {
    let role = message.role.word();
    let output = |(id, output)| json!({ "role": "tool", "tool_call_id": id, "content": output });
    let mut messages: Vec<Value> = message.outputs().map(output).collect();
    // Text as one string where it can be: small servers read nothing else.
    let content = if message.has_image() { message.shown().filter_map(part).collect() } else { json!(message.text()) };
    let calls: Vec<Value> = message.calls().map(call).collect();
    let is_said = content.as_str().is_none_or(|text| !text.is_empty());
    if !calls.is_empty() {
        let content = if is_said { content } else { Value::Null };
        messages.push(json!({ "role": role, "content": content, "tool_calls": calls }));
    } else if is_said {
        messages.push(json!({ "role": role, "content": content }));
    }
    messages
}

fn call(call: &ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments });
    json!({ "id": call.id, "type": "function", "function": function })
}

fn part(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text } => Some(json!({ "type": "text", "text": text })),
        Part::Image { mime, data } => {
            Some(json!({ "type": "image_url", "image_url": { "url": format!("data:{mime};base64,{data}") } }))
        }
        Part::Call(_) | Part::Output { .. } => None,
    }
}

/// Reads a chunk of a stream, or a whole answer.
pub(super) fn read(answer: &mut Answer, chunk: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
    answer.model(word(chunk, "model"), out);
    let first = chunk.get("choices").and_then(Value::as_array).and_then(|choices| choices.first());
    let ending = match first {
        Some(choice) => read_choice(answer, choice, out),
        None => Ok(()),
    };
    // Perplexity and xAI: titles first, so that they are not lost to the bare addresses.
    for list in ["search_results", "citations"] {
        answer.sources(&chunk[list], out);
    }
    usage::openai(answer, &chunk["usage"], out);
    usage::openai(answer, &chunk["x_groq"]["usage"], out);
    ending
}

fn read_choice(answer: &mut Answer, choice: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
    if let Some(failure) = refusal::of_chunk("", choice) {
        return Err(failure);
    }
    let delta =
        choice.get("delta").filter(|delta| delta.is_object()).or_else(|| choice.get("message")).unwrap_or(&Value::Null);
    // One of them: OpenRouter repeats the same words in `reasoning_details`, and some servers fill both names.
    let thought =
        [word(delta, "reasoning_content"), word(delta, "reasoning")].into_iter().find(|text| !text.is_empty());
    Answer::reasoning(thought.unwrap_or_default(), out);
    read_content(answer, &delta["content"], out);
    let declined = word(delta, "refusal");
    if !declined.is_empty() {
        answer.text(declined, out);
        answer.finish(Finish::Filtered);
    }
    if delta["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty()) || delta["function_call"].is_object() {
        answer.call_tool();
        calls::openai(&mut answer.calls, &delta["tool_calls"]);
    }
    for note in delta["annotations"].as_array().into_iter().flatten() {
        let source = note.get("url_citation").unwrap_or(note);
        answer.source(word(source, "url"), word(source, "title"), out);
    }
    finish(answer, word(choice, "finish_reason"))
}

/// Content is text, nothing, or parts (Mistral: `thinking` with parts of its own, `text`, `reference`).
fn read_content(answer: &mut Answer, content: &Value, out: &mut Vec<Delta>) {
    if let Some(text) = content.as_str() {
        return answer.text(text, out);
    }
    for part in content.as_array().into_iter().flatten() {
        match word(part, "type") {
            "thinking" => {
                let thoughts = part["thinking"].as_array().into_iter().flatten().map(|thought| word(thought, "text"));
                thoughts.chain([word(part, "thinking")]).for_each(|thought| Answer::reasoning(thought, out));
            }
            _ => answer.text(part.as_str().unwrap_or_else(|| word(part, "text")), out),
        }
    }
}

fn finish(answer: &mut Answer, reason: &str) -> Result<(), Failure> {
    answer.finish(match reason {
        "" => return Ok(()),
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "content_filter" | "safety" => Finish::Filtered,
        "tool_calls" | "function_call" | "tool_use" => Finish::Tool,
        "error" | "insufficient_system_resource" => {
            let mut failure =
                Failure::new(FailureKind::Unavailable, "The provider failed in the middle of the answer.");
            failure.code = Some(reason.to_owned());
            return Err(failure);
        }
        // A filter that was told before, as a refusal, stays.
        _ if answer.is_complete() => return Ok(()),
        _ => Finish::Stop,
    });
    Ok(())
}
