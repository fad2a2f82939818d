//! A bare client of the protocol: it checks every frame it gets against the schema of server events.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "tests")]

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use emulator::{Emulator, Script};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longest wait for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) answer: Response<Option<Vec<u8>>>,
}

/// What a client reads.
#[derive(Debug)]
pub(crate) enum Got {
    Event(Value),
    /// Text that is no event of the protocol.
    Odd(String),
    Binary(Vec<u8>),
    Closed(u16, String),
    Lost,
}

pub(crate) async fn start(script: Script) -> Emulator {
    Emulator::start(script).await.unwrap()
}

/// Opens `url` (http) with these headers.
pub(crate) async fn open(url: &str, headers: &[(&str, &str)]) -> Result<Client, Error> {
    let mut request = url.replacen("http", "ws", 1).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    let (socket, answer) = tokio::time::timeout(LIMIT, tokio_tungstenite::connect_async(request)).await.unwrap()?;
    Ok(Client { socket, answer })
}

/// A client of the emulator's API, with a key.
pub(crate) async fn connect(emulator: &Emulator) -> Client {
    let url = format!("{}/realtime?model=gpt-realtime-2.1", emulator.base_url());
    open(&url, &[("authorization", "Bearer sk-good")]).await.unwrap()
}

/// A client in a session with manual turns.
pub(crate) async fn push_to_talk(emulator: &Emulator) -> Client {
    let mut client = connect(emulator).await;
    client.until("session.created").await;
    client.configure(Value::Null).await;
    client
}

impl Client {
    pub(crate) async fn configure(&mut self, turn_detection: Value) {
        let input = json!({"turn_detection": turn_detection, "transcription": {"model": "gpt-4o-mini-transcribe"}});
        self.send(json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": input}}})).await;
        self.until("session.updated").await;
    }

    pub(crate) async fn send(&mut self, event: Value) {
        self.socket.send(Message::text(event.to_string())).await.unwrap();
    }

    /// Sends, and does not mind a connection that is gone.
    pub(crate) async fn try_send(&mut self, event: Value) {
        let _ = self.socket.send(Message::text(event.to_string())).await;
    }

    pub(crate) async fn append(&mut self, pcm: &[i16]) {
        for piece in pcm.chunks(960) {
            self.try_send(append(piece)).await;
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        let item = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
        self.try_send(json!({"type": "conversation.item.create", "item": item})).await;
    }

    /// One thing from the server; events are checked against the schema.
    pub(crate) async fn next(&mut self) -> Got {
        loop {
            let message = tokio::time::timeout(LIMIT, self.socket.next()).await.expect("the server is silent");
            return match message {
                Some(Ok(Message::Text(text))) => match serde_json::from_str::<Value>(&text) {
                    Ok(event) if emulator::server_violation(&event).is_none() => Got::Event(event),
                    _ => Got::Odd(text.to_string()),
                },
                Some(Ok(Message::Binary(bytes))) => Got::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(Some(frame)))) => Got::Closed(frame.code.into(), frame.reason.to_string()),
                Some(Ok(Message::Close(None))) => Got::Closed(1005, String::new()),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(_)) | None => Got::Lost,
            };
        }
    }

    /// The next event; anything else is a failure.
    pub(crate) async fn event(&mut self) -> Value {
        match self.next().await {
            Got::Event(event) => event,
            other => panic!("no event but {other:?}"),
        }
    }

    /// Events up to and with the first of this type.
    pub(crate) async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let is_last = event["type"] == kind;
            assert!(kind == "error" || event["type"] != "error", "{event}");
            events.push(event);
            if is_last {
                return events;
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            let got = self.next().await;
            let is_end = matches!(got, Got::Closed(..) | Got::Lost);
            all.push(got);
            if is_end {
                return all;
            }
        }
    }

    /// The error that this event is refused with.
    pub(crate) async fn refused(&mut self, event: Value) -> Value {
        self.send(event).await;
        let mut events = self.until("error").await;
        events.pop().unwrap()["error"].clone()
    }

    /// A whole spoken turn, by hand; all events up to `rate_limits.updated`.
    pub(crate) async fn spoken_turn(&mut self) -> Vec<Value> {
        self.append(&speech(800)).await;
        self.send(json!({"type": "input_audio_buffer.commit"})).await;
        self.send(json!({"type": "response.create"})).await;
        self.until("rate_limits.updated").await
    }
}

pub(crate) fn append(pcm: &[i16]) -> Value {
    json!({"type": "input_audio_buffer.append", "audio": base64(pcm)})
}

pub(crate) fn base64(pcm: &[i16]) -> String {
    BASE64_STANDARD.encode(pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>())
}

/// Something as loud as speech, at 24 kHz.
pub(crate) fn speech(millis: usize) -> Vec<i16> {
    (0..millis * 24).map(|index| ((index as f32 * 0.06).sin() * 6000.0) as i16).collect()
}

pub(crate) fn silence(millis: usize) -> Vec<i16> {
    vec![0; millis * 24]
}

/// Types in order, with repetitions of deltas joined.
pub(crate) fn kinds(events: &[Value]) -> Vec<String> {
    let mut kinds: Vec<String> = events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    kinds.dedup();
    kinds
}

/// Events of this type.
pub(crate) fn of<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

pub(crate) fn joined(events: &[Value], kind: &str) -> String {
    of(events, kind).iter().map(|event| event["delta"].as_str().unwrap()).collect()
}

/// All audio in the deltas, as bytes.
pub(crate) fn audio(events: &[Value]) -> Vec<u8> {
    let deltas = of(events, "response.output_audio.delta");
    deltas.iter().flat_map(|event| BASE64_STANDARD.decode(event["delta"].as_str().unwrap()).unwrap()).collect()
}

/// Status and body of a list of models.
pub(crate) async fn models(emulator: &Emulator, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut stream = TcpStream::connect(emulator.addr()).await.unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}
