//! What the agent says.

use std::time::Instant;

use super::Agent;
use crate::interpreter::Told;
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::pcm::Pieces;

/// The answer that is being told.
#[derive(Debug)]
pub(super) struct Answer {
    response: String,
    item: String,
    is_spoken: bool,
    has_words: bool,
    /// The newest sentence, until there is sound.
    newest: String,
}

impl Agent {
    /// The agent shows that it answers. Whether anybody wants that.
    pub(super) fn begin(&mut self) -> bool {
        if self.answer.is_some() {
            return true;
        }
        let is_asked = self.question.as_ref().is_some_and(|question| question.is_asked());
        let is_expected =
            if self.is_push_to_talk() { is_asked || self.is_answer_due() } else { is_asked || !self.is_late };
        if self.is_late || !is_expected {
            self.is_late = true;
            return false;
        }
        let is_spoken = self.wanted.take().is_none_or(|(_, is_spoken)| is_spoken);
        self.question = None;
        self.is_owing = false;
        self.pieces = Pieces::default();
        let (response, item) = (self.name("response"), self.name("answer"));
        self.tell(Told::Began { response: response.clone() });
        self.answer = Some(Answer { response, item, is_spoken, has_words: false, newest: String::new() });
        true
    }

    /// One sentence, ahead of its sound.
    pub(super) fn agent_text(&mut self, text: &str) {
        if !self.begin() {
            return;
        }
        let Some(answer) = &mut self.answer else { return };
        if answer.newest == text {
            return;
        }
        text.clone_into(&mut answer.newest);
        let space = if std::mem::replace(&mut answer.has_words, true) { " " } else { "" };
        let (response, item, is_spoken) = (answer.response.clone(), answer.item.clone(), answer.is_spoken);
        self.tell(Told::Words { response, item, delta: format!("{space}{text}"), is_spoken });
    }

    pub(super) fn sound(&mut self, bytes: &[u8]) {
        let is_expected = self.is_owing || self.wanted.is_some() || self.question.is_some();
        if self.answer.is_none() && !(is_expected && self.begin()) {
            return tracing::trace!("sound of no answer ignored");
        }
        let pcm = self.pieces.samples(bytes);
        let Some(answer) = self.answer.as_mut().filter(|answer| answer.is_spoken && !pcm.is_empty()) else { return };
        answer.newest.clear();
        let (response, item) = (answer.response.clone(), answer.item.clone());
        self.tell(Told::Audio { response, item, pcm });
    }

    /// All sound of the present answer was sent.
    pub(super) fn audio_done(&mut self, now: Instant) {
        self.is_late = false;
        self.end(Ending::Completed, None);
        self.inject_when_free(now);
    }

    /// The functions' responses make the agent go on: for the conversation that is another response.
    pub(super) fn call_tools(&mut self, calls: Vec<(String, String, String)>) {
        let Some(answer) = &self.answer else { return };
        let response = answer.response.clone();
        for (call, name, arguments) in calls {
            self.calls.insert(call.clone(), name.clone());
            self.tell(Told::ToolCall { response: response.clone(), call, name, arguments });
        }
        self.end(Ending::Completed, None);
    }

    /// The agent heard the user and says no more.
    pub(super) fn cut_short(&mut self) {
        self.end(Ending::Cancelled, None);
    }

    /// The conversation wants no more of this answer; the agent goes on until it is through with it.
    pub(super) fn cancel(&mut self) {
        if self.answer.is_some() {
            self.is_late = true;
            self.end(Ending::Cancelled, None);
        }
    }

    /// An answer that did not come.
    pub(super) fn fail(&mut self, complaint: Complaint) {
        self.wanted = None;
        let response = self.name("response");
        self.tell(Told::Began { response: response.clone() });
        self.tell(Told::Ended { response, ending: Ending::Failed, usage: None, complaint: Some(complaint) });
    }

    fn end(&mut self, ending: Ending, complaint: Option<Complaint>) {
        if let Some(Answer { response, .. }) = self.answer.take() {
            self.tell(Told::Ended { response, ending, usage: None, complaint });
        }
    }
}
