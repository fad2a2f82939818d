//! Answers: asked of the text model, said by the mouth, told in step.

use std::time::{Duration, Instant};

use super::complaint::{complaint_of, trouble};
use super::interpreter::Cascade;
use super::mouth::{Context, Said};
use super::script::Script;
use super::sentence::Splitter;
use super::spoken::{HINT, code_sentence};
use crate::chat::{self, ToolCall};
use crate::interpreter::{Deed, Told};
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::{Errand, Fault, Question, Thought};

/// The conversation is shown that an answer is alive when nothing came of it for so long.
const NUDGE: Duration = Duration::from_secs(10);
/// Nothing came of an answer for so long: whoever owes the next piece has failed.
const PATIENCE: Duration = Duration::from_secs(40);

/// The one answer that is being made.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: String,
    pub(super) item: String,
    context: Context,
    is_aloud: bool,
    thinking: Thinking,
    voice: Voice,
    splitter: Splitter,
    script: Script,
    /// Tools that the model called in it.
    pub(super) calls: Vec<ToolCall>,
    /// Something of it was told: it is an item of the conversation.
    has_item: bool,
    has_words: bool,
    /// The question offered tools.
    has_tools: bool,
    /// The user heard all that he will: no more of it is remembered.
    pub(super) is_cut: bool,
    progress: Instant,
    nudged: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thinking {
    /// The words of the question are awaited, or (open microphone) silence.
    Waiting,
    Asked(Errand),
    Done,
}

#[derive(Debug, PartialEq, Eq)]
enum Voice {
    /// It was given nothing to say.
    Idle,
    Speaking,
    /// The rest of the answer is only read.
    Failed(Complaint),
}

impl Answer {
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.thinking == Thinking::Waiting {
            return None;
        }
        let nudge = self.has_item.then(|| self.progress.max(self.nudged) + NUDGE);
        [nudge, Some(self.progress + PATIENCE)].into_iter().flatten().min()
    }

    fn is_voiced(&self) -> bool {
        self.is_aloud && !matches!(self.voice, Voice::Failed(_))
    }

    /// The model said something, or called something.
    fn has_begun(&self) -> bool {
        self.has_words || !self.calls.is_empty()
    }
}

impl Cascade {
    /// The conversation asks for an answer; one that was begun by ourselves is the one.
    pub(super) fn respond(&mut self, is_aloud: bool, now: Instant) {
        if self.memory.has_new_outputs() {
            self.memory.settle(true);
        }
        self.begin_answer(is_aloud, now);
    }

    pub(super) fn begin_answer(&mut self, is_aloud: bool, now: Instant) {
        if self.answer.is_some() {
            return;
        }
        let number = self.number();
        let response = format!("response_{number}");
        self.tell(Told::Began { response: response.clone() });
        self.answer = Some(Answer {
            response,
            item: format!("answer_{number}"),
            context: Context(number),
            is_aloud,
            thinking: Thinking::Waiting,
            voice: Voice::Idle,
            splitter: Splitter::new(code_sentence(&self.terms.language)),
            script: Script::default(),
            calls: Vec::new(),
            has_item: false,
            has_words: false,
            has_tools: false,
            is_cut: false,
            progress: now,
            nudged: now,
        });
        self.go_on(now);
    }

    /// Asks the model as soon as all is said that belongs to the question.
    pub(super) fn go_on(&mut self, now: Instant) {
        let is_interrupting = self.turns.is_speaking() && !self.memory.is_written_last();
        let Some(answer) = self.answer.as_mut().filter(|answer| answer.thinking == Thinking::Waiting) else { return };
        if self.turns.is_awaiting() {
            let by = self.turns.wait(now);
            return self.tell(Told::Delayed { by });
        }
        if is_interrupting {
            return;
        }
        answer.progress = now;
        let is_aloud = answer.is_aloud;
        let question = self.question(None, is_aloud, true);
        if !self.memory.is_owing() || question.messages.is_empty() {
            return self.end_answer(Ending::Completed, None, now);
        }
        let spoken = question.messages.last().map(chat::Message::text);
        let is_prepared = |words: &str| is_aloud && spoken.as_deref() == Some(words);
        if self.eager.as_ref().is_some_and(|eager| is_prepared(&eager.words)) {
            return self.adopt(now);
        }
        self.drop_eager();
        self.think(question);
    }

    fn think(&mut self, question: Question) {
        let errand = self.thought_errand();
        self.asked(errand, !question.tools.is_empty());
        self.act(Deed::Think { errand, question });
    }

    fn asked(&mut self, errand: Errand, has_tools: bool) {
        if let Some(answer) = self.answer.as_mut() {
            answer.thinking = Thinking::Asked(errand);
            answer.has_tools = has_tools;
        }
    }

