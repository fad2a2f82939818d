//! `GET /v1/realtime`: a WebSocket to the voice provider, by the way that the settings say, with the key added.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{self, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use protocol::chat::Failure;
use serde::Deserialize;

use super::{Hall, outcome};
use crate::api::{Holder, Provider, Route};
use crate::net::{Message, Refusal, Socket};
use crate::route::{Failure as Rung, Keys, Ladder};

/// To open the provider's socket.
const LIMIT: Duration = Duration::from_secs(15);
/// For the first words of a provider.
const GREETING: Duration = Duration::from_secs(5);
/// Largest message of a client, bytes.
const LARGEST: usize = 16 << 20;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    model: Option<String>,
}

/// The provider is dialled first, so that its refusal is the answer.
pub(super) async fn relay(
    State(hall): State<Arc<Hall>>,
    Query(asked): Query<Asked>,
    upgrade: WebSocketUpgrade,
) -> Response {
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
    match climb(&hall, &mut ladder, has_rungs).await {
        Ok((socket, said)) => {
            let upgrade = upgrade.protocols(["realtime"]).max_message_size(LARGEST).max_frame_size(LARGEST);
            upgrade.on_upgrade(move |client| exchange(client, socket, said))
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

/// Until one side is done; each direction waits for the slower end.
async fn exchange(client: WebSocket, provider: Socket, said: Vec<Message>) {
    let (mut to_client, mut from_client) = client.split();
    let (mut to_provider, from_provider) = provider.split();
    let mut from_provider = stream::iter(said.into_iter().map(Ok)).chain(from_provider);
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
        let _ = to_provider.close().await;
    };
    let down = async {
        while let Some(Ok(message)) = from_provider.next().await {
            let message = match message {
                Message::Text(text) => ws::Message::Text(text.as_str().into()),
                Message::Binary(bytes) => ws::Message::Binary(bytes),
                Message::Close(_) => break,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            if to_client.send(message).await.is_err() {
                break;
            }
        }
        let _ = to_client.close().await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
