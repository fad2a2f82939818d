//! `GET /v1/models`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::Hall;
use crate::chat;

/// The list is looked for again after this time.
const FRESH: Duration = Duration::from_secs(60);

/// The list as it was last found.
pub(super) type Shown = Mutex<Option<(Instant, Value)>>;

/// All models of all providers with keys, as `provider/model`.
pub(super) async fn list(State(hall): State<Arc<Hall>>) -> Json<Value> {
    // One caller looks, the others wait for what it finds.
    let mut shown = hall.models.lock().await;
    if let Some((at, list)) = shown.as_ref()
        && at.elapsed() < FRESH
    {
        return Json(list.clone());
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
    let list = json!({ "object": "list", "data": models.iter().map(row).collect::<Vec<_>>() });
    *shown = Some((Instant::now(), list.clone()));
    Json(list)
}
