//! What an answer that passes by says about its own cost: tokens, model, price. Nothing of it is kept.

use protocol::chat::{self, Decoder, Delta, Failure, Finish, Tokens, Wire};
use serde_json::Value;

use crate::Nanodollars;
use crate::price::{text_tokens, tokens_of};
use crate::transport::{LARGEST_ANSWER, LONGEST_LINE};

/// As much of a refusal is looked at, bytes.
const LARGEST_REFUSAL: usize = 64 << 10;
/// Tokens of a file: what the dearest providers count for a large picture.
const FILE_TOKENS: u64 = 1600;
/// Fields that hold a file in base64, or as a `data:` URL.
const FILES: [&str; 8] = ["data", "url", "image_url", "video_url", "file_data", "b64_json", "image", "audio"];
/// Fields that refer to something at the provider: it is paid for, and not seen here.
const KEPT: [&str; 6] =
    ["background", "previous_response_id", "conversation", "prompt", "cachedContent", "cached_content"];

/// Reads along.
#[derive(Default)]
pub(crate) struct Meter {
    wire: Option<Wire>,
    decoder: Option<Decoder>,
    status: u16,
    headers: Vec<(String, String)>,
    is_stream: bool,
    /// A whole body, or the line that has not ended yet.
    held: Vec<u8>,
    /// More came than is read.
    is_lost: bool,
    name: String,
    said: usize,
    deltas: Vec<Delta>,
    usage: Option<Tokens>,
    model: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told {
    /// The provider took the request.
    pub(crate) is_taken: bool,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) model: Option<String>,
    pub(crate) charged: Option<Nanodollars>,
    pub(crate) finish: Option<Finish>,
    /// Bytes of text, where the form of the answer is known.
    said: Option<usize>,
}

impl Told {
    /// Tokens where nobody counts them; nothing where the answer is no text.
    pub(crate) fn guess(&self, input: u64) -> Option<Tokens> {
        self.said.map(|said| Tokens { input, output: text_tokens(said), ..Tokens::default() })
    }
}

impl Meter {
    /// For the answer at this path.
    pub(crate) fn new(path: &str) -> Self {
        Self { wire: wire(path), ..Self::default() }
    }

