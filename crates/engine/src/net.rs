//! The network: the only file (with its children) that knows `reqwest` and `tungstenite`.

mod dial;
mod refusal;

use std::time::Duration;

use reqwest::Upgraded;
use reqwest::header::HeaderMap;
use tokio_tungstenite::WebSocketStream;
use url::Url;

use crate::api::Problem;
pub(crate) use dial::Dial;
pub(crate) use refusal::Refusal;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<Upgraded>;

/// What differs from a plain start; everything in it is for tests and for locked-down networks.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetOptions {
    /// Further trusted roots, PEM.
    pub(crate) roots: Vec<Vec<u8>>,
    /// Proxy URL instead of the system's.
    pub(crate) proxy: Option<String>,
}

/// HTTP and WebSocket clients. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Net {}

impl Net {
    /// Makes the clients; nothing is sent.
    pub(crate) fn new(_options: NetOptions) -> Result<Self, Problem> {
        Ok(Self {})
    }

    /// Opens a WebSocket within `limit`.
    pub(crate) async fn connect(&self, _dial: &Dial, _limit: Duration) -> Result<Socket, Refusal> {
        Err(Refusal::TimedOut)
    }

    /// Status and JSON body (`Null` when it is none) of a GET within `limit`.
    pub(crate) async fn get_json(&self, _url: &Url, _headers: HeaderMap, _limit: Duration) -> Result<(u16, serde_json::Value), Refusal> {
        Err(Refusal::TimedOut)
    }
}
