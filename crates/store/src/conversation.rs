use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use crate::message::MessageId;
use crate::search::Piece;
use crate::{Error, answers, schema, search};

/// Longest title, characters.
const TITLE: usize = 80;
/// Longest preview, characters.
const PREVIEW: usize = 160;

schema::number!(ConversationId);

/// Name of a conversation in the store; never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationId(pub i64);

/// A conversation to begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewConversation {
    /// Cut to 80 characters; may be empty.
    pub title: String,
    /// The system prompt; may be empty.
    pub system: String,
    /// Now, unix ms.
    pub created_ms: i64,
}

/// A conversation without its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its name.
    pub id: ConversationId,
    /// At most 80 characters; may be empty.
    pub title: String,
    /// Kept on top of the list.
    pub is_pinned: bool,
    /// The system prompt; may be empty.
    pub system: String,
    /// When it began, unix ms.
    pub created_ms: i64,
    /// When its last message was added, unix ms.
    pub updated_ms: i64,
    /// The last message of the chosen branch.
    pub leaf: Option<MessageId>,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What the user typed into the search, as it is; blank lists all. Every word must occur, the last one may be only
    /// begun (two letters at least). There is no syntax.
    pub query: String,
    /// Pinned ones before the others (a search always goes by how well they match).
    pub pinned_first: bool,
    /// Most entries.
    pub limit: u32,
    /// Only those after this entry, to list on; not for a search.
    pub before: Option<Cursor>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { query: String::new(), pinned_first: true, limit: 100, before: None }
    }
}

/// A place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    is_pinned: bool,
    updated_ms: i64,
    id: ConversationId,
}

/// A conversation in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub id: ConversationId,
    /// At most 80 characters; may be empty.
    pub title: String,
    /// The title with what was found in it; empty without a search.
    pub title_pieces: Vec<Piece>,
    /// Kept on top of the list.
    pub is_pinned: bool,
    /// When its last message was added, unix ms.
    pub updated_ms: i64,
    /// The beginning of the last message of the chosen branch, one line of at most 160 characters.
    pub preview: String,
    /// Messages in all branches.
    pub count: u32,
    /// The part of the best message that was found, one line; empty without a search or when only the title matches.
    pub snippet: Vec<Piece>,
    /// That message.
    pub hit: Option<MessageId>,
}

impl Entry {
    /// The place behind this entry.
    pub fn cursor(&self) -> Cursor {
        Cursor { is_pinned: self.is_pinned, updated_ms: self.updated_ms, id: self.id }
    }
}

/// A title made from the first words of a text: one line, at most 80 characters, cut between words where possible.
pub fn title_from(text: &str) -> String {
    let line = one_line(text, TITLE + 1);
    if line.chars().count() <= TITLE {
        return line;
    }
    let cut: String = line.chars().take(TITLE - 1).collect();
    let end = cut.rfind(' ').filter(|&end| end > cut.len() / 2).unwrap_or(cut.len());
    let mut title = cut.get(..end).unwrap_or(&cut).to_owned();
    title.push('…');
    title
}

pub(crate) fn create(connection: &Connection, new: &NewConversation) -> Result<ConversationId, Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO conversation (title, system, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3) RETURNING id",
    )?;
    Ok(statement.query_row((short(&new.title), &new.system, new.created_ms), |row| row.get(0))?)
}

pub(crate) fn find(connection: &Connection, id: ConversationId) -> Result<Conversation, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id, title, is_pinned, system, created_ms, updated_ms, leaf FROM conversation WHERE id = ?1",
    )?;
    let found = statement.query_row([id], |row| {
        Ok(Conversation {
            id: row.get(0)?,
            title: row.get(1)?,
            is_pinned: row.get(2)?,
            system: row.get(3)?,
            created_ms: row.get(4)?,
            updated_ms: row.get(5)?,
            leaf: row.get(6)?,
        })
    });
    found.optional()?.ok_or(Error::Missing("conversation"))
}

