//! The conversation as the text model is told it.

use crate::Role;
use crate::chat::{self, Part, Speaker, ToolCall};

/// How much of the conversation goes along with a question, in characters: what is older is left out.
const LONGEST: usize = 120_000;
/// What the model is told of a tool that is still at work.
const PENDING: &str = "There is no result yet.";

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
    called: Option<Called>,
}

/// A tool that the model called.
#[derive(Debug)]
struct Called {
    /// The answer that it belongs to.
    round: String,
    call: ToolCall,
    output: Option<String>,
}

impl Message {
    fn has_words(&self) -> bool {
        !self.text.trim().is_empty()
    }

    /// In characters.
    fn length(&self) -> usize {
        let called = self.called.as_ref();
        let call = called.map_or(0, |called| called.call.arguments.chars().count());
        let output = called.and_then(|called| called.output.as_ref()).map_or(0, |output| output.chars().count());
        self.text.chars().count() + call + output
    }
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
        let (item, text) = (item.to_owned(), text.to_owned());
        self.messages.push(Message { item, role, text, is_written, called: None });
    }

    /// The model called a tool in an answer; the call's id is the name of its item.
    pub(super) fn call(&mut self, round: &str, call: ToolCall) {
        let (item, text) = (call.id.clone(), String::new());
        let called = Some(Called { round: round.to_owned(), call, output: None });
        self.messages.push(Message { item, role: Role::Assistant, text, is_written: false, called });
    }

    /// What came of a call. It stands behind the call, whatever was said meanwhile.
    pub(super) fn output(&mut self, call: &str, output: &str) {
        match self.find(call).and_then(|message| message.called.as_mut()) {
            Some(called) => called.output = Some(output.to_owned()),
            None => tracing::debug!("a tool's output that nobody asked for"),
        }
    }

    /// Whether the newest is what came of the model's calls: it may go on.
    pub(super) fn has_new_outputs(&self) -> bool {
        let newest = self.messages.iter().rev().find(|message| message.has_words() || message.called.is_some());
        newest.and_then(|message| message.called.as_ref()).is_some_and(|called| called.output.is_some())
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

    /// The newest messages with words, in their order, from one of the user's on, the newest of his at least; `more`: what
    /// he says now. Calls are told only `with_tools`: not all providers take them without.
    pub(super) fn messages(&self, more: Option<&str>, with_tools: bool) -> Vec<chat::Message> {
        let mut room = LONGEST;
        let mut newest: Vec<&Message> = Vec::new();
        let mut has_question = more.is_some();
        let is_told = |message: &&Message| message.has_words() || (with_tools && message.called.is_some());
        for message in self.messages.iter().rev().filter(is_told) {
            let length = message.length();
            if length > room && has_question {
                break;
            }
            has_question |= message.role == Role::User;
            room = room.saturating_sub(length);
            newest.push(message);
        }
        while newest.last().is_some_and(|message| message.role == Role::Assistant) {
            newest.pop();
        }
        let mut told = Telling::default();
        newest.into_iter().rev().for_each(|message| told.tell(message));
        told.messages.extend(more.map(|words| chat::Message::of(Speaker::User, words)));
        told.messages
    }
}

/// Messages as a text model takes them: calls stand with the words before them, and what came of them right behind.
#[derive(Debug, Default)]
struct Telling<'a> {
    messages: Vec<chat::Message>,
    round: Option<&'a str>,
}

impl<'a> Telling<'a> {
    fn tell(&mut self, message: &'a Message) {
        let Some(called) = &message.called else {
            self.round = None;
            return self.messages.push(chat::Message::of(message.role.into(), message.text.trim()));
        };
        let is_more = self.round.replace(&called.round) == Some(&called.round);
        let outputs = if is_more { self.messages.pop() } else { None };
        if self.messages.last().is_none_or(|last| last.role != Speaker::Assistant) {
            self.messages.push(chat::Message { role: Speaker::Assistant, parts: Vec::new() });
        }
        if let Some(last) = self.messages.last_mut() {
            last.parts.push(Part::Call(called.call.clone()));
        }
        let mut outputs = outputs.unwrap_or(chat::Message { role: Speaker::User, parts: Vec::new() });
        let ToolCall { id, name, .. } = &called.call;
        let output = called.output.as_deref().unwrap_or(PENDING).to_owned();
        outputs.parts.push(Part::Output { id: id.clone(), name: name.clone(), output });
        self.messages.push(outputs);
    }
}
