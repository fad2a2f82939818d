//! The tables, how they come about, and how values are stored in them.

use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use crate::Error;

/// Each step once and for ever: what was released is never changed, only followed by another.
const STEPS: &[M<'static>] =
    &[M::up(include_str!("schema.sql")), M::up(include_str!("schema_2.sql")), M::up(include_str!("schema_3.sql"))];

/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(5);

/// Settings of the connection; they are not kept in the file, except the first.
const SETTINGS: &str = "PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = 16777216;";

pub(crate) fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch(SETTINGS)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

pub(crate) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    Ok(Migrations::from_slice(STEPS).to_latest(connection)?)
}

/// Does all of `work` or nothing of it.
pub(crate) fn write<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

/// Stores an enum as words.
macro_rules! words {
    ($type:ty { $($variant:ident: $word:literal),+ $(,)? }) => {
        impl $type {
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl rusqlite::ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.word().into())
            }
        }
        impl rusqlite::types::FromSql for $type {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                match value.as_str()? {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(rusqlite::types::FromSqlError::InvalidType),
                }
            }
        }
    };
}

/// Stores a name as its number.
macro_rules! number {
    ($type:ty) => {
        impl rusqlite::ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }
        impl rusqlite::types::FromSql for $type {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }
    };
}

pub(crate) use {number, words};

/// SQLite counts to 2⁶³ − 1.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_the_schema_is_valid() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }
}
