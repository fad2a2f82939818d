//! OpenAI's responses, and Perplexity's agents in the same format.

use serde_json::{Value, json};

use super::{Event, Scene};
use crate::chat::script::Finish;

pub(super) fn whole(scene: &Scene) -> Value {
    response(scene, status(scene), &items(scene))
}

pub(super) fn events(scene: &Scene) -> Vec<Event> {
    let mut stream = Stream::default();
    stream.push("response.created", json!({"response": response(scene, "in_progress", &[])}));
    stream.push("response.in_progress", json!({"response": response(scene, "in_progress", &[])}));
    let items = items(scene);
    for (index, item) in items.iter().enumerate() {
        let mut opening = item.clone();
        opening["status"] = json!("in_progress");
        stream.push("response.output_item.added", json!({"output_index": index, "item": opening}));
        match item["type"].as_str() {
            Some("reasoning") => stream.reasoning(scene, index),
            Some("message") => stream.message(scene, index, item),
            Some("function_call") => {
                let place = json!({"output_index": index, "item_id": item["id"], "delta": item["arguments"]});
                stream.push("response.function_call_arguments.delta", place);
            }
            _ => {}
        }
        stream.push("response.output_item.done", json!({"output_index": index, "item": item}));
    }
    let last = match scene.answer.finish {
        Finish::Stop | Finish::Tool => "response.completed",
        Finish::Length | Finish::Filtered => "response.incomplete",
    };
    stream.push(last, json!({"response": response(scene, status(scene), &items)}));
    stream.events
}

pub(super) fn noise() -> Vec<Event> {
    vec![
        Event::new("response.future", &json!({"type": "response.future", "sequence_number": null, "delta": 7})),
        Event::new("", &json!({"type": "keepalive"})),
    ]
}

/// In the middle of a stream: OpenAI's `response.failed`, Perplexity's bare `error`.
pub(super) fn error(scene: &Scene, body: &Value) -> Event {
    let error =
        json!({"code": body["error"]["code"].as_str().unwrap_or("server_error"), "message": body["error"]["message"]});
    if scene.provider.id == "perplexity" {
        let data = json!({"type": "error", "code": error["code"], "message": error["message"], "param": null});
        return Event::new("error", &data);
    }
    let mut response = response(scene, "failed", &[]);
    response["error"] = error;
    Event::new("response.failed", &json!({"type": "response.failed", "response": response, "sequence_number": 99}))
}

/// Events with their numbers.
#[derive(Debug, Default)]
struct Stream {
    events: Vec<Event>,
}

impl Stream {
    fn push(&mut self, name: &'static str, data: Value) {
        let event = self.event(name, data);
        self.events.push(event);
    }

    fn event(&self, name: &'static str, mut data: Value) -> Event {
        data["type"] = json!(name);
        data["sequence_number"] = json!(self.events.len());
        Event::new(name, &data)
    }

    fn reasoning(&mut self, scene: &Scene, index: usize) {
        for piece in &scene.thoughts {
            let data = json!({"output_index": index, "summary_index": 0, "item_id": "rs_1", "delta": piece});
            self.push("response.reasoning_summary_text.delta", data);
        }
    }

    fn message(&mut self, scene: &Scene, index: usize, item: &Value) {
        let place = |rest: Value| {
            let mut data = json!({"output_index": index, "content_index": 0, "item_id": "msg_1"});
            for (name, value) in rest.as_object().into_iter().flatten() {
                data[name.as_str()] = value.clone();
            }
            data
        };
        let part = json!({"type": "output_text", "text": "", "annotations": []});
        self.push("response.content_part.added", place(json!({"part": part})));
        for piece in &scene.words {
            let event = self.event("response.output_text.delta", place(json!({"delta": piece, "logprobs": []})));
            self.events.push(event.words());
        }
        for (number, source) in scene.answer.citations.iter().enumerate().filter(|_| scene.provider.id != "perplexity")
        {
            let data = place(json!({"annotation_index": number, "annotation": annotation(source)}));
            self.push("response.output_text.annotation.added", data);
        }
        self.push("response.output_text.done", place(json!({"text": scene.answer.text})));
        self.push("response.content_part.done", place(json!({"part": item["content"][0]})));
    }
}

fn response(scene: &Scene, status: &str, items: &[Value]) -> Value {
    let is_over = status != "in_progress";
    let incomplete = match scene.answer.finish {
        Finish::Length if is_over => json!({"reason": "max_output_tokens"}),
        Finish::Filtered if is_over => json!({"reason": "content_filter"}),
        Finish::Stop | Finish::Tool | Finish::Length | Finish::Filtered => Value::Null,
    };
    json!({"id": format!("resp_{:06}", scene.number), "object": "response", "created_at": 1_780_000_000, "status": status,
        "model": scene.model, "output": items, "error": null, "incomplete_details": incomplete,
        "usage": if is_over { usage(scene) } else { Value::Null }})
}

fn items(scene: &Scene) -> Vec<Value> {
    let answer = &scene.answer;
    let mut items = Vec::new();
    if scene.provider.id == "perplexity" && !answer.citations.is_empty() {
        let results: Vec<_> = answer.citations.iter().enumerate().map(|(index, (url, title))| {
            json!({"id": index + 1, "url": url, "title": title, "snippet": "…", "date": "2026-11-01", "source": "web"})
        }).collect();
        items.push(json!({"type": "search_results", "queries": ["?"], "results": results}));
    }
    if !answer.reasoning.is_empty() {
        let summary = json!([{"type": "summary_text", "text": answer.reasoning}]);
        items.push(json!({"type": "reasoning", "id": "rs_1", "summary": summary}));
    }
    if !answer.text.is_empty() {
        let annotations: Vec<_> = answer.citations.iter().map(annotation).collect();
        let annotations = if scene.provider.id == "perplexity" { Vec::new() } else { annotations };
        let content = json!([{"type": "output_text", "text": answer.text, "annotations": annotations}]);
        items.push(
            json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}),
        );
    }
    for (index, (name, arguments)) in answer.tools.iter().enumerate() {
        items.push(json!({"type": "function_call", "id": format!("fc_{index}"), "call_id": format!("call_{index}"),
            "name": name, "arguments": arguments, "status": "completed"}));
    }
    items
}

fn annotation((url, title): &(String, String)) -> Value {
    json!({"type": "url_citation", "url": url, "title": title, "start_index": 0, "end_index": 1})
}

fn usage(scene: &Scene) -> Value {
    let usage = scene.usage;
    let mut body = json!({"input_tokens": usage.input, "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output, "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output});
    if scene.provider.id == "perplexity" {
        body["cost"] = json!({"currency": "USD", "input_cost": 0.0001, "output_cost": 0.0003, "total_cost": 0.0004});
        // Null in a field that others fill.
        body["output_tokens_details"] = Value::Null;
    }
    body
}

fn status(scene: &Scene) -> &'static str {
    match scene.answer.finish {
        Finish::Stop | Finish::Tool => "completed",
        Finish::Length | Finish::Filtered => "incomplete",
    }
}
