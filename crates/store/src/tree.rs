//! The messages of a conversation as a tree, and the branch of it that is chosen.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use crate::Error;
use crate::conversation::{self, Conversation, ConversationId};
use crate::message::{self, MESSAGE, Message, MessageId};

/// A conversation with its chosen branch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thread {
    /// The conversation.
    pub conversation: Conversation,
    /// From the first message to the chosen leaf.
    pub messages: Vec<Message>,
}

pub(crate) fn thread(connection: &Connection, id: ConversationId) -> Result<Thread, Error> {
    let conversation = conversation::find(connection, id)?;
    let messages = match conversation.leaf {
        Some(leaf) => branch(connection, leaf)?,
        None => Vec::new(),
    };
    Ok(Thread { conversation, messages })
}

/// The messages from the first to this one. Ids grow along a branch, so it is sorted by them and cannot go round.
fn branch(connection: &Connection, leaf: MessageId) -> Result<Vec<Message>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "WITH RECURSIVE branch (id, parent) AS (
             SELECT id, parent FROM message WHERE id = ?1
             UNION ALL SELECT message.id, message.parent FROM message JOIN branch ON message.id = branch.parent
         )
         SELECT {MESSAGE} FROM branch CROSS JOIN message AS m ON m.id = branch.id ORDER BY m.id"
    ))?;
    let messages = statement.query_map([leaf], message::read)?;
    Ok(messages.collect::<Result<_, _>>()?)
}

/// All messages of all branches, parents before what follows them.
pub(crate) fn all(connection: &Connection, id: ConversationId) -> Result<Vec<Message>, Error> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {MESSAGE} FROM message AS m WHERE conversation = ?1 ORDER BY m.id"))?;
    let messages = statement.query_map([id], message::read)?;
    Ok(messages.collect::<Result<_, _>>()?)
}

pub(crate) fn message(connection: &Connection, id: MessageId) -> Result<Message, Error> {
    let mut statement = connection.prepare_cached(&format!("SELECT {MESSAGE} FROM message AS m WHERE m.id = ?1"))?;
    statement.query_row([id], message::read).optional()?.ok_or(Error::Missing("message"))
}

pub(crate) fn choose(connection: &Connection, id: MessageId) -> Result<Thread, Error> {
    let conversation = message(connection, id)?.conversation;
    connection
        .prepare_cached(
            "WITH RECURSIVE down (id) AS (
                 VALUES (?2)
                 UNION ALL SELECT (SELECT max(id) FROM message WHERE parent = down.id) AS next FROM down
                     WHERE next IS NOT NULL
             )
             UPDATE conversation SET leaf = (SELECT max(id) FROM down) WHERE id = ?1",
        )?
        .execute((conversation, id))?;
    thread(connection, conversation)
}
