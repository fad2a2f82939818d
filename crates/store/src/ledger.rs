use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::conversation::ConversationId;
use crate::schema::{self, signed, unsigned};
use crate::{Error, Quantiles};

/// Tokens of one request. Cached and written ones are part of `input`, reasoning ones part of `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// All of the prompt.
    pub input: u64,
    /// Of these, read from the provider's cache.
    pub cached: u64,
    /// Of these, written to the provider's cache.
    pub cache_written: u64,
    /// All of the answer, reasoning included.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
    /// Of the input, audio.
    pub input_audio: u64,
    /// Of the output, audio.
    pub output_audio: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered.
    #[default]
    Done,
    /// The user stopped it.
    Cancelled,
    /// It failed: [`Row::failure`].
    Failed,
}

/// What the caches had to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// Not asked.
    #[default]
    Off,
    /// Asked, and nothing was there.
    Miss,
    /// Answered from the cache of this program.
    Hit,
    /// Answered together with an equal request.
    Coalesced,
    /// Answered from the cache of the gateway.
    Remote,
}

/// One request in the ledger. Never has content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// When it was made, unix ms.
    pub at_ms: i64,
    /// What for: `chat`, `title`, `summary`, `api`, `voice`, `preview` (of a voice), `tool`.
    pub purpose: String,
    /// Of which profile of settings.
    pub profile: String,
    /// Of which conversation; the row stays when that is deleted.
    pub conversation: Option<ConversationId>,
    /// Who answered, or was asked last.
    pub provider: String,
    /// With which model.
    pub model: String,
    /// By which way: `direct`, `gateway`, `stored_key`.
    pub route: String,
    /// Whether the answer was streamed.
    pub is_stream: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The kind of the failure; empty when there was none.
    pub failure: String,
    /// Why the answer was over: `stop`, `length`, …; may be empty.
    pub finish: String,
    /// What the caches had to do with it.
    pub cache: Cache,
    /// How often it was tried, over all providers.
    pub attempts: u32,
    /// Waiting for its turn, ms.
    pub queue_ms: Option<u64>,
    /// Connecting, until the answer's headers, ms.
    pub connect_ms: Option<u64>,
    /// From the request to the first token, ms.
    pub first_ms: Option<u64>,
    /// From the request to the end, ms.
    pub total_ms: Option<u64>,
    /// What it consumed.
    pub tokens: Tokens,
    /// Sound that was sent and received, ms; for what is priced by time.
    pub audio_ms: u64,
    /// Characters; for what is priced by them.
    pub characters: u64,
    /// What it costs by the public prices, nano-dollars, if known.
    pub cost_nano: Option<i64>,
    /// What it costs by the user's own prices, nano-dollars. Counts instead of the other where there is one.
    pub custom_nano: Option<i64>,
    /// Whether tokens or costs are estimates: nobody told them, or nobody knows the price.
    pub is_estimate: bool,
    /// The id of the gateway's log row; empty without one.
    pub log_id: String,
    /// Which step of the gateway's own fallback answered, from 0.
    pub step: Option<u32>,
}

/// How to add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// All together.
    All,
    /// By provider.
    Provider,
    /// By provider and model.
    Model,
    /// By local day, newest first.
    Day,
}

/// Requests of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The provider; empty when not grouped by it.
    pub provider: String,
    /// The model; empty when not grouped by it.
    pub model: String,
    /// The day, `2026-11-21`; empty when not grouped by it.
    pub day: String,
    /// Requests.
    pub requests: u64,
    /// Of these, failed.
    pub failures: u64,
    /// Of these, answered from a cache or together with another.
    pub cached: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// Costs, nano-dollars; the user's own prices count before the public ones.
    pub cost_nano: i64,
    /// Costs by the public prices alone, nano-dollars.
    pub list_nano: i64,
    /// Requests whose price is not known.
    pub unpriced: u64,
    /// Requests of which something is estimated.
    #[serde(default)]
    pub estimated: u64,
    /// From the request to the first token, ms; of what was answered, and not from the cache of this program.
    pub first: Option<Quantiles>,
    /// From the request to the end, ms; of the same.
    pub total: Option<Quantiles>,
}

/// What was spent, nano-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// In the conversation, ever.
    pub conversation_nano: i64,
    /// On the day.
    pub day_nano: i64,
    /// In the month.
    pub month_nano: i64,
}

/// How a written request went, as far as it says something about its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Who answered, or was asked last.
    pub provider: String,
    /// From the request to the first token, ms.
    pub first_ms: Option<u64>,
    /// The kind of the failure; empty when there was none.
    pub failure: String,
}

schema::words!(Outcome { Done: "done", Cancelled: "cancelled", Failed: "failed" });
schema::words!(Cache { Off: "off", Miss: "miss", Hit: "hit", Coalesced: "coalesced", Remote: "remote" });

pub(crate) fn record(connection: &mut Connection, rows: &[Box<Row>]) -> Result<(), Error> {
    schema::write(connection, |transaction| {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO ledger (at_ms, purpose, profile, conversation, provider, model, route, is_stream, outcome,
                 failure, finish, cache, attempts, queue_ms, connect_ms, first_ms, total_ms, input, cached,
                 cache_written, output, reasoning, input_audio, output_audio, audio_ms, characters, cost_nano,
                 custom_nano, is_estimate, log_id, step)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                 ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)",
        )?;
        for row in rows {
            statement.execute(params![
                row.at_ms,
                row.purpose,
                row.profile,
                row.conversation,
                row.provider,
                row.model,
                row.route,
                row.is_stream,
                row.outcome,
                row.failure,
                row.finish,
                row.cache,
                row.attempts,
                row.queue_ms.map(signed),
                row.connect_ms.map(signed),
                row.first_ms.map(signed),
                row.total_ms.map(signed),
                signed(row.tokens.input),
                signed(row.tokens.cached),
                signed(row.tokens.cache_written),
                signed(row.tokens.output),
                signed(row.tokens.reasoning),
                signed(row.tokens.input_audio),
                signed(row.tokens.output_audio),
                signed(row.audio_ms),
                signed(row.characters),
                row.cost_nano,
                row.custom_nano,
                row.is_estimate,
                row.log_id,
                row.step,
            ])?;
        }
        Ok(())
    })
}

