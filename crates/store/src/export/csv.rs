//! The ledger as a table (RFC 4180).

use std::io::Write;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Selection;
use crate::Error;
use crate::desk::Desk;

const HEAD: &str = "at,purpose,profile,conversation,provider,model,route,is_stream,outcome,failure,finish,cache,attempts,\
    queue_ms,connect_ms,first_ms,total_ms,input,cached,cache_written,output,reasoning,input_audio,output_audio,audio_ms,\
    characters,cost_usd,custom_usd\r\n";

/// The id, and a line without its end.
const PAGE: &str = "SELECT id, strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch'), purpose, profile,
        conversation, provider, model, route, is_stream, outcome, failure, finish, cache, attempts, queue_ms,
        connect_ms, first_ms, total_ms, input, cached, cache_written, output, reasoning, input_audio, output_audio,
        audio_ms, characters,
        printf('%s%d.%09d', iif(cost_nano < 0, '-', ''), abs(cost_nano) / 1000000000, abs(cost_nano) % 1000000000),
        printf('%s%d.%09d', iif(custom_nano < 0, '-', ''), abs(custom_nano) / 1000000000,
            abs(custom_nano) % 1000000000),
        cost_nano IS NOT NULL, custom_nano IS NOT NULL
    FROM ledger
    WHERE id > ?1 AND at_ms >= ?2 AND (?3 IS NULL OR conversation IN (SELECT value FROM json_each(?3)))
    ORDER BY id LIMIT 1000";

/// Rows from `since_ms` on; all of them, also those of no conversation, unless conversations are named.
pub(super) fn write(
    desk: &Desk,
    since_ms: i64,
    selection: Selection,
    is_wanted: &dyn Fn() -> bool,
    sink: &mut impl Write,
) -> Result<(), Error> {
    sink.write_all(HEAD.as_bytes())?;
    let these = match selection {
        Selection::These(ids) => Some(serde_json::to_string(&ids).map_err(|error| Error::Io(error.into()))?),
        Selection::All => None,
    };
    let mut last = 0;
    while is_wanted() {
        let these = these.clone();
        let page = desk.run_blocking(move |connection| page(connection, last, since_ms, these))?;
        let Some((id, _)) = page.last() else {
            return Ok(());
        };
        last = *id;
        for (_, line) in &page {
            sink.write_all(line.as_bytes())?;
        }
    }
    Err(Error::Closed)
}

fn page(
    connection: &Connection,
    after: i64,
    since_ms: i64,
    these: Option<String>,
) -> Result<Vec<(i64, String)>, Error> {
    let mut statement = connection.prepare_cached(PAGE)?;
    let lines = statement.query_map((after, since_ms, these), |row| {
        let mut line = String::new();
        for column in 1..=26 {
            line.push_str(&field(row.get_ref(column)?));
            line.push(',');
        }
        // Not known is not nothing.
        let money = |value, is_known| -> rusqlite::Result<String> {
            if row.get(is_known)? { row.get(value) } else { Ok(String::new()) }
        };
        line.push_str(&money(27, 29)?);
        line.push(',');
        line.push_str(&money(28, 30)?);
        line.push_str("\r\n");
        Ok((row.get(0)?, line))
    })?;
    Ok(lines.collect::<Result<_, _>>()?)
}

fn field(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            let text = String::from_utf8_lossy(text);
            if text.contains([',', '"', '\r', '\n']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.into()
            }
        }
    }
}
