//! Tools that an agent asks its caller for. They are set at the agent; the app carries out those that it has under the
//! same name, and refuses the others.
//!
//! For the conversation a call ends an answer, and its result makes another one. The agent goes on by itself when it has
//! the result, also when nobody waits for that any more: then what it says is not told.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answer::Admission;
use super::turn::Floor;
use super::{ElevenAgent, frame};
use crate::Config;
use crate::elevenlabs::refusal::words;
use crate::interpreter::Told;
use crate::openai::server::Ending;

/// So long after a result the agent has something to say, or nothing: it may be set not to wait for results.
const PATIENCE: Duration = Duration::from_secs(10);
const UNKNOWN: &str = "This tool is not available in the app that the user talks with.";
const UNWANTED: &str = "The user did not wait for it.";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tools {
    offered: Vec<String>,
    /// At work.
    calls: HashSet<String>,
    continuation: Continuation,
    /// The agent was asked to go on, and has until then to begin.
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Continuation {
    #[default]
    None,
    /// The agent has a result, and goes on.
    Due,
    /// It did before it was asked to.
    Told,
}

/// A call, as the conversation wants it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    name: String,
    pub(super) arguments: String,
}

impl Tools {
    pub(super) fn offer(&mut self, config: &Config) {
        self.offered = config.tools.iter().map(|tool| tool.name.clone()).collect();
    }

    /// Until when the agent has to go on.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// The agent says something.
    pub(super) fn went_on(&mut self) {
        self.until = None;
        if self.continuation == Continuation::Due {
            self.continuation = Continuation::Told;
        }
    }

    /// What is said from now on answers something else.
    pub(super) fn forget(&mut self) {
        self.continuation = Continuation::None;
    }
}

impl ElevenAgent {
    pub(super) fn tool_called(&mut self, call: &Value, now: Instant) {
        let (id, name) = (words(call, "tool_call_id"), words(call, "tool_name"));
        if id.is_empty() {
            return;
        }
        if !self.is_ready() || !self.tools.offered.contains(&name) {
            return self.send(&frame::no_tool(&id, UNKNOWN));
        }
        let arguments = call.get("parameters").filter(|value| value.is_object());
        let call = Call { id, name, arguments: arguments.map_or_else(|| "{}".to_owned(), Value::to_string) };
        match self.admission() {
            // A new question may be answered by a call, without a word.
            Admission::Tell if self.voice.is_muted() && self.turn.floor != Floor::Asked => self.refuse_call(&call.id),
            Admission::Tell => self.call_tool(call, now),
            Admission::Hold => self.voice.hold_call(call),
            Admission::Drop => self.refuse_call(&call.id),
        }
    }

    /// Nobody will ask for what comes of it.
    pub(super) fn refuse_call(&mut self, id: &str) {
        self.send(&frame::no_tool(id, UNWANTED));
    }

    pub(super) fn call_tool(&mut self, call: Call, now: Instant) {
        let is_silent = !self.voice.is_answering();
        let Some(response) = self.begin_call(&call.id, now) else { return };
        self.tell(Told::ToolCall { response, call: call.id, name: call.name, arguments: call.arguments });
        if is_silent {
            self.finish_answer();
        }
    }

    /// The answer that ends in these calls is over: the conversation carries them out, unless the user cut it.
    pub(super) fn end_calls(&mut self, calls: Vec<String>, ending: Ending) {
        if ending == Ending::Completed {
            return self.tools.calls.extend(calls);
        }
        for id in calls {
            self.refuse_call(&id);
            self.keep_quiet();
        }
    }

    /// What came of a tool.
    pub(super) fn answer_call(&mut self, id: &str, output: &str) {
        if !self.tools.calls.remove(id) {
            return;
        }
        self.send(&frame::tool_result(id, output));
        self.tools.continuation = Continuation::Due;
        self.keep_quiet();
    }

    /// The agent was told of a tool, and speaks of it although nobody asked.
    fn keep_quiet(&mut self) {
        if self.turn.is_at_rest() {
            self.voice.mute_next();
        }
    }

    /// The conversation wants the agent to go on behind a tool. False: that is not what it waits for.
    pub(super) fn go_on(&mut self, now: Instant) -> bool {
        match std::mem::take(&mut self.tools.continuation) {
            Continuation::None => return false,
            Continuation::Due => {
                self.voice.unmute_next();
                self.tools.until = Some(now + PATIENCE);
            }
            Continuation::Told => self.answer_nothing(Ending::Completed),
        }
        true
    }

    /// An answer was asked for, and none comes.
    pub(super) fn answer_nothing(&mut self, ending: Ending) {
        self.tools.until = None;
        if self.voice.is_answering() {
            return;
        }
        if self.turn.floor == Floor::Asked {
            self.turn.floor = Floor::Free;
        }
        let response = self.id("answer");
        self.tell(Told::Began { response: response.clone() });
        self.tell(Told::Ended { response, ending, usage: None, complaint: None });
    }
}
