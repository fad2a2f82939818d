//! `sidetone serve`

use std::time::Duration;

use engine::api::{Change, LocalApi};
use engine::{Engine, Options, Paths};
use serde_json::json;

use super::failure::Failure;
use super::print::{line, note};
use crate::practice;

/// Time to start.
const LIMIT: Duration = Duration::from_secs(10);

/// Let other programs of this computer ask through Sidetone
///
/// An API in OpenAI's words on 127.0.0.1, with your keys, cache, limits and fallbacks. The programs give a token; they
/// never see a key.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Models are named provider/model, or `default` for the one of the settings:
  export OPENAI_BASE_URL=http://127.0.0.1:4750/v1
  export OPENAI_API_KEY=$(cat TOKEN-FILE)
Also there: /v1/ask, /v1/models, /v1/models/ID, /v1/embeddings, /v1/responses, /v1/realtime (voice, as a WebSocket),
  and for each provider's own library:
  export ANTHROPIC_BASE_URL=http://127.0.0.1:4750/api/v1/ai-gateway/providers/anthropic")]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1 [default: as in the settings, 4750]
    #[arg(long)]
    port: Option<u16>,
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    let mut local_api = json!({ "enabled": true });
    if let Some(port) = arguments.port {
        local_api["port"] = json!(port);
    }
    let overrides = Some(json!({ "local_api": local_api }));
    let engine = Engine::start(paths, Options { practice: practice::start(), card: None, overrides })?;
    let mut events = engine.subscribe();
    let started = async {
        loop {
            let LocalApi { url, token_file, failure } = engine.snapshot().await?.local_api;
            if !failure.is_empty() {
                return Err(Failure::other(format!("The local API does not start: {failure}")));
            }
            if let Some(url) = url {
                return Ok((url, token_file));
            }
            while let Ok(event) = events.recv().await {
                if matches!(event.change, Change::LocalApi(_)) {
                    break;
                }
            }
        }
    };
    let started = tokio::time::timeout(LIMIT, started).await;
    let (url, token_file) = started.unwrap_or_else(|_| Err(Failure::other("There was no answer in time.")))?;
    line(url)?;
    note(&format!("The token is in {token_file}. Ctrl+C ends it."));
    let ended = tokio::signal::ctrl_c().await.map_err(|error| Failure::other(error.to_string()));
    engine.stop(super::FAREWELL).await;
    ended
}
