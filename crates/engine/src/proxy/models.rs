//! `GET /v1/models` and `GET /v1/models/{id}`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{Hall, outcome};
use crate::chat;

/// The list is looked for again after this time.
const FRESH: Duration = Duration::from_secs(60);

/// The list as it was last found.
pub(super) type Shown = Mutex<Option<(Instant, Vec<Value>)>>;

/// All models of all providers with keys, as `provider/model`.
pub(super) async fn list(State(hall): State<Arc<Hall>>) -> Json<Value> {
    Json(json!({ "object": "list", "data": found(&hall).await }))
}

/// One of them, by any name that a request may give it; most names have slashes in them.
pub(super) async fn one(State(hall): State<Arc<Hall>>, Path(id): Path<String>) -> Response {
    let models = found(&hall).await;
    let named = |name: &str| models.iter().find(|model| model["id"] == name);
    let meant = || {
        let order = hall.order(None, &id);
        order.targets().first().map(|target| format!("{}/{}", target.provider, target.model))
    };
    match named(&id).or_else(|| named(&meant()?)) {
        Some(model) => Json(model.clone()).into_response(),
        None => {
            let words = format!("There is no model {id:?} here. All that there are: /v1/models.");
            outcome::error(StatusCode::NOT_FOUND, "model_not_found", &words)
        }
    }
}

async fn found(hall: &Hall) -> Vec<Value> {
    // One caller looks, the others wait for what it finds.
    let mut shown = hall.models.lock().await;
    if let Some((at, list)) = shown.as_ref()
        && at.elapsed() < FRESH
    {
        return list.clone();
    }
    let (way, has_address) = {
        let settings = hall.settings.borrow();
        (settings.chat.way, !settings.custom.base_url.trim().is_empty())
    };
    let (_, models) = chat::find(&hall.text, &hall.keyring, way, has_address).await;
    let row = |model: &crate::api::ModelChoice| {
        json!({
            "id": format!("{}/{}", model.provider, model.model),
            "object": "model",
            "created": 0,
            "owned_by": model.provider,
            "context_length": model.context,
        })
    };
    let list: Vec<Value> = models.iter().map(row).collect();
    *shown = Some((Instant::now(), list.clone()));
    list
}
