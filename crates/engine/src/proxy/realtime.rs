//! `GET /v1/realtime`: a WebSocket to the voice provider, by the way that the settings say, with the key added.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{self, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::chat::Failure;
use serde::Deserialize;

use super::{Hall, outcome};
use crate::api::{Holder, Provider};
use crate::net::{Message, Socket};
use crate::route::{Keys, Ladder};

/// To open the provider's socket.
const LIMIT: Duration = Duration::from_secs(15);
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
    let ladder = match Ladder::new(&settings, "", &keys, None) {
        Ok(ladder) => ladder,
        Err(problem) => return outcome::error(StatusCode::BAD_GATEWAY, "not_set", &problem.detail),
    };
    match hall.net.connect(&ladder.dial(), LIMIT).await {
        Ok(socket) => {
            let upgrade = upgrade.protocols(["realtime"]).max_message_size(LARGEST).max_frame_size(LARGEST);
            upgrade.on_upgrade(move |client| exchange(client, socket))
        }
        Err(refusal) => outcome::error(StatusCode::BAD_GATEWAY, "provider_unreachable", &refusal.to_string()),
    }
}

async fn keys(hall: &Hall) -> Result<Keys, Failure> {
    Ok(Keys {
        openai: hall.keyring.find(Holder::Openai).await?,
        gateway: hall.keyring.find(Holder::Gateway).await?,
        endpoint: hall.keyring.find(Holder::Endpoint).await?,
    })
}

/// Until one side is done; each direction waits for the slower end.
async fn exchange(client: WebSocket, provider: Socket) {
    let (mut to_client, mut from_client) = client.split();
    let (mut to_provider, mut from_provider) = provider.split();
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