    /// Status and headers; whether it is a stream.
    pub(crate) fn head(&mut self, status: u16, headers: &[(String, String)]) -> bool {
        let kind = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.trim_start());
        self.is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        // Sound and pictures say nothing.
        self.is_lost = status < 300 && !self.is_stream && kind.is_some_and(|kind| !kind.contains("json"));
        (self.status, self.headers) = (status, headers.to_vec());
        self.decoder = self.wire.map(Decoder::new);
        self.is_stream
    }

    /// A piece of the body.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let most = match (self.status, self.is_stream) {
            (300.., _) => LARGEST_REFUSAL,
            (_, true) => LONGEST_LINE,
            (_, false) => LARGEST_ANSWER,
        };
        if self.is_lost || self.status >= 300 && self.held.len() >= most {
            return;
        }
        if !self.is_stream || self.status >= 300 {
            self.held.extend_from_slice(bytes);
            self.is_lost = self.status < 300 && self.held.len() > most;
            return;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.held.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.held);
                self.line(&String::from_utf8_lossy(&line));
            } else if self.held.len() > most {
                self.held.clear();
            }
        }
    }

    /// The body is complete; its refusal, if it is one.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if self.status >= 300 {
            return Err(chat::refusal(self.status, &self.headers, &self.held));
        }
        let held = std::mem::take(&mut self.held);
        if self.is_stream {
            self.line(&String::from_utf8_lossy(&held));
        } else if !self.is_lost
            && let Ok(body) = serde_json::from_slice::<Value>(&held)
        {
            self.body(&body);
        }
        self.take();
        Ok(())
    }

    /// What was found so far.
    pub(crate) fn told(mut self) -> Told {
        self.take();
        let mut told = Told {
            is_taken: (200..300).contains(&self.status),
            tokens: self.usage,
            model: self.model,
            said: self.wire.map(|_| self.said),
            ..Told::default()
        };
        for delta in self.deltas {
            match delta {
                Delta::Usage(tokens) => told.tokens = Some(tokens),
                Delta::Model(model) => told.model = Some(model),
                Delta::Charged(nano) => told.charged = Some(Nanodollars(i64::try_from(nano).unwrap_or(i64::MAX))),
                Delta::Finished(finish) => told.finish = Some(finish),
                Delta::Text(_) | Delta::Reasoning(_) | Delta::Citation { .. } | Delta::Call(_) | Delta::Raw { .. } => {}
            }
        }
        told
    }

    fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix("event:") {
            name.trim().clone_into(&mut self.name);
        } else if let Some(data) = line.strip_prefix("data:") {
            if let Some(decoder) = &mut self.decoder {
                // An error inside is the client's to see.
                let _ = decoder.event(&self.name, data.trim(), &mut self.deltas);
                self.take();
            } else if let Ok(body) = serde_json::from_str::<Value>(data) {
                self.counted(&body);
            }
        } else if line.is_empty() {
            self.name.clear();
        }
    }

    fn body(&mut self, body: &Value) {
        match &mut self.decoder {
            Some(decoder) => drop(decoder.whole(body, &mut self.deltas)),
            None => self.counted(body),
        }
    }

    /// `usage` of a form that is not known more closely: embeddings, transcripts.
    fn counted(&mut self, body: &Value) {
        let usage = &body["usage"];
        let number = |names: [&str; 3]| names.iter().find_map(|name| usage[*name].as_u64());
        let output = number(["completion_tokens", "output_tokens", "completionTokens"]).unwrap_or_default();
        let total = usage["total_tokens"].as_u64().map(|total| total.saturating_sub(output));
        if let Some(input) = number(["prompt_tokens", "input_tokens", "promptTokens"]).or(total) {
            self.usage = Some(Tokens { input, output, ..Tokens::default() });
        }
        if let Some(model) = body["model"].as_str() {
            self.model = Some(model.to_owned());
        }
    }

    /// Counts texts, and lets them go.
    fn take(&mut self) {
        let said = &mut self.said;
        self.deltas.retain(|delta| match delta {
            Delta::Text(text) | Delta::Reasoning(text) => {
                *said += text.len();
                false
            }
            Delta::Call(call) => {
                *said += call.name.len() + call.arguments.len();
                false
            }
            Delta::Citation { .. } | Delta::Raw { .. } => false,
            Delta::Usage(_) | Delta::Model(_) | Delta::Charged(_) | Delta::Finished(_) => true,
        });
    }
}

/// How an answer at this path is read; `None`: it is not a model's answer in text.
fn wire(path: &str) -> Option<Wire> {
    let path = path.split('?').next().unwrap_or_default();
    let ends = |end: &str| path.ends_with(end);
    match () {
        () if ends("/chat/completions") => Some(Wire::OpenaiChat),
        () if ends("/responses") => Some(Wire::OpenaiResponses),
        () if ends("/messages") => Some(Wire::AnthropicMessages),
        () if ends(":generateContent") || ends(":streamGenerateContent") => Some(Wire::GoogleGenerate),
        () => None,
    }
}

/// The longest answer that the request allows, tokens; `None`: it does not say. Embeddings have none.
pub(crate) fn limit_of(path: &str, fields: &Value) -> Option<u64> {
    if path.split('?').next().is_some_and(|path| path.ends_with("/embeddings")) {
        return Some(0);
    }
    let names = [
        "/max_completion_tokens",
        "/max_output_tokens",
        "/max_tokens",
        "/generationConfig/maxOutputTokens",
        "/generation_config/max_output_tokens",
    ];
    names.iter().filter_map(|name| fields.pointer(name)?.as_u64()).max()
}

