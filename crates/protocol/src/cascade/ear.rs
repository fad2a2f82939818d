//! What a cascade needs of a speech-to-text service.

use std::time::{Duration, Instant};

use crate::openai::refusal::Complaint;
use crate::{Config, Errand, Fault, Message, Post, Received, Reply};

/// Speech to text over one leg; lives as long as one connection. Ends in [`Heard::Ready`].
pub(crate) trait Ear: std::fmt::Debug + Send {
    /// The leg is open (or needs no socket).
    fn open(&mut self, config: &Config, now: Instant);

    /// New settings: language, patience, who ends a turn.
    fn configure(&mut self, _config: &Config, _now: Instant) {}

    /// Samples of the microphone at [`crate::SAMPLE_RATE`].
    fn hear(&mut self, pcm: &[i16], now: Instant);

    /// The user ended the turn (push to talk): [`Heard::Ended`] must follow, with no words if there were none.
    fn end_turn(&mut self, now: Instant);

    /// How long [`Heard::Ended`] may take after that, or after [`Heard::Stopped`].
    fn limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// [`Heard::Ended`] of the oldest turn that is over did not come in time, and nothing of it may come any more.
    /// `false`: the connection is of no use.
    fn forgo(&mut self) -> bool {
        false
    }

    /// What was heard of the present turn is to be forgotten.
    fn clear(&mut self, now: Instant);

    /// A frame came. Never panics.
    fn receive(&mut self, received: Received<'_>, now: Instant);

    /// More of the answer to [`EarDeed::Fetch`].
    fn reply(&mut self, _errand: Errand, _reply: Reply<'_>, _now: Instant) {}

    /// What the reason of a close means, where the service names one.
    fn closed(&self, _reason: &str) -> Option<Fault> {
        None
    }

    /// The next thing to do.
    fn poll(&mut self) -> Option<EarDeed>;

    /// When to call [`Ear::timeout`] at the latest, and what is waited for.
    fn deadline(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// [`Ear::deadline`] has passed.
    fn timeout(&mut self, _now: Instant) {}
}

/// What an ear wants done.
#[derive(Debug)]
pub(crate) enum EarDeed {
    /// Send a frame; `is_audio`: it carries sound of the microphone.
    Transmit { message: Message, is_audio: bool },
    /// Ask over HTTP; errands of ears are even numbers.
    Fetch { errand: Errand, post: Post },
    /// No answer to this errand is wanted any more.
    CallOff(Errand),
    /// Something was heard.
    Heard(Heard),
}

/// What an ear heard. Texts are those of the whole turn so far, in the place of those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The service is ready.
    Ready,
    /// The user began to speak (open microphone).
    Started,
    /// The turn so far.
    Words(String),
    /// The turn is probably over: an answer may be prepared (open microphone).
    EagerEnd(String),
    /// It was not: the user goes on.
    Resumed,
    /// The user fell silent for good; the words are on their way. Ears that have them at once need not say it.
    Stopped,
    /// The turn is over.
    Ended(String),
    /// The oldest turn that is over did not become words; the connection goes on.
    Missed(Complaint),
    /// The service refuses or failed; the connection ends with it.
    Failed(Complaint),
}
