use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::conversation::ConversationId;
use crate::ledger::Tokens;
use crate::{Error, schema};

/// Most bytes of a file that is added to a message: 32 MB.
pub const LARGEST_FILE: usize = 32 << 20;

/// Name of a message in the store; never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub i64);

/// Name of an attachment in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttachmentId(pub i64);

/// Who wrote or said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// Whether it was written or said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Written.
    #[default]
    Text,
    /// Said; the text is its transcript.
    Voice,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// More of it is to come. It is found by the search when this is over.
    Streaming,
    /// Complete.
    #[default]
    Done,
    /// Stopped by the user, or by the end of the program.
    Stopped,
    /// Broken off by a [`Failure`].
    Failed,
}

/// What went wrong with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A word that the caller understands, such as `rate_limited`.
    pub kind: String,
    /// For a person.
    pub message: String,
}

/// A source that an answer names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// Where.
    pub url: String,
    /// What it is called; may be empty.
    pub title: String,
}

/// When something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// When the call began, unix ms.
    pub call_ms: i64,
    /// When it began to be said, ms since the call began.
    pub start_ms: i64,
    /// When it was over, ms since the call began.
    pub end_ms: i64,
}

/// A file of a message, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name in the store: [`crate::Store::attachment`] gives the bytes.
    pub id: AttachmentId,
    /// File name.
    pub name: String,
    /// Such as `image/png`.
    pub mime: String,
    /// Bytes.
    pub size: u64,
}

/// A file to keep with a message.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAttachment {
    /// File name.
    pub name: String,
    /// Such as `image/png`.
    pub mime: String,
    /// The bytes.
    pub data: Vec<u8>,
}

impl std::fmt::Debug for NewAttachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewAttachment({}, {}, {} bytes)", self.name, self.mime, self.data.len())
    }
}

/// A message to add.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// The message it follows; `None` begins the conversation (or another branch from its beginning).
    pub parent: Option<MessageId>,
    /// Whose.
    pub role: Role,
    /// Written or said.
    pub kind: Kind,
    /// The text so far.
    pub text: String,
    /// Files.
    pub attachments: Vec<NewAttachment>,
    /// Who answers; empty for the user's.
    pub provider: String,
    /// With which model; empty for the user's.
    pub model: String,
    /// Now, unix ms.
    pub created_ms: i64,
    /// How far it is.
    pub state: State,
    /// When it was said.
    pub span: Option<Span>,
}

impl NewMessage {
    /// A complete text message without anything else.
    pub fn text(
        conversation: ConversationId,
        parent: Option<MessageId>,
        role: Role,
        text: impl Into<String>,
        created_ms: i64,
    ) -> Self {
        Self {
            conversation,
            parent,
            role,
            kind: Kind::Text,
            text: text.into(),
            attachments: Vec::new(),
            provider: String::new(),
            model: String::new(),
            created_ms,
            state: State::Done,
            span: None,
        }
    }
}

/// What changes in a message; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// The whole text so far.
    pub text: Option<String>,
    /// The whole reasoning so far.
    pub reasoning: Option<String>,
    /// All sources.
    pub citations: Option<Vec<Citation>>,
    /// Who answers.
    pub provider: Option<String>,
    /// The model that really answers.
    pub model: Option<String>,
    /// What it consumed.
    pub tokens: Option<Tokens>,
    /// What it cost, nano-dollars.
    pub cost_nano: Option<i64>,
    /// How far it is.
    pub state: Option<State>,
    /// What went wrong. `Some(None)` takes a failure back.
    pub failure: Option<Option<Failure>>,
    /// How it was answered, for show: route, cache, times. The store does not look into it.
    pub receipt: Option<serde_json::Value>,
    /// When it was said.
    pub span: Option<Span>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The message it follows.
    pub parent: Option<MessageId>,
    /// All messages that follow the same one, oldest first, this one included: the branches to choose from.
    pub siblings: Vec<MessageId>,
    /// Whose.
    pub role: Role,
    /// Written or said.
    pub kind: Kind,
    /// The text.
    pub text: String,
    /// What the model thought; may be empty.
    pub reasoning: String,
    /// Its sources.
    pub citations: Vec<Citation>,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// Who answered; empty for the user's.
    pub provider: String,
    /// With which model; empty for the user's.
    pub model: String,
    /// What it consumed, if known.
    pub tokens: Option<Tokens>,
    /// What it cost, nano-dollars, if known.
    pub cost_nano: Option<i64>,
    /// When it was added, unix ms.
    pub created_ms: i64,
    /// How far it is.
    pub state: State,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// What the caller put into [`Patch::receipt`].
    pub receipt: Option<serde_json::Value>,
    /// When it was said.
    pub span: Option<Span>,
}

schema::number!(MessageId);
schema::number!(AttachmentId);
schema::words!(Role { User: "user", Assistant: "assistant" });
schema::words!(Kind { Text: "text", Voice: "voice" });
schema::words!(State { Streaming: "streaming", Done: "done", Stopped: "stopped", Failed: "failed" });

