//! The network: the only file (with its children) that knows `reqwest` and `tungstenite`.
//!
//! A WebSocket is an HTTP/1.1 request that `reqwest` upgrades, so TLS, the system's trusted roots and its proxies are the
//! same for both.

mod answer;
mod dial;
#[cfg(test)]
pub(crate) mod fake;
mod refusal;
mod socket;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use reqwest::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, Response, StatusCode, Upgraded, redirect};
use secrecy::ExposeSecret;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::Url;

use crate::api::{Code, Problem};
use hyper_util::client::proxy::matcher::Matcher;

pub(crate) use dial::{Dial, is_loopback, secret_header};
pub(crate) use refusal::Refusal;
pub(crate) use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
pub(crate) use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<Upgraded>;

/// Time for name, TCP, proxy and TLS together.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Largest message that is accepted from a server, bytes.
const MAX_MESSAGE: usize = 64 << 20;

/// What differs from a plain start.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetOptions {
    /// Further trusted roots as PEM files.
    pub(crate) roots: Vec<Vec<u8>>,
    /// Proxy URL in the place of the system's proxy.
    pub(crate) proxy: Option<String>,
}

impl NetOptions {
    /// What the environment asks for: `SSL_CERT_FILE` is trusted on every system (Linux does so by itself, macOS and
    /// Windows only know their own store).
    pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let file = variable("SSL_CERT_FILE").and_then(|path| std::fs::read(path).ok());
        Self { roots: file.into_iter().collect(), proxy: None }
    }
}

/// HTTP and WebSocket connections. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Net {
    /// Through the system's proxy, if there is one.
    outward: Client,
    /// To this computer itself: never through a proxy.
    inward: Client,
    proxies: std::sync::Arc<Matcher>,
}

impl Net {
    /// Makes the clients; nothing is sent.
    pub(crate) fn new(options: NetOptions) -> Result<Self, Problem> {
        // A second call finds a provider in place, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (outward, proxies) = match &options.proxy {
            Some(url) => {
                let proxy = Proxy::all(url).map_err(|_| internal("the proxy's address is not a URL"))?;
                (client(&options)?.proxy(proxy), Matcher::builder().all(url.as_str()).build())
            }
            None => (client(&options)?, Matcher::from_system()),
        };
        let build = |builder: ClientBuilder| builder.build().map_err(|error| internal(&refusal::words(&error)));
        Ok(Self { outward: build(outward)?, inward: build(client(&options)?.no_proxy())?, proxies: proxies.into() })
    }

    /// Opens a WebSocket within `limit`.
    pub(crate) async fn connect(&self, dial: &Dial, limit: Duration) -> Result<Socket, Refusal> {
        let url = dial.http_url();
        if dial.has_secret() && !is_private(&url) {
            return Err(Refusal::Insecure);
        }
        let opening = tokio::time::timeout(limit, self.open(&url, dial));
        opening.await.unwrap_or(Err(Refusal::TimedOut)).map_err(|refusal| refusal.without_secrets(dial))
    }

    async fn open(&self, url: &Url, dial: &Dial) -> Result<Socket, Refusal> {
        let key = generate_key();
        let mut request = self
            .client(url)
            .get(url.clone())
            .headers(dial.headers.clone())
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        if !dial.subprotocols.is_empty() {
            let offered: Vec<&str> = dial.subprotocols.iter().map(ExposeSecret::expose_secret).collect();
            let value = secret_header(&offered.join(", "))
                .ok_or_else(|| Refusal::Unreachable("the key cannot be sent as a subprotocol".into()))?;
            request = request.header(SEC_WEBSOCKET_PROTOCOL, value);
        }
        let response = request.send().await.map_err(|error| self.refusal(url, error))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.declined(url, response).await);
        }
        answer::check(response.headers(), &key, &dial.subprotocols).map_err(|why| Refusal::Unreachable(why.into()))?;
        let stream = response.upgrade().await.map_err(|error| self.refusal(url, error))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE))
            .read_buffer_size(16 << 10)
            .write_buffer_size(0);
        Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
    }

    /// Status and JSON body (null when it is none) of a GET within `limit`.
    pub(crate) async fn get_json(
        &self,
        url: &Url,
        headers: HeaderMap,
        limit: Duration,
    ) -> Result<(u16, serde_json::Value), Refusal> {
        let dial = Dial { url: url.clone(), headers, subprotocols: Vec::new() };
        let url = dial.http_url();
        if dial.has_secret() && !is_private(&url) {
            return Err(Refusal::Insecure);
        }
        let asking = tokio::time::timeout(limit, async {
            let request = self.client(&url).get(url.clone()).headers(dial.headers.clone());
            let response = request.send().await.map_err(|error| self.refusal(&url, error))?;
            let status = response.status().as_u16();
            let body = answer::body(response).await;
            Ok((status, serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null)))
        });
        asking.await.unwrap_or(Err(Refusal::TimedOut)).map_err(|refusal| refusal.without_secrets(&dial))
    }

    /// Host and port of the proxy that `url` would go through.
    pub(crate) fn proxy(&self, url: &Url) -> Option<String> {
        if is_loopback(url) {
            return None;
        }
        let intercept = self.proxies.intercept(&url.as_str().parse().ok()?)?;
        intercept.uri().authority().map(ToString::to_string)
    }

    fn client(&self, url: &Url) -> &Client {
        if is_loopback(url) { &self.inward } else { &self.outward }
    }

    fn refusal(&self, url: &Url, error: reqwest::Error) -> Refusal {
        Refusal::of(&error.without_url(), url.host_str().unwrap_or_default(), self.proxy(url).as_deref())
    }

    /// The server (or a proxy in its place) gave a plain answer.
    async fn declined(&self, url: &Url, response: Response) -> Refusal {
        let status = response.status().as_u16();
        let proxy = self.proxy(url).filter(|_| status == 407 || url.scheme() == "http" && matches!(status, 502..=504));
        if let Some(proxy) = proxy {
            return Refusal::Proxy(format!("the proxy {proxy} answered HTTP {status}"));
        }
        let ray = response.headers().get("cf-ray").and_then(|ray| ray.to_str().ok()).map(str::to_owned);
        // Deepgram's reason for a refused upgrade.
        let stated = response.headers().get("dg-error").and_then(|words| words.to_str().ok()).map(answer::words);
        let (code, detail) = answer::reason(&answer::body(response).await);
        let detail = stated.filter(|words| !words.is_empty()).unwrap_or(detail);
        Refusal::Http { status, code, detail, ray }
    }
}

/// 128 random bits, for a token.
pub(crate) fn random() -> String {
    generate_key().trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// Whether nobody on the way can read along.
fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

fn client(options: &NetOptions) -> Result<ClientBuilder, Problem> {
    let mut roots = Vec::new();
    for pem in &options.roots {
        roots.extend(Certificate::from_pem_bundle(pem).map_err(|_| internal("a file of trusted roots is not PEM"))?);
    }
    let mut agent = HeaderValue::from_static(concat!("sidetone/", env!("CARGO_PKG_VERSION")));
    agent.set_sensitive(false);
    Ok(Client::builder()
        .user_agent(agent)
        .http1_only()
        .tls_certs_merge(roots)
        .redirect(redirect::Policy::none())
        .referer(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(15))
        .connect_timeout(CONNECT_LIMIT))
}

fn internal(detail: &str) -> Problem {
    Problem { code: Code::Internal, detail: detail.to_owned() }
}
