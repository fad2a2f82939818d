//! A conversation outside of the store: what our own JSON holds, and what every import becomes first.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, params};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::conversation::{self, ConversationId, NewConversation, one_line, short};
use crate::ledger::Tokens;
use crate::message::{self, Citation, Failure, Kind, Message, MessageId, NewAttachment, Role, Span, State, json};
use crate::{Error, schema, tree};

/// Version of the JSON.
pub(crate) const VERSION: u32 = 1;

/// A conversation with all its branches. Messages as they are, for one that makes no sense shall not cost the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Portable {
    pub(crate) sidetone: u32,
    /// The same in every copy; `None` is given a new one.
    #[serde(default)]
    pub(crate) origin: Option<String>,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) is_pinned: bool,
    #[serde(default)]
    pub(crate) system: String,
    #[serde(default)]
    pub(crate) created_ms: i64,
    #[serde(default)]
    pub(crate) updated_ms: i64,
    /// The last message of the chosen branch.
    #[serde(default)]
    pub(crate) leaf: Option<i64>,
    /// Parents before what follows them.
    pub(crate) messages: Vec<Value>,
}

/// A message; its numbers are only good within its conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PortableMessage {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) parent: Option<i64>,
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) kind: Kind,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) reasoning: String,
    #[serde(default)]
    pub(crate) citations: Vec<Citation>,
    #[serde(default)]
    pub(crate) attachments: Vec<PortableFile>,
    #[serde(default)]
    pub(crate) provider: String,
    #[serde(default)]
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) tokens: Option<Tokens>,
    #[serde(default)]
    pub(crate) cost_nano: Option<i64>,
    #[serde(default)]
    pub(crate) created_ms: i64,
    #[serde(default)]
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) failure: Option<Failure>,
    #[serde(default)]
    pub(crate) receipt: Option<Value>,
    #[serde(default)]
    pub(crate) span: Option<Span>,
}

/// A file with its bytes, base64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PortableFile {
    name: String,
    mime: String,
    #[serde(serialize_with = "encode", deserialize_with = "decode")]
    data: Vec<u8>,
}

fn encode<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Takes a conversation out of the store.
pub(crate) fn take_out(connection: &Connection, id: ConversationId) -> Result<Portable, Error> {
    let found = conversation::find(connection, id)?;
    let origin = connection.query_row("SELECT origin FROM conversation WHERE id = ?1", [id], |row| row.get(0))?;
    let mut messages = Vec::new();
    for message in tree::all(connection, id)? {
        let message = portable(connection, message)?;
        messages.push(serde_json::to_value(message).map_err(|error| Error::Other(error.to_string()))?);
    }
    Ok(Portable {
        sidetone: VERSION,
        origin: Some(origin),
        title: found.title,
        is_pinned: found.is_pinned,
        system: found.system,
        created_ms: found.created_ms,
        updated_ms: found.updated_ms,
        leaf: found.leaf.map(|leaf| leaf.0),
        messages,
    })
}

fn portable(connection: &Connection, message: Message) -> Result<PortableMessage, Error> {
    let mut attachments = Vec::new();
    for file in message.attachments {
        let data = message::attachment(connection, file.id)?;
        attachments.push(PortableFile { name: file.name, mime: file.mime, data });
    }
    Ok(PortableMessage {
        id: message.id.0,
        parent: message.parent.map(|parent| parent.0),
        role: message.role,
        kind: message.kind,
        text: message.text,
        reasoning: message.reasoning,
        citations: message.citations,
        attachments,
        provider: message.provider,
        model: message.model,
        tokens: message.tokens,
        cost_nano: message.cost_nano,
        created_ms: message.created_ms,
        state: message.state,
        failure: message.failure,
        receipt: message.receipt,
        span: message.span,
    })
}

/// What came of a conversation that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutIn {
    /// It is in the store already.
    Known,
    /// So many messages were put in and so many made no sense.
    New { messages: u64, skipped: u64 },
}

/// Puts conversations into the store, all of them or none.
pub(crate) fn put_in<'a>(
    connection: &mut Connection,
    conversations: impl Iterator<Item = &'a Portable>,
) -> Result<Vec<PutIn>, Error> {
    schema::write(connection, |transaction| {
        conversations.map(|conversation| put_one_in(transaction, conversation)).collect()
    })
}

fn put_one_in(connection: &Connection, new: &Portable) -> Result<PutIn, Error> {
    let mut known = connection.prepare_cached("SELECT 1 FROM conversation WHERE origin = ?1")?;
    if known.exists([&new.origin])? {
        return Ok(PutIn::Known);
    }
    let title = short(&one_line(&new.title, usize::MAX));
    let head = NewConversation { title, system: new.system.clone(), created_ms: new.created_ms };
    let id = conversation::create(connection, &head)?;
    let mut places = HashMap::new();
    let mut last = None;
    for message in new.messages.iter().filter_map(|message| PortableMessage::deserialize(message).ok()) {
        // Without the message before it, it is not known where it belongs; twice the same number neither.
        let Some(parent) = message.parent.map_or(Some(None), |parent| places.get(&parent).copied().map(Some)) else {
            continue;
        };
        if places.contains_key(&message.id) {
            continue;
        }
        let place = insert(connection, id, parent, &message)?;
        places.insert(message.id, place);
        last = Some(place);
    }
    let leaf = new.leaf.and_then(|leaf| places.get(&leaf).copied()).or(last);
    connection.execute(
        "UPDATE conversation SET is_pinned = ?2, updated_ms = ?3, leaf = ?4, origin = coalesce(?5, origin)
         WHERE id = ?1",
        (id, new.is_pinned, new.updated_ms.max(new.created_ms), leaf, &new.origin),
    )?;
    let messages = places.len() as u64;
    Ok(PutIn::New { messages, skipped: (new.messages.len() as u64).saturating_sub(messages) })
}

fn insert(
    connection: &Connection,
    conversation: ConversationId,
    parent: Option<MessageId>,
    message: &PortableMessage,
) -> Result<MessageId, Error> {
    // Nobody goes on with it.
    let state = if message.state == State::Streaming { State::Stopped } else { message.state };
    let citations = (!message.citations.is_empty()).then_some(&message.citations);
    let id = connection
        .prepare_cached(
            "INSERT INTO message (conversation, parent, role, kind, text, reasoning, citations, provider, model, tokens,
                 cost_nano, created_ms, state, failure, receipt, span)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) RETURNING id",
        )?
        .query_row(
            params![
                conversation,
                parent,
                message.role,
                message.kind,
                message.text,
                message.reasoning,
                json(citations),
                message.provider,
                message.model,
                json(message.tokens.as_ref()),
                message.cost_nano,
                message.created_ms,
                state,
                json(message.failure.as_ref()),
                json(message.receipt.as_ref()),
                json(message.span.as_ref()),
            ],
            |row| row.get(0),
        )?;
    for file in &message.attachments {
        let file = NewAttachment { name: file.name.clone(), mime: file.mime.clone(), data: file.data.clone() };
        message::attach(connection, id, &file)?;
    }
    Ok(id)
}
