//! `sidetone usage`

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use engine::Paths;
use engine::gateway::Nanodollars;
use engine::store::{Group, Quantiles, Usage};

use super::failure::Failure;
use super::print::{json, line};
use super::table;

/// Tell what questions and calls consumed and cost
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only the last so many hours or days, 24h or 7d [default: everything]
    #[arg(long, value_name = "TIME", value_parser = span)]
    since: Option<Duration>,
    /// How to add up
    #[arg(long, default_value = "model")]
    by: By,
    /// Print one JSON object for each row
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print every request as a row of CSV; never what was said
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// All together
    All,
    /// By provider
    Provider,
    /// By provider and model
    Model,
    /// By day
    Day,
}

fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "give a number of hours or days, 24h or 7d for example".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "h" => Ok(Duration::from_secs(number.saturating_mul(3600))),
        "d" => Ok(Duration::from_secs(number.saturating_mul(24 * 3600))),
        _ => Err(wrong()),
    }
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    let engine = super::engine(paths)?;
    let store = super::history(&engine).await?;
    let since = arguments.since.map_or(0, since_ms);
    if arguments.csv {
        store.export_usage(since, io::stdout()).await.map_err(super::history_failure)?;
        return Ok(());
    }
    let group = match arguments.by {
        By::All => Group::All,
        By::Provider => Group::Provider,
        By::Model => Group::Model,
        By::Day => Group::Day,
    };
    let rows = store.usage(since, group).await.map_err(super::history_failure)?;
    if arguments.json {
        return rows.iter().try_for_each(json);
    }
    if rows.iter().all(|row| row.requests == 0) {
        return line("Nothing was asked in writing yet.");
    }
    let head = [
        "provider",
        "model",
        "day",
        "requests",
        "failed",
        "cached",
        "tokens in",
        "out",
        "cost",
        "first token",
        "total",
    ];
    line(table::aligned(&head, rows.iter().map(cells)))?;
    line("Times as p50 / p95 / p99 in ms; costs by your own prices where you gave them.")
}

fn since_ms(span: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_sub(span).as_millis()).unwrap_or(i64::MAX)
}

fn cells(row: &Usage) -> Vec<String> {
    let times = |times: Option<Quantiles>| {
        times.map(|times| format!("{} / {} / {}", times.p50, times.p95, times.p99)).unwrap_or_default()
    };
    let open = if row.unpriced > 0 { " +?" } else { "" };
    vec![
        row.provider.clone(),
        row.model.clone(),
        row.day.clone(),
        row.requests.to_string(),
        row.failures.to_string(),
        row.cached.to_string(),
        row.tokens.input.to_string(),
        row.tokens.output.to_string(),
        format!("{}{open}", Nanodollars(row.cost_nano)),
        times(row.first),
        times(row.total),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_hours_or_days() {
        assert_eq!(span("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(span("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "d", "7", "x7d", "7w", "é"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
