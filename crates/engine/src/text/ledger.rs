//! The gateway's ledger in the store.

use futures_util::future::BoxFuture;
use gateway::{Announced, CacheState, Ledger, Nanodollars, Outcome, Purpose, Row, Spent, Tried, Way};
use protocol::chat::{Failure, FailureKind, Finish, Tokens};
use serde::Serialize;
use store::{Cache, ConversationId};

use super::{PRACTICE, Shelf};
use crate::call::unix_ms;

/// What is older says nothing of a provider any more, ms.
const LATELY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Nor does what so many newer requests come after.
const MOST_TRIED: u32 = 500;
/// Longer than a request takes; what a program has set aside that crashed since is free again then, ms.
const RESERVED_MS: i64 = 10 * 60 * 1000;

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
            let spent = spent(&self.shelf, conversation).await?;
            let others = async {
                let store = self.shelf.store().await?;
                store.set_aside_elsewhere(conversation.map(ConversationId), unix_ms()).await
            };
            let others = others.await.map_err(unknown)?;
            let all = Nanodollars(others.all_nano);
            Ok(Spent {
                conversation: spent.conversation + Nanodollars(others.conversation_nano),
                day: spent.day + all,
                month: spent.month + all,
            })
        })
    }

    fn announce(&self, conversation: Option<i64>, amount: Nanodollars) -> BoxFuture<'_, Option<Announced>> {
        Box::pin(async move {
            let until_ms = unix_ms() + RESERVED_MS;
            let store = self.shelf.store().await.ok()?;
            let reserve = store.set_aside(conversation.map(ConversationId), amount.0, until_ms).await;
            let reserve = reserve.inspect_err(|error| tracing::warn!(%error, "nobody else knows of a reserve"));
            Some(Box::new(reserve.ok()?) as Announced)
        })
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
    let spent = spent.await.map_err(unknown)?;
    Ok(Spent {
        conversation: Nanodollars(spent.conversation_nano),
        day: Nanodollars(spent.day_nano),
        month: Nanodollars(spent.month_nano),
    })
}

fn unknown(error: store::Error) -> Failure {
    Failure::new(FailureKind::Budget, format!("what was spent is not known: {error}"))
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_another_program_has_set_aside_counts_as_spent_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let book = || Book::new(Shelf::new(folder.path().join("sidetone.db")));
        let (ours, theirs) = (book(), book());
        let sums = async |book: &Book, conversation| {
            let spent = book.spent(conversation).await.unwrap();
            [spent.conversation, spent.day, spent.month].map(|sum| sum.0)
        };
        let first = ours.announce(Some(7), Nanodollars(5)).await.unwrap();
        let second = ours.announce(None, Nanodollars(3)).await.unwrap();
        assert_eq!(sums(&theirs, Some(7)).await, [5, 8, 8]);
        assert_eq!(sums(&theirs, Some(8)).await, [0, 8, 8]);
        assert_eq!(sums(&ours, Some(7)).await, [0, 0, 0], "its own reserves it counts itself");
        drop(first);
        assert_eq!(sums(&ours, None).await, [0, 0, 0]);
        assert_eq!(sums(&theirs, Some(7)).await, [0, 3, 3]);
        drop(second);
    }
}