pub(crate) fn append(connection: &mut Connection, new: &NewMessage) -> Result<MessageId, Error> {
    schema::write(connection, |transaction| {
        if let Some(parent) = new.parent {
            let mut statement =
                transaction.prepare_cached("SELECT 1 FROM message WHERE id = ?1 AND conversation = ?2")?;
            if !statement.exists((parent, new.conversation))? {
                return Err(Error::Missing("message"));
            }
        }
        let moved = transaction
            .prepare_cached("UPDATE conversation SET updated_ms = max(updated_ms, ?2) WHERE id = ?1")?
            .execute((new.conversation, new.created_ms))?;
        if moved == 0 {
            return Err(Error::Missing("conversation"));
        }
        let id: MessageId = transaction
            .prepare_cached(
                "INSERT INTO message (conversation, parent, role, kind, text, provider, model, created_ms, state, span)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id",
            )?
            .query_row(
                params![
                    new.conversation,
                    new.parent,
                    new.role,
                    new.kind,
                    new.text,
                    new.provider,
                    new.model,
                    new.created_ms,
                    new.state,
                    json(new.span.as_ref()),
                ],
                |row| row.get(0),
            )?;
        for file in &new.attachments {
            attach(transaction, id, file)?;
        }
        transaction
            .prepare_cached("UPDATE conversation SET leaf = ?2 WHERE id = ?1")?
            .execute((new.conversation, id))?;
        Ok(id)
    })
}

pub(crate) fn attach(connection: &Connection, message: MessageId, file: &NewAttachment) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT INTO attachment (message, name, mime, data) VALUES (?1, ?2, ?3, ?4)")?
        .execute((message, &file.name, &file.mime, &file.data))?;
    Ok(())
}

pub(crate) fn remove(connection: &mut Connection, id: MessageId) -> Result<Option<MessageId>, Error> {
    schema::write(connection, |transaction| {
        let mut statement = transaction.prepare_cached("SELECT parent FROM message WHERE id = ?1")?;
        let parent: Option<MessageId> =
            statement.query_row([id], |row| row.get(0)).optional()?.ok_or(Error::Missing("message"))?;
        transaction.prepare_cached("UPDATE message SET parent = ?2 WHERE parent = ?1")?.execute((id, parent))?;
        transaction.prepare_cached("UPDATE conversation SET leaf = ?2 WHERE leaf = ?1")?.execute((id, parent))?;
        transaction.prepare_cached("DELETE FROM message WHERE id = ?1")?.execute([id])?;
        Ok(parent)
    })
}

pub(crate) fn add_file(connection: &Connection, message: MessageId, file: &NewAttachment) -> Result<(), Error> {
    if file.data.len() > LARGEST_FILE {
        return Err(Error::Other("the file is too large to be kept".into()));
    }
    if !connection.prepare_cached("SELECT 1 FROM message WHERE id = ?1")?.exists([message])? {
        return Err(Error::Missing("message"));
    }
    attach(connection, message, file)
}

pub(crate) fn update(connection: &Connection, id: MessageId, patch: &Patch) -> Result<(), Error> {
    let changed = connection
        .prepare_cached(
            "UPDATE message SET text = coalesce(?2, text), reasoning = coalesce(?3, reasoning),
                 citations = coalesce(?4, citations), provider = coalesce(?5, provider), model = coalesce(?6, model),
                 tokens = coalesce(?7, tokens), cost_nano = coalesce(?8, cost_nano), state = coalesce(?9, state),
                 failure = iif(?10, ?11, failure), receipt = coalesce(?12, receipt), span = coalesce(?13, span)
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            patch.text,
            patch.reasoning,
            json(patch.citations.as_ref()),
            patch.provider,
            patch.model,
            json(patch.tokens.as_ref()),
            patch.cost_nano,
            patch.state,
            patch.failure.is_some(),
            json(patch.failure.as_ref().and_then(Option::as_ref)),
            json(patch.receipt.as_ref()),
            json(patch.span.as_ref()),
        ])?;
    if changed == 0 { Err(Error::Missing("message")) } else { Ok(()) }
}

pub(crate) fn attachment(connection: &Connection, id: AttachmentId) -> Result<Vec<u8>, Error> {
    let mut statement = connection.prepare_cached("SELECT data FROM attachment WHERE id = ?1")?;
    statement.query_row([id], |row| row.get(0)).optional()?.ok_or(Error::Missing("attachment"))
}

/// What was streaming when the program ended is over; its text stays.
pub(crate) fn recover(connection: &Connection) -> Result<(), Error> {
    let stopped = connection.execute("UPDATE message SET state = 'stopped' WHERE state = 'streaming'", [])?;
    if stopped > 0 {
        tracing::info!(stopped, "answers were cut off when the program ended");
    }
    Ok(())
}

/// What [`read`] reads, of a message `m`.
pub(crate) const MESSAGE: &str = "m.id, m.conversation, m.parent,
    (SELECT json_group_array(id) FROM (SELECT id FROM message AS s
        WHERE s.conversation = m.conversation AND s.parent IS m.parent ORDER BY id)),
    m.role, m.kind, m.text, m.reasoning, m.citations,
    (SELECT json_group_array(json_object('id', id, 'name', name, 'mime', mime, 'size', length(data)))
        FROM attachment WHERE message = m.id),
    m.provider, m.model, m.tokens, m.cost_nano, m.created_ms, m.state, m.failure, m.receipt, m.span";

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        conversation: row.get(1)?,
        parent: row.get(2)?,
        siblings: parsed(row, 3)?.unwrap_or_default(),
        role: row.get(4)?,
        kind: row.get(5)?,
        text: row.get(6)?,
        reasoning: row.get(7)?,
        citations: parsed(row, 8)?.unwrap_or_default(),
        attachments: parsed(row, 9)?.unwrap_or_default(),
        provider: row.get(10)?,
        model: row.get(11)?,
        tokens: parsed(row, 12)?,
        cost_nano: row.get(13)?,
        created_ms: row.get(14)?,
        state: row.get(15)?,
        failure: parsed(row, 16)?,
        receipt: parsed(row, 17)?,
        span: parsed(row, 18)?,
    })
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

pub(crate) fn json<T: Serialize>(value: Option<&T>) -> Option<String> {
    value.and_then(|value| serde_json::to_string(value).ok())
}
