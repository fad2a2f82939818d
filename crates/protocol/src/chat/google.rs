//! `POST …/models/{model}:generateContent` and `:streamGenerateContent`: Google AI Studio and Vertex AI.

use serde_json::{Map, Value, json};

use super::answer::{Answer, word};
use super::calls::{self, Piece};
use super::{Call, Delta, Dialect, Failure, FailureKind, Finish, Message, Part, Request, Speaker, openai, usage};
use crate::Tool;

/// In the place of the signature of a call that Google's model did not make (Gemini API: thought signatures).
const FOREIGN: &str = "skip_thought_signature_validator";

/// Writes a request.
pub(super) fn write(dialect: Dialect, request: &Request, is_stream: bool) -> Call {
    let mut body = Map::new();
    let instructions = request.instructions();
    if !instructions.is_empty() {
        body.insert("systemInstruction".to_owned(), json!({ "parts": [{ "text": instructions }] }));
    }
    body.insert("contents".to_owned(), request.dialogue().map(message).collect());
    if !request.tools.is_empty() {
        let tools: Value = request.tools.iter().map(tool).collect();
        body.insert("tools".to_owned(), json!([{ "functionDeclarations": tools }]));
    }
    let config = config(dialect, request);
    if !config.is_empty() {
        body.insert("generationConfig".to_owned(), Value::Object(config));
    }
    // Lists of models spell the names with a folder.
    let model = escaped(request.model.strip_prefix("models/").unwrap_or(&request.model));
    let way = if is_stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    Call { path: format!("/models/{model}:{way}"), body: Value::Object(body) }
}

fn config(dialect: Dialect, request: &Request) -> Map<String, Value> {
    let mut config = Map::new();
    if let Some(temperature) = request.temperature {
        config.insert("temperature".to_owned(), json!(openai::rounded(temperature)));
    }
    if let Some(limit) = request.max_output {
        config.insert("maxOutputTokens".to_owned(), json!(limit));
    }
    if let (Some(effort), true) = (request.effort, dialect.reasoning_effort) {
        let thinking = json!({ "includeThoughts": true, "thinkingLevel": effort.word() });
        config.insert("thinkingConfig".to_owned(), thinking);
    }
    config
}

/// The model becomes a part of the address, and is typed by the user.
fn escaped(model: &str) -> String {
    model.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
        path
    })
}

fn tool(tool: &Tool) -> Value {
    json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters })
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Speaker::Assistant => "model",
        Speaker::System | Speaker::User => "user",
    };
    let mut parts: Vec<Value> = message.shown().map(part).collect();
    // The newest models refuse a turn whose first call has no signature, unless it has this one: it was another's.
    let first = parts.iter_mut().find(|part| part.get("functionCall").is_some());
    if let Some(Value::Object(first)) = first {
        first.entry("thoughtSignature").or_insert_with(|| json!(FOREIGN));
    }
    json!({ "role": role, "parts": parts })
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text { text } => json!({ "text": text }),
        Part::Image { mime, data } => json!({ "inlineData": { "mimeType": mime, "data": data } }),
        Part::Call(call) => {
            let mut part = json!({ "functionCall": { "name": call.name, "args": call.object() } });
            if let Some(seal) = &call.seal {
                part["thoughtSignature"] = json!(seal);
            }
            part
        }
        Part::Output { name, output, .. } => {
            let response: Option<Value> = serde_json::from_str(output).ok().filter(Value::is_object);
            let response = response.unwrap_or_else(|| json!({ "output": output }));
            json!({ "functionResponse": { "name": name, "response": response } })
        }
    }
}

/// Reads a chunk of a stream, or a whole answer: both have the same form.
pub(super) fn read(answer: &mut Answer, chunk: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
    answer.model(word(chunk, "modelVersion"), out);
    let candidate = &chunk["candidates"][0];
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        if part["thought"] == true {
            Answer::reasoning(word(part, "text"), out);
        } else {
            answer.text(word(part, "text"), out);
        }
        let call = &part["functionCall"];
        if call.is_object() {
            answer.call_tool();
            let key = answer.calls.count().to_string();
            let piece = Piece {
                key: &key,
                id: word(call, "id"),
                name: word(call, "name"),
                seal: part["thoughtSignature"].as_str(),
                is_first: true,
            };
            answer.calls.put(&piece, &calls::arguments(&call["args"]));
        }
    }
    for source in candidate["groundingMetadata"]["groundingChunks"].as_array().into_iter().flatten() {
        answer.source(word(&source["web"], "uri"), word(&source["web"], "title"), out);
    }
    usage::google(answer, &chunk["usageMetadata"], out);
    finish(answer, word(candidate, "finishReason"));
    match word(&chunk["promptFeedback"], "blockReason") {
        "" | "BLOCK_REASON_UNSPECIFIED" => Ok(()),
        reason => {
            let words = word(&chunk["promptFeedback"], "blockReasonMessage");
            let message =
                if words.is_empty() { format!("The prompt was blocked ({reason}).") } else { words.to_owned() };
            let mut failure = Failure::new(FailureKind::Refused, message);
            failure.code = Some(reason.to_owned());
            Err(failure)
        }
    }
}

fn finish(answer: &mut Answer, reason: &str) {
    answer.finish(match reason {
        "" | "FINISH_REASON_UNSPECIFIED" => return,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => Finish::Tool,
        // SAFETY, RECITATION, BLOCKLIST, PROHIBITED_CONTENT, SPII, LANGUAGE, OTHER …: it was withheld.
        _ => Finish::Filtered,
    });
}
