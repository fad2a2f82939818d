//! Requests on every wire.

use serde_json::json;

use super::*;

pub(super) fn text(role: Speaker, text: &str) -> Message {
    Message { role, parts: vec![Part::Text { text: text.to_owned() }] }
}

pub(super) fn request() -> Request {
    let picture = Part::Image { mime: "image/png".to_owned(), data: "iVBO".to_owned() };
    let mut question = text(Speaker::User, "What is this?");
    question.parts.push(picture);
    Request {
        model: "m-1".to_owned(),
        messages: vec![
            text(Speaker::System, "Be brief."),
            text(Speaker::User, "Hi"),
            text(Speaker::Assistant, "Hello"),
            text(Speaker::Assistant, ""),
            question,
        ],
        temperature: Some(0.7),
        max_output: Some(100),
        effort: Some(Effort::Low),
        tools: Vec::new(),
        raw: None,
    }
}

const EVERYTHING: Dialect = Dialect {
    max_completion_tokens: true,
    stream_options: true,
    reasoning_effort: true,
    reasoning_format: true,
    store: true,
    web_search: true,
};

#[test]
fn chat_completions() {
    let call = write(Wire::OpenaiChat, Dialect::default(), &request(), false);
    assert_eq!(call.path, "/chat/completions");
    let expected = json!({
        "model": "m-1",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": "Hello" },
            { "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBO" } },
            ] },
        ],
        "temperature": 0.7,
        "max_tokens": 100,
    });
    assert_eq!(call.body, expected);
}

#[test]
fn chat_completions_with_everything() {
    let body = write(Wire::OpenaiChat, EVERYTHING, &request(), true).body;
    assert_eq!(body["max_completion_tokens"], 100);
    assert_eq!(body.get("max_tokens"), None);
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"], json!({ "include_usage": true }));
    assert_eq!((&body["reasoning_effort"], &body["reasoning_format"]), (&json!("low"), &json!("parsed")));
}

#[test]
fn responses() {
    let call = write(Wire::OpenaiResponses, EVERYTHING, &request(), true);
    assert_eq!(call.path, "/responses");
    let expected = json!({
        "model": "m-1",
        "instructions": "Be brief.",
        "input": [
            { "type": "message", "role": "user", "content": "Hi" },
            { "type": "message", "role": "assistant", "content": "Hello" },
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "What is this?" },
                { "type": "input_image", "image_url": "data:image/png;base64,iVBO" },
            ] },
        ],
        "temperature": 0.7,
        "max_output_tokens": 100,
        "reasoning": { "effort": "low" },
        "tools": [{ "type": "web_search" }],
        "store": false,
        "stream": true,
    });
    assert_eq!(call.body, expected);
}

#[test]
fn anthropic_messages() {
    let plain = Request { effort: None, max_output: None, temperature: Some(1.5), ..request() };
    let call = write(Wire::AnthropicMessages, EVERYTHING, &plain, false);
    assert_eq!(call.path, "/messages");
    let expected = json!({
        "model": "m-1",
        "max_tokens": 8192,
        "system": "Be brief.",
        "messages": [
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": "Hello" },
            { "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBO" } },
            ] },
        ],
        "temperature": 1.0,
    });
    assert_eq!(call.body, expected);
    let thinking = write(Wire::AnthropicMessages, EVERYTHING, &request(), true).body;
    assert_eq!(thinking["output_config"], json!({ "effort": "low" }));
    assert_eq!(thinking["thinking"]["type"], "adaptive");
    assert_eq!((thinking.get("temperature"), &thinking["max_tokens"]), (None, &json!(100)));
    let unasked = write(Wire::AnthropicMessages, Dialect::default(), &request(), true).body;
    assert_eq!(unasked.get("thinking"), None);
}

#[test]
fn google_generate() {
    let call = write(Wire::GoogleGenerate, EVERYTHING, &request(), true);
    assert_eq!(call.path, "/models/m-1:streamGenerateContent?alt=sse");
    let expected = json!({
        "systemInstruction": { "parts": [{ "text": "Be brief." }] },
        "contents": [
            { "role": "user", "parts": [{ "text": "Hi" }] },
            { "role": "model", "parts": [{ "text": "Hello" }] },
            { "role": "user", "parts": [
                { "text": "What is this?" },
                { "inlineData": { "mimeType": "image/png", "data": "iVBO" } },
            ] },
        ],
        "generationConfig": {
            "temperature": 0.7,
            "maxOutputTokens": 100,
            "thinkingConfig": { "includeThoughts": true, "thinkingLevel": "low" },
        },
    });
    assert_eq!(call.body, expected);
}

#[test]
fn a_picture_of_the_model_is_not_sent_back() {
    let picture = Part::Image { mime: "image/png".to_owned(), data: "iVBO".to_owned() };
    let mut drawn = text(Speaker::Assistant, "Here.");
    drawn.parts.push(picture.clone());
    let only = Message { role: Speaker::Assistant, parts: vec![picture] };
    let request = Request { messages: vec![text(Speaker::User, "Draw"), drawn, only], ..request() };
    for wire in [Wire::OpenaiChat, Wire::OpenaiResponses, Wire::AnthropicMessages, Wire::GoogleGenerate] {
        let body = write(wire, Dialect::default(), &request, false).body.to_string();
        assert!(body.contains("Here.") && !body.contains("iVBO"), "{body}");
        assert_eq!(body.matches("\"role\"").count(), 2, "{body}");
    }
}

#[test]
fn a_model_cannot_leave_its_place_in_the_address() {
    let path = |model: &str| {
        let request = Request { model: model.to_owned(), ..request() };
        write(Wire::GoogleGenerate, Dialect::default(), &request, false).path
    };
    assert_eq!(path("models/gemini-3.8-flash"), "/models/gemini-3.8-flash:generateContent");
    assert_eq!(path("../x?key=1#y ä"), "/models/..%2Fx%3Fkey%3D1%23y%20%C3%A4:generateContent");
}
