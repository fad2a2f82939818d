//! Work behind the voice: what the model delegates, and what the user typed, is done by the user's text model. A
//! delegation comes without a word of its task: that is what the user said last. The result goes back sentence by
//! sentence, for the model to say.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::interpreter::Deed;
use crate::openai::refusal::Complaint;
use crate::{Errand, Question, Role, Thought};

use super::portion::{beginning, sentences};
use super::tools::Called;
use super::{Kind, Live};

/// Words trail the delegation that they lead to: none for so long, and they are all there.
const QUIET: Duration = Duration::from_millis(600);
/// But no longer than this.
const LONGEST: Duration = Duration::from_secs(3);
/// Delegations that are remembered, so that none is done twice.
const REMEMBERED: usize = 64;
/// How an answer has to be that a voice will say.
const SPOKEN: &str = "Your answer is read aloud by a voice. The question was spoken and may hold errors of \
    transcription. Answer in a few spoken sentences, without Markdown, lists or addresses.";
const MISSED: &str = "I did not catch that. Could you say it again?";

/// A question that the text model works on.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) errand: Errand,
    /// As it was put last, with what came of tools before.
    pub(super) question: Question,
    /// What the text model said to it.
    pub(super) said: String,
    /// What it called.
    pub(super) calls: Vec<Called>,
    /// How often it called something.
    pub(super) rounds: u8,
    delegation: Option<String>,
    /// What is not told yet.
    text: String,
    /// All of it.
    pub(super) whole: String,
    /// It goes to the screen and not to the voice.
    is_written: bool,
    /// What the user typed, should it be asked once more.
    typed: Option<String>,
}

/// All work of a session.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// A delegation whose task is still being heard, and since when.
    collecting: Option<(String, Instant)>,
    pub(super) jobs: Vec<Job>,
    seen: VecDeque<String>,
    typed: Option<String>,
    pub(super) last_errand: u64,
}

impl Work {
    /// A typed message; the answer to it is asked for next.
    pub(super) fn type_in(&mut self, text: &str) {
        self.typed = Some(match self.typed.take() {
            Some(before) => format!("{before}\n\n{text}"),
            None => text.to_owned(),
        });
    }

    pub(super) fn take_typed(&mut self) -> Option<String> {
        self.typed.take()
    }

    /// Whether something will still come.
    pub(super) fn is_busy(&self) -> bool {
        self.collecting.is_some() || !self.jobs.is_empty()
    }

    fn is_new(&mut self, delegation: &str) -> bool {
        let is_new = !self.seen.iter().any(|seen| seen == delegation);
        if is_new {
            self.seen.push_back(delegation.to_owned());
            if self.seen.len() > REMEMBERED {
                self.seen.pop_front();
            }
        }
        is_new
    }
}

impl Live {
    /// The model wants something done. Two delegations in quick succession are one: the newer counts.
    pub(super) fn delegated(&mut self, delegation: &str, now: Instant) {
        if self.work.is_new(delegation) {
            self.work.collecting = Some((delegation.to_owned(), now));
            self.begin_unless_listening(now);
        }
    }

    pub(super) fn begin_work(&mut self, now: Instant) {
        let Some((_, since)) = self.work.collecting.as_ref() else { return };
        let quiet_since = self.floor.words_at().map_or(*since, |at| at.max(*since));
        if now < (quiet_since + QUIET).min(*since + LONGEST) {
            return;
        }
        let Some((delegation, _)) = self.work.collecting.take() else { return };
        match self.log.task() {
            Some(task) => self.think(Some(delegation), &task, false, None),
            None => self.append(Kind::Commentary, Some(&delegation), MISSED),
        }
        self.voice.await_anew(now);
    }

    /// There is no command for a typed message: the text model answers it. In writing, or for the voice to say.
    pub(super) fn think_about_typed(&mut self, typed: Option<String>, is_written: bool) {
        let Some(text) = typed.clone().or_else(|| self.log.task()) else { return };
        if typed.is_some() {
            self.append(Kind::Thinking, None, &format!("The user typed: {text}"));
            self.log.write(Role::User, &text);
        }
        self.think(None, &text, is_written, typed);
    }

