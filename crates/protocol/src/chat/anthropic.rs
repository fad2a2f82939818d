//! `POST …/messages`: Anthropic (version 2023-06-01, which goes into a header).

use serde_json::{Map, Value, json};

use super::answer::{Answer, word};
use super::calls::{self, Piece};
use super::{Call, Delta, Dialect, Finish, Message, Part, Request, Speaker, openai, usage};
use crate::Tool;

/// Anthropic wants a limit with every request.
const MAX_OUTPUT: u64 = 8192;

/// Writes a request.
pub(super) fn write(dialect: Dialect, request: &Request, is_stream: bool) -> Call {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    body.insert("max_tokens".to_owned(), json!(request.max_output.unwrap_or(MAX_OUTPUT)));
    let instructions = request.instructions();
    if !instructions.is_empty() {
        body.insert("system".to_owned(), json!(instructions));
    }
    body.insert("messages".to_owned(), request.dialogue().map(message).collect());
    let effort = request.effort.filter(|_| dialect.reasoning_effort);
    if let Some(effort) = effort {
        // The only way to make the newer models think, and tell it: a budget of tokens is refused, thoughts are left out.
        body.insert("thinking".to_owned(), json!({ "type": "adaptive", "display": "summarized" }));
        body.insert("output_config".to_owned(), json!({ "effort": effort.word() }));
    }
    // The range ends at 1 here, and a model that thinks takes only its own temperature.
    if let (Some(temperature), None) = (request.temperature, effort) {
        body.insert("temperature".to_owned(), json!(openai::rounded(temperature).min(1.0)));
    }
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
    }
    if is_stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Call { path: "/messages".to_owned(), body: Value::Object(body) }
}

fn tool(tool: &Tool) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters })
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Speaker::Assistant => "assistant",
        Speaker::System | Speaker::User => "user",
    };
    let content = if message.is_plain() { json!(message.text()) } else { message.shown().map(part).collect() };
    json!({ "role": role, "content": content })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text { text } => json!({ "type": "text", "text": text }),
        Part::Image { mime, data } => {
            json!({ "type": "image", "source": { "type": "base64", "media_type": mime, "data": data } })
        }
        Part::Call(call) => json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": call.object() }),
        Part::Output { id, output, .. } => json!({ "type": "tool_result", "tool_use_id": id, "content": output }),
    }
}

/// Reads an event. Errors and pings are read elsewhere or not at all.
pub(super) fn read(answer: &mut Answer, name: &str, event: &Value, out: &mut Vec<Delta>) {
    let kind = Some(word(event, "type")).filter(|kind| !kind.is_empty()).unwrap_or(name);
    match kind {
        "message_start" => {
            let message = &event["message"];
            answer.model(word(message, "model"), out);
            usage::anthropic(answer, &message["usage"], out);
        }
        "content_block_start" => read_block(answer, &place(&event["index"]), &event["content_block"], out),
        "content_block_delta" => read_delta(answer, &place(&event["index"]), &event["delta"], out),
        "message_delta" => {
            usage::anthropic(answer, &event["usage"], out);
            finish(answer, word(&event["delta"], "stop_reason"));
        }
        "message_stop" => answer.close(out),
        // A whole message, from a server that does not stream.
        "message" => whole(answer, event, out),
        _ => {}
    }
}

/// Reads a whole answer.
pub(super) fn whole(answer: &mut Answer, message: &Value, out: &mut Vec<Delta>) {
    answer.model(word(message, "model"), out);
    for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
        read_block(answer, &index.to_string(), block, out);
    }
    usage::anthropic(answer, &message["usage"], out);
    finish(answer, word(message, "stop_reason"));
}

/// The number of a block.
fn place(index: &Value) -> String {
    index.as_u64().unwrap_or_default().to_string()
}

/// A block as it begins, or as a whole.
fn read_block(answer: &mut Answer, key: &str, block: &Value, out: &mut Vec<Delta>) {
    match word(block, "type") {
        "text" => answer.text(word(block, "text"), out),
        "thinking" => Answer::reasoning(word(block, "thinking"), out),
        "tool_use" => {
            answer.call_tool();
            let piece = Piece { key, id: word(block, "id"), name: word(block, "name"), seal: None, is_first: false };
            answer.calls.put(&piece, &calls::arguments(&block["input"]));
        }
        "web_search_tool_result" => answer.sources(&block["content"], out),
        _ => {}
    }
    for citation in block["citations"].as_array().into_iter().flatten() {
        cite(answer, citation, out);
    }
}

fn read_delta(answer: &mut Answer, key: &str, delta: &Value, out: &mut Vec<Delta>) {
    match word(delta, "type") {
        "text_delta" => answer.text(word(delta, "text"), out),
        "thinking_delta" => Answer::reasoning(word(delta, "thinking"), out),
        "input_json_delta" => {
            answer.calls.add(&Piece { key, ..Piece::default() }, word(delta, "partial_json"));
        }
        "citations_delta" => cite(answer, &delta["citation"], out),
        _ => {}
    }
}

fn cite(answer: &mut Answer, citation: &Value, out: &mut Vec<Delta>) {
    let url = [word(citation, "url"), word(citation, "source")].into_iter().find(|url| !url.is_empty());
    answer.source(url.unwrap_or_default(), word(citation, "title"), out);
}

fn finish(answer: &mut Answer, reason: &str) {
    answer.finish(match reason {
        "" => return,
        // A pause is an answer that can be continued, as one that was cut.
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" => Finish::Length,
        "refusal" => Finish::Filtered,
        "tool_use" => Finish::Tool,
        _ => Finish::Stop,
    });
}
