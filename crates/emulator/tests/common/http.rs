//! A bare HTTP client that shows what comes over the wire, chunk by chunk.

use emulator::chat::Fakes;
use serde_json::Value;
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
    let mut socket = send("POST", url, headers, &body.to_string()).await;
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

/// Sends a request and reads so many bytes (with the head), then goes away.
pub(crate) async fn glimpse(url: &str, headers: &[(&str, &str)], body: &Value, least: usize) -> Answer {
    let mut socket = send("POST", url, headers, &body.to_string()).await;
    let mut bytes = Vec::new();
    while bytes.len() < least && socket.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {}
    parse(&bytes)
}

/// Sends a request; the answer is still to be read.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let mut text = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n");
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
    answer.headers = lines.filter_map(|line| line.split_once(": ")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
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

/// Address for chat completions at this provider.
pub(crate) fn chat(fakes: &Fakes, provider: &str) -> String {
    format!("{}/chat/completions", fakes.base_url(provider))
}
