//! The other end of the wire: just enough of the Realtime protocol for a client to stream its microphone and play what
//! it is sent. It never answers by itself, so nothing but the client is measured.

use std::f64::consts::TAU;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tests::Sound;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::Message;

const RATE: u32 = 24_000;
const LOUD: u16 = 6_000;

/// A marker that came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// Length of the message it came in.
    pub(crate) append_ms: f64,
}

#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    outbox: broadcast::Sender<String>,
    seen: Arc<Mutex<Seens>>,
    answers: Mutex<u32>,
}

#[derive(Debug, Default)]
struct Seens {
    is_ready: bool,
    markers: Vec<Seen>,
    quiet: usize,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (outbox, _) = broadcast::channel(4096);
        let seen = Arc::new(Mutex::new(Seens { quiet: RATE as usize, ..Seens::default() }));
        let (sender, sink) = (outbox.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.subscribe(), Arc::clone(&sink)));
            }
        });
        Self { port, outbox, seen, answers: Mutex::new(0) }
    }

    /// For clients that want the whole base.
    pub(crate) fn url(&self) -> String {
        format!("{}/v1", self.address())
    }

    /// Without a path.
    pub(crate) fn address(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Whether a client has configured its session.
    pub(crate) fn is_connected(&self) -> bool {
        self.seen.lock().expect("the server").is_ready
    }

    /// When the first marker after `since` came in.
    pub(crate) async fn marker_after(&self, since: Instant, limit: Duration) -> Option<Seen> {
        while since.elapsed() < limit {
            let found = self.seen.lock().expect("the server").markers.iter().find(|seen| seen.at > since).copied();
            if found.is_some() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        None
    }

    /// Sends an answer that is one marker; gives the moment its audio was sent.
    pub(crate) async fn play_marker(&self) -> Instant {
        let sound = Sound::chirp(120, RATE).then(&Sound::silence(200, RATE));
        let answer = self.begin();
        let sent = self.delta(answer, &sound.samples);
        self.end(answer);
        tokio::task::yield_now().await;
        sent
    }

    /// Sends an answer that is a long tone, all at once.
    pub(crate) async fn play_tone(&self, length: Duration) -> Instant {
        let answer = self.begin();
        let samples = tone(0, (f64::from(RATE) * length.as_secs_f64()) as usize);
        let sent = Instant::now();
        for piece in samples.chunks(4800) {
            self.delta(answer, piece);
        }
        self.end(answer);
        tokio::task::yield_now().await;
        sent
    }

    /// Sends a tone as fast as it plays, in pieces of 40 ms that come up to 80 ms early or late. After 5 s `settled`
    /// is called; returns 500 ms before its end is heard.
    pub(crate) async fn play_with_jitter(&self, length: Duration, settled: impl FnOnce()) {
        const PIECE: Duration = Duration::from_millis(40);
        const SPREAD: i64 = 80;
        let answer = self.begin();
        let start = Instant::now() + Duration::from_millis(100);
        let count = (length.as_millis() / PIECE.as_millis()) as u32;
        let samples = (RATE * 40 / 1000) as usize;
        let mut settled = Some(settled);
        let mut random = 7u64;
        for index in 0..count {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let late = (random >> 33) as i64 % (2 * SPREAD + 1) - SPREAD;
            let due = start + PIECE * index;
            let due = if late < 0 {
                due - Duration::from_millis(late.unsigned_abs())
            } else {
                due + Duration::from_millis(late.unsigned_abs())
            };
            tokio::time::sleep_until(due.into()).await;
            self.delta(answer, &tone(index as usize * samples, samples));
            if start.elapsed() > Duration::from_secs(5)
                && let Some(settled) = settled.take()
            {
                settled();
            }
        }
        self.end(answer);
    }

    /// The user begins to speak, as the server hears it; gives the moment it was said.
    pub(crate) async fn speech_started(&self, turn: usize) -> Instant {
        self.event(&json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": format!("user_{turn}") }));
        tokio::task::yield_now().await;
        Instant::now()
    }

    /// The user is done.
    pub(crate) async fn speech_stopped(&self, turn: usize) {
        let item = format!("user_{turn}");
        self.event(&json!({ "type": "input_audio_buffer.speech_stopped", "audio_end_ms": 500, "item_id": item }));
        self.event(&json!({ "type": "input_audio_buffer.committed", "previous_item_id": null, "item_id": item }));
        tokio::task::yield_now().await;
    }

    fn begin(&self) -> u32 {
        let mut answers = self.answers.lock().expect("the server");
        *answers += 1;
        let (response, item) = (response(*answers, "in_progress"), item(*answers, "in_progress"));
        let id = &response["id"];
        self.event(&json!({ "type": "response.created", "response": response }));
        self.event(
            &json!({ "type": "response.output_item.added", "response_id": id, "output_index": 0, "item": item }),
        );
        self.event(&json!({ "type": "conversation.item.added", "previous_item_id": null, "item": item }));
        self.event(&json!({ "type": "response.content_part.added", "response_id": id, "item_id": item["id"],
            "output_index": 0, "content_index": 0, "part": { "type": "audio", "transcript": "" } }));
        *answers
    }

    fn delta(&self, answer: u32, samples: &[i16]) -> Instant {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let sent = Instant::now();
        self.event(&json!({ "type": "response.output_audio.delta", "response_id": format!("resp_{answer}"),
            "item_id": format!("item_{answer}"), "output_index": 0, "content_index": 0, "delta": STANDARD.encode(bytes) }));
        sent
    }

    fn end(&self, answer: u32) {
        let (response, item) = (response(answer, "completed"), item(answer, "completed"));
        let id = &response["id"];
        self.event(&json!({ "type": "response.output_audio.done", "response_id": id, "item_id": item["id"],
            "output_index": 0, "content_index": 0 }));
        self.event(&json!({ "type": "response.output_item.done", "response_id": id, "output_index": 0, "item": item }));
        self.event(&json!({ "type": "response.done", "response": response }));
    }

    fn event(&self, event: &Value) {
        let mut event = event.clone();
        event["event_id"] = json!("event");
        // Nobody connected: nothing to measure, and the caller finds out by waiting in vain.
        let _ = self.outbox.send(event.to_string());
    }
}

fn response(answer: u32, status: &str) -> Value {
    json!({ "id": format!("resp_{answer}"), "object": "realtime.response", "status": status, "status_details": null,
        "output": [], "conversation_id": "conv", "output_modalities": ["audio"], "max_output_tokens": "inf",
        "metadata": null, "usage": null })
}

fn item(answer: u32, status: &str) -> Value {
    json!({ "id": format!("item_{answer}"), "type": "message", "object": "realtime.item", "status": status,
        "role": "assistant", "content": [] })
}

fn tone(from: usize, count: usize) -> Vec<i16> {
    let sine = |index: usize| (12_000.0 * (index as f64 * 440.0 * TAU / f64::from(RATE)).sin()) as i16;
    (from..from + count).map(sine).collect()
}

async fn serve(stream: TcpStream, mut outbox: broadcast::Receiver<String>, seen: Arc<Mutex<Seens>>) {
    let _ = stream.set_nodelay(true);
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let choose = |request: &Request, mut response: Response| {
        let offered =
            request.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok()).unwrap_or("");
        if offered.split(',').any(|name| name.trim() == "realtime") {
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("realtime"));
        }
        Ok(response)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, choose).await else { return };
    let (mut sender, mut receiver) = socket.split();
    let session = json!({ "type": "realtime", "object": "realtime.session", "id": "sess", "model": "bench",
        "output_modalities": ["audio"], "audio": { "input": {}, "output": { "voice": "marin" } } });
    let say = |kind: &str| Message::text(json!({ "type": kind, "event_id": "event", "session": session }).to_string());
    if sender.send(say("session.created")).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            Ok(event) = outbox.recv() => {
                if sender.send(Message::text(event)).await.is_err() {
                    return;
                }
            }
            message = receiver.next() => {
                let now = Instant::now();
                let Some(Ok(message)) = message else { return };
                let Ok(text) = message.to_text() else { continue };
                let Ok(event) = serde_json::from_str::<Value>(text) else { continue };
                match event["type"].as_str() {
                    Some("session.update") => {
                        if sender.send(say("session.updated")).await.is_err() {
                            return;
                        }
                        seen.lock().expect("the server").is_ready = true;
                    }
                    Some("input_audio_buffer.append") => {
                        let bytes = STANDARD.decode(event["audio"].as_str().unwrap_or_default()).unwrap_or_default();
                        seen.lock().expect("the server").take(&bytes, now);
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Seens {
    fn take(&mut self, bytes: &[u8], at: Instant) {
        let append_ms = bytes.len() as f64 / 2.0 / f64::from(RATE) * 1000.0;
        for pair in bytes.chunks_exact(2) {
            if i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > LOUD {
                if self.quiet > RATE as usize / 4 {
                    self.markers.push(Seen { at, append_ms });
                }
                self.quiet = 0;
            } else {
                self.quiet += 1;
            }
        }
    }
}
