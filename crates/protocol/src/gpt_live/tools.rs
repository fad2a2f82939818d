//! Tools of the text model behind the voice. Its work goes on beside what is being said, so no answer waits for them: the text
//! model itself is asked again with what came of them.

use crate::chat::{Message, Part, Speaker, ToolCall};
use crate::interpreter::{Deed, Told};
use crate::toolbox::call_id;
use crate::{Errand, Fault};

use super::Live;

/// A text model that calls tools again and again has done its work after so many rounds.
const MOST_ROUNDS: u8 = 8;

/// A tool that was called, and what came of it.
#[derive(Debug)]
pub(super) struct Called {
    call: ToolCall,
    output: Option<String>,
}

impl Called {
    pub(super) fn new(call: &ToolCall) -> Self {
        Self { call: call.clone(), output: None }
    }
}

impl Live {
    /// Asks the text model what this job is about, with all that is known by now.
    pub(super) fn put_question(&mut self, index: usize) {
        self.work.last_errand += 1;
        let errand = Errand(self.work.last_errand);
        let Some(job) = self.work.jobs.get_mut(index) else { return };
        job.errand = errand;
        job.said.clear();
        job.calls.clear();
        let question = job.question.clone();
        self.deeds.push_back(Deed::Think { errand, question });
    }

    /// The text model has said all before its tools. False: it called none.
    pub(super) fn call_tools(&mut self, index: usize) -> bool {
        let Some(job) = self.work.jobs.get_mut(index) else { return false };
        if job.calls.is_empty() || job.rounds >= MOST_ROUNDS {
            return false;
        }
        job.rounds += 1;
        let mut message = Message { role: Speaker::Assistant, parts: Vec::new() };
        if !job.said.trim().is_empty() {
            message = Message::of(Speaker::Assistant, job.said.trim());
        }
        for called in &mut job.calls {
            self.last_name += 1;
            called.call.id = call_id(self.last_name);
            let ToolCall { id: call, name, arguments, .. } = called.call.clone();
            self.deeds.push_back(Deed::Tell(Told::SideCall { call, name, arguments }));
        }
        message.parts.extend(job.calls.iter().map(|called| Part::Call(called.call.clone())));
        job.question.messages.push(message);
        true
    }

    /// What came of a tool. After the last one the text model goes on.
    pub(super) fn tool_done(&mut self, call: &str, output: &str) {
        let is_of = |called: &Called| called.call.id == call;
        let Some(index) = self.work.jobs.iter().position(|job| job.calls.iter().any(is_of)) else {
            return tracing::debug!("the result of a tool whose work was given up");
        };
        let Some(job) = self.work.jobs.get_mut(index) else { return };
        for called in job.calls.iter_mut().filter(|called| called.call.id == call) {
            called.output = Some(output.to_owned());
        }
        let part = |called: &Called| {
            let ToolCall { id, name, .. } = &called.call;
            Some(Part::Output { id: id.clone(), name: name.clone(), output: called.output.clone()? })
        };
        if let Some(parts) = job.calls.iter().map(part).collect::<Option<Vec<Part>>>() {
            job.question.messages.push(Message { role: Speaker::User, parts });
            self.put_question(index);
        }
    }

    /// Whether the question failed because of the tools that it offered; it is put again without them.
    pub(super) fn does_without_tools(&mut self, index: usize, fault: &Fault) -> bool {
        let Some(job) = self.work.jobs.get_mut(index) else { return false };
        let is_plain = job.rounds > 0 || job.question.tools.is_empty() || !job.whole.is_empty();
        if is_plain || !self.toolbox.is_refused(fault) {
            return false;
        }
        job.question.tools.clear();
        self.put_question(index);
        true
    }
}