/// What a request counts, nano-dollars.
const COST: &str = "coalesce(custom_nano, cost_nano)";
/// The local day of a request.
const DAY: &str = "date(at_ms / 1000, 'unixepoch', 'localtime')";

impl Group {
    /// Provider, model and day, as far as requests are told apart by them.
    fn columns(self) -> String {
        let (provider, model, day) = match self {
            Self::All => ("''", "''", "''"),
            Self::Provider => ("provider", "''", "''"),
            Self::Model => ("provider", "model", "''"),
            Self::Day => ("''", "''", DAY),
        };
        format!("{provider} AS by_provider, {model} AS by_model, {day} AS by_day")
    }

    fn order(self) -> &'static str {
        match self {
            Self::All | Self::Provider | Self::Model => "cost DESC, requests DESC, by_provider, by_model",
            Self::Day => "by_day DESC",
        }
    }
}

/// What says something about a provider: answered, and not from the cache of this program.
const TIMED: &str = "outcome = 'done' AND cache NOT IN ('hit', 'coalesced')";

pub(crate) fn usage(connection: &Connection, since_ms: i64, group: Group) -> Result<Vec<Usage>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns}, count(*) AS requests, sum(outcome = 'failed'),
             sum(cache IN ('hit', 'coalesced', 'remote')), sum(input), sum(cached), sum(cache_written), sum(output),
             sum(reasoning), sum(input_audio), sum(output_audio), coalesce(sum({COST}), 0) AS cost,
             coalesce(sum(cost_nano), 0), sum({COST} IS NULL),
             json_group_array(first_ms) FILTER (WHERE {TIMED} AND first_ms IS NOT NULL),
             json_group_array(total_ms) FILTER (WHERE {TIMED} AND total_ms IS NOT NULL), sum(is_estimate)
         FROM ledger WHERE at_ms >= ?1 GROUP BY by_provider, by_model, by_day ORDER BY {order}",
        columns = group.columns(),
        order = group.order(),
    ))?;
    Ok(statement.query_map([since_ms], sums)?.collect::<Result<_, _>>()?)
}

fn sums(row: &rusqlite::Row<'_>) -> rusqlite::Result<Usage> {
    let count = |column| row.get(column).map(unsigned);
    let quantiles = |column| -> rusqlite::Result<Option<Quantiles>> {
        let times: String = row.get(column)?;
        Ok(Quantiles::of(serde_json::from_str(&times).unwrap_or_default()))
    };
    Ok(Usage {
        provider: row.get(0)?,
        model: row.get(1)?,
        day: row.get(2)?,
        requests: count(3)?,
        failures: count(4)?,
        cached: count(5)?,
        tokens: Tokens {
            input: count(6)?,
            cached: count(7)?,
            cache_written: count(8)?,
            output: count(9)?,
            reasoning: count(10)?,
            input_audio: count(11)?,
            output_audio: count(12)?,
        },
        cost_nano: row.get(13)?,
        list_nano: row.get(14)?,
        unpriced: count(15)?,
        first: quantiles(16)?,
        total: quantiles(17)?,
        estimated: count(18)?,
    })
}

pub(crate) fn spent(
    connection: &Connection,
    conversation: Option<ConversationId>,
    now_ms: i64,
) -> Result<Spent, Error> {
    let since = |start: &str| -> Result<i64, Error> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT coalesce(sum({COST}), 0) FROM ledger
             WHERE at_ms >= 1000 * unixepoch(?1 / 1000, 'unixepoch', 'localtime', ?2, 'utc')"
        ))?;
        Ok(statement.query_row((now_ms, start), |row| row.get(0))?)
    };
    let conversation_nano = connection
        .prepare_cached(&format!("SELECT coalesce(sum({COST}), 0) FROM ledger WHERE conversation = ?1"))?
        .query_row([conversation], |row| row.get(0))?;
    Ok(Spent { conversation_nano, day_nano: since("start of day")?, month_nano: since("start of month")? })
}

/// The newest requests from `since_ms` on, oldest first.
pub(crate) fn tried(connection: &Connection, since_ms: i64, most: u32) -> Result<Vec<Tried>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT provider, first_ms, failure FROM (
             SELECT id, provider, first_ms, failure FROM ledger
             WHERE at_ms >= ?1 AND purpose IN ('chat', 'title', 'summary', 'api') AND outcome <> 'cancelled'
                 AND attempts > 0 AND cache NOT IN ('hit', 'coalesced')
             ORDER BY id DESC LIMIT ?2)
         ORDER BY id",
    )?;
    let tried = statement.query_map((since_ms, most), |row| {
        let first_ms: Option<i64> = row.get(1)?;
        Ok(Tried { provider: row.get(0)?, first_ms: first_ms.map(unsigned), failure: row.get(2)? })
    })?;
    Ok(tried.collect::<Result<_, _>>()?)
}

pub(crate) fn prune(connection: &Connection, before_ms: i64) -> Result<usize, Error> {
    Ok(connection.execute("DELETE FROM ledger WHERE at_ms < ?1", [before_ms])?)
}
