//! OpenAI's chat completions.

use serde_json::{Value, json};

use super::{Event, Mark, Scene};
use crate::chat::provider::{Thought, UsageWhen};
use crate::chat::script::Finish;

const CREATED: u64 = 1_780_000_000;

pub(super) fn whole(scene: &Scene) -> Value {
    let answer = &scene.answer;
    let mut message = json!({"role": "assistant", "content": answer.text});
    if !answer.reasoning.is_empty() {
        match scene.provider.thought {
            Thought::Hidden => {}
            Thought::ReasoningContent => message["reasoning_content"] = json!(answer.reasoning),
            Thought::Reasoning => message["reasoning"] = json!(answer.reasoning),
            Thought::Array => message["content"] = json!([thought(&answer.reasoning), text(&answer.text)]),
        }
    }
    if !answer.tools.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = answer.tools.iter().enumerate().map(|(index, (name, arguments))| {
            json!({"id": format!("call_{index}"), "type": "function", "function": {"name": name, "arguments": arguments}})
        }).collect();
    }
    cite(scene, &mut message);
    let mut body = json!({"id": id(scene), "object": "chat.completion", "created": CREATED, "model": scene.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason(answer.finish), "logprobs": null}],
        "usage": usage(scene)});
    if scene.provider.id == "openrouter" {
        body["provider"] = json!("Fake");
    }
    if scene.provider.id == "xai" && !answer.citations.is_empty() {
        body["citations"] = answer.citations.iter().map(|(url, _)| json!(url)).collect();
    }
    body
}

pub(super) fn events(scene: &Scene) -> Vec<Event> {
    let mut events = vec![chunk(scene, &json!({"role": "assistant", "content": ""}), Value::Null)];
    for piece in &scene.thoughts {
        let delta = match scene.provider.thought {
            Thought::Hidden => continue,
            Thought::ReasoningContent => json!({"reasoning_content": piece}),
            Thought::Reasoning if scene.provider.id == "openrouter" => json!({"content": "", "reasoning": piece,
                "reasoning_details": [{"type": "reasoning.text", "text": piece}]}),
            Thought::Reasoning => json!({"reasoning": piece}),
            Thought::Array => json!({"content": [thought(piece)]}),
        };
        events.push(chunk(scene, &delta, Value::Null));
    }
    for (index, piece) in scene.words.iter().enumerate() {
        // Whoever sends parts does not always send them.
        let is_part = scene.provider.thought == Thought::Array && index % 2 == 0 && !scene.thoughts.is_empty();
        let content = if is_part { json!([text(piece)]) } else { json!(piece) };
        events.push(chunk(scene, &json!({"content": content}), Value::Null).words());
    }
    for (index, (name, arguments)) in scene.answer.tools.iter().enumerate() {
        let middle = (0..=arguments.len() / 2).rev().find(|at| arguments.is_char_boundary(*at)).unwrap_or_default();
        let (first, second) = arguments.split_at(middle);
        let call = json!({"index": index, "id": format!("call_{index}"), "type": "function",
            "function": {"name": name, "arguments": first}});
        events.push(chunk(scene, &json!({"tool_calls": [call]}), Value::Null));
        let rest = json!({"index": index, "function": {"arguments": second}});
        events.push(chunk(scene, &json!({"tool_calls": [rest]}), Value::Null));
    }
    events.push(last(scene));
    if scene.provider.usage == UsageWhen::Asked && scene.is_usage_asked {
        let mut body = body(scene, json!([]));
        body["usage"] = usage(scene);
        events.push(Event::new("", &body));
    }
    events.push(Event { name: "", data: "[DONE]".into(), mark: Mark::Done });
    events
}

