//! `GET /v1/realtime`: a WebSocket to the voice provider, by the way that the settings say, with the key added.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{self, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream::{self, BoxStream, SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::chat::Failure;
use serde::Deserialize;
use serde_json::Value;

use super::tab::Tab;
use super::{Hall, outcome};
use crate::api::{Holder, Provider, Route};
use crate::net::{Message, Refusal, Socket};
use crate::route::{Failure as Rung, Keys, Ladder};

/// To open the provider's socket.
const LIMIT: Duration = Duration::from_secs(15);
/// For the first words of a provider, and for its last ones.
const GREETING: Duration = Duration::from_secs(5);
/// Largest message of a client, bytes.
const LARGEST: usize = 16 << 20;
/// A close frame holds no more, bytes.
const LONGEST_REASON: usize = 123;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    model: Option<String>,
}

/// The provider is dialled first, so that its refusal is the answer.
pub(super) async fn relay(
    State(hall): State<Arc<Hall>>,
    Query(asked): Query<Asked>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return outcome::error(StatusCode::UPGRADE_REQUIRED, "upgrade_required", "This address wants a WebSocket.");
    };
    let mut settings = hall.settings.borrow().clone();
    settings.call.provider = Provider::Openai;
    if let Some(model) = asked.model {
        settings.providers.openai.model = model;
    }
    let keys = match keys(&hall).await {
        Ok(keys) => keys,
        Err(failure) => return outcome::failed(&failure),
    };
    let mut ladder = match Ladder::new(&settings, "", &keys, None) {
        Ok(ladder) => ladder,
        Err(problem) => return outcome::error(StatusCode::BAD_GATEWAY, "not_set", &problem.detail),
    };
    let has_rungs = settings.call.route == Route::Gateway;
    let tab = match Tab::open(Arc::clone(&hall), settings).await {
        Ok(tab) => tab,
        Err(failure) => return outcome::failed(&failure),
    };
    match climb(&hall, &mut ladder, has_rungs).await {
        Ok((socket, said)) => {
            let upgrade = upgrade.protocols(["realtime"]).max_message_size(LARGEST).max_frame_size(LARGEST);
            upgrade.on_upgrade(move |client| exchange(client, socket, said, tab))
        }
        Err(refusal) => outcome::error(StatusCode::BAD_GATEWAY, "provider_unreachable", &refusal.to_string()),
    }
}

/// The first rung that holds, and what the provider said there already.
async fn climb(hall: &Hall, ladder: &mut Ladder, has_rungs: bool) -> Result<(Socket, Vec<Message>), Refusal> {
    loop {
        let mut socket = match hall.net.connect(&ladder.dial(), LIMIT).await {
            Ok(socket) => socket,
            Err(refusal) if ladder.step(&Rung::Refused(&refusal)) => continue,
            Err(refusal) => return Err(refusal),
        };
        let (said, code) = if has_rungs { beginning(&mut socket).await } else { (Vec::new(), None) };
        // A lost key shows only after the upgrade: an error, then the end.
        if code.is_none() || !ladder.step(&Rung::Closed { code }) {
            return Ok((socket, said));
        }
    }
}

/// What is said first, and the code of the end if that is an end.
async fn beginning(socket: &mut Socket) -> (Vec<Message>, Option<u16>) {
    let mut said = Vec::new();
    let until = tokio::time::Instant::now() + GREETING;
    while let Ok(Some(Ok(message))) = tokio::time::timeout_at(until, socket.next()).await {
        if let Message::Close(frame) = &message {
            let code = frame.as_ref().map(|frame| frame.code.into());
            said.push(message);
            return (said, code);
        }
        let is_error = matches!(&message, Message::Text(text) if text.contains("\"type\":\"error\""));
        let is_sign_of_life = matches!(&message, Message::Ping(_) | Message::Pong(_));
        said.push(message);
        if !is_error && !is_sign_of_life {
            break;
        }
    }
    (said, None)
}