    /// The answer was prepared while the user was falling silent.
    fn adopt(&mut self, now: Instant) {
        let Some(eager) = self.eager.take() else { return };
        self.asked(eager.errand, !self.toolbox.offered().is_empty());
        if let Some(answer) = self.answer.as_mut() {
            answer.calls = eager.calls;
        }
        if !eager.said.is_empty() {
            self.thinking(eager.errand, Thought::Delta(&eager.said), now);
        }
        if eager.is_done {
            self.thinking(eager.errand, Thought::Done, now);
        }
    }

    pub(super) fn question(&self, more: Option<&str>, is_aloud: bool, with_tools: bool) -> Question {
        let own = self.terms.instructions.trim();
        let instructions = match (own.is_empty(), is_aloud) {
            (_, false) => own.to_owned(),
            (true, true) => HINT.to_owned(),
            (false, true) => format!("{own}\n\n{HINT}"),
        };
        let tools = if with_tools { self.toolbox.offered().to_vec() } else { Vec::new() };
        Question { instructions, messages: self.memory.messages(more, !tools.is_empty()), tools }
    }

    pub(super) fn thinking(&mut self, errand: Errand, thought: Thought<'_>, now: Instant) {
        if let Some(eager) = self.eager.as_mut().filter(|eager| eager.errand == errand) {
            match thought {
                Thought::Delta(words) => eager.said.push_str(words),
                Thought::Call(call) => eager.calls.push(call.clone()),
                Thought::Done => eager.is_done = true,
                // The turn is not over: nobody has to hear of it. It is asked anew.
                Thought::Failed(_) => self.eager = None,
            }
            return;
        }
        let Some(answer) = self.answer.as_mut().filter(|answer| answer.thinking == Thinking::Asked(errand)) else {
            return;
        };
        answer.progress = now;
        match thought {
            Thought::Delta(words) => self.words(words, now),
            Thought::Call(call) => answer.calls.push(call.clone()),
            Thought::Done => self.thought_out(now),
            Thought::Failed(fault) => self.thinking_failed(fault, now),
        }
    }

    fn thinking_failed(&mut self, fault: &Fault, now: Instant) {
        let Some(answer) = self.answer.as_mut() else { return };
        answer.thinking = Thinking::Done;
        let has_tools = answer.has_tools && !answer.has_begun();
        if has_tools && self.toolbox.is_refused(fault) {
            let is_aloud = answer.is_aloud;
            let question = self.question(None, is_aloud, false);
            return self.think(question);
        }
        self.end_answer(Ending::Failed, Some(complaint_of(fault)), now);
    }

    fn words(&mut self, words: &str, now: Instant) {
        let Some(answer) = self.answer.as_mut() else { return };
        answer.has_words |= !words.is_empty();
        if !answer.is_voiced() {
            return self.show(words.to_owned(), false);
        }
        for sentence in answer.splitter.push(words) {
            self.speak(sentence.written, &sentence.spoken, now);
        }
    }

    fn speak(&mut self, written: String, spoken: &str, now: Instant) {
        let Some(answer) = self.answer.as_mut() else { return };
        if !answer.is_voiced() {
            return self.show(written, false);
        }
        answer.script.push(written, spoken);
        if !spoken.is_empty() {
            answer.voice = Voice::Speaking;
            let context = answer.context;
            self.mouth.speak(context, spoken, now);
        }
    }

    /// The model has said all.
    fn thought_out(&mut self, now: Instant) {
        let Some(answer) = self.answer.as_mut() else { return };
        answer.thinking = Thinking::Done;
        if answer.is_voiced()
            && let Some(last) = answer.splitter.finish()
        {
            self.speak(last.written, &last.spoken, now);
        }
        let Some(answer) = self.answer.as_mut() else { return };
        match (&answer.voice, answer.context) {
            (Voice::Speaking, context) => self.mouth.finish(context, now),
            (Voice::Idle | Voice::Failed(_), _) => self.complete(now),
        }
    }

    /// All was said that there was to say.
    fn complete(&mut self, now: Instant) {
        let Some(answer) = self.answer.as_mut() else { return };
        let rest = answer.script.rest();
        let complaint = if let Voice::Failed(complaint) = &answer.voice { Some(complaint.clone()) } else { None };
        // Nothing of it could be said: it is there to be read.
        let is_spoken = answer.voice == Voice::Speaking;
        self.show(rest, is_spoken);
        if complaint.is_none() {
            self.tell_calls();
        }
        let ending = if complaint.is_some() { Ending::Incomplete } else { Ending::Completed };
        self.end_answer(ending, complaint, now);
    }

