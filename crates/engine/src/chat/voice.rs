//! Turns of a call, written into the same conversation as what is typed.

use std::collections::BTreeMap;

use protocol::chat::Failure;
use store::{Kind, MessageId, NewMessage, Patch, Role, Span, State};
use tokio::time::Instant;

use super::{Desk, millis};
use crate::api::{self, Delivery, Item};
use crate::text;

/// Least time between two writes of a turn that is being spoken.
const WRITE: std::time::Duration = millis(1000);
/// The name of a conversation of which no word is known yet.
const NAMELESS: &str = "Spoken conversation";

/// The items of the present call and the messages they became.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// The conversation that the call belongs to, and its last message.
    conversation: Option<(i64, Option<i64>)>,
    messages: BTreeMap<u64, Turn>,
    write_at: Option<Instant>,
    /// The conversation that the call began before a word of it was known: it takes its name from the first ones.
    nameless: Option<i64>,
}

#[derive(Debug)]
struct Turn {
    message: MessageId,
    item: Item,
    call_at: i64,
    is_written: bool,
}

impl Voice {
    pub(super) fn due(&self) -> Option<Instant> {
        self.write_at
    }

    pub(super) fn is_due(&self) -> bool {
        self.write_at.is_some_and(|at| at <= Instant::now())
    }

    /// The item that a message is.
    pub(super) fn item(&self, message: MessageId) -> Option<u64> {
        self.messages.iter().find(|(_, turn)| turn.message == message).map(|(item, _)| *item)
    }

    /// The call's items are gone; what follows is of another conversation.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The conversation that the call belongs to, and its last message.
    pub(super) fn conversation(&self) -> Option<(i64, Option<i64>)> {
        self.conversation
    }

    /// A message that no voice said now ends the conversation.
    pub(super) fn follow(&mut self, conversation: i64, message: MessageId) {
        if let Some((_, last)) = self.conversation.as_mut().filter(|(known, _)| *known == conversation) {
            *last = Some(message.0);
        }
    }

    /// Another conversation is open: new turns belong to it.
    pub(super) fn leave(&mut self) {
        self.conversation = None;
    }

    pub(super) fn forget(&mut self, conversation: i64) {
        if self.conversation.is_some_and(|(known, _)| known == conversation) {
            self.clear();
        }
    }

    /// The conversation has a name.
    pub(super) fn named(&mut self, conversation: i64) {
        self.nameless.take_if(|known| *known == conversation);
    }

    /// The first words that the user is known to have said, of the conversation that waits for a name.
    fn first_words(&self) -> Option<(i64, &str)> {
        let conversation = self.nameless?;
        let said = self.messages.values().map(|turn| &turn.item).filter(|item| item.is_final);
        let words = said.filter(|item| matches!(item.role, api::Role::User)).map(|item| item.text.trim());
        words.into_iter().find(|words| !words.is_empty()).map(|words| (conversation, words))
    }
}

impl Desk {
    /// A turn is new or changed.
    pub(super) async fn spoken(&mut self, item: Item, call_at: i64) -> Result<(), store::Error> {
        if let Some(turn) = self.voice.messages.get_mut(&item.id) {
            let is_urgent = item.is_final != turn.item.is_final || item.delivery != turn.item.delivery;
            turn.is_written &= turn.item == item;
            turn.item = item;
            let now = Instant::now();
            let at = if is_urgent { now } else { now + WRITE };
            self.voice.write_at = Some(self.voice.write_at.map_or(at, |known| known.min(at)));
            return Ok(());
        }
        if !is_worth_keeping(&item) {
            return Ok(());
        }
        self.set_up().await?;
        let is_known = item.is_final && !item.text.trim().is_empty() && matches!(item.role, api::Role::User);
        let words = if is_known { item.text.as_str() } else { NAMELESS };
        let (conversation, parent) = match self.voice.conversation {
            Some(known) => known,
            None => {
                let is_new = self.chat.conversation.is_none();
                let conversation = self.conversation(words).await?;
                self.voice.nameless = (is_new && !is_known).then_some(conversation);
                (conversation, self.chat.branch.last().copied())
            }
        };
        // What was typed since belongs before it.
        let parent =
            if self.chat.conversation == Some(conversation) { self.chat.branch.last().copied() } else { parent };
        let message = self.store()?.append(new_message(conversation, parent, &item)).await?;
        self.voice.conversation = Some((conversation, Some(message.0)));
        self.voice.messages.insert(item.id, Turn { message, item, call_at, is_written: false });
        self.voice.write_at = Some(Instant::now());
        if self.chat.conversation == Some(conversation) {
            self.reload().await?;
        }
        self.tell_history().await
    }