/// All of them, the oldest first.
pub(crate) fn all(connection: &Connection) -> Result<Vec<ConversationId>, Error> {
    let mut statement = connection.prepare_cached("SELECT id FROM conversation ORDER BY id")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

pub(crate) fn rename(connection: &Connection, id: ConversationId, title: &str) -> Result<(), Error> {
    changed(connection.execute("UPDATE conversation SET title = ?2 WHERE id = ?1", (id, short(title)))?)
}

pub(crate) fn pin(connection: &Connection, id: ConversationId, is_pinned: bool) -> Result<(), Error> {
    changed(connection.execute("UPDATE conversation SET is_pinned = ?2 WHERE id = ?1", (id, is_pinned))?)
}

pub(crate) fn set_system(connection: &Connection, id: ConversationId, system: &str) -> Result<(), Error> {
    changed(connection.execute("UPDATE conversation SET system = ?2 WHERE id = ?1", (id, system))?)
}

fn changed(rows: usize) -> Result<(), Error> {
    if rows == 0 { Err(Error::Missing("conversation")) } else { Ok(()) }
}

pub(crate) fn delete(connection: &mut Connection, ids: &[ConversationId]) -> Result<(), Error> {
    let deleted = schema::write(connection, |transaction| {
        let mut statement = transaction.prepare_cached("DELETE FROM conversation WHERE id = ?1")?;
        let mut deleted = 0;
        for id in ids {
            deleted += statement.execute([id])?;
        }
        Ok(deleted)
    })?;
    wipe(connection, deleted)
}

pub(crate) fn forget(connection: &Connection, before_ms: i64, except: &[ConversationId]) -> Result<usize, Error> {
    let except = serde_json::to_string(except).map_err(|error| Error::Io(error.into()))?;
    let deleted = connection.execute(
        "DELETE FROM conversation
         WHERE updated_ms < ?1 AND NOT is_pinned AND id NOT IN (SELECT value FROM json_each(?2))",
        (before_ms, except),
    )?;
    wipe(connection, deleted)?;
    Ok(deleted)
}

/// What was deleted is overwritten in the file already (`secure_delete`); here in what may hold copies of it.
fn wipe(connection: &Connection, deleted: usize) -> Result<(), Error> {
    if deleted == 0 {
        return Ok(());
    }
    answers::clear(connection)?;
    // The log may hold old pages. Another process that reads keeps it from being emptied; then that one does it later.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

pub(crate) fn list(connection: &Connection, filter: &Filter) -> Result<Vec<Entry>, Error> {
    if !filter.query.trim().is_empty() {
        return search::find(connection, &filter.query, filter.limit);
    }
    let after = filter.before.unwrap_or(Cursor { is_pinned: true, updated_ms: i64::MAX, id: ConversationId(i64::MAX) });
    let sql = if filter.pinned_first {
        format!(
            "SELECT {ENTRY} FROM conversation AS c WHERE (is_pinned, updated_ms, id) < (?1, ?2, ?3)
             ORDER BY is_pinned DESC, updated_ms DESC, id DESC LIMIT ?4"
        )
    } else {
        format!(
            "SELECT {ENTRY} FROM conversation AS c WHERE (updated_ms, id) < (?2, ?3) AND ?1 IS NOT NULL
             ORDER BY updated_ms DESC, id DESC LIMIT ?4"
        )
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let entries = statement.query_map((after.is_pinned, after.updated_ms, after.id, filter.limit), entry)?;
    Ok(entries.collect::<Result<_, _>>()?)
}

/// What [`entry`] reads, of a conversation `c`.
pub(crate) const ENTRY: &str = "c.id, c.title, c.is_pinned, c.updated_ms,
    (SELECT count(*) FROM message WHERE conversation = c.id),
    (SELECT substr(text, 1, 400) FROM message WHERE id = c.leaf)";

pub(crate) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let preview: Option<String> = row.get(5)?;
    Ok(Entry {
        id: row.get(0)?,
        title: row.get(1)?,
        title_pieces: Vec::new(),
        is_pinned: row.get(2)?,
        updated_ms: row.get(3)?,
        preview: one_line(&preview.unwrap_or_default(), PREVIEW),
        count: row.get(4)?,
        snippet: Vec::new(),
        hit: None,
    })
}

/// All words in one line, at most so many characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut room = limit;
    for word in text.split_whitespace() {
        let space = usize::from(!line.is_empty());
        if room <= space {
            break;
        }
        if space == 1 {
            line.push(' ');
        }
        line.extend(word.chars().take(room - space));
        room = room.saturating_sub(space + word.chars().count());
    }
    line
}

/// A title as it is stored.
pub(crate) fn short(title: &str) -> String {
    title.trim().chars().take(TITLE).collect()
}