async fn keys(hall: &Hall) -> Result<Keys, Failure> {
    Ok(Keys {
        openai: hall.keyring.find(Holder::Openai).await?,
        gateway: hall.keyring.find(Holder::Gateway).await?,
        endpoint: hall.keyring.find(Holder::Endpoint).await?,
    })
}

/// Both ends of a session.
struct Ends {
    to_client: SplitSink<WebSocket, ws::Message>,
    from_client: SplitStream<WebSocket>,
    to_provider: SplitSink<Socket, Message>,
    /// `None`: it broke off.
    from_provider: BoxStream<'static, Option<Message>>,
    tab: Tab,
}

/// Until one side is done, or a budget is spent; each direction waits for the slower end.
async fn exchange(client: WebSocket, provider: Socket, said: Vec<Message>, tab: Tab) {
    let (to_client, from_client) = client.split();
    let (to_provider, from_provider) = provider.split();
    let from_provider = stream::iter(said).map(Some).chain(from_provider.map(Result::ok)).boxed();
    let mut ends = Ends { to_client, from_client, to_provider, from_provider, tab };
    let spent = ends.carry().await.err();
    ends.settle().await;
    let _ = ends.to_provider.close().await;
    let _ = match spent {
        Some(failure) => ends.to_client.send(farewell(&failure)).await,
        None => ends.to_client.close().await,
    };
}

impl Ends {
    /// Carries frames both ways. Fails when a budget is spent, of which the client is told.
    async fn carry(&mut self) -> Result<(), Failure> {
        let Self { to_client, from_client, to_provider, from_provider, tab } = self;
        let up = async {
            while let Some(Ok(message)) = from_client.next().await {
                let message = match message {
                    ws::Message::Text(text) => Message::text(text.as_str()),
                    ws::Message::Binary(bytes) => Message::Binary(bytes),
                    ws::Message::Close(_) => break,
                    // Both ends keep their own connection alive.
                    ws::Message::Ping(_) | ws::Message::Pong(_) => continue,
                };
                if to_provider.send(message).await.is_err() {
                    break;
                }
            }
        };
        let down = async {
            while let Some(Some(message)) = from_provider.next().await {
                let (sent, paid) = match message {
                    Message::Text(text) => {
                        // First: a client that leaves meanwhile has to pay too.
                        let paid = tab.passes(&text).await;
                        (to_client.send(ws::Message::Text(text.as_str().into())).await, paid)
                    }
                    Message::Binary(bytes) => (to_client.send(ws::Message::Binary(bytes)).await, Ok(())),
                    Message::Close(_) => break,
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                };
                if let Err(failure) = paid {
                    let _ = to_client.send(ws::Message::Text(complaint(&failure).into())).await;
                    return Err(failure);
                }
                if sent.is_err() {
                    break;
                }
            }
            Ok(())
        };
        tokio::select! {
            () = up => Ok(()),
            end = down => end,
        }
    }

    /// A response that is still being made will be paid for: it is stopped, and its end tells how much that is.
    async fn settle(&mut self) {
        let Self { to_provider, from_provider, tab, .. } = self;
        let last = async {
            if tab.is_open() {
                let _ = to_provider.send(Message::text(r#"{"type":"response.cancel"}"#)).await;
            }
            while tab.is_open()
                && let Some(Some(message)) = from_provider.next().await
            {
                if let Message::Text(text) = message {
                    let _ = tab.passes(&text).await;
                }
            }
        };
        let _ = tokio::time::timeout(GREETING, last).await;
    }
}

/// An error as the protocol tells one.
fn complaint(failure: &Failure) -> String {
    let mut error = outcome::body(failure);
    error["type"] = "error".into();
    error["event_id"] = format!("event_{:016x}", fastrand::u64(..)).into();
    error["error"]["event_id"] = Value::Null;
    error.to_string()
}

/// The end, with the reason.
fn farewell(failure: &Failure) -> ws::Message {
    let mut reason = failure.message.clone();
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    ws::Message::Close(Some(ws::CloseFrame { code: ws::close_code::POLICY, reason: reason.into() }))
}
