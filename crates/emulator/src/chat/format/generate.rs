//! Google's generateContent: every event is a whole answer.

use serde_json::{Value, json};

use super::{Event, Scene};
use crate::chat::script::Finish;

pub(super) fn whole(scene: &Scene) -> Value {
    if is_blocked(scene) {
        return blocked(scene);
    }
    let answer = &scene.answer;
    let mut parts = Vec::new();
    if !answer.reasoning.is_empty() {
        parts.push(thought(&answer.reasoning));
    }
    if !answer.text.is_empty() {
        parts.push(json!({"text": answer.text}));
    }
    parts.extend(calls(scene));
    body(scene, &parts, true)
}

pub(super) fn events(scene: &Scene) -> Vec<Event> {
    if is_blocked(scene) {
        return vec![Event::new("", &blocked(scene))];
    }
    let piece = |part: Value| Event::new("", &body(scene, &[part], false));
    let mut events: Vec<_> = scene.thoughts.iter().map(|text| piece(thought(text))).collect();
    events.extend(scene.words.iter().map(|text| piece(json!({"text": text})).words()));
    let mut last = calls(scene);
    last.push(json!({"text": "", "thoughtSignature": "c2lnbmVk"}));
    events.push(Event::new("", &body(scene, &last, true)));
    events
}

pub(super) fn noise() -> Vec<Event> {
    vec![
        Event::new("", &json!({"candidates": [], "future": true})),
        Event::new("", &json!({"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}})),
        Event::new("", &json!({"candidates": [{"index": 0}]})),
    ]
}

fn body(scene: &Scene, parts: &[Value], is_last: bool) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if is_last {
        candidate["finishReason"] = json!(reason(scene.answer.finish));
        if !scene.answer.citations.is_empty() {
            let chunk = |(url, title): &(String, String)| json!({"web": {"uri": url, "title": title}});
            let chunks: Vec<_> = scene.answer.citations.iter().map(chunk).collect();
            candidate["groundingMetadata"] = json!({"groundingChunks": chunks});
        }
    }
    json!({"candidates": [candidate], "usageMetadata": usage(scene), "modelVersion": scene.model,
        "responseId": format!("resp-{:06}", scene.number)})
}

fn is_blocked(scene: &Scene) -> bool {
    scene.answer.finish == Finish::Filtered && scene.answer.text.is_empty()
}

fn blocked(scene: &Scene) -> Value {
    json!({"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": []}, "modelVersion": scene.model,
        "usageMetadata": {"promptTokenCount": scene.usage.input, "totalTokenCount": scene.usage.input}})
}

fn thought(text: &str) -> Value {
    json!({"text": text, "thought": true})
}

fn calls(scene: &Scene) -> Vec<Value> {
    let call = |(name, arguments): &(String, String)| {
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
        json!({"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "c2lnbmVk"})
    };
    scene.answer.tools.iter().map(call).collect()
}

/// Here thoughts are not part of the candidates' tokens.
fn usage(scene: &Scene) -> Value {
    let usage = scene.usage;
    json!({"promptTokenCount": usage.input, "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.output.saturating_sub(usage.reasoning), "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.input + usage.output})
}

/// A call of a tool ends as a normal answer does.
fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Tool => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered => "SAFETY",
    }
}
