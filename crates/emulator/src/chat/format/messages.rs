//! Anthropic's messages.

use serde_json::{Value, json};

use super::{Event, Scene};
use crate::chat::script::Finish;

pub(super) fn whole(scene: &Scene) -> Value {
    let answer = &scene.answer;
    let mut content = Vec::new();
    if !answer.reasoning.is_empty() {
        content.push(json!({"type": "thinking", "thinking": answer.reasoning, "signature": "c2lnbmVk"}));
    }
    if !answer.text.is_empty() {
        let citations: Vec<_> = answer.citations.iter().map(citation).collect();
        let citations = if citations.is_empty() { Value::Null } else { json!(citations) };
        content.push(json!({"type": "text", "text": answer.text, "citations": citations}));
    }
    for (index, (name, arguments)) in answer.tools.iter().enumerate() {
        let input: Value = serde_json::from_str(arguments).unwrap_or_default();
        content.push(json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": input}));
    }
    json!({"id": id(scene), "type": "message", "role": "assistant", "model": scene.model, "content": content,
        "stop_reason": reason(answer.finish), "stop_sequence": null, "usage": usage(scene, scene.usage.output)})
}

pub(super) fn events(scene: &Scene) -> Vec<Event> {
    let message = json!({"id": id(scene), "type": "message", "role": "assistant", "model": scene.model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage(scene, 1)});
    let mut stream = Stream::default();
    stream.push("message_start", json!({"message": message}));
    stream.push("ping", json!({}));
    if !scene.thoughts.is_empty() {
        stream.open(json!({"type": "thinking", "thinking": "", "signature": ""}));
        for piece in &scene.thoughts {
            stream.delta(json!({"type": "thinking_delta", "thinking": piece}));
        }
        stream.delta(json!({"type": "signature_delta", "signature": "c2lnbmVk"}));
        stream.close();
    }
    if !scene.words.is_empty() {
        stream.open(json!({"type": "text", "text": ""}));
        for piece in &scene.words {
            stream.delta(json!({"type": "text_delta", "text": piece}));
            stream.mark_words();
        }
        for source in &scene.answer.citations {
            stream.delta(json!({"type": "citations_delta", "citation": citation(source)}));
        }
        stream.close();
    }
    for (index, (name, arguments)) in scene.answer.tools.iter().enumerate() {
        stream.open(json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": {}}));
        stream.delta(json!({"type": "input_json_delta", "partial_json": ""}));
        stream.delta(json!({"type": "input_json_delta", "partial_json": arguments}));
        stream.close();
    }
    let delta = json!({"stop_reason": reason(scene.answer.finish), "stop_sequence": null});
    stream.push("message_delta", json!({"delta": delta, "usage": {"output_tokens": scene.usage.output}}));
    stream.push("message_stop", json!({}));
    let mut events = stream.events;
    if let Some(last) = events.pop() {
        events.push(last.done());
    }
    events
}

pub(super) fn noise() -> Vec<Event> {
    vec![
        Event::new("ping", &json!({"type": "ping"})),
        Event::new("future_event", &json!({"type": "future_event", "index": 0})),
        Event::new(
            "content_block_delta",
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "future_delta"}}),
        ),
    ]
}

/// Events with the numbers of their blocks.
#[derive(Debug, Default)]
struct Stream {
    events: Vec<Event>,
    block: usize,
}

impl Stream {
    fn push(&mut self, name: &'static str, mut data: Value) {
        data["type"] = json!(name);
        self.events.push(Event::new(name, &data));
    }

    fn open(&mut self, block: Value) {
        self.push("content_block_start", json!({"index": self.block, "content_block": block}));
    }

    fn delta(&mut self, delta: Value) {
        self.push("content_block_delta", json!({"index": self.block, "delta": delta}));
    }

    fn mark_words(&mut self) {
        if let Some(event) = self.events.pop() {
            self.events.push(event.words());
        }
    }

    fn close(&mut self) {
        self.push("content_block_stop", json!({"index": self.block}));
        self.block += 1;
    }
}

/// Here what the cache gave and took is not part of the input.
fn usage(scene: &Scene, output: u64) -> Value {
    let usage = scene.usage;
    json!({"input_tokens": usage.input.saturating_sub(usage.cached + usage.cache_written),
        "cache_creation_input_tokens": usage.cache_written, "cache_read_input_tokens": usage.cached,
        "output_tokens": output, "service_tier": "standard"})
}

fn citation((url, title): &(String, String)) -> Value {
    json!({"type": "web_search_result_location", "url": url, "title": title, "cited_text": "…", "encrypted_index": "ZmFrZQ"})
}

fn id(scene: &Scene) -> String {
    format!("msg_{:06}", scene.number)
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Filtered => "refusal",
        Finish::Tool => "tool_use",
    }
}
