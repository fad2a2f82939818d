//! What a cascade needs of a text-to-speech service.

use std::time::Instant;

use crate::openai::refusal::Complaint;
use crate::{Config, Errand, Fault, Message, Post, Received, Reply};

/// One answer that is spoken; a new one for each answer, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Context(pub(crate) u64);

/// Text to speech over one leg; lives as long as one connection. Ends in [`Said::Ready`].
pub(crate) trait Mouth: std::fmt::Debug + Send {
    /// The leg is open (or needs no socket).
    fn open(&mut self, config: &Config, now: Instant);

    /// New settings: speed, language. What is being spoken goes on as it began.
    fn configure(&mut self, _config: &Config, _now: Instant) {}

    /// One or more whole sentences of an answer, in order, with the space that follows them.
    fn speak(&mut self, context: Context, text: &str, now: Instant);

    /// No more text comes for this answer: [`Said::Done`] must follow its last sound.
    fn finish(&mut self, context: Context, now: Instant);

    /// Nobody listens any more. Sound of it that still comes is dropped by the caller.
    fn cancel(&mut self, context: Context, now: Instant);

    /// A frame came. Never panics.
    fn receive(&mut self, received: Received<'_>, now: Instant);

    /// More of the answer to [`MouthDeed::Fetch`].
    fn reply(&mut self, _errand: Errand, _reply: Reply<'_>, _now: Instant) {}

    /// What the reason of a close means, where the service names one.
    fn closed(&self, _reason: &str) -> Option<Fault> {
        None
    }

    /// The next thing to do.
    fn poll(&mut self) -> Option<MouthDeed>;

    /// When to call [`Mouth::timeout`] at the latest, and what is waited for.
    fn deadline(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// [`Mouth::deadline`] has passed.
    fn timeout(&mut self, _now: Instant) {}
}

/// What a mouth wants done.
#[derive(Debug)]
pub(crate) enum MouthDeed {
    /// Send a frame.
    Transmit(Message),
    /// Ask over HTTP; errands of mouths are odd numbers.
    Fetch { errand: Errand, post: Post },
    /// No answer to this errand is wanted any more.
    CallOff(Errand),
    /// Something was said.
    Said(Said),
}

/// What comes from a mouth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The service is ready.
    Ready,
    /// Samples at [`crate::SAMPLE_RATE`].
    Audio { context: Context, pcm: Vec<i16> },
    /// The sound that follows belongs to the text from this character on, of all that was handed to [`Mouth::speak`].
    /// Mouths that cannot say need not.
    Reached { context: Context, characters: usize },
    /// All of this answer was said.
    Done(Context),
    /// The service failed: with this answer, or (`None`) altogether, when the connection ends with it.
    Failed { context: Option<Context>, complaint: Complaint },
}
