//! What the conversation asks for: answers, silence, tool outputs.

use super::Gemini;
use super::message::{self, Said};
use super::turn::Turn;
use crate::interpreter::Told;
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;

impl Gemini {
    /// Tells what was said before, without wanting an answer to it.
    pub(super) fn tell_history(&mut self) {
        let said = self.take_said();
        if !said.is_empty() {
            self.send(&message::content(&said, false), false);
        }
    }

    fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said).into_iter().map(|(_, said)| said).collect()
    }

    pub(super) fn await_answer(&mut self) {
        self.newest.clear();
        self.awaits = true;
        self.is_written = false;
        self.is_continued = false;
        self.empty_until = None;
    }

    pub(super) fn respond(&mut self, is_written: bool) {
        if self.is_spoiled {
            return self.abandon("a dropped turn");
        }
        // What was committed, or told to a tool, is being answered anyway.
        let is_coming = self.awaits && self.is_manual || self.is_continued;
        if self.turn.is_heard() || (is_coming && self.said.is_empty()) {
            return;
        }
        let mut said = self.take_said();
        let live = if self.setup.takes_content() { None } else { said.pop_if(|last| last.is_by_user) };
        match live {
            Some(last) => {
                if !said.is_empty() {
                    self.send(&message::content(&said, false), false);
                }
                self.say_live(&last.text);
            }
            None => self.send(&message::content(&said, true), false),
        }
        self.await_answer();
        self.is_written = is_written;
    }

    /// Typed words as live input; without a detector they need the borders of a turn.
    fn say_live(&mut self, text: &str) {
        if self.is_manual {
            self.send(&message::activity_start(), false);
        }
        self.send(&message::live_text(text), false);
        if self.is_manual {
            self.send(&message::activity_end(), false);
        }
    }

    /// There is no way to stop the provider; the rest of the answer is dropped.
    pub(super) fn cancel(&mut self) {
        let Some(response) = self.turn.response_mut() else { return };
        let (name, is_generated) = (response.name.clone(), response.tail.is_some());
        self.turn = if is_generated { Turn::Over } else { Turn::Dropped };
        self.tell_words(true);
        self.end(name, Ending::Cancelled, None);
    }

    pub(super) fn answer_call(&mut self, call: &str, output: &str) {
        let Some(name) = self.calls.remove(call) else { return };
        self.send(&message::tool_response(call, &name, output), false);
        self.await_answer();
        self.is_continued = true;
    }

    pub(super) fn end(&mut self, response: String, ending: Ending, complaint: Option<Complaint>) {
        self.spender = Some(response.clone());
        self.tell(Told::Ended { response, ending, usage: self.used, complaint });
    }
}
