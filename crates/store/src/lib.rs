//! Conversations and the ledger of requests, in one SQLite file.
//!
//! A [`Store`] is a cheap handle of one thread that owns the only connection. Calls are queued for it (bounded) and
//! answered by futures; a future that is dropped does not undo its call. The store has no clock: times are parameters,
//! unix milliseconds. Money is whole nano-dollars (10⁻⁹ $).

mod answers;
mod conversation;
mod desk;
mod error;
mod export;
mod file;
mod import;
mod ledger;
mod message;
mod portable;
mod preset;
mod quantile;
mod reserve;
mod schema;
mod search;
mod tree;

use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

pub use conversation::{Conversation, ConversationId, Cursor, Entry, Filter, NewConversation, title_from};
pub use error::Error;
pub use export::{Format, Selection};
pub use import::{Imported, Progress};
pub use ledger::{Cache, Group, Outcome, Row, Spent, Tokens, Tried, Usage};
pub use message::{
    Attachment, AttachmentId, Citation, Failure, Kind, LARGEST_FILE, Message, MessageId, NewAttachment, NewMessage,
    Patch, Role, Span, State,
};
pub use preset::Preset;
pub use quantile::Quantiles;
pub use reserve::{Reserve, SetAside};
pub use search::Piece;
pub use tree::Thread;

use desk::Desk;

/// Handle of the store. The thread behind it ends, and the file is closed, with the last handle.
#[derive(Clone, Debug)]
pub struct Store {
    desk: Desk,
    damaged: Option<PathBuf>,
    /// Whose reserves these are.
    holder: i64,
}

