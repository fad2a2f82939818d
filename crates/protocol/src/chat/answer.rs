//! What all wires have in common about an answer: nothing is said twice, and its end comes once and last.

use std::collections::HashSet;

use serde_json::Value;

use super::calls::Calls;
use super::{Delta, Finish, Tokens};

/// More sources than anybody shows: an endless list must not fill the memory.
const MOST_SOURCES: usize = 500;

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    model: String,
    sources: HashSet<String>,
    tokens: Option<Tokens>,
    charged: Option<u64>,
    finish: Option<Finish>,
    /// Text came.
    pub(super) has_text: bool,
    pub(super) calls: Calls,
    /// A tool was called, which some servers do not say in the end.
    pub(super) wants_tool: bool,
    /// [`Delta::Finished`] was given out.
    pub(super) is_over: bool,
}

impl Answer {
    pub(super) fn text(&mut self, text: &str, out: &mut Vec<Delta>) {
        if !text.is_empty() {
            self.has_text = true;
            out.push(Delta::Text(text.to_owned()));
        }
    }

    pub(super) fn reasoning(text: &str, out: &mut Vec<Delta>) {
        if !text.is_empty() {
            out.push(Delta::Reasoning(text.to_owned()));
        }
    }

    pub(super) fn model(&mut self, model: &str, out: &mut Vec<Delta>) {
        if !model.is_empty() && self.model != model {
            model.clone_into(&mut self.model);
            out.push(Delta::Model(model.to_owned()));
        }
    }

    /// A source, once. Only web addresses: this becomes a link.
    pub(super) fn source(&mut self, url: &str, title: &str, out: &mut Vec<Delta>) {
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if is_web && self.sources.len() < MOST_SOURCES && self.sources.insert(url.to_owned()) {
            out.push(Delta::Citation { url: url.to_owned(), title: title.to_owned() });
        }
    }

    /// Sources as `[{url, title}]` or `["url"]`.
    pub(super) fn sources(&mut self, list: &Value, out: &mut Vec<Delta>) {
        for source in list.as_array().into_iter().flatten() {
            let url = source.as_str().unwrap_or_else(|| word(source, "url"));
            self.source(url, word(source, "title"), out);
        }
    }

    pub(super) fn usage(&mut self, tokens: Tokens, out: &mut Vec<Delta>) {
        if self.tokens != Some(tokens) {
            self.tokens = Some(tokens);
            out.push(Delta::Usage(tokens));
        }
    }

    /// What was consumed so far.
    pub(super) fn tokens(&self) -> Tokens {
        self.tokens.unwrap_or_default()
    }

    /// The price of the answer in nano-dollars.
    pub(super) fn charge(&mut self, nanodollars: u64, out: &mut Vec<Delta>) {
        if self.charged != Some(nanodollars) {
            self.charged = Some(nanodollars);
            out.push(Delta::Charged(nanodollars));
        }
    }

    pub(super) fn call_tool(&mut self) {
        self.wants_tool = true;
    }

    /// Why it ends is known; more may come, such as usage.
    pub(super) fn finish(&mut self, finish: Finish) {
        self.finish = Some(finish);
    }

    /// Whether it is known why it ends.
    pub(super) fn is_complete(&self) -> bool {
        self.finish.is_some()
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self, out: &mut Vec<Delta>) {
        if !self.is_over {
            self.is_over = true;
            let finish = self.finish.unwrap_or(Finish::Stop);
            let finish = if finish == Finish::Stop && self.wants_tool { Finish::Tool } else { finish };
            // A call that was cut off or withheld is none.
            if finish == Finish::Tool {
                self.calls.tell(out);
            }
            out.push(Delta::Finished(finish));
        }
    }
}

/// A text inside an object; empty when there is none.
pub(super) fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
