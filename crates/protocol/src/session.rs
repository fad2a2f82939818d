//! The seam between a session and the world: what goes in, what comes out.

use std::time::{Duration, Instant};

use crate::openai::realtime::Realtime;
use crate::{Config, Errand, Fault, Item, ItemId, Leg, Message, Post, Question, Received, Reply, Role, Thought};

/// What the caller tells the session.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A new connection is open, on all its legs (HTTP 101). It speaks [`Config::wire`] as configured now.
    Opened,
    /// A frame came over a leg.
    Received {
        /// Which.
        leg: Leg,
        /// What.
        received: Received<'a>,
    },
    /// More of the answer to [`Output::Think`].
    Thought {
        /// Which question it answers.
        errand: Errand,
        /// What came.
        thought: Thought<'a>,
    },
    /// More of the answer to [`Output::Fetch`].
    Replied {
        /// Which request it answers.
        errand: Errand,
        /// What came.
        reply: Reply<'a>,
    },
    /// What came of [`Output::CallTool`], once. It may come after the answer was given up, or the connection lost.
    ToolResult {
        /// The call.
        item: ItemId,
        /// For the model: text, or JSON.
        output: &'a str,
    },
    /// What came of [`Output::Summarise`]: later connections are told this in the place of those turns, where the
    /// conversation is too long to be told whole. Nothing need come.
    Summary {
        /// As it was asked for.
        until: ItemId,
        /// The summary.
        text: &'a str,
    },
    /// The connection is gone, on all its legs: close code and reason if a peer gave one, `None` for an abrupt loss.
    Closed {
        /// RFC 6455 close code.
        code: Option<u16>,
        /// The peer's reason, empty if it gave none.
        reason: &'a str,
    },
    /// The user starts a push-to-talk turn. Without effect with an open microphone.
    Press,
    /// Microphone audio at [`crate::SAMPLE_RATE`]. In push-to-talk only between `Press` and `Release`.
    Audio(&'a [i16]),
    /// The push-to-talk turn is over and all its audio was handed in. Open microphone: it was closed for good, and
    /// what was being said waits as it stands; to be told after [`Input::Closed`].
    Release,
    /// The user drops the push-to-talk turn that is being recorded.
    Discard,
    /// Open microphone: the talk key went down (`true`) or up. While it is down the user keeps the turn, however long
    /// the pauses are: nothing is answered. What was said meanwhile is answered when it goes up. Survives the connection.
    HoldFloor(bool),
    /// Open microphone: the caller's own detector hears somebody begin (`true`) or end to speak. While no provider listens,
    /// turns are cut by it and wait like everything that was said.
    Voice(bool),
    /// The user spoke over the answer and means it (decided by the caller, who hears sooner and knows the echo): silence
    /// at once. With an open microphone what was said follows as audio.
    BargeIn,
    /// A typed message. `aloud`: the answer is spoken, otherwise it is text only.
    Say {
        /// The message.
        text: &'a str,
        /// Whether the answer is spoken.
        aloud: bool,
    },
    /// Stop the answer (Esc): cancels generation; the caller gets [`Output::Flush`].
    Stop,
    /// Reply to [`Output::Flush`], once for each item that was cut short: how much of it was really heard.
    Interrupted {
        /// The item that was cut short.
        item: ItemId,
        /// How much of it left the speaker.
        heard: Duration,
    },
    /// Answer of a spoken item was played to its end.
    Played(ItemId),
    /// New settings; takes effect at once where the wire allows it, else with the next connection.
    Configure(&'a Config),
    /// Send everything that had no answer again (the user's button; reconnecting does it by itself).
    Resend,
    /// Another provider answers from now on: what was said in this run and got no answer is asked again by itself. What
    /// was restored still waits for the user.
    StandIn,
    /// Something that was said in an earlier run and never answered: it stands before what was said in this one, and
    /// waits for [`Input::Resend`] or [`Input::Forget`].
    Restore(Said<'a>),
    /// Drop an utterance or message that waits ([`crate::Delivery::Kept`]).
    Forget(ItemId),
    /// [`Session::deadline`] has passed.
    Timeout,
}

/// Something the user said, to be kept or restored by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// Mono, at [`crate::SAMPLE_RATE`]. Its answer is spoken.
    Spoken(&'a [i16]),
    /// A message. Its answer is written.
    Typed(&'a str),
}

/// What the session wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this frame.
    Transmit {
        /// Over which leg.
        leg: Leg,
        /// The frame.
        message: Message,
        /// It carries sound of the microphone.
        is_audio: bool,
    },
    /// Ask a text model; its answer comes as [`Input::Thought`].
    Think {
        /// Names the question.
        errand: Errand,
        /// The question.
        question: Question,
    },
    /// Ask the service of a leg over HTTP; its answer comes as [`Input::Replied`].
    Fetch {
        /// Names the request.
        errand: Errand,
        /// Whose service.
        leg: Leg,
        /// The request.
        post: Post,
    },
    /// The model asks for a tool of [`Config::tools`]; answer with [`Input::ToolResult`]. The answer waits for it, for two
    /// minutes at most.
    CallTool {
        /// The call: an item of the conversation.
        item: ItemId,
        /// The tool's name.
        name: String,
        /// Its arguments, a JSON object as the model wrote it.
        arguments: String,
    },
    /// The conversation is getting long: tell these turns in short, as [`Input::Summary`], for a connection to come.
    Summarise {
        /// The newest of them.
        until: ItemId,
        /// What an earlier summary told of the turns before them: the new one tells that too.
        earlier: Option<String>,
        /// The turns, in order.
        talk: Vec<(Role, String)>,
    },
    /// No answer to this errand is wanted any more, and none may be handed in.
    CallOff(Errand),
    /// Play these samples of `item` (mono, [`crate::SAMPLE_RATE`]).
    Play {
        /// The item they belong to.
        item: ItemId,
        /// Samples.
        pcm: Vec<i16>,
    },
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
    Ready {
        /// Unix seconds.
        expires_at: Option<u64>,
        /// The model's id, as the server calls it.
        model: Option<String>,
    },
    /// This connection is of no use any more after this time: another one should be made between two turns.
    Expires {
        /// From now on.
        within: Duration,
    },
    /// An item is new or has changed; it stands behind `after` (`None`: first).
    Item {
        /// The item as it is now.
        item: Item,
        /// Its predecessor.
        after: Option<ItemId>,
    },
    /// An item is gone (discarded, or deleted because nothing of it was heard).
    Removed(ItemId),
    /// Server VAD heard the user start or stop (open microphone).
    SpeechStarted,
    /// See [`Event::SpeechStarted`].
    SpeechStopped,
    /// An answer was asked for: by us, or (open microphone) by the provider's detector, which took the turn.
    Requested,
    /// The utterance or message reached the provider and its answer is being made.
    ResponseStarted,
    /// The answer is over on the wire (its audio may still be playing). Not told when the connection dies under it.
    ResponseDone,
    /// The other side ended the conversation of its own accord, and all was well: the call is over.
    Left,
    /// Something went wrong. If the socket closes next, [`Fault::is_transient`] says whether to open another one.
    Fault(Fault),
}

/// One conversation with one provider, without sockets, clocks or threads.
///
/// What happens to what when a connection dies:
/// - A question without a whole answer is asked again. The half answer stays in the conversation as
///   [`crate::Delivery::Failed`], plays out as far as it came, and is not replayed.
/// - A question whose answer the user had cut short, or stopped, counts as answered.
/// - A push-to-talk turn that is being spoken goes on: what was said so far is sent to the new connection.
/// - Open microphone: of what could not be sent the last 60 s are kept, speech from its beginning. What the caller's
///   detector takes for speech is kept turn by turn, of ten minutes each at most, until twenty wait.
/// - The result of a tool call comes to nothing: its question is asked again, and the model may call again.
/// - Of a conversation that is too long to be told again the newest part is told, behind a summary of the rest where there
///   is one ([`Input::Summary`]).
/// - A question that was sent five times without success waits for [`Input::Resend`], as does a restored one.
#[derive(Debug)]
pub struct Session {
    realtime: Realtime,
}

impl Session {
    /// An empty conversation.
    pub fn new(config: Config) -> Self {
        Self { realtime: Realtime::new(config) }
    }

    /// A session that knows what was said so far, for a connection that is to take over with these settings, between two
    /// turns: it is told [`Input::Opened`] and what comes until it [is settled](Session::is_settled), while this one goes on. `None`: this
    /// conversation has to be taken to a new connection without one.
    pub fn standby(&self, config: &Config) -> Option<Self> {
        self.realtime.standby(config).map(|realtime| Self { realtime })
    }

    /// Whether a question would be answered at once: the connection is ready, and nothing of its beginning, such as a
    /// greeting, is still to come.
    pub fn is_settled(&self) -> bool {
        self.realtime.is_settled()
    }

    /// Whether [`Session::adopt`] would lose nothing: the standby is settled, and what it told its connection is still so.
    pub fn can_adopt(&self, standby: &Self) -> bool {
        self.realtime.can_adopt(&standby.realtime)
    }

    /// Goes on over the connection of a standby, in the place of [`Input::Opened`]; to be drained as after
    /// [`Session::handle`]. What was said since the standby began is told to the connection first.
    pub fn adopt(&mut self, standby: Self, now: Instant) {
        self.realtime.adopt(standby.realtime, now);
    }

    /// Takes one input. Never fails and never panics on what a provider sends.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.realtime.handle(input, now);
    }

    /// The next thing to do; drain it after every [`Session::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.realtime.poll()
    }

    /// When to call [`Input::Timeout`] at the latest, and what is waited for.
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        self.realtime.deadline()
    }

    /// The conversation in its order.
    pub fn items(&self) -> Vec<Item> {
        self.realtime.items()
    }

    /// The samples of an utterance without an answer, from this one on (from 0: all of it), also while it is being
    /// spoken. `None` when there is no such utterance, or it is shorter.
    pub fn utterance(&self, id: ItemId, from: usize) -> Option<Vec<i16>> {
        self.realtime.utterance(id, from)
    }

    /// How many utterances and messages wait for an answer.
    pub fn unanswered(&self) -> usize {
        self.realtime.unanswered()
    }

    /// Whether an answer will be asked for without another word of the user, now or on the next connection.
    pub fn is_answer_owed(&self) -> bool {
        self.realtime.is_answer_owed()
    }

    /// Whether the provider refused the settings: this connection will never be ready by itself.
    pub fn is_refused(&self) -> bool {
        self.realtime.is_refused()
    }

    /// When a limit of the provider's passes that is waited out: then what it refused is asked again by itself.
    pub fn limited_until(&self) -> Option<Instant> {
        self.realtime.limited_until()
    }

    /// Whether a response is being generated or a turn is being recorded: not the moment to change sockets.
    pub fn is_busy(&self) -> bool {
        self.realtime.is_busy()
    }
}
