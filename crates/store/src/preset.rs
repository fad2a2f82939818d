use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::conversation::ConversationId;
use crate::{Error, conversation};

/// How a new conversation may begin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Preset {
    /// Its name; there is one of each.
    pub name: String,
    /// The system prompt.
    pub system: String,
    /// Whom to ask; `None`: as set.
    pub provider: Option<String>,
    /// Which model; `None`: as set.
    pub model: Option<String>,
    /// 0 to 2; `None`: as set.
    pub temperature: Option<f64>,
}

pub(crate) fn draft(connection: &Connection, conversation: Option<ConversationId>) -> Result<String, Error> {
    let found =
        connection.query_row("SELECT text FROM draft WHERE conversation = ?1", [place(conversation)], |row| row.get(0));
    Ok(found.optional()?.unwrap_or_default())
}

pub(crate) fn set_draft(
    connection: &Connection,
    conversation: Option<ConversationId>,
    text: &str,
) -> Result<(), Error> {
    if text.is_empty() {
        connection.execute("DELETE FROM draft WHERE conversation = ?1", [place(conversation)])?;
        return Ok(());
    }
    if let Some(conversation) = conversation {
        conversation::find(connection, conversation)?;
    }
    connection
        .execute("INSERT OR REPLACE INTO draft (conversation, text) VALUES (?1, ?2)", (place(conversation), text))?;
    Ok(())
}

fn place(conversation: Option<ConversationId>) -> ConversationId {
    conversation.unwrap_or(ConversationId(0))
}

pub(crate) fn list(connection: &Connection) -> Result<Vec<Preset>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT name, system, provider, model, temperature FROM preset ORDER BY name")?;
    let presets = statement.query_map([], |row| {
        Ok(Preset {
            name: row.get(0)?,
            system: row.get(1)?,
            provider: row.get(2)?,
            model: row.get(3)?,
            temperature: row.get(4)?,
        })
    })?;
    Ok(presets.collect::<Result<_, _>>()?)
}

pub(crate) fn save(connection: &Connection, preset: &Preset) -> Result<(), Error> {
    connection.execute(
        "INSERT OR REPLACE INTO preset (name, system, provider, model, temperature) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&preset.name, &preset.system, &preset.provider, &preset.model, preset.temperature),
    )?;
    Ok(())
}

pub(crate) fn delete(connection: &Connection, name: &str) -> Result<(), Error> {
    connection.execute("DELETE FROM preset WHERE name = ?1", [name])?;
    Ok(())
}
