//! A gateway with scripted servers, keys and a ledger to look into.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use gateway::{
    Ask, DiskCache, Gateway, GatewayOptions, Header, Http, HttpRequest, HttpResponse, Keys, Ledger, Nanodollars, Order,
    Parts, Piece, Progress, ProviderId, Purpose, Receipt, Row, Settings, Sockets, Spent, Target,
};
use protocol::chat::{Delta, Failure, FailureKind, Message, Part, Request, Speaker, Wire};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// What a server does with one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A status, headers and a body in steps.
    Body(u16, Vec<(&'static str, String)>, Vec<Step>),
    /// No connection.
    Unreachable,
    /// No head, ever.
    Silent,
}

/// A part of a body.
#[derive(Clone)]
pub(crate) enum Step {
    Bytes(Bytes),
    Pause(Duration),
    Break,
}

impl Reply {
    pub(crate) fn stream(events: impl AsRef<str>) -> Self {
        Self::steps(vec![Step::Bytes(Bytes::copy_from_slice(events.as_ref().as_bytes()))])
    }

    pub(crate) fn steps(steps: Vec<Step>) -> Self {
        Self::Body(200, vec![("content-type", "text/event-stream".to_owned())], steps)
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        let bytes = Step::Bytes(Bytes::from(body.to_string()));
        Self::Body(status, vec![("content-type", "application/json".to_owned())], vec![bytes])
    }

    pub(crate) fn error(status: u16) -> Self {
        Self::json(status, &serde_json::json!({ "error": { "message": "no", "type": "error" } }))
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Body(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A short, whole answer that says "Hello", on any wire: 10 tokens in, 4 of them cached, 5 out.
pub(crate) fn hello(wire: Wire, is_stream: bool) -> Reply {
    use serde_json::json;
    if !is_stream {
        return Reply::json(
            200,
            &match wire {
                Wire::OpenaiChat => json!({ "model": "m-1", "choices": [{ "index": 0, "finish_reason": "stop",
                "message": { "role": "assistant", "content": "Hello" } }],
                "usage": { "prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": { "cached_tokens": 4 } } }),
                Wire::OpenaiResponses => json!({ "model": "m-1", "status": "completed", "object": "response",
                "output": [{ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "Hello" }] }],
                "usage": { "input_tokens": 10, "output_tokens": 5, "input_tokens_details": { "cached_tokens": 4 } } }),
                Wire::AnthropicMessages => json!({ "type": "message", "model": "m-1", "stop_reason": "end_turn",
                "content": [{ "type": "text", "text": "Hello" }],
                "usage": { "input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 5 } }),
                Wire::GoogleGenerate => json!({ "modelVersion": "m-1", "candidates": [{ "finishReason": "STOP",
                "content": { "role": "model", "parts": [{ "text": "Hello" }] } }],
                "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 5, "cachedContentTokenCount": 4 } }),
            },
        );
    }
    Reply::stream(match wire {
        Wire::OpenaiChat => concat!(
            ": keep-alive\n\n",
            r#"data: {"object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}"#,
            "\n\n",
            r#"data: {"object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}"#,
            "\n\n",
            r#"data: {"object":"chat.completion.chunk","model":"m-1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}"#,
            "\n\n",
            "data: [DONE]\n\n",
        ),
        Wire::OpenaiResponses => concat!(
            "event: response.created\n",
            r#"data: {"type":"response.created","response":{"model":"m-1","status":"in_progress"}}"#,
            "\n\n",
            "event: response.output_text.delta\n",
            r#"data: {"type":"response.output_text.delta","delta":"Hello"}"#,
            "\n\n",
            "event: response.completed\n",
            r#"data: {"type":"response.completed","response":{"model":"m-1","status":"completed","output":[],"usage":{"input_tokens":10,"output_tokens":5,"input_tokens_details":{"cached_tokens":4}}}}"#,
            "\n\n",
        ),
        Wire::AnthropicMessages => concat!(
            "event: message_start\n",
            r#"data: {"type":"message_start","message":{"model":"m-1","usage":{"input_tokens":6,"cache_read_input_tokens":4,"output_tokens":1}}}"#,
            "\n\n",
            "event: content_block_start\n",
            r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            "\n\n",
            "event: content_block_delta\n",
            r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#,
            "\n\n",
            "event: message_delta\n",
            r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}"#,
            "\n\n",
            "event: message_stop\n",
            r#"data: {"type":"message_stop"}"#,
            "\n\n",
        ),
        Wire::GoogleGenerate => concat!(
            r#"data: {"modelVersion":"m-1","candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]}}]}"#,
            "\r\n\r\n",
            r#"data: {"modelVersion":"m-1","candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"cachedContentTokenCount":4}}"#,
            "\r\n\r\n",
        ),
    })
}

/// The same for the wire of most.
pub(crate) fn openai_hello() -> Reply {
    hello(Wire::OpenaiChat, true)
}

/// Scripted servers: each request takes the next reply, the last one is repeated.
#[derive(Default)]
pub(crate) struct Server {
    replies: Mutex<VecDeque<Reply>>,
    pub(crate) seen: Mutex<Vec<HttpRequest>>,
    /// Connections that are open now.
    pub(crate) open: Arc<AtomicUsize>,
}

impl Http for Server {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, Failure>> {
        self.seen.lock().unwrap().push(request);
        let mut replies = self.replies.lock().unwrap();
        let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
        let connection = Connection::new(&self.open);
        async move {
            match reply {
                None | Some(Reply::Unreachable) => Err(Failure::new(FailureKind::Unreachable, "refused")),
                Some(Reply::Silent) => {
                    let _connection = connection;
                    std::future::pending().await
                }
                Some(Reply::Body(status, headers, steps)) => {
                    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                    Ok(HttpResponse { status, headers, body: body(steps, connection) })
                }
            }
        }
        .boxed()
    }
}

fn body(steps: Vec<Step>, connection: Connection) -> stream::BoxStream<'static, Result<Bytes, Failure>> {
    stream::unfold((VecDeque::from(steps), connection), |(mut steps, connection)| async move {
        loop {
            match steps.pop_front()? {
                Step::Bytes(bytes) => return Some((Ok(bytes), (steps, connection))),
                Step::Pause(time) => tokio::time::sleep(time).await,
                Step::Break => {
                    return Some((Err(Failure::new(FailureKind::Broken, "cut")), (VecDeque::new(), connection)));
                }
            }
        }
    })
    .boxed()
}

struct Connection(Arc<AtomicUsize>);

impl Connection {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A key for every provider, `key-of-{provider}`, and a token for the gateway.
pub(crate) struct Ring {
    pub(crate) has_keys: bool,
    pub(crate) has_token: bool,
    pub(crate) vertex: String,
    /// Providers without a key all the same.
    pub(crate) lacking: &'static [&'static str],
}

impl Keys for Ring {
    fn key(&self, provider: &ProviderId) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        let key = match provider.as_str() {
            "google-vertex" => self.vertex.clone(),
            other => format!("key-of-{other}"),
        };
        let has_key = self.has_keys && !self.lacking.contains(&provider.as_str());
        std::future::ready(Ok(has_key.then(|| key.into()))).boxed()
    }

    fn gateway_token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Failure>> {
        std::future::ready(Ok(self.has_token.then(|| "token-of-cloudflare".into()))).boxed()
    }
}

/// Rows to look at; what was spent is their sum.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) rows: Mutex<Vec<Row>>,
}

impl Ledger for Book {
    fn write(&self, row: Row) {
        self.rows.lock().unwrap().push(row);
    }

    fn spent(&self, conversation: Option<i64>) -> BoxFuture<'_, Result<Spent, Failure>> {
        let rows = self.rows.lock().unwrap();
        let sum = |of: &dyn Fn(&Row) -> bool| {
            let costs = rows.iter().filter(|row| of(row)).filter_map(|row| row.cost);
            costs.fold(Nanodollars::ZERO, |sum, cost| sum + cost)
        };
        let all = sum(&|_| true);
        let own = sum(&|row| row.conversation == conversation);
        std::future::ready(Ok(Spent { conversation: own, day: all, month: all })).boxed()
    }
}

/// Bytes, and until when they are kept.
type File = (Vec<u8>, Instant);

/// A disk in memory.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) files: Mutex<HashMap<[u8; 32], File>>,
}

impl DiskCache for Disk {
    fn load(&self, key: [u8; 32]) -> BoxFuture<'_, Option<(Vec<u8>, Duration)>> {
        let file = self.files.lock().unwrap().get(&key).cloned();
        let file = file.map(|(value, until)| (value, until.saturating_duration_since(Instant::now())));
        std::future::ready(file.filter(|(_, left)| !left.is_zero())).boxed()
    }

    fn store(&self, key: [u8; 32], value: Vec<u8>, keep: Duration) {
        self.files.lock().unwrap().insert(key, (value, Instant::now() + keep));
    }
}

