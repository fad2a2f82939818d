//! A bare HTTP client that shows what comes over the wire, chunk by chunk.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use emulator::chat::Fakes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 if nothing came.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The chunks of the body as they were sent.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// The body ended as it should.
    pub(crate) is_complete: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap_or_default()
    }

    /// The events of the stream: (name, data). Comments are left out.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        let text = self.text().replace("\r\n", "\n");
        let mut events = Vec::new();
        for block in text.split("\n\n") {
            let field = |name: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
            };
            let data = field("data");
            if !data.is_empty() {
                events.push((field("event"), data));
            }
        }
        events
    }

    /// The data of the events that are JSON.
    pub(crate) fn data(&self) -> Vec<Value> {
        self.events().iter().filter_map(|(_, data)| serde_json::from_str(data).ok()).collect()
    }

    /// What stands at this place in the events, joined.
    pub(crate) fn joined(&self, pointer: &str) -> String {
        self.data().iter().filter_map(|data| data.pointer(pointer)?.as_str().map(str::to_owned)).collect()
    }
}

/// Sends a request and reads the answer to its end.
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    post_text(url, headers, &body.to_string()).await
}

/// The same with a body that is no JSON.
pub(crate) async fn post_text(url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut socket = send("POST", url, headers, body).await;
    let mut bytes = Vec::new();
    // A connection that breaks ends the answer too.
    let _ = socket.read_to_end(&mut bytes).await;
    parse(&bytes)
}

pub(crate) async fn get(url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut socket = send("GET", url, headers, "").await;
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes).await;
    parse(&bytes)
}

/// Sends a request and reads until it has seen enough or all, then goes away.
pub(crate) async fn glimpse(
    url: &str,
    headers: &[(&str, &str)],
    body: &Value,
    is_enough: impl Fn(&[u8]) -> bool,
) -> Answer {
    let mut socket = send("POST", url, headers, &body.to_string()).await;
    let mut bytes = Vec::new();
    while !is_enough(&bytes) && socket.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {}
    parse(&bytes)
}

/// Sends a request; the answer is still to be read.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let mut text =
        format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    socket.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
    socket
}

fn parse(bytes: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return answer };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    answer.status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    answer.headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    let mut rest = &bytes[end + 4..];
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..line]), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            answer.is_complete = true;
            break;
        }
        answer.chunks.push(rest[..size.min(rest.len())].to_vec());
        if rest.len() < size + 2 {
            break;
        }
        rest = &rest[size + 2..];
    }
    answer
}

/// What each provider wants in its headers, with the key `good`.
pub(crate) fn headers(provider: &str) -> Vec<(&'static str, &'static str)> {
    match provider {
        "anthropic" => vec![("x-api-key", "good"), ("anthropic-version", "2023-06-01")],
        "google-ai-studio" => vec![("x-goog-api-key", "good")],
        _ => vec![("authorization", "Bearer good")],
    }
}

/// Address and body of a small request in the provider's own format.
pub(crate) fn question(fakes: &Fakes, provider: &str, is_stream: bool) -> (String, Value) {
    let base = fakes.base_url(provider);
    let messages = json!([{"role": "user", "content": "Hello?"}]);
    match provider {
        "anthropic" => (
            format!("{base}/messages"),
            json!({"model": "m", "max_tokens": 99, "messages": messages, "stream": is_stream}),
        ),
        "google-ai-studio" | "google-vertex" => {
            let verb = if is_stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            (format!("{base}/models/m:{verb}"), json!({"contents": [{"role": "user", "parts": [{"text": "Hello?"}]}]}))
        }
        "perplexity" => (format!("{base}/responses"), json!({"model": "m", "input": "Hello?", "stream": is_stream})),
        _ => (format!("{base}/chat/completions"), json!({"model": "m", "messages": messages, "stream": is_stream})),
    }
}

/// Asks it.
pub(crate) async fn ask(fakes: &Fakes, provider: &str, is_stream: bool) -> Answer {
    let (url, body) = question(fakes, provider, is_stream);
    post(&url, &headers(provider), &body).await
}
