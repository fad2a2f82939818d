//! The open conversation: its chosen branch as shells see it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use store::{AttachmentId, ConversationId, Kind, Message, MessageId, Role, State, Store, Thread};

use super::Desk;
use crate::api::{self, Attachment, Change, ChatFailure, ChatMessage, Citation, MessageState, Receipt, Shape, Target};

/// The messages of the chosen branch.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// As shells were told of them.
    pub(super) messages: Vec<ChatMessage>,
    /// The system prompt of the settings that a new conversation began with.
    pub(super) system_of_settings: String,
    /// Files that were read from the store.
    files: BTreeMap<AttachmentId, Attachment>,
}

/// What is kept with a message beyond the store's own fields.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) receipt: Option<Receipt>,
    pub(super) fell_back_from: Option<Target>,
    pub(super) failure: Option<ChatFailure>,
    pub(super) picture: Option<Shape>,
}

impl Desk {
    pub(super) async fn open_conversation(&mut self, id: i64) -> Result<(), store::Error> {
        let store = self.store()?;
        let thread = store.thread(ConversationId(id)).await?;
        self.chat.draft = store.draft(Some(ConversationId(id))).await?;
        self.chat.conversation = Some(id);
        self.show(&store, thread).await?;
        self.tell_budget().await
    }

    pub(super) async fn new_chat(&mut self) -> Result<(), store::Error> {
        self.chat.conversation = None;
        self.chat.title.clear();
        self.chat.branch.clear();
        self.chat.draft = self.store()?.draft(None).await?;
        self.chat.system.clone_from(&self.settings.borrow().chat.system);
        self.open.messages.clear();
        self.open.files.clear();
        self.voice.leave();
        self.mark_answering();
        self.estimate();
        self.tell_budget().await
    }

    pub(super) async fn choose_branch(&mut self, message: i64) -> Result<(), store::Error> {
        let store = self.store()?;
        let thread = store.choose_branch(MessageId(message)).await?;
        if self.chat.conversation == Some(thread.conversation.id.0) {
            self.show(&store, thread).await?;
        }
        Ok(())
    }

    /// Reads the open conversation anew.
    pub(super) async fn reload(&mut self) -> Result<(), store::Error> {
        let Some(id) = self.chat.conversation else { return Ok(()) };
        let store = self.store()?;
        let thread = store.thread(ConversationId(id)).await?;
        self.show(&store, thread).await
    }

    async fn show(&mut self, store: &Store, thread: Thread) -> Result<(), store::Error> {
        self.chat.title = thread.conversation.title;
        self.chat.system = thread.conversation.system;
        self.chat.branch = thread.messages.iter().map(|message| message.id.0).collect();
        let mut messages = Vec::with_capacity(thread.messages.len());
        for message in thread.messages {
            let files = self.files(store, &message).await?;
            messages.push(self.view(message, files));
        }
        let told = std::mem::replace(&mut self.open.messages, messages);
        let told: BTreeMap<i64, ChatMessage> = told.into_iter().map(|message| (message.id, message)).collect();
        self.mark_answering();
        self.estimate();
        self.tell_chat().await;
        for message in self.open.messages.iter().filter(|message| told.get(&message.id) != Some(*message)) {
            self.tell(Change::ChatMessage(message.clone())).await;
        }
        Ok(())
    }

    async fn files(&mut self, store: &Store, message: &Message) -> Result<Vec<Attachment>, store::Error> {
        let mut files = Vec::with_capacity(message.attachments.len());
        for kept in &message.attachments {
            if let Some(file) = self.open.files.get(&kept.id) {
                files.push(file.clone());
                continue;
            }
            let bytes = store.attachment(kept.id).await?;
            let is_image = kept.mime.starts_with("image/");
            let data = if is_image { STANDARD.encode(bytes) } else { String::from_utf8_lossy(&bytes).into_owned() };
            let file = Attachment { name: kept.name.clone(), mime: kept.mime.clone(), data };
            self.open.files.insert(kept.id, file.clone());
            files.push(file);
        }
        Ok(files)
    }

    /// A message as shells see it; the one that is being answered is newer here than in the store.
    fn view(&self, message: Message, attachments: Vec<Attachment>) -> ChatMessage {
        let id = message.id.0;
        let versions: Vec<i64> = message.siblings.iter().map(|sibling| sibling.0).collect();
        let version = versions.iter().position(|sibling| *sibling == id).unwrap_or_default();
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        if let Some(answer) = self.answer.as_ref().filter(|answer| answer.view.id == id) {
            return ChatMessage { version, versions, ..answer.view.clone() };
        }
        let kept: Kept = message.receipt.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default();
        let target = Target { provider: message.provider, model: message.model };
        ChatMessage {
            id,
            parent: message.parent.map(|parent| parent.0),
            role: match message.role {
                Role::User => api::Role::User,
                Role::Assistant => api::Role::Assistant,
            },
            is_voice: message.kind == Kind::Voice,
            item: self.voice.item(message.id),
            text: message.text,
            reasoning: message.reasoning,
            citations: message.citations.into_iter().map(|one| Citation { url: one.url, title: one.title }).collect(),
            attachments,
            picture: kept.picture,
            state: match message.state {
                State::Streaming => MessageState::Streaming,
                State::Done => MessageState::Done,
                State::Stopped => MessageState::Stopped,
                State::Failed => MessageState::Failed,
            },
            failure: kept.failure,
            target: Some(target).filter(|target| !target.provider.is_empty()),
            fell_back_from: kept.fell_back_from,
            receipt: kept.receipt,
            at: message.created_ms,
            version,
            versions,
        }
    }

    /// The part of the branch that ends with this message.
    pub(super) fn up_to(&self, message: i64) -> Option<&[ChatMessage]> {
        let end = self.open.messages.iter().position(|known| known.id == message)?;
        self.open.messages.get(..=end)
    }
}
