//! Text to speech with several contexts on one socket: an answer is a context (`multi-stream-input`).
//!
//! Models from v3 on speak dialogues: they have a socket of their own with other words for the same things.

mod dialect;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::refusal::{close, complaint, words};
use crate::cascade::mouth::{Context, Mouth, MouthDeed, Said};
use crate::frame::object;
use crate::pcm::Pieces;
use crate::{Config, Fault, Message, Received};

use dialect::Dialect;
pub(crate) use dialect::place;

/// The service takes five contexts at a time; one keeps the socket alive between answers.
const MOST: usize = 4;
/// Half of what the service waits by default before it closes a context or a socket.
const QUIET: Duration = Duration::from_secs(10);
/// A context that was given up counts as gone after this time, whatever the service says.
const GONE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Multi {
    dialect: Dialect,
    deeds: VecDeque<MouthDeed>,
    answers: BTreeMap<Context, Answer>,
    /// Names of contexts are never used again.
    last: u64,
    quiet_since: Option<Instant>,
    has_keeper: bool,
}

/// An answer that is being spoken.
#[derive(Debug)]
struct Answer {
    name: String,
    stage: Stage,
    /// Text that waits for a free context, and whether it is all.
    text: String,
    is_finished: bool,
    pieces: Pieces,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Too many contexts are open.
    Waiting,
    Open,
    /// All text is there; the sound of it comes.
    Closing,
    /// Nobody listens. `until`: then it is taken for gone.
    Cancelled {
        until: Instant,
    },
}

impl Multi {
    /// A mouth for one connection whose place was [`place`].
    pub(crate) fn new(model: &str, voice: &str) -> Self {
        Self {
            dialect: Dialect::new(model, voice),
            deeds: VecDeque::new(),
            answers: BTreeMap::new(),
            last: 0,
            quiet_since: None,
            has_keeper: false,
        }
    }

    fn transmit(&mut self, frame: &Value, now: Instant) {
        self.quiet_since = Some(now);
        self.deeds.push_back(MouthDeed::Transmit(Message::Text(frame.to_string())));
    }

    fn tell(&mut self, said: Said) {
        self.deeds.push_back(MouthDeed::Said(said));
    }

    /// Opens contexts for answers that wait, oldest first, as far as there is room.
    fn admit(&mut self, now: Instant) {
        self.answers.retain(|_, answer| !matches!(answer.stage, Stage::Cancelled { until } if until <= now));
        while self.answers.values().filter(|answer| answer.stage != Stage::Waiting).count() < MOST {
            let waits = |answer: &Answer| answer.stage == Stage::Waiting && !answer.text.is_empty();
            let Some((context, answer)) = self.answers.iter_mut().find(|(_, answer)| waits(answer)) else { return };
            self.last += 1;
            answer.name = format!("c{}", self.last);
            answer.stage = Stage::Open;
            let (context, text, is_finished) = (*context, std::mem::take(&mut answer.text), answer.is_finished);
            let name = answer.name.clone();
            self.transmit(&self.dialect.begin(&name), now);
            self.transmit(&self.dialect.say(&name, &text), now);
            if is_finished {
                self.finish(context, now);
            }
        }
    }

    fn event(&mut self, frame: &Value, now: Instant) {
        let name = ["contextId", "context_id"].iter().find_map(|key| frame.get(*key)?.as_str());
        let context = self.context(name);
        if frame.get("error").is_some_and(|error| !error.is_null()) {
            return self.failed(context, name.is_some(), frame, now);
        }
        let Some(context) = context else { return tracing::trace!("event of no context ignored") };
        if let Some(audio) = frame.get("audio").and_then(Value::as_str).filter(|audio| !audio.is_empty()) {
            self.audio(context, audio);
        }
        let is = |key: &str| frame.get(key).and_then(Value::as_bool) == Some(true);
        if is("isFinal") || is("is_final") {
            self.over(context, now);
        }
    }

    /// Whose frame this is; one without a name is the only answer's.
    fn context(&self, name: Option<&str>) -> Option<Context> {
        let mut spoken = self.answers.iter().filter(|(_, answer)| answer.stage != Stage::Waiting);
        match name {
            Some(name) => spoken.find(|(_, answer)| answer.name == name).map(|(context, _)| *context),
            None => spoken.next().filter(|_| spoken.next().is_none()).map(|(context, _)| *context),
        }
    }

    fn audio(&mut self, context: Context, audio: &str) {
        let Some(answer) = self.answers.get_mut(&context) else { return };
        if !matches!(answer.stage, Stage::Open | Stage::Closing) {
            return;
        }
        if let Some(pcm) = answer.pieces.decode(audio).filter(|pcm| !pcm.is_empty()) {
            self.tell(Said::Audio { context, pcm });
        }
    }

