//! Answers that are kept on disk for equal requests.

use rusqlite::{Connection, OptionalExtension};

use crate::{Error, schema};

/// The value, and when its time is over.
pub(crate) fn find(connection: &Connection, key: &[u8; 32], now_ms: i64) -> Result<Option<(Vec<u8>, i64)>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT value, expires_ms FROM answer WHERE key = ?1 AND expires_ms > ?2")?;
    Ok(statement.query_row((key.as_slice(), now_ms), |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

pub(crate) fn keep(
    connection: &mut Connection,
    key: &[u8; 32],
    value: &[u8],
    expires_ms: i64,
    now_ms: i64,
    limit: u64,
) -> Result<(), Error> {
    schema::write(connection, |transaction| {
        // Not `INSERT OR REPLACE`: that would not tell the trigger which counts the bytes.
        transaction
            .prepare_cached("DELETE FROM answer WHERE key = ?1 OR expires_ms <= ?2")?
            .execute((key.as_slice(), now_ms))?;
        let size = u64::try_from(value.len()).unwrap_or(u64::MAX);
        if size > limit || expires_ms <= now_ms {
            return Ok(());
        }
        make_room(transaction, limit - size)?;
        transaction.prepare_cached("INSERT INTO answer (key, value, expires_ms) VALUES (?1, ?2, ?3)")?.execute((
            key.as_slice(),
            value,
            expires_ms,
        ))?;
        Ok(())
    })
}

fn make_room(connection: &Connection, limit: u64) -> Result<(), Error> {
    let limit = schema::signed(limit);
    let mut oldest = connection
        .prepare_cached("DELETE FROM answer WHERE rowid = (SELECT rowid FROM answer ORDER BY expires_ms LIMIT 1)")?;
    while connection.query_row("SELECT bytes FROM answers", [], |row| row.get::<_, i64>(0))? > limit {
        if oldest.execute([])? == 0 {
            break;
        }
    }
    Ok(())
}

pub(crate) fn clear(connection: &Connection) -> Result<(), Error> {
    connection.execute("DELETE FROM answer", [])?;
    Ok(())
}
