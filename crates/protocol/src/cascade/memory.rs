//! The conversation as the text model is told it.

use crate::Role;

/// How much of the conversation goes along with a question, in characters: what is older is left out.
const LONGEST: usize = 120_000;

/// Messages in their order.
#[derive(Debug, Default)]
pub(super) struct Memory {
    messages: Vec<Message>,
    is_owing: bool,
}

#[derive(Debug)]
struct Message {
    item: String,
    role: Role,
    text: String,
    is_written: bool,
}

impl Memory {
    /// What the conversation replays, or the user wrote.
    pub(super) fn write(&mut self, item: &str, role: Role, text: &str) {
        self.is_owing = role == Role::User;
        self.push(item, role, text, true);
    }

    /// The user's turn; its words may come later.
    pub(super) fn turn(&mut self, item: &str) {
        self.push(item, Role::User, "", false);
    }

    fn push(&mut self, item: &str, role: Role, text: &str, is_written: bool) {
        self.messages.push(Message { item: item.to_owned(), role, text: text.to_owned(), is_written });
    }

    /// The words of a turn.
    pub(super) fn heard(&mut self, item: &str, words: &str) {
        if let Some(message) = self.find(item) {
            words.trim().clone_into(&mut message.text);
            self.is_owing |= !words.trim().is_empty();
        }
    }

    /// More words of an answer that reach the user.
    pub(super) fn answer(&mut self, item: &str, delta: &str) {
        if self.find(item).is_none() {
            self.push(item, Role::Assistant, "", false);
        }
        if let Some(message) = self.find(item) {
            message.text.push_str(delta);
        }
    }

    /// The user heard no more of an answer than this.
    pub(super) fn truncate(&mut self, item: &str, heard: &str) {
        if let Some(message) = self.find(item) {
            heard.clone_into(&mut message.text);
        }
    }

    pub(super) fn remove(&mut self, item: &str) {
        self.messages.retain(|message| message.item != item);
    }

    fn find(&mut self, item: &str) -> Option<&mut Message> {
        self.messages.iter_mut().rev().find(|message| message.item == item)
    }

    /// Whether the user said or wrote something that has no answer.
    pub(super) fn is_owing(&self) -> bool {
        self.is_owing
    }

    /// An answer has come, or none any more.
    pub(super) fn settle(&mut self, is_owing: bool) {
        self.is_owing = is_owing;
    }

    /// Whether the newest message is in writing.
    pub(super) fn is_written_last(&self) -> bool {
        self.messages.last().is_some_and(|message| message.is_written)
    }

    /// The newest messages with words, in their order, from one of the user's on; `more`: what he says now.
    pub(super) fn messages(&self, more: Option<&str>) -> Vec<(Role, String)> {
        let mut room = LONGEST;
        let mut messages: Vec<(Role, String)> = more.map(|words| (Role::User, words.to_owned())).into_iter().collect();
        for message in self.messages.iter().rev().filter(|message| !message.text.trim().is_empty()) {
            let length = message.text.chars().count();
            if length > room && !messages.is_empty() {
                break;
            }
            room = room.saturating_sub(length);
            messages.push((message.role, message.text.trim().to_owned()));
        }
        while messages.last().is_some_and(|(role, _)| *role == Role::Assistant) {
            messages.pop();
        }
        messages.reverse();
        messages
    }
}