    /// The service has closed a context.
    fn over(&mut self, context: Context, now: Instant) {
        match self.answers.get_mut(&context).map(|answer| (answer.stage, answer)) {
            // It should not have: what is still to come gets another one.
            Some((Stage::Open, answer)) => answer.stage = Stage::Waiting,
            Some((Stage::Closing, _)) => {
                self.answers.remove(&context);
                self.tell(Said::Done(context));
            }
            Some((Stage::Cancelled { .. }, _)) => drop(self.answers.remove(&context)),
            Some((Stage::Waiting, _)) | None => {}
        }
        self.admit(now);
    }

    fn failed(&mut self, context: Option<Context>, is_named: bool, frame: &Value, now: Instant) {
        let complaint = complaint(&words(frame, "error"), &words(frame, "message"));
        let gone = context.and_then(|context| self.answers.remove(&context));
        match gone {
            Some(Answer { stage: Stage::Cancelled { .. }, .. }) => {}
            Some(_) if is_named => self.tell(Said::Failed { context, complaint }),
            None if is_named => tracing::debug!("an error of no answer ignored"),
            Some(_) | None => self.tell(Said::Failed { context: None, complaint }),
        }
        self.admit(now);
    }
}

impl Mouth for Multi {
    fn open(&mut self, config: &Config, now: Instant) {
        self.dialect.configure(config);
        self.quiet_since = Some(now);
        self.tell(Said::Ready);
    }

    fn configure(&mut self, config: &Config, _now: Instant) {
        self.dialect.configure(config);
    }

    fn speak(&mut self, context: Context, text: &str, now: Instant) {
        let answer = self.answers.entry(context).or_insert_with(|| Answer {
            name: String::new(),
            stage: Stage::Waiting,
            text: String::new(),
            is_finished: false,
            pieces: Pieces::default(),
        });
        match answer.stage {
            Stage::Waiting => answer.text.push_str(text),
            Stage::Open => {
                let frame = self.dialect.say(&answer.name, text);
                self.transmit(&frame, now);
            }
            Stage::Closing | Stage::Cancelled { .. } => {}
        }
        self.admit(now);
    }

    fn finish(&mut self, context: Context, now: Instant) {
        match self.answers.get_mut(&context) {
            Some(answer) if answer.stage == Stage::Waiting && !answer.text.is_empty() => answer.is_finished = true,
            Some(answer) if answer.stage == Stage::Open => {
                answer.stage = Stage::Closing;
                let frame = self.dialect.close(&answer.name);
                self.transmit(&frame, now);
            }
            Some(answer) if answer.stage != Stage::Waiting => {}
            Some(_) | None => {
                self.answers.remove(&context);
                self.tell(Said::Done(context));
            }
        }
    }

    fn cancel(&mut self, context: Context, now: Instant) {
        let Some(answer) = self.answers.get_mut(&context) else { return };
        let stage = std::mem::replace(&mut answer.stage, Stage::Cancelled { until: now + GONE });
        match stage {
            Stage::Waiting => drop(self.answers.remove(&context)),
            Stage::Open => {
                let frame = self.dialect.close(&answer.name);
                self.transmit(&frame, now);
            }
            Stage::Closing => {}
            Stage::Cancelled { .. } => answer.stage = stage,
        }
    }

    fn receive(&mut self, received: Received<'_>, now: Instant) {
        match received {
            Received::Text(text) => {
                if let Some(frame) = object(text) {
                    self.event(&frame, now);
                }
            }
            Received::Binary(bytes) => tracing::debug!(bytes = bytes.len(), "binary frame ignored"),
        }
    }

    fn closed(&self, reason: &str) -> Option<Fault> {
        close(reason)
    }

    fn poll(&mut self) -> Option<MouthDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let quiet = self.quiet_since.map(|since| (since + QUIET, "text for the mouth"));
        let is_waiting = self.answers.values().any(|answer| answer.stage == Stage::Waiting && !answer.text.is_empty());
        let gone = self.answers.values().filter_map(|answer| match answer.stage {
            Stage::Cancelled { until } if is_waiting => Some((until, "a context of the mouth")),
            Stage::Cancelled { .. } | Stage::Waiting | Stage::Open | Stage::Closing => None,
        });
        quiet.into_iter().chain(gone).min()
    }

    fn timeout(&mut self, now: Instant) {
        self.admit(now);
        if self.quiet_since.is_none_or(|since| now < since + QUIET) {
            return;
        }
        if !std::mem::replace(&mut self.has_keeper, true) {
            self.transmit(&self.dialect.begin(KEEPER), now);
        }
        let open = self.answers.values().filter(|answer| answer.stage == Stage::Open);
        let names: Vec<String> = open.map(|answer| answer.name.clone()).chain([KEEPER.to_owned()]).collect();
        for name in names {
            self.transmit(&self.dialect.keep(&name), now);
        }
    }
}

/// A context in which nothing is ever said: it keeps the socket open while nobody speaks.
const KEEPER: &str = "keeper";