impl Store {
    /// Opens the file at `path`, or makes a new one; its folder must exist. Blocks while the file is opened, brought up
    /// to date and, after a crash, checked.
    ///
    /// Messages that were streaming when the program ended become [`State::Stopped`] with the text that was written. A
    /// damaged file is set aside under a new name next to it and a new one is begun: [`Store::was_damaged`].
    ///
    /// # Errors
    /// [`Error::Newer`]: the file is of a newer version of this program. [`Error::ReadOnly`], [`Error::DiskFull`],
    /// [`Error::Unopenable`]: it cannot be written. [`Error::Damaged`]: damaged, but another process has it open.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let opened = file::open(path)?;
        let damaged = opened.damaged.clone();
        Ok(Self { desk: Desk::start(opened)?, damaged, holder: reserve::holder() })
    }

    /// Where the file that could not be read was moved to when this store was opened.
    pub fn was_damaged(&self) -> Option<&Path> {
        self.damaged.as_deref()
    }

    /// Writes what is queued and closes the file; every later call on any handle fails with [`Error::Closed`].
    pub async fn close(self) {
        self.desk.close().await;
    }

    // Conversations

    /// Conversations, newest first; with a query the best matches first.
    pub async fn list(&self, filter: Filter) -> Result<Vec<Entry>, Error> {
        self.desk.run(move |connection| conversation::list(connection, &filter)).await
    }

    /// Begins a conversation.
    pub async fn create(&self, new: NewConversation) -> Result<ConversationId, Error> {
        self.desk.run(move |connection| conversation::create(connection, &new)).await
    }

    /// A conversation with the branch that is chosen.
    ///
    /// # Errors
    /// [`Error::Missing`]: there is none (any more).
    pub async fn thread(&self, conversation: ConversationId) -> Result<Thread, Error> {
        self.desk.run(move |connection| tree::thread(connection, conversation)).await
    }

    /// Gives a conversation another title; it is cut to 80 characters.
    pub async fn rename(&self, conversation: ConversationId, title: String) -> Result<(), Error> {
        self.desk.run(move |connection| conversation::rename(connection, conversation, &title)).await
    }

    /// Keeps a conversation on top of the list, or no longer.
    pub async fn pin(&self, conversation: ConversationId, is_pinned: bool) -> Result<(), Error> {
        self.desk.run(move |connection| conversation::pin(connection, conversation, is_pinned)).await
    }

    /// Sets the system prompt of a conversation.
    pub async fn set_system(&self, conversation: ConversationId, system: String) -> Result<(), Error> {
        self.desk.run(move |connection| conversation::set_system(connection, conversation, &system)).await
    }

    /// Deletes conversations for good: their bytes are overwritten, also in the index of the search. Kept answers
    /// ([`Store::cache_get`]) go too, for they may hold the same words. The ledger stays: it has no content.
    pub async fn delete(&self, conversations: Vec<ConversationId>) -> Result<(), Error> {
        self.desk.run(move |connection| conversation::delete(connection, &conversations)).await
    }

    /// Deletes for good what was not touched since `before_ms`, is not pinned and none of these; gives their number.
    pub async fn forget(&self, before_ms: i64, except: Vec<ConversationId>) -> Result<usize, Error> {
        self.desk.run(move |connection| conversation::forget(connection, before_ms, &except)).await
    }

    // Messages

    /// Adds a message; it becomes the chosen leaf of its conversation.
    ///
    /// # Errors
    /// [`Error::Missing`]: no such conversation, or the parent is not in it.
    pub async fn append(&self, message: NewMessage) -> Result<MessageId, Error> {
        self.desk.run(move |connection| message::append(connection, &message)).await
    }

    /// Changes what `patch` names. Of a stream this is called at most once a second, so a crash loses at most that.
    pub async fn update(&self, message: MessageId, patch: Patch) -> Result<(), Error> {
        self.desk.run(move |connection| message::update(connection, message, &patch)).await
    }

    /// Takes a message out of its conversation; what follows it stands behind what came before it, which is handed back.
    ///
    /// # Errors
    /// [`Error::Missing`]: no such message.
    pub async fn remove(&self, message: MessageId) -> Result<Option<MessageId>, Error> {
        self.desk.run(move |connection| message::remove(connection, message)).await
    }

    /// Adds a file to a message.
    ///
    /// # Errors
    /// [`Error::Missing`]: no such message; [`Error::Other`]: the file is larger than [`LARGEST_FILE`].
    pub async fn attach(&self, message: MessageId, file: NewAttachment) -> Result<(), Error> {
        self.desk.run(move |connection| message::add_file(connection, message, &file)).await
    }

    /// One message.
    pub async fn message(&self, message: MessageId) -> Result<Message, Error> {
        self.desk.run(move |connection| tree::message(connection, message)).await
    }

    /// Chooses the branch in which `message` is, down to the newest leaf behind it.
    pub async fn choose_branch(&self, message: MessageId) -> Result<Thread, Error> {
        self.desk.run(move |connection| tree::choose(connection, message)).await
    }

    /// The bytes of an attachment.
    pub async fn attachment(&self, attachment: AttachmentId) -> Result<Vec<u8>, Error> {
        self.desk.run(move |connection| message::attachment(connection, attachment)).await
    }

    // Drafts and presets

    /// What was typed and not sent; `None` is the new conversation. Empty when there is nothing.
    pub async fn draft(&self, conversation: Option<ConversationId>) -> Result<String, Error> {
        self.desk.run(move |connection| preset::draft(connection, conversation)).await
    }

    /// Keeps what was typed; an empty text forgets it.
    pub async fn set_draft(&self, conversation: Option<ConversationId>, text: String) -> Result<(), Error> {
        self.desk.run(move |connection| preset::set_draft(connection, conversation, &text)).await
    }

    /// All presets by name.
    pub async fn presets(&self) -> Result<Vec<Preset>, Error> {
        self.desk.run(|connection| preset::list(connection)).await
    }

    /// Saves a preset; one of the same name is replaced.
    pub async fn save_preset(&self, preset: Preset) -> Result<(), Error> {
        self.desk.run(move |connection| preset::save(connection, &preset)).await
    }

    /// Deletes the preset of this name, if there is one.
    pub async fn delete_preset(&self, name: String) -> Result<(), Error> {
        self.desk.run(move |connection| preset::delete(connection, &name)).await
    }

    // The ledger

    /// Writes a row of the ledger. Never waits; rows that come close together are written together. A later
    /// [`Store::usage`] or [`Store::spent`] counts it.
    ///
    /// # Errors
    /// [`Error::Busy`]: the queue is full and the row is lost. [`Error::Closed`].
    pub fn record(&self, row: Row) -> Result<(), Error> {
        self.desk.record(row)
    }

    /// Requests from `since_ms` on, by group, the dearest first.
    pub async fn usage(&self, since_ms: i64, group: Group) -> Result<Vec<Usage>, Error> {
        self.desk.run(move |connection| ledger::usage(connection, since_ms, group)).await
    }

    /// What was spent in a conversation, and on the local day and in the local month of `now_ms`.
    pub async fn spent(&self, conversation: Option<ConversationId>, now_ms: i64) -> Result<Spent, Error> {
        self.desk.run(move |connection| ledger::spent(connection, conversation, now_ms)).await
    }

    /// How the newest `most` written requests went, of those from `since_ms` on; oldest first.
    pub async fn tried(&self, since_ms: i64, most: u32) -> Result<Vec<Tried>, Error> {
        self.desk.run(move |connection| ledger::tried(connection, since_ms, most)).await
    }

    /// Deletes rows of the ledger from before `before_ms`; gives their number.
    pub async fn prune_ledger(&self, before_ms: i64) -> Result<usize, Error> {
        self.desk.run(move |connection| ledger::prune(connection, before_ms)).await
    }

    // Reserves

    /// Sets money aside, for other programs with the same file to see, until the reserve is dropped or `until_ms`.
    pub async fn set_aside(
        &self,
        conversation: Option<ConversationId>,
        nano: i64,
        until_ms: i64,
    ) -> Result<Reserve, Error> {
        let (holder, desk) = (self.holder, self.desk.clone());
        let set_aside = move |connection: &mut _| reserve::set_aside(connection, holder, conversation, nano, until_ms);
        let id = self.desk.run(set_aside).await?;
        Ok(Reserve { id, desk })
    }

    /// What other programs have set aside at `now_ms`.
    pub async fn set_aside_elsewhere(
        &self,
        conversation: Option<ConversationId>,
        now_ms: i64,
    ) -> Result<SetAside, Error> {
        let holder = self.holder;
        self.desk.run(move |connection| reserve::elsewhere(connection, holder, conversation, now_ms)).await
    }

    // Kept answers

    /// A kept answer that is still good at `now_ms`, and until when it is.
    pub async fn cache_get(&self, key: [u8; 32], now_ms: i64) -> Result<Option<(Vec<u8>, i64)>, Error> {
        self.desk.run(move |connection| answers::find(connection, &key, now_ms)).await
    }

    /// Keeps an answer until `expires_ms`. When all of them are more than `limit` bytes, expired ones go first, then
    /// those that expire soonest; one that is larger than `limit` is not kept.
    pub async fn cache_put(
        &self,
        key: [u8; 32],
        value: Vec<u8>,
        expires_ms: i64,
        now_ms: i64,
        limit: u64,
    ) -> Result<(), Error> {
        self.desk.run(move |connection| answers::keep(connection, &key, &value, expires_ms, now_ms, limit)).await
    }

    /// Forgets all kept answers.
    pub async fn cache_clear(&self) -> Result<(), Error> {
        self.desk.run(|connection| answers::clear(connection)).await
    }

    // In and out

    /// Writes conversations to `sink`, one after the other, on a thread of its own; gives the sink back. As [`Format::Csv`]
    /// it is the ledger: the rows of these conversations, or all. Ends early when the future is dropped.
    pub async fn export<W>(&self, selection: Selection, format: Format, sink: W) -> Result<W, Error>
    where
        W: Write + Send + 'static,
    {
        export::run(self.desk.clone(), selection, format, sink).await
    }

    /// Writes the ledger from `since_ms` on as CSV.
    pub async fn export_usage<W>(&self, since_ms: i64, sink: W) -> Result<W, Error>
    where
        W: Write + Send + 'static,
    {
        export::usage(self.desk.clone(), since_ms, sink).await
    }

    /// Reads ChatGPT's data export, the zip file as it comes or a `conversations.json` out of it, or this program's own
    /// [`Format::Json`]. Runs on a thread of its own, holds a conversation (or 1 MiB of them) in memory at a time, and tells
    /// `progress` after each MiB and at the end of each file. What makes no sense is skipped and counted; what was imported
    /// before is counted and left as it is. Dropping the future ends it soon; what was imported stays.
    ///
    /// # Errors
    /// [`Error::Foreign`]: this is no such file. [`Error::Io`]: it could not be read to its end, or unpacks to more than
    /// any such file; what came before stays.
    pub async fn import<R, P>(&self, reader: R, progress: P) -> Result<Imported, Error>
    where
        R: Read + Seek + Send + 'static,
        P: FnMut(Progress) + Send + 'static,
    {
        import::run(self.desk.clone(), reader, progress).await
    }
}