/// How many answers the request asks for at once.
pub(crate) fn answers_of(fields: &Value) -> u64 {
    let names = ["/n", "/best_of", "/generationConfig/candidateCount", "/generation_config/candidate_count"];
    names.iter().filter_map(|name| fields.pointer(name)?.as_u64()).max().unwrap_or(1).max(1)
}

/// The field that makes it cost what nobody can tell beforehand, if there is one.
pub(crate) fn unbounded(fields: &Value) -> Option<&'static str> {
    let says = |name: &&&str| match &fields[**name] {
        Value::Null | Value::Bool(false) => false,
        // Of old completions it is the text itself.
        Value::String(_) | Value::Array(_) => **name != "prompt",
        Value::Bool(true) | Value::Number(_) | Value::Object(_) => true,
    };
    KEPT.iter().find(says).copied()
}

/// Tokens of a request's texts, rather too many; files are counted by the piece.
pub(crate) fn prompt_tokens(fields: &Value) -> u64 {
    match fields {
        Value::String(text) => tokens_of(text),
        Value::Array(list) => list.iter().map(prompt_tokens).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| tokens_of(name) + field_tokens(name, value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

fn field_tokens(name: &str, value: &Value) -> u64 {
    let file = value.as_str().filter(|text| FILES.contains(&name) && is_file(text));
    // A short one is no dearer as a text.
    file.map_or_else(|| prompt_tokens(value), |text| tokens_of(text).min(FILE_TOKENS))
}

/// Base64, or a `data:` URL of it: everywhere else it is read as the text it is.
fn is_file(text: &str) -> bool {
    let data = text.strip_prefix("data:").and_then(|url| url.split_once(";base64,")).map_or(text, |(_, data)| data);
    data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(&byte))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(path: &str, kind: &str, body: &str, piece: usize) -> Told {
        let mut meter = Meter::new(path);
        meter.head(200, &[("content-type".to_owned(), kind.to_owned())]);
        body.as_bytes().chunks(piece).for_each(|bytes| meter.feed(bytes));
        meter.end().unwrap();
        meter.told()
    }

    #[test]
    fn usage_is_found_in_every_form_however_it_is_torn() {
        let chat = r#"{"model":"m-1","choices":[{"index":0,"finish_reason":"stop","message":{"content":"Hello"}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}"#;
        let stream = "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m-1\",\"usage\":{\"input_tokens\":6,\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\r\n\r\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let google = r#"{"modelVersion":"m-1","candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"cachedContentTokenCount":4}}"#;
        let embeddings =
            r#"{"model":"m-1","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":10,"total_tokens":10}}"#;
        let transcript = "data: {\"type\":\"transcript.done\",\"model\":\"m-1\",\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}\n\n";
        for (path, kind, body, cached, output) in [
            ("/chat/completions", "application/json", chat, 4, 5),
            ("/v1/messages?beta=true", "text/event-stream; charset=utf-8", stream, 4, 5),
            ("/models/m:generateContent", "application/json", google, 4, 5),
            ("/embeddings", "application/json", embeddings, 0, 0),
            ("/audio/transcriptions", "text/event-stream", transcript, 0, 5),
        ] {
            for piece in [1, 7, 4096] {
                let told = read(path, kind, body, piece);
                let tokens = told.tokens.unwrap();
                assert_eq!((tokens.input, tokens.cached, tokens.output), (10, cached, output), "{path} {piece}");
                assert_eq!((told.model.as_deref(), told.is_taken), (Some("m-1"), true), "{path} {piece}");
            }
        }
    }

    #[test]
    fn what_is_no_answer_in_text_is_not_guessed_at() {
        let told = read("/audio/speech", "audio/mpeg", "ID3 and so on", 4);
        assert_eq!((told.tokens, told.guess(10)), (None, None));
        let told = read(
            "/chat/completions",
            "text/event-stream",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello, you\"}}]}\n\n",
            9,
        );
        assert_eq!(told.guess(7), Some(Tokens { input: 7, output: 4, ..Tokens::default() }));
        assert_eq!(read("/responses", "application/json", "{nonsense", 3).tokens, None);
    }

    #[test]
    fn a_refusal_is_read_for_its_reason_only() {
        let mut meter = Meter::new("/responses");
        meter.head(429, &[("retry-after".to_owned(), "7".to_owned())]);
        meter.feed(br#"{"error":{"message":"slow down","type":"rate_limit_exceeded"}}"#);
        let failure = meter.end().unwrap_err();
        assert_eq!((failure.kind, failure.retry_after.unwrap().as_secs()), (chat::FailureKind::RateLimited, 7));
        assert!(!meter.told().is_taken);
    }

    #[test]
    fn a_text_without_spaces_is_still_a_text() {
        let (chinese, japanese) = ("你好世界，今天天气很好。".repeat(1000), "こんにちは世界".repeat(1000));
        let minified = "function(a,b){return a+b};".repeat(1000);
        for text in [&chinese, &japanese, &minified, &"A".repeat(30_000)] {
            let least = if text.is_ascii() { text.len() / 3 } else { text.chars().count() } as u64;
            for field in ["input", "text", "content", "data"] {
                let told = prompt_tokens(&json!({ field: text }));
                let is_file = field == "data" && text.starts_with('A');
                assert!(told >= least || is_file, "{field} {}: {told} < {least}", &text[..9]);
            }
        }
        assert!(prompt_tokens(&json!({ "text": format!("data:text/plain;base64,{}", "A".repeat(30_000)) })) > 10_000);
        assert_eq!(prompt_tokens(&json!("🎈🎈")), 4);
    }

    #[test]
    fn answers_at_once_are_counted() {
        let table = [
            (json!({ "n": 4 }), 4),
            (json!({ "n": 2, "best_of": 5 }), 5),
            (json!({ "generationConfig": { "candidateCount": 8 } }), 8),
            (json!({ "generation_config": { "candidate_count": 3 } }), 3),
            (json!({ "n": 0 }), 1),
            (json!({}), 1),
        ];
        for (fields, answers) in table {
            assert_eq!(answers_of(&fields), answers, "{fields}");
        }
    }

    #[test]
    fn what_is_kept_at_the_provider_is_known_as_that() {
        let table = [
            (json!({ "background": true }), Some("background")),
            (json!({ "background": false, "conversation": null }), None),
            (json!({ "previous_response_id": "r_1" }), Some("previous_response_id")),
            (json!({ "conversation": { "id": "c_1" } }), Some("conversation")),
            (json!({ "prompt": { "id": "p_1" } }), Some("prompt")),
            (json!({ "prompt": "Once upon a time" }), None),
            (json!({ "cachedContent": "cachedContents/1" }), Some("cachedContent")),
            (Value::Null, None),
        ];
        for (fields, found) in table {
            assert_eq!(unbounded(&fields), found, "{fields}");
        }
    }

    #[test]
    fn prompts_are_counted_and_files_by_the_piece() {
        let text = json!({ "input": "word ".repeat(600) });
        assert!((1000..1100).contains(&prompt_tokens(&text)), "{}", prompt_tokens(&text));
        let file = json!({ "image": "A".repeat(1 << 20) });
        assert!(prompt_tokens(&file) < 1700);
        let source = json!({ "source": { "media_type": "image/png", "data": "iVBORw0KGgo".repeat(1 << 16) } });
        let linked = json!({ "image_url": { "url": format!("data:image/png;base64,{}", "A".repeat(1 << 20)) } });
        assert!(prompt_tokens(&source) < 1700 && prompt_tokens(&linked) < 1700);
        assert_eq!(limit_of("/embeddings?x=1", &text), Some(0));
        assert_eq!(limit_of("/responses", &json!({ "max_output_tokens": 9 })), Some(9));
        assert_eq!(limit_of("/x:generateContent", &json!({ "generationConfig": { "maxOutputTokens": 8 } })), Some(8));
    }
}
