//! The gateway's ledger in the store.

use futures_util::future::BoxFuture;
use gateway::{CacheState, Ledger, Nanodollars, Outcome, Purpose, Row, Spent, Way};
use protocol::chat::{Failure, FailureKind, Finish};
use store::{Cache, ConversationId, Tokens};

use super::{PRACTICE, Shelf};
use crate::call::unix_ms;

/// Writes rows into the store.
pub(super) struct Book {
    shelf: Shelf,
    is_practice: bool,
}

impl Book {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self { shelf, is_practice: false }
    }

    pub(super) fn of_practice(shelf: Shelf) -> Self {
        Self { shelf, is_practice: true }
    }
}

impl Ledger for Book {
    fn write(&self, mut row: Row) {
        if self.is_practice {
            row.target.provider = PRACTICE.into();
        }
        let row = converted(row);
        if let Some(store) = self.shelf.opened() {
            return lose(store.record(row));
        }
        let shelf = self.shelf.clone();
        tokio::spawn(async move { lose(shelf.store().await.and_then(|store| store.record(row))) });
    }

    fn spent(&self, conversation: Option<i64>) -> BoxFuture<'_, Result<Spent, Failure>> {
        Box::pin(async move {
            let spent = async { self.shelf.store().await?.spent(conversation.map(ConversationId), unix_ms()).await };
            let unknown = |error| Failure::new(FailureKind::Budget, format!("what was spent is not known: {error}"));
            let spent = spent.await.map_err(unknown)?;
            Ok(Spent {
                conversation: Nanodollars(spent.conversation_nano),
                day: Nanodollars(spent.day_nano),
                month: Nanodollars(spent.month_nano),
            })
        })
    }
}

fn lose(written: Result<(), store::Error>) {
    if let Err(error) = written {
        tracing::warn!(%error, "a row of the ledger is lost");
    }
}

fn converted(row: Row) -> store::Row {
    let tokens = row.tokens;
    store::Row {
        at_ms: row.started_ms,
        purpose: match row.purpose {
            Purpose::Chat => "chat",
            Purpose::Title => "title",
            Purpose::Api => "api",
            Purpose::Voice => "voice",
        }
        .into(),
        profile: row.profile,
        conversation: row.conversation.map(ConversationId),
        provider: row.target.provider.0,
        model: row.target.model,
        route: match row.way {
            Way::Direct => "direct",
            Way::Gateway => "gateway",
            Way::StoredKey => "stored_key",
        }
        .into(),
        is_stream: row.is_stream,
        outcome: match row.outcome {
            Outcome::Done => store::Outcome::Done,
            Outcome::Failed => store::Outcome::Failed,
            Outcome::Cancelled => store::Outcome::Cancelled,
        },
        failure: row.failure.map(kind_name).unwrap_or_default(),
        finish: row.finish.map_or("", finish_name).into(),
        cache: match row.cache {
            CacheState::Off => Cache::Off,
            CacheState::Miss => Cache::Miss,
            CacheState::Hit => Cache::Hit,
            CacheState::Coalesced => Cache::Coalesced,
            CacheState::Remote => Cache::Remote,
        },
        attempts: row.attempts,
        queue_ms: Some(row.times.queue_ms),
        connect_ms: Some(row.times.connect_ms),
        first_ms: Some(row.times.first_ms).filter(|ms| *ms > 0),
        total_ms: Some(row.times.total_ms),
        tokens: Tokens {
            input: tokens.input,
            cached: tokens.cached,
            cache_written: tokens.cache_written,
            output: tokens.output,
            reasoning: tokens.reasoning,
            input_audio: tokens.input_audio,
            output_audio: tokens.output_audio,
        },
        audio_ms: 0,
        characters: 0,
        cost_nano: row.list_cost.map(|cost| cost.0),
        is_estimate: row.is_estimate,
        log_id: row.gateway.as_ref().and_then(|echo| echo.log_id.clone()).unwrap_or_default(),
        step: row.gateway.and_then(|echo| echo.step),
        // Only where the user's own price differs.
        custom_nano: row.cost.filter(|_| row.cost != row.list_cost).map(|cost| cost.0),
    }
}

/// The kind of a failure in one word, as in JSON.
pub(crate) fn kind_name(kind: FailureKind) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn finish_name(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Filtered => "filtered",
        Finish::Tool => "tool",
    }
}
