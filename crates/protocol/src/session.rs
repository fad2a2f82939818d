//! The seam between a session and the world: what goes in, what comes out.

use std::time::{Duration, Instant};

use crate::{Config, Fault, Item, ItemId};

/// What the caller tells the session.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A new socket is open (HTTP 101). Nothing is sent before the server's `session.created`.
    Opened,
    /// A text frame came.
    Text(&'a str),
    /// A binary frame came (no realtime provider of ours sends any: ignored with a trace).
    Binary(&'a [u8]),
    /// The socket is gone: close code and reason if the peer gave one, `None` for an abrupt loss.
    Closed { code: Option<u16>, reason: &'a str },
    /// The user starts a push-to-talk turn (also in open mode: "hold the floor" is later work, ignored there).
    Press,
    /// Microphone audio at [`crate::SAMPLE_RATE`]. In push-to-talk only between `Press` and `Release`.
    Audio(&'a [i16]),
    /// The push-to-talk turn is over and all its audio was handed in.
    Release,
    /// The user drops the push-to-talk turn that is being recorded.
    Discard,
    /// A typed message. `aloud`: the answer is spoken, otherwise it is text only.
    Say { text: &'a str, aloud: bool },
    /// Stop the answer (Esc): cancels generation; the caller gets [`Output::Flush`].
    Stop,
    /// Reply to [`Output::Flush`], once for each item that was cut short: how much of it was really heard.
    Interrupted { item: ItemId, heard: Duration },
    /// Answer of a spoken item was played to its end.
    Played(ItemId),
    /// New settings; takes effect at once where the wire allows it, else with the next connection.
    Configure(&'a Config),
    /// Send everything that had no answer again (the user's button; reconnecting does it by itself).
    Resend,
    /// Drop an utterance or message that waits ([`crate::Delivery::Kept`]).
    Forget(ItemId),
    /// [`Session::deadline`] has passed.
    Timeout,
}

/// What the session wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this text frame.
    Transmit(String),
    /// Play these samples of `item` (mono, [`crate::SAMPLE_RATE`]).
    Play { item: ItemId, pcm: Vec<i16> },
    /// No more audio of `item` will come.
    PlayEnd(ItemId),
    /// Silence the speaker now and drop what is queued; answer with [`Input::Interrupted`] for each item that
    /// was cut short, nothing for items that were heard to their end.
    Flush,
    /// Tell the user.
    Event(Event),
    /// Close this socket and open another one (a deadline passed without an answer).
    Reconnect(&'static str),
}

/// What happened, for the caller's view and policy.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `session.updated` came: the connection is good. `expires_at`: unix seconds of the provider's hard end.
    Ready { expires_at: Option<u64>, model: Option<String> },
    /// An item is new or has changed; it stands behind `after` (`None`: first).
    Item { item: Item, after: Option<ItemId> },
    /// An item is gone (discarded, or deleted because nothing of it was heard).
    Removed(ItemId),
    /// Server VAD heard the user start or stop (open microphone).
    SpeechStarted,
    /// See [`Event::SpeechStarted`].
    SpeechStopped,
    /// The utterance or message reached the provider and its answer is being made.
    ResponseStarted,
    /// The answer is complete on the wire (its audio may still be playing).
    ResponseDone,
    /// Something went wrong. If the socket closes next, [`Fault::is_transient`] says whether to open another one.
    Fault(Fault),
}

/// One conversation with one provider, without sockets, clocks or threads.
pub struct Session {}

impl Session {
    /// An empty conversation.
    pub fn new(_config: Config) -> Self {
        Self {}
    }

    /// Takes one input. Never fails and never panics on what a provider sends.
    pub fn handle(&mut self, _input: Input<'_>, _now: Instant) {}

    /// The next thing to do; drain it after every [`Session::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        None
    }

    /// When to call [`Input::Timeout`] at the latest, and what is waited for.
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// The conversation in its order.
    pub fn items(&self) -> Vec<Item> {
        Vec::new()
    }

    /// How many utterances and messages wait for an answer.
    pub fn unanswered(&self) -> usize {
        0
    }

    /// Whether a response is being generated or a turn is being recorded: not the moment to change sockets.
    pub fn is_busy(&self) -> bool {
        false
    }
}