/// A gateway and all around it.
pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) server: Arc<Server>,
    pub(crate) book: Arc<Book>,
    pub(crate) settings: watch::Sender<Arc<Settings>>,
}

impl Rig {
    pub(crate) fn new(settings: Settings) -> Self {
        let ring = Ring { has_keys: true, has_token: true, vertex: String::new(), lacking: &[] };
        Self::with(settings, ring, None)
    }

    pub(crate) fn with(settings: Settings, ring: Ring, disk: Option<Arc<dyn DiskCache>>) -> Self {
        Self::made(settings, ring, disk, None)
    }

    pub(crate) fn with_sockets(settings: Settings, sockets: Arc<dyn Sockets>) -> Self {
        let ring = Ring { has_keys: true, has_token: true, vertex: String::new(), lacking: &[] };
        Self::made(settings, ring, None, Some(sockets))
    }

    fn made(
        settings: Settings,
        ring: Ring,
        disk: Option<Arc<dyn DiskCache>>,
        sockets: Option<Arc<dyn Sockets>>,
    ) -> Self {
        let server = Arc::new(Server::default());
        let book = Arc::new(Book::default());
        let (sender, receiver) = watch::channel(Arc::new(settings));
        let gateway = Gateway::new(Parts {
            http: Arc::clone(&server) as Arc<dyn Http>,
            sockets,
            keys: Arc::new(ring),
            ledger: Arc::clone(&book) as Arc<dyn Ledger>,
            disk,
            settings: receiver,
        });
        Self { gateway, server, book, settings: sender }
    }

