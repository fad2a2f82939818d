//! Money that is set aside for requests under way, so that other programs with the same file leave it alone.

use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

use crate::Error;
use crate::conversation::ConversationId;
use crate::desk::Desk;

/// Money set aside; given back when dropped, or when its time is over.
#[derive(Debug)]
pub struct Reserve {
    pub(crate) id: i64,
    pub(crate) desk: Desk,
}

impl Drop for Reserve {
    fn drop(&mut self) {
        let id = self.id;
        self.desk.later(move |connection| {
            connection.prepare_cached("DELETE FROM reserve WHERE id = ?1")?.execute([id])?;
            Ok(())
        });
    }
}

/// What others have set aside, nano-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetAside {
    /// In the conversation; zero without one.
    pub conversation_nano: i64,
    /// In all.
    pub all_nano: i64,
}

/// A name that no other open store has on this machine.
pub(crate) fn holder() -> i64 {
    static OPENED: AtomicU32 = AtomicU32::new(0);
    (i64::from(std::process::id()) << 32) | i64::from(OPENED.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn set_aside(
    connection: &Connection,
    holder: i64,
    conversation: Option<ConversationId>,
    nano: i64,
    until_ms: i64,
) -> Result<i64, Error> {
    connection
        .prepare_cached("INSERT INTO reserve (holder, conversation, nano, until_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute((holder, conversation, nano, until_ms))?;
    Ok(connection.last_insert_rowid())
}

pub(crate) fn elsewhere(
    connection: &Connection,
    holder: i64,
    conversation: Option<ConversationId>,
    now_ms: i64,
) -> Result<SetAside, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(sum(nano) FILTER (WHERE conversation = ?2), 0), coalesce(sum(nano), 0)
         FROM reserve WHERE holder <> ?1 AND until_ms > ?3",
    )?;
    let found = statement.query_row((holder, conversation, now_ms), |row| {
        Ok(SetAside { conversation_nano: row.get(0)?, all_nano: row.get(1)? })
    })?;
    Ok(found)
}

/// Forgets what programs that crashed have left; to be called while nobody else has the file open.
pub(crate) fn forget_all(connection: &Connection) -> Result<(), Error> {
    connection.execute("DELETE FROM reserve", [])?;
    Ok(())
}
