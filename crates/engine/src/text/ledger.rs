//! The gateway's ledger in the store.

use futures_util::future::BoxFuture;
use gateway::{CacheState, Ledger, Nanodollars, Outcome, Purpose, Row, Spent, Tried, Way};
use protocol::chat::{Failure, FailureKind, Finish, Tokens};
use serde::Serialize;
use store::{Cache, ConversationId};

use super::{PRACTICE, Shelf};
use crate::call::unix_ms;

/// What is older says nothing of a provider any more, ms.
const LATELY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Nor does what so many newer requests come after.
const MOST_TRIED: u32 = 500;

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
        Box::pin(spent(&self.shelf, conversation))
    }

    fn tried(&self) -> BoxFuture<'_, Vec<Tried>> {
        Box::pin(async {
            match tried(&self.shelf).await {
                Ok(tried) => tried,
                Err(error) => {
                    tracing::warn!(%error, "how requests went before is not known");
                    Vec::new()
                }
            }
        })
    }
}

/// How requests went lately.
async fn tried(shelf: &Shelf) -> Result<Vec<Tried>, store::Error> {
    let rows = shelf.store().await?.tried(unix_ms() - LATELY_MS, MOST_TRIED).await?;
    let of = |row: store::Tried| Tried {
        provider: row.provider.as_str().into(),
        first_ms: row.first_ms,
        failure: (!row.failure.is_empty()).then(|| kind_of(&row.failure)),
    };
    Ok(rows.into_iter().map(of).collect())
}

/// What was spent so far.
///
/// # Errors
/// [`FailureKind::Budget`]: nobody knows.
pub(crate) async fn spent(shelf: &Shelf, conversation: Option<i64>) -> Result<Spent, Failure> {
    let spent = async { shelf.store().await?.spent(conversation.map(ConversationId), unix_ms()).await };
    let unknown = |error| Failure::new(FailureKind::Budget, format!("what was spent is not known: {error}"));
    let spent = spent.await.map_err(unknown)?;
    Ok(Spent {
        conversation: Nanodollars(spent.conversation_nano),
        day: Nanodollars(spent.day_nano),
        month: Nanodollars(spent.month_nano),
    })
}

fn lose(written: Result<(), store::Error>) {
    if let Err(error) = written {
        tracing::warn!(%error, "a row of the ledger is lost");
    }
}

fn converted(row: Row) -> store::Row {
    store::Row {
        at_ms: row.started_ms,
        purpose: match row.purpose {
            Purpose::Chat => "chat",
            Purpose::Title => "title",
            Purpose::Summary => "summary",
            Purpose::Api => "api",
            Purpose::Voice => "voice",
        }
        .into(),
        profile: row.profile,
        conversation: row.conversation.map(ConversationId),
        provider: row.target.provider.0,
        model: row.target.model,
        route: way_name(row.way).into(),
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
        tokens: kept_tokens(row.tokens),
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

/// Tokens as the store counts them.
pub(crate) fn kept_tokens(tokens: Tokens) -> store::Tokens {
    let Tokens { input, cached, cache_written, output, reasoning, input_audio, output_audio } = tokens;
    store::Tokens { input, cached, cache_written, output, reasoning, input_audio, output_audio }
}

/// A way, as the ledger names it.
pub(crate) fn way_name(way: Way) -> &'static str {
    match way {
        Way::Direct => "direct",
        Way::Gateway => "gateway",
        Way::StoredKey => "stored_key",
    }
}

/// The kind of a failure in one word, as in JSON.
pub(crate) fn kind_name(kind: impl Serialize) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The kind of that name; one of another version is nobody's fault.
fn kind_of(name: &str) -> FailureKind {
    serde_json::from_value(name.into()).unwrap_or(FailureKind::Invalid)
}

fn finish_name(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Filtered => "filtered",
        Finish::Tool => "tool",
    }
}
