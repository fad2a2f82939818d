//! What the gateway is given: HTTP, WebSockets, keys, a ledger, a disk.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use protocol::chat::Failure;
use secrecy::SecretString;
use tokio::sync::{mpsc, watch};

use crate::{Nanodollars, ProviderId, Row, Settings, Tried};

/// All that the gateway needs from outside.
#[derive(Clone)]
pub struct Parts {
    /// Moves requests.
    pub http: Arc<dyn Http>,
    /// Opens WebSockets; `None`: requests go over HTTP whatever the settings say.
    pub sockets: Option<Arc<dyn Sockets>>,
    /// Knows the keys.
    pub keys: Arc<dyn Keys>,
    /// Remembers what was asked and spent.
    pub ledger: Arc<dyn Ledger>,
    /// Keeps answers over a restart.
    pub disk: Option<Arc<dyn DiskCache>>,
    /// What the user set; every request takes the newest.
    pub settings: watch::Receiver<Arc<Settings>>,
}

/// An HTTP client.
///
/// It must not follow redirects (credentials never follow one), must not retry, and must not log headers. Dropping the
/// future or the body closes the connection. Timeouts and size limits are kept by the caller.
pub trait Http: Send + Sync {
    /// Sends, and answers when the head of the response is there, whatever its status. Fails with
    /// [`FailureKind::Unreachable`](protocol::chat::FailureKind::Unreachable) when there is none.
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, Failure>>;
}

/// A client of WebSockets. It must neither follow redirects nor log headers, and keeps open sockets alive.
pub trait Sockets: Send + Sync {
    /// Opens a WebSocket at the request's `https` address, with its headers. Fails with the server's refusal, or with
    /// [`FailureKind::Unreachable`](protocol::chat::FailureKind::Unreachable) when there is none.
    fn open(&self, request: HttpRequest) -> BoxFuture<'static, Result<Socket, Failure>>;
}

/// An open WebSocket that carries texts. Dropped, it closes.
#[derive(Debug)]
pub struct Socket {
    /// Texts to the server.
    pub outgoing: mpsc::Sender<String>,
    /// Texts from the server; ends with the socket.
    pub incoming: mpsc::Receiver<Result<String, Failure>>,
}

/// A request to send. Its `Debug` shows neither keys nor what is said.
#[derive(Clone)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where; holds no secret.
    pub url: String,
    /// Names are lower case.
    pub headers: Vec<(&'static str, Header)>,
    /// Empty for `GET`.
    pub body: Bytes,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, headers, body } = self;
        write!(f, "{method:?} {url} with {headers:?} and {} bytes", body.len())
    }
}

/// `GET` or `POST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// The value of a header.
#[derive(Debug, Clone)]
pub enum Header {
    /// May be shown.
    Plain(String),
    /// May not: a key.
    Secret(SecretString),
}

/// A response, its body still to come.
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as it comes.
    pub body: BoxStream<'static, Result<Bytes, Failure>>,
}

/// The keys of the user.
pub trait Keys: Send + Sync {
    /// The key of a provider (for Vertex AI: the service account's JSON). `Ok(None)`: there is none. Fails when they
    /// cannot be read now, such as a locked keychain.
    fn key(&self, provider: &ProviderId) -> BoxFuture<'_, Result<Option<SecretString>, Failure>>;
    /// The token for Cloudflare AI Gateway.
    fn gateway_token(&self) -> BoxFuture<'_, Result<Option<SecretString>, Failure>>;
}

/// Where requests are written down.
pub trait Ledger: Send + Sync {
    /// Writes a row; called once for each request, in the order of their ends. Must not block.
    fn write(&self, row: Row);
    /// What was spent so far, rows already written included. Asked for only when there is a budget.
    fn spent(&self, conversation: Option<i64>) -> BoxFuture<'_, Result<Spent, Failure>>;
    /// Tells other programs with the same ledger that so much is set aside, as long as the answer is kept; what they set
    /// aside is part of [`Ledger::spent`]. `None`: there is nobody to be told. Asked for only when there is a budget.
    fn announce(&self, _conversation: Option<i64>, _amount: Nanodollars) -> BoxFuture<'_, Option<Announced>> {
        Box::pin(std::future::ready(None))
    }
    /// How requests of earlier runs went, oldest first. Asked for once, before somebody is first chosen by that.
    fn tried(&self) -> BoxFuture<'_, Vec<Tried>> {
        Box::pin(std::future::ready(Vec::new()))
    }
}

/// Takes back what was told when dropped.
pub type Announced = Box<dyn Any + Send + Sync>;

/// What was spent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// In the conversation; zero without one.
    pub conversation: Nanodollars,
    /// Since midnight, local time.
    pub day: Nanodollars,
    /// Since the first of the month, local time.
    pub month: Nanodollars,
}

/// Answers on the disk.
pub trait DiskCache: Send + Sync {
    /// The value with the time that it may still be kept, unless it is not there or too old.
    fn load(&self, key: [u8; 32]) -> BoxFuture<'_, Option<(Vec<u8>, Duration)>>;
    /// Keeps a value for a time. Must not block.
    fn store(&self, key: [u8; 32], value: Vec<u8>, keep: Duration);
}