    /// A turn is to be as if it had not been said.
    pub(super) async fn unspoken(&mut self, item: u64) -> Result<(), store::Error> {
        let Some(turn) = self.voice.messages.remove(&item) else { return Ok(()) };
        let conversation = self.store()?.message(turn.message).await?.conversation;
        let before = self.store()?.remove(turn.message).await?;
        if let Some((_, last)) = &mut self.voice.conversation
            && *last == Some(turn.message.0)
        {
            *last = before.map(|message| message.0);
        }
        if self.store()?.thread(conversation).await?.conversation.title == store::title_from(&turn.item.text) {
            self.rename(conversation.0, NAMELESS.into()).await?;
            self.voice.nameless = Some(conversation.0);
            self.write_spoken().await;
        }
        // It need not be the call's conversation that is open, nor the open one that it stood in.
        self.reload().await?;
        self.tell_history().await
    }

    /// A row of the ledger, in the conversation of the call.
    pub(super) async fn spent(&mut self, row: store::Row) -> Result<(), store::Error> {
        let conversation = self.voice.conversation().map(|(conversation, _)| store::ConversationId(conversation));
        self.book(store::Row { conversation, ..row }).await
    }

    /// A row of the ledger.
    pub(super) async fn book(&mut self, row: store::Row) -> Result<(), store::Error> {
        self.set_up().await?;
        self.store()?.record(row)?;
        self.tell_budget().await
    }

    /// What was spent, in the conversation of the call too, or in the one that its turns will belong to.
    pub(super) async fn count(&self) -> Result<gateway::Spent, Failure> {
        let own = self.voice.conversation().map(|(conversation, _)| conversation);
        text::spent(self.text.shelf(), own.or(self.chat.conversation)).await
    }

    /// Writes the turns that changed.
    pub(super) async fn write_spoken(&mut self) {
        self.voice.write_at = None;
        let Ok(store) = self.store() else { return };
        let mut outcome = Ok(());
        for turn in self.voice.messages.values_mut().filter(|turn| !turn.is_written) {
            turn.is_written = true;
            outcome = outcome.and(store.update(turn.message, patch(&turn.item, turn.call_at)).await);
        }
        if let Some((conversation, words)) = self.voice.first_words() {
            let title = store::title_from(words);
            outcome = outcome.and(self.rename(conversation, title).await);
        }
        if outcome.is_ok() && self.voice.conversation.map(|(known, _)| known) == self.chat.conversation {
            outcome = self.reload().await;
        }
        self.report(outcome).await;
    }
}

/// A turn that is still being spoken may be dropped; a tool call is no message.
fn is_worth_keeping(item: &Item) -> bool {
    let is_said = match item.delivery {
        Delivery::Recording | Delivery::Failed => false,
        Delivery::Sent | Delivery::Kept | Delivery::Answered | Delivery::Complete | Delivery::Interrupted => true,
        Delivery::Arriving => !item.text.is_empty(),
    };
    is_said && !matches!(item.kind, api::Kind::ToolCall(_))
}

fn new_message(conversation: i64, parent: Option<i64>, item: &Item) -> NewMessage {
    let role = match item.role {
        api::Role::User => Role::User,
        api::Role::Assistant => Role::Assistant,
    };
    let conversation = store::ConversationId(conversation);
    NewMessage {
        kind: match item.kind {
            api::Kind::Typed => Kind::Text,
            api::Kind::Spoken | api::Kind::ToolCall(_) => Kind::Voice,
        },
        state: State::Streaming,
        ..NewMessage::text(conversation, parent.map(MessageId), role, item.text.clone(), item.at)
    }
}

fn patch(item: &Item, call_at: i64) -> Patch {
    let start_ms = (item.at - call_at).max(0);
    let spoken = i64::from(item.heard_ms.unwrap_or(item.duration_ms));
    Patch {
        text: Some(item.text.clone()),
        state: Some(match item.delivery {
            Delivery::Recording | Delivery::Sent | Delivery::Kept | Delivery::Arriving => State::Streaming,
            Delivery::Answered | Delivery::Complete => State::Done,
            Delivery::Interrupted => State::Stopped,
            Delivery::Failed => State::Failed,
        }),
        span: (spoken > 0).then_some(Span { call_ms: call_at, start_ms, end_ms: start_ms + spoken }),
        ..Patch::default()
    }
}
