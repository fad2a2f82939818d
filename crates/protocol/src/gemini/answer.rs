//! What the provider says, in the conversation's words.

use std::time::Instant;

use super::content::{Activity, Call, Received, Words};
use super::turn::{Response, Turn};
use super::{EMPTY, Gemini, TAIL, message};
use crate::Usage;
use crate::interpreter::Told;
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::pcm::Pieces;

impl Gemini {
    /// In the order in which things that come in one message have happened.
    pub(super) fn take(&mut self, received: Received, now: Instant) {
        if let Some(message) = received.error {
            let complaint = Complaint { message, ..Complaint::default() };
            self.tell(Told::Refused { number: None, complaint });
        }
        if received.is_setup_complete {
            self.begin();
        }
        if !self.is_ready {
            return;
        }
        if let Some(activity) = received.activity {
            self.detected(activity);
        }
        if let Some(words) = received.heard {
            self.understood(&words);
        }
        self.say(&received.audio, &received.text, received.spoken);
        if !received.calls.is_empty() {
            self.call(received.calls);
        }
        for call in received.cancelled {
            self.calls.remove(&call);
        }
        if received.is_generated {
            self.generated(now);
        }
        if received.is_interrupted {
            self.interrupted();
        }
        if let Some(usage) = received.usage {
            self.spend(usage);
        }
        if received.is_turn_complete && !received.is_in_progress {
            self.turn_complete(received.reason, now);
        }
        if let Some(handle) = received.handle {
            let memory = message::memory(&self.setup.model, &handle);
            self.tell(Told::Memory(Some(memory)));
        }
        if let Some(within) = received.time_left {
            self.tell(Told::Ending { within });
        }
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.is_ready, true) {
            return;
        }
        if self.handle.is_some() {
            self.tell(Told::Resumed);
        }
        self.tell(Told::Ready { model: Some(self.setup.model.clone()), expires_at: None });
    }

    /// Not all models tell.
    fn detected(&mut self, activity: Activity) {
        match activity {
            Activity::Start if !self.is_manual => self.begin_speech(),
            Activity::End if !self.is_floor_held => self.end_speech(),
            Activity::Start | Activity::End => {}
        }
    }

    /// A piece of what the user said. It can come before, while and after it is answered.
    fn understood(&mut self, words: &Words) {
        let is_speaking = self.user.as_ref().is_some_and(|user| user.is_speaking);
        let is_new = !is_speaking && !self.turn.is_heard() && (self.user.is_none() || self.ear.has_voice());
        if !self.is_manual && is_new && !words.text.trim().is_empty() {
            self.begin_speech();
        }
        self.words.push_str(&words.text);
        self.tell_words(words.is_final && !self.is_active);
    }

    fn say(&mut self, audio: &[u8], text: &str, spoken: Option<Words>) {
        let has_sound = !audio.is_empty() || !text.is_empty();
        let is_late = matches!(self.turn, Turn::Over) && !has_sound;
        // While a turn of the user's is being spoken, what comes belongs to the one before.
        if (!has_sound && spoken.is_none()) || is_late || self.is_active || matches!(self.turn, Turn::Dropped) {
            return;
        }
        self.begin_answer();
        let Some(response) = self.turn.response_mut() else { return };
        let (name, item) = (response.name.clone(), response.item.clone());
        response.has_content = true;
        if has_sound {
            response.tail = None;
        }
        let pcm = if response.is_written { Vec::new() } else { response.pieces.samples(audio) };
        let is_spoken = !response.is_written;
        // A model that has no sound for its words.
        let is_read = !text.is_empty() && audio.is_empty() && !response.has_words;
        response.has_words |= spoken.is_some();
        if !pcm.is_empty() {
            self.tell(Told::Audio { response: name.clone(), item: item.clone(), pcm });
        }
        if let Some(words) = spoken.filter(|words| !words.text.is_empty()) {
            self.tell(Told::Words { response: name, item, delta: words.text, is_spoken });
        } else if is_read {
            self.tell(Told::Words { response: name, item, delta: text.to_owned(), is_spoken: false });
        }
    }

    fn begin_answer(&mut self) {
        if self.turn.is_heard() {
            return;
        }
        if !self.is_manual {
            if !self.awaits && self.ear.has_voice() {
                // It heard a turn of which it told nothing.
                self.begin_speech();
            }
            self.end_speech();
        }
        self.awaits = false;
        self.is_continued = false;
        self.empty_until = None;
        let response = Response {
            name: self.name('r'),
            item: self.name('a'),
            is_written: std::mem::take(&mut self.is_written),
            has_content: false,
            has_words: false,
            pieces: Pieces::default(),
            tail: None,
        };
        self.begin_response(response.name.clone());
        self.turn = Turn::Heard(response);
    }

    /// The tools' outputs make the model go on: for the conversation that is another response.
    fn call(&mut self, calls: Vec<Call>) {
        if self.is_active || matches!(self.turn, Turn::Dropped) {
            return;
        }
        self.begin_answer();
        let Some(response) = self.turn.response_mut() else { return };
        let name = response.name.clone();
        for Call { id, name: tool, arguments } in calls {
            self.calls.insert(id.clone(), tool.clone());
            self.tell(Told::ToolCall { response: name.clone(), call: id, name: tool, arguments });
        }
        self.turn = Turn::Over;
        self.end(name, Ending::Completed, None);
    }

    fn generated(&mut self, now: Instant) {
        match &mut self.turn {
            Turn::Heard(response) => response.tail = Some(now + TAIL),
            Turn::Dropped => self.turn = Turn::Over,
            Turn::None | Turn::Over => {}
        }
    }

    /// The user's voice cut the answer, or (once the conversation asked for another one) the question that was sent.
    fn interrupted(&mut self) {
        let is_speech = match &self.turn {
            Turn::Heard(_) => true,
            Turn::Over => !self.awaits,
            Turn::Dropped => !self.awaits && self.ear.is_voice(),
            Turn::None => false,
        };
        if is_speech && !self.is_manual {
            self.begin_speech();
        }
        self.cancel();
        if !matches!(self.turn, Turn::None) {
            self.turn = Turn::Over;
        }
    }

    fn turn_complete(&mut self, reason: Option<String>, now: Instant) {
        match &self.turn {
            Turn::Heard(response) => {
                let is_silent = !response.has_content;
                let ending = if is_silent { Some(reason) } else { None };
                self.close(ending);
                self.turn = Turn::None;
            }
            Turn::Dropped | Turn::Over => self.turn = Turn::None,
            Turn::None if self.awaits => {
                self.empty_until.get_or_insert((now + EMPTY, reason));
            }
            Turn::None => {}
        }
    }

    /// The answer is whole; what the provider says of it from here on is about its being heard.
    pub(super) fn complete(&mut self) {
        self.close(None);
        self.turn = Turn::Over;
    }

    /// The connection ends: of what was made nothing is missing.
    pub(super) fn end_made(&mut self) {
        if self.turn.response_mut().is_some_and(|response| response.has_content && response.tail.is_some()) {
            self.complete();
        }
    }

    fn close(&mut self, failed: Option<Option<String>>) {
        let Some(response) = self.turn.response_mut() else { return };
        let name = response.name.clone();
        self.tell_words(true);
        match failed {
            Some(reason) => self.end(name, Ending::Failed, Some(no_answer(reason))),
            None => self.end(name, Ending::Completed, None),
        }
    }

    /// A turn of the model's ended without a word.
    pub(super) fn conclude_empty(&mut self) {
        let Some((_, reason)) = self.empty_until.take() else { return };
        let response = self.name('r');
        let is_continued = self.is_continued;
        self.awaits = false;
        self.is_continued = false;
        self.tell_words(true);
        self.begin_response(response.clone());
        if is_continued {
            // It had said what it had to say before the tool answered.
            self.end(response, Ending::Completed, None);
        } else {
            self.end(response, Ending::Failed, Some(no_answer(reason)));
        }
    }

    pub(super) fn begin_response(&mut self, response: String) {
        self.forget_spender();
        self.tell(Told::Began { response });
    }

    /// What is told of tokens from here on is about another response.
    fn forget_spender(&mut self) {
        if self.spender.take().is_some() {
            self.used = None;
        }
    }

    /// Tokens of the response that is over, runs, or (when the turn before is over too) is about to begin.
    fn spend(&mut self, usage: Usage) {
        if self.awaits && matches!(self.turn, Turn::None) {
            self.forget_spender();
        }
        let told = self.used;
        let used = told.map_or(usage, |told| told.most(usage));
        self.used = Some(used);
        if let Some(response) = self.spender.clone().filter(|_| told != Some(used)) {
            self.tell(Told::Spent { response, usage: used });
        }
    }

    /// The connection died under an answer that was paid for.
    pub(super) fn tell_lost_usage(&mut self) {
        let running = self.turn.response_mut().map(|response| response.name.clone());
        if let (Some(response), Some(usage)) = (running, self.used) {
            self.tell(Told::Spent { response, usage });
        }
    }
}

/// Silence without a reason is the model's own decision.
fn no_answer(reason: Option<String>) -> Complaint {
    let message = match reason.as_deref() {
        None => "The model gave no answer.".to_owned(),
        Some(reason) => format!("The model gave no answer ({}).", reason.to_lowercase().replace('_', " ")),
    };
    Complaint { code: reason, message, ..Complaint::default() }
}