/// The chunk with the reason of the end.
fn last(scene: &Scene) -> Event {
    let mut delta = json!({});
    cite(scene, &mut delta);
    let reason = reason(scene.answer.finish);
    let choice = json!({"index": 0, "delta": delta, "finish_reason": reason, "logprobs": null});
    let mut body = body(scene, json!([choice]));
    if scene.provider.usage == UsageWhen::Always {
        body["usage"] = usage(scene);
    }
    match scene.provider.id {
        "groq" => body["x_groq"] = json!({"id": "req_fake", "usage": usage(scene)}),
        "cerebras" => body["time_info"] = json!({"queue_time": 0.0001, "total_time": 0.01}),
        "llama-cpp" => body["timings"] = json!({"prompt_n": scene.usage.input, "predicted_n": scene.usage.output}),
        "xai" if !scene.answer.citations.is_empty() => {
            body["citations"] = scene.answer.citations.iter().map(|(url, _)| json!(url)).collect();
        }
        _ => {}
    }
    Event::new("", &body)
}

pub(super) fn noise() -> Vec<Event> {
    let base = json!({"id": "chatcmpl-noise", "object": "chat.completion.chunk", "created": CREATED, "model": "x"});
    let with = |field: &str, value: Value| {
        let mut body = base.clone();
        body[field] = value;
        Event::new("", &body)
    };
    vec![
        with("choices", json!([])),
        with("choices", json!([{"index": 0, "delta": {"content": null, "future": [1]}, "finish_reason": null}])),
        with("obfuscation", json!("rkQ3x")),
    ]
}

pub(super) fn error(scene: &Scene, body: &Value) -> Event {
    let id = json!(id(scene));
    match scene.provider.id {
        "openrouter" => {
            let choice = json!({"index": 0, "delta": {"content": ""}, "finish_reason": "error"});
            Event::new("", &json!({"id": id, "error": body["error"], "choices": [choice]}))
        }
        "groq" => {
            let choice = json!({"index": 0, "delta": {}, "finish_reason": "error"});
            let groq = json!({"id": "req_fake", "error": body["error"]["message"]});
            Event::new("", &json!({"id": id, "choices": [choice], "x_groq": groq}))
        }
        _ => Event::new("", body),
    }
}

fn chunk(scene: &Scene, delta: &Value, finish: Value) -> Event {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish, "logprobs": null});
    Event::new("", &body(scene, json!([choice])))
}

fn body(scene: &Scene, choices: Value) -> Value {
    let mut body = json!({"id": id(scene), "object": "chat.completion.chunk", "created": CREATED,
        "model": scene.model, "choices": choices});
    match scene.provider.usage {
        UsageWhen::Asked if scene.is_usage_asked => body["usage"] = Value::Null,
        UsageWhen::Every if scene.is_usage_asked => body["usage"] = usage(scene),
        UsageWhen::Asked | UsageWhen::Every | UsageWhen::Always => {}
    }
    if scene.provider.id == "openrouter" {
        body["provider"] = json!("Fake");
    }
    body
}

fn cite(scene: &Scene, message: &mut Value) {
    if !scene.answer.citations.is_empty() && scene.provider.id != "xai" {
        message["annotations"] = scene.answer.citations.iter().map(|(url, title)| {
            json!({"type": "url_citation", "url_citation": {"url": url, "title": title, "start_index": 0, "end_index": 1}})
        }).collect();
    }
}

fn usage(scene: &Scene) -> Value {
    let usage = scene.usage;
    let mut body = json!({"prompt_tokens": usage.input, "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0}});
    match scene.provider.id {
        "deepseek" => {
            body["prompt_cache_hit_tokens"] = json!(usage.cached);
            body["prompt_cache_miss_tokens"] = json!(usage.input.saturating_sub(usage.cached));
        }
        "openrouter" => {
            body["cost"] = json!(0.000_42);
            body["cost_details"] = json!({"upstream_inference_cost": null});
        }
        // Plain counts only.
        "ollama" | "lm-studio" | "llama-cpp" => {
            body = json!({"prompt_tokens": usage.input, "completion_tokens": usage.output,
                "total_tokens": usage.input + usage.output});
        }
        _ => {}
    }
    body
}

fn thought(piece: &str) -> Value {
    json!({"type": "thinking", "thinking": [text(piece)]})
}

fn text(piece: &str) -> Value {
    json!({"type": "text", "text": piece})
}

fn id(scene: &Scene) -> String {
    format!("chatcmpl-{:06}", scene.number)
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Filtered => "content_filter",
        Finish::Tool => "tool_calls",
    }
}