    /// The connection ends in the middle of an answer: what the model said in it is read, as far as it was not heard.
    pub(super) fn tell_unsaid(&mut self) {
        let is_thought = |answer: &&mut Answer| answer.thinking == Thinking::Done && answer.calls.is_empty();
        let Some(answer) = self.answer.as_mut().filter(is_thought).filter(|answer| answer.has_item) else { return };
        let (response, rest) = (answer.response.clone(), answer.script.rest());
        self.show(rest, true);
        self.tell(Told::Whole { response });
    }

    /// Tells words; they are remembered as said.
    fn show(&mut self, delta: String, is_spoken: bool) {
        let Some(answer) = self.answer.as_mut().filter(|_| !delta.is_empty()) else { return };
        answer.has_item = true;
        if !answer.is_cut {
            self.memory.answer(&answer.item, &delta);
            self.memory.settle(false);
        }
        let (response, item) = (answer.response.clone(), answer.item.clone());
        self.tell(Told::Words { response, item, delta, is_spoken });
    }

    pub(super) fn said(&mut self, said: Said, now: Instant) {
        let speed = self.terms.speed;
        let spoken =
            |context: Context| move |answer: &&mut Answer| answer.context == context && answer.voice == Voice::Speaking;
        match said {
            Said::Ready => {}
            Said::Audio { context, pcm } => {
                let Some(answer) = self.answer.as_mut().filter(spoken(context)) else { return };
                if pcm.is_empty() {
                    return;
                }
                answer.progress = now;
                answer.has_item = true;
                let words = answer.script.sounded(pcm.len(), speed);
                let (response, item) = (answer.response.clone(), answer.item.clone());
                self.show(words, true);
                self.tell(Told::Audio { response, item, pcm });
            }
            Said::Reached { context, characters } => {
                if let Some(answer) = self.answer.as_mut().filter(spoken(context)) {
                    answer.script.reached(characters);
                }
            }
            Said::Done(context) => {
                let is_over = |answer: &Answer| answer.context == context && answer.thinking == Thinking::Done;
                if self.answer.as_ref().is_some_and(is_over) {
                    self.complete(now);
                }
            }
            Said::Failed { context: Some(context), complaint } => {
                if self.answer.as_mut().filter(spoken(context)).is_some() {
                    self.voice_failed(complaint, now);
                }
            }
            Said::Failed { context: None, complaint } => self.give_up(Some(complaint), "the mouth failed"),
        }
    }

    /// The answer goes on to be read.
    fn voice_failed(&mut self, complaint: Complaint, now: Instant) {
        let Some(answer) = self.answer.as_mut() else { return };
        answer.voice = Voice::Failed(complaint);
        let (context, thinking) = (answer.context, answer.thinking);
        let unsaid = answer.script.rest() + &answer.splitter.rest();
        self.mouth.cancel(context, now);
        self.show(unsaid, false);
        if thinking == Thinking::Done {
            self.complete(now);
        }
    }

    /// The answer is over, however.
    pub(super) fn end_answer(&mut self, ending: Ending, complaint: Option<Complaint>, now: Instant) {
        let Some(answer) = self.answer.take() else { return };
        if let Thinking::Asked(errand) = answer.thinking {
            self.act(Deed::CallOff(errand));
        }
        if answer.voice == Voice::Speaking && ending != Ending::Completed {
            self.mouth.cancel(answer.context, now);
        }
        match ending {
            Ending::Completed | Ending::Incomplete => self.memory.settle(false),
            // The question is asked again, and the half answer would be taken for the beginning of the next.
            Ending::Failed => {
                self.memory.remove(&answer.item);
                self.memory.settle(true);
            }
            Ending::Cancelled => {}
        }
        self.tell(Told::Ended { response: answer.response, ending, usage: None, complaint });
    }

    /// Keeps an answer alive whose next piece takes its time, and ends one whose next piece does not come.
    pub(super) fn look_after_answer(&mut self, now: Instant) {
        let Some(answer) = self.answer.as_mut().filter(|answer| answer.deadline().is_some_and(|at| at <= now)) else {
            return;
        };
        if answer.progress + PATIENCE > now {
            answer.nudged = now;
            let (response, item) = (answer.response.clone(), answer.item.clone());
            return self.tell(Told::Words { response, item, delta: String::new(), is_spoken: true });
        }
        match (answer.thinking, &answer.voice) {
            (Thinking::Done, Voice::Speaking) => {
                answer.progress = now;
                self.voice_failed(trouble("The voice did not go on speaking."), now);
            }
            _ => self.end_answer(Ending::Failed, Some(trouble("The text model did not answer in time.")), now),
        }
    }
}