    /// The replies to come, in place of those before.
    pub(crate) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        *self.server.replies.lock().unwrap() = replies.into_iter().collect();
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Outcome {
        collect(self.gateway.ask(ask)).await
    }

    pub(crate) fn sent(&self) -> usize {
        self.server.seen.lock().unwrap().len()
    }

    pub(crate) fn last_row(&self) -> Row {
        self.book.rows.lock().unwrap().last().unwrap().clone()
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.server.open.load(Ordering::SeqCst)
    }
}

/// All pieces, sorted out.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) receipt: Receipt,
    pub(crate) failure: Option<Failure>,
}

impl Outcome {
    pub(crate) fn kind(&self) -> Option<FailureKind> {
        self.failure.as_ref().map(|failure| failure.kind)
    }

    pub(crate) fn fell_back(&self) -> Vec<(String, FailureKind)> {
        let pieces = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Progress(Progress::FellBack { to, why, .. }) => Some((to.provider.0.clone(), why.kind)),
            _ => None,
        });
        pieces.collect()
    }

    pub(crate) fn waits(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Progress(Progress::Waiting { .. }))).count()
    }
}

pub(crate) async fn collect(mut pieces: mpsc::Receiver<Piece>) -> Outcome {
    let mut all = Vec::new();
    while let Some(piece) = pieces.recv().await {
        all.push(piece);
    }
    let text = all.iter().filter_map(|piece| match piece {
        Piece::Delta(Delta::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let text = text.collect();
    let ends = all.iter().filter(|piece| matches!(piece, Piece::Receipt(_) | Piece::Failed(..))).count();
    assert_eq!(ends, 1, "one end: {all:?}");
    let (receipt, failure) = match all.last().unwrap() {
        Piece::Receipt(receipt) => (receipt.clone(), None),
        Piece::Failed(failure, receipt) => (receipt.clone(), Some(failure.clone())),
        other => panic!("not an end: {other:?}"),
    };
    Outcome { text, receipt, failure, pieces: all }
}

pub(crate) fn target(provider: &str, model: &str) -> Target {
    Target { provider: provider.into(), model: model.to_owned() }
}

/// A question to these, in this order.
pub(crate) fn ask(targets: &[(&str, &str)]) -> Ask {
    let text = Part::Text { text: "Say hello.".to_owned() };
    Ask {
        request: Request {
            model: String::new(),
            messages: vec![Message { role: Speaker::User, parts: vec![text] }],
            temperature: None,
            max_output: None,
            effort: None,
            tools: Vec::new(),
            raw: None,
        },
        order: Order::Chain(targets.iter().map(|(provider, model)| target(provider, model)).collect()),
        spares: Vec::new(),
        purpose: Purpose::Chat,
        profile: "default".to_owned(),
        conversation: Some(1),
        is_stream: true,
        cache: None,
        route: None,
        options: GatewayOptions::default(),
    }
}

/// The value of a header of a request.
pub(crate) fn header(request: &HttpRequest, name: &str) -> Option<String> {
    request.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| match value {
        Header::Plain(value) => value.clone(),
        Header::Secret(value) => value.expose_secret().to_owned(),
    })
}