    fn think(&mut self, delegation: Option<String>, task: &str, is_written: bool, typed: Option<String>) {
        let style = if is_written { "" } else { SPOKEN };
        let instructions = format!("{}\n\n{style}", self.instructions).trim().to_owned();
        let tools = self.toolbox.offered().to_vec();
        self.work.jobs.push(Job {
            errand: Errand(0),
            question: Question { instructions, messages: self.log.question(task), tools },
            said: String::new(),
            calls: Vec::new(),
            rounds: 0,
            delegation,
            text: String::new(),
            whole: String::new(),
            is_written,
            typed,
        });
        self.put_question(self.work.jobs.len() - 1);
    }

    /// News of the text model.
    pub(super) fn worked(&mut self, errand: Errand, thought: Thought<'_>, now: Instant) {
        let Some(index) = self.work.jobs.iter().position(|job| job.errand == errand) else { return };
        match thought {
            Thought::Delta(words) => {
                let Some(job) = self.work.jobs.get_mut(index) else { return };
                job.whole.push_str(words);
                job.said.push_str(words);
                if job.is_written {
                    return self.writes(words, now);
                }
                job.text.push_str(words);
                self.hand_over(index, false);
            }
            Thought::Call(call) => {
                if let Some(job) = self.work.jobs.get_mut(index) {
                    job.calls.push(Called::new(call));
                }
            }
            Thought::Done => {
                self.hand_over(index, true);
                if self.call_tools(index) {
                    return self.voice.await_anew(now);
                }
                let job = self.work.jobs.swap_remove(index);
                if job.is_written {
                    self.log.write(Role::Assistant, &job.whole);
                    self.append(Kind::Thinking, None, &format!("You answered in writing: {}", job.whole));
                    self.finish_written(None, now);
                }
                self.voice.await_anew(now);
            }
            Thought::Failed(fault) if self.does_without_tools(index, fault) => {}
            Thought::Failed(fault) => {
                self.hand_over(index, true);
                let job = self.work.jobs.swap_remove(index);
                if job.is_written {
                    let (code, message) = (fault.code.clone(), fault.message.clone());
                    self.finish_written(Some(Complaint { code, message, ..Complaint::default() }), now);
                } else {
                    // A delegation without an answer would be promised for ever.
                    let words = format!("Sorry, that did not work: {}", beginning(&fault.message, 200));
                    self.append(Kind::Commentary, job.delegation.as_deref(), &words);
                }
                self.voice.await_anew(now);
            }
        }
    }

    /// Gives the model what can be said by now.
    fn hand_over(&mut self, index: usize, is_whole: bool) {
        let mut portions = Vec::new();
        let Some(job) = self.work.jobs.get_mut(index) else { return };
        while let Some(portion) = sentences(&mut job.text, is_whole) {
            portions.push(portion);
        }
        let delegation = job.delegation.clone();
        for portion in portions {
            self.append(Kind::Commentary, delegation.as_deref(), &portion);
        }
    }

    /// Nobody wants the answer in writing any more.
    pub(super) fn call_off_written(&mut self) {
        let jobs = std::mem::take(&mut self.work.jobs);
        let (written, others) = jobs.into_iter().partition::<Vec<_>, _>(|job| job.is_written);
        self.work.jobs = others;
        for job in written {
            self.deeds.push_back(Deed::CallOff(job.errand));
        }
    }

    /// A typed question whose answer was cut short before it was made: the conversation may ask it again.
    pub(super) fn retype(&mut self) {
        let jobs = std::mem::take(&mut self.work.jobs);
        let (typed, others) = jobs.into_iter().partition::<Vec<_>, _>(|job| job.typed.is_some() && !job.is_written);
        self.work.jobs = others;
        for job in typed {
            self.deeds.push_back(Deed::CallOff(job.errand));
            self.work.typed = job.typed;
        }
    }
}
