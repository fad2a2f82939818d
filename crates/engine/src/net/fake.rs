//! Servers and proxies on loopback for the tests of everything that dials.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// The head of one request, as text.
#[derive(Debug, Clone)]
pub(crate) struct Head(pub(crate) String);

impl Head {
    /// Method and target.
    pub(crate) fn line(&self) -> &str {
        self.0.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.0.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What a fake server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Status, further header lines, body.
    Http(u16, &'static str, String),
    /// A WebSocket: these messages, then a close with this code and reason, or an echo until the client closes.
    Socket { protocol: Option<String>, messages: Vec<String>, close: Option<(u16, &'static str)> },
    /// HTTP 101 with a wrong `Sec-WebSocket-Accept`.
    BadAccept,
    /// Nothing: the connection stays open.
    Silence,
    /// The connection is cut without an answer.
    Cut,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Http(status, "content-type: application/json\r\ncf-ray: 8f00-FRA\r\n", body.into())
    }

    pub(crate) fn echo() -> Self {
        Self::Socket { protocol: None, messages: Vec::new(), close: None }
    }

    /// What `OpenAI` does with a good key.
    pub(crate) fn session() -> Self {
        let created = r#"{"type":"session.created","event_id":"e1","session":{"type":"realtime","id":"s1"}}"#;
        Self::Socket { protocol: None, messages: vec![created.into()], close: None }
    }

    /// What `OpenAI` does with a bad one: 101, an error event, a close.
    pub(crate) fn error(kind: &str, code: Option<&str>, message: &str, close: u16) -> Self {
        let error = serde_json::json!({"type": "error", "event_id": "e1",
            "error": {"type": kind, "code": code, "message": message, "param": null, "event_id": null}});
        Self::Socket { protocol: None, messages: vec![error.to_string()], close: Some((close, "")) }
    }
}

/// A server on 127.0.0.1; gone when dropped.
pub(crate) struct Fake {
    pub(crate) addr: SocketAddr,
    heads: Arc<Mutex<Vec<Head>>>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&Head) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(None, answer).await
    }

    /// With TLS, certified by `root` for `voice.test` and this computer.
    pub(crate) async fn secure(root: &Root, answer: impl Fn(&Head) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(Some(root.acceptor()), answer).await
    }

    async fn serve(tls: Option<TlsAcceptor>, answer: impl Fn(&Head) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heads: Arc<Mutex<Vec<Head>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&heads), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, seen, answer) = (tls.clone(), Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    let look = move |head: &Head| {
                        seen.lock().unwrap().push(head.clone());
                        answer(head)
                    };
                    match tls {
                        None => respond(stream, look).await,
                        // A client that does not trust us hangs up here.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => respond(stream, look).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { addr, heads, task }
    }

    pub(crate) fn heads(&self) -> Vec<Head> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.addr)
    }
}

/// Reads one request and answers it; `None` when the client went away in between.
async fn respond<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: impl Fn(&Head) -> Answer) -> Option<()> {
    let head = read_head(&mut stream).await?;
    let mut accept = derive_accept_key(head.header("sec-websocket-key").unwrap_or_default().as_bytes());
    let (protocol, messages, close) = match answer(&head) {
        Answer::Http(status, fields, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} Some\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(text.as_bytes()).await.ok()?;
            return stream.shutdown().await.ok();
        }
        Answer::Silence => {
            // Until the client gives up.
            return stream.read_u8().await.ok().map(drop);
        }
        Answer::Cut => return None,
        Answer::BadAccept => {
            accept = "bm90IHRoZSByaWdodCBvbmU=".into();
            (None, Vec::new(), None)
        }
        Answer::Socket { protocol, messages, close } => (protocol, messages, close),
    };
    let protocol = protocol.map(|name| format!("sec-websocket-protocol: {name}\r\n")).unwrap_or_default();
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n{protocol}\r\n"
    );
    stream.write_all(text.as_bytes()).await.ok()?;
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    for message in messages {
        socket.send(Message::Text(message.into())).await.ok()?;
    }
    if let Some((code, reason)) = close {
        socket.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await.ok()?;
    }
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            socket.send(message).await.ok()?;
        }
    }
    Some(())
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Head> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(Head(String::from_utf8(bytes).unwrap()))
}

/// A proxy on 127.0.0.1 that leads everything to `target`, or refuses with a status.
pub(crate) async fn proxy(target: SocketAddr, refuse: Option<u16>) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let heads: Arc<Mutex<Vec<Head>>> = Arc::default();
    let seen = Arc::clone(&heads);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(relay(stream, target, refuse, Arc::clone(&seen)));
        }
    });
    Fake { addr, heads, task }
}

async fn relay(
    mut stream: TcpStream,
    target: SocketAddr,
    refuse: Option<u16>,
    seen: Arc<Mutex<Vec<Head>>>,
) -> Option<()> {
    let head = read_head(&mut stream).await?;
    seen.lock().unwrap().push(head.clone());
    if let Some(status) = refuse {
        let text = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return stream.write_all(text.as_bytes()).await.ok();
    }
    let mut onward = TcpStream::connect(target).await.ok()?;
    if head.line().starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    } else {
        onward.write_all(head.0.as_bytes()).await.ok()?;
    }
    tokio::io::copy_bidirectional(&mut stream, &mut onward).await.ok().map(drop)
}

/// A SOCKS 5 proxy on 127.0.0.1 (RFC 1928) that leads everything to `target`; `heads` has the names it was asked for.
pub(crate) async fn socks(target: SocketAddr) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let heads: Arc<Mutex<Vec<Head>>> = Arc::default();
    let seen = Arc::clone(&heads);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.unwrap();
            stream.write_all(&[5, 0]).await.unwrap();
            // Version, command, reserved, kind of address (3 = a name), its length.
            let mut request = [0; 5];
            stream.read_exact(&mut request).await.unwrap();
            let mut name = vec![0; usize::from(request[4]) + 2];
            stream.read_exact(&mut name).await.unwrap();
            seen.lock().unwrap().push(Head(String::from_utf8_lossy(&name[..name.len() - 2]).into_owned()));
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            let mut onward = TcpStream::connect(target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut onward).await });
        }
    });
    Fake { addr, heads, task }
}

/// A certificate authority for one test.
pub(crate) struct Root {
    pub(crate) pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let names = ["voice.test", "localhost", "127.0.0.1"].map(str::to_owned);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
