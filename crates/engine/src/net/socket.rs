//! WebSockets for written requests: texts both ways, kept alive until one side is done.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use gateway::{HttpRequest, Socket as TextSocket, Sockets};
use protocol::chat::{Failure, FailureKind};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use url::Url;

use super::text::{headers, invalid};
use super::{Dial, Message, Net, Refusal, Socket};

/// To open a socket.
const LIMIT: Duration = Duration::from_secs(15);
/// Between two signs of life; nobody documents how long a silent socket stays open.
const ALIVE: Duration = Duration::from_secs(25);
/// Texts that may wait for their reader; a slower one makes the server wait.
const WAITING: usize = 64;

impl Sockets for Net {
    fn open(&self, request: HttpRequest) -> BoxFuture<'static, Result<TextSocket, Failure>> {
        let net = self.clone();
        Box::pin(async move {
            let url = Url::parse(&request.url).map_err(|_| invalid("the address of the gateway is not a URL"))?;
            let dial = Dial { url, headers: headers(&request.headers)?, subprotocols: Vec::new() };
            let socket = net.connect(&dial, LIMIT).await.map_err(|refusal| failure(&refusal))?;
            let (outgoing, outbox) = mpsc::channel(4);
            let (inbox, incoming) = mpsc::channel(WAITING);
            tokio::spawn(carry(socket, outbox, inbox));
            Ok(TextSocket { outgoing, incoming })
        })
    }
}

/// Until either side is done.
async fn carry(mut socket: Socket, mut outbox: mpsc::Receiver<String>, inbox: mpsc::Sender<Result<String, Failure>>) {
    let mut alive = interval(ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            text = outbox.recv() => match text {
                Some(text) => socket.send(Message::text(text)).await,
                None => break,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => match inbox.send(Ok(text.to_string())).await {
                    Ok(()) => continue,
                    Err(_) => break,
                },
                Some(Ok(Message::Close(_))) | None => return,
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => {
                    tracing::debug!(%error, "the connection to the gateway broke");
                    return;
                }
            },
            _ = alive.tick() => socket.send(Message::Ping(bytes::Bytes::new())).await,
        };
        if sent.is_err() {
            return;
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), socket.close(None)).await;
}

/// Why there is no socket, in the words of a request.
fn failure(refusal: &Refusal) -> Failure {
    let (status, code) = match refusal {
        Refusal::Http { status, code, .. } => (Some(*status), *code),
        Refusal::TimedOut | Refusal::Unreachable(_) | Refusal::Proxy(_) | Refusal::Tls(_) | Refusal::Insecure => {
            (None, None)
        }
    };
    let kind = match (refusal, status) {
        (_, Some(429)) => FailureKind::RateLimited,
        (_, Some(500..)) => FailureKind::Unavailable,
        // Nobody else has answered yet.
        (_, Some(_)) => FailureKind::Gateway,
        (Refusal::TimedOut, _) => FailureKind::TimedOut,
        (Refusal::Insecure, _) => FailureKind::Invalid,
        (_, None) => FailureKind::Unreachable,
    };
    Failure { status, code: code.map(|code| code.to_string()), ..Failure::new(kind, refusal.to_string()) }
}
