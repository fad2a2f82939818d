//! `POST …/responses`: OpenAI's newer form, and Perplexity's Agent API, which adds search results.

use serde_json::{Map, Value, json};

use super::answer::{Answer, word};
use super::calls::{self, Piece};
use super::{Call, Delta, Dialect, Failure, Finish, Message, Part, Request, openai, refusal, usage};
use crate::Tool;

/// Writes a request.
pub(super) fn write(dialect: Dialect, request: &Request, is_stream: bool) -> Call {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(request.model));
    let instructions = request.instructions();
    if !instructions.is_empty() {
        body.insert("instructions".to_owned(), json!(instructions));
    }
    body.insert("input".to_owned(), request.dialogue().flat_map(items).collect());
    if let Some(temperature) = request.temperature {
        body.insert("temperature".to_owned(), json!(openai::rounded(temperature)));
    }
    if let Some(limit) = request.max_output {
        // OpenAI takes no less.
        body.insert("max_output_tokens".to_owned(), json!(limit.max(16)));
    }
    if let (Some(effort), true) = (request.effort, dialect.reasoning_effort) {
        body.insert("reasoning".to_owned(), json!({ "effort": effort.word() }));
    }
    let search = dialect.web_search.then(|| json!({ "type": "web_search" }));
    let tools: Vec<Value> = search.into_iter().chain(request.tools.iter().map(tool)).collect();
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    if dialect.store {
        body.insert("store".to_owned(), json!(false));
    }
    if is_stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Call { path: "/responses".to_owned(), body: Value::Object(body) }
}

fn tool(tool: &Tool) -> Value {
    let Tool { name, description, parameters } = tool;
    json!({ "type": "function", "name": name, "description": description, "parameters": parameters })
}

/// Calls and what came of them are items of their own.
fn items(message: &Message) -> Vec<Value> {
    let role = message.role.word();
    let output = |(id, output)| json!({ "type": "function_call_output", "call_id": id, "output": output });
    let mut items: Vec<Value> = message.outputs().map(output).collect();
    let content = if message.has_image() { message.shown().filter_map(part).collect() } else { json!(message.text()) };
    if content.as_str().is_none_or(|text| !text.is_empty()) {
        items.push(json!({ "type": "message", "role": role, "content": content }));
    }
    items.extend(message.calls().map(
        |call| json!({ "type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments }),
    ));
    items
}

fn part(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text } => Some(json!({ "type": "input_text", "text": text })),
        Part::Image { mime, data } => {
            Some(json!({ "type": "input_image", "image_url": format!("data:{mime};base64,{data}") }))
        }
        Part::Call(_) | Part::Output { .. } => None,
    }
}

/// Reads an event. Its name stands in the data too, and not every server repeats it outside.
pub(super) fn read(answer: &mut Answer, name: &str, event: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
    let kind = Some(word(event, "type")).filter(|kind| !kind.is_empty()).unwrap_or(name);
    match kind {
        "response.output_text.delta" => answer.text(word(event, "delta"), out),
        "response.refusal.delta" => {
            answer.text(word(event, "delta"), out);
            answer.finish(Finish::Filtered);
        }
        "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
            Answer::reasoning(word(event, "delta"), out);
        }
        // The parts of a summary are paragraphs.
        "response.reasoning_summary_part.added" if event["summary_index"].as_u64() > Some(0) => {
            Answer::reasoning("\n\n", out);
        }
        // Perplexity tells its thoughts and what it found in steps.
        "response.reasoning.started" | "response.reasoning.stopped" => Answer::reasoning(word(event, "thought"), out),
        "response.reasoning.search_results" => answer.sources(&event["results"], out),
        "response.reasoning.fetch_url_results" => answer.sources(&event["contents"], out),
        "response.output_text.annotation.added" => read_note(answer, &event["annotation"], out),
        "response.output_item.added" | "response.output_item.done" => read_sources(answer, &event["item"], out),
        "response.created" | "response.in_progress" => answer.model(word(&event["response"], "model"), out),
        "response.completed" | "response.incomplete" | "response.failed" => {
            whole(answer, &event["response"], out)?;
            if answer.is_complete() {
                answer.close(out);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Reads a whole answer, alone or in the last event of a stream: text that came in pieces is not said again.
pub(super) fn whole(answer: &mut Answer, response: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
    answer.model(word(response, "model"), out);
    let was_said = answer.has_text;
    for item in response["output"].as_array().into_iter().flatten() {
        read_sources(answer, item, out);
        if !was_said {
            read_words(answer, item, out);
        }
    }
    answer.sources(&response["search_results"], out);
    usage::openai(answer, &response["usage"], out);
    match word(response, "status") {
        "failed" | "cancelled" => return Err(refusal::of_response(response)),
        "incomplete" => answer.finish(match word(&response["incomplete_details"], "reason") {
            "content_filter" => Finish::Filtered,
            _ => Finish::Length,
        }),
        // A refusal that was told before stays.
        "completed" if !answer.is_complete() => answer.finish(Finish::Stop),
        // Gateways leave it out.
        "" if response["output"].is_array() && !answer.is_complete() => answer.finish(Finish::Stop),
        _ => {}
    }
    Ok(())
}

/// What an item of the output says.
fn read_words(answer: &mut Answer, item: &Value, out: &mut Vec<Delta>) {
    for thought in item["summary"].as_array().into_iter().flatten() {
        Answer::reasoning(word(thought, "text"), out);
    }
    for part in item["content"].as_array().into_iter().flatten() {
        match word(part, "type") {
            "reasoning_text" => Answer::reasoning(word(part, "text"), out),
            "refusal" => {
                answer.text(word(part, "refusal"), out);
                answer.finish(Finish::Filtered);
            }
            _ => answer.text(word(part, "text"), out),
        }
    }
}

/// The sources and calls of an item of the output.
fn read_sources(answer: &mut Answer, item: &Value, out: &mut Vec<Delta>) {
    match word(item, "type") {
        "search_results" | "fetch_url_results" => {
            answer.sources(&item["results"], out);
            answer.sources(&item["contents"], out);
        }
        "function_call" => {
            answer.call_tool();
            let id = word(item, "call_id");
            let piece = Piece { key: id, id, name: word(item, "name"), seal: None, is_first: false };
            answer.calls.put(&piece, &calls::arguments(&item["arguments"]));
        }
        "custom_tool_call" => answer.call_tool(),
        _ => {}
    }
    let parts = item["content"].as_array().into_iter().flatten();
    for note in parts.filter_map(|part| part["annotations"].as_array()).flatten() {
        read_note(answer, note, out);
    }
}

fn read_note(answer: &mut Answer, note: &Value, out: &mut Vec<Delta>) {
    answer.source(word(note, "url"), word(note, "title"), out);
}
