//! Interpreters: how a provider with a protocol of its own takes part in a conversation.
//!
//! The conversation ([`crate::Session`]) speaks the Realtime protocol: it commits turns, asks for responses, follows
//! their items. An interpreter says the same in the provider's words and tells what the provider answers in the
//! conversation's. It lives as long as one connection: a new one gets a new interpreter, to which the conversation is
//! replayed. What was said and not answered, what comes after what, what was heard: all that is the conversation's.

use std::time::{Duration, Instant};

use crate::openai::client::Event;
use crate::openai::refusal::Complaint;
use crate::openai::server::Ending;
use crate::{Config, Errand, Fault, Leg, Message, Post, Question, Received, Reply, Thought, Usage};

/// See the module.
pub(crate) trait Interpreter: std::fmt::Debug + Send {
    /// What an earlier connection of this conversation left behind ([`Told::Memory`]); told before
    /// [`Interpreter::open`].
    fn recall(&mut self, _memory: &str) {}

    /// All legs are open. Ends in [`Told::Ready`], now or when the provider has said so.
    fn open(&mut self, config: &Config, now: Instant);

    /// New settings, or leave to answer by itself given or taken back (`answers`: false while the user holds the floor).
    fn configure(&mut self, config: &Config, answers: bool, now: Instant);

    /// What the conversation wants; `number` is what [`Told::Refused`] calls it by.
    fn ask(&mut self, number: u64, event: &Event<'_>, now: Instant);

    /// A frame came over a leg. Never panics; what is unknown is ignored with a trace.
    fn receive(&mut self, leg: Leg, received: Received<'_>, now: Instant);

    /// The text model's answer to [`Deed::Think`]; of an errand that was called off nothing comes any more.
    fn thought(&mut self, _errand: Errand, _thought: Thought<'_>, _now: Instant) {}

    /// The answer to [`Deed::Fetch`]; of an errand that was called off nothing comes any more.
    fn reply(&mut self, _errand: Errand, _reply: Reply<'_>, _now: Instant) {}

    /// Whether a question would be answered at once: nothing of the connection's beginning is still to come.
    fn is_settled(&self, _now: Instant) -> bool {
        true
    }

    /// The connection is gone: what is known of the running response can still be told. What the provider meant by it, if its
    /// closes have a meaning of their own.
    fn closed(&mut self, _code: Option<u16>, _reason: &str) -> Option<Fault> {
        None
    }

    /// The next thing to do; drained after each of the above.
    fn poll(&mut self) -> Option<Deed>;

    /// When to call [`Interpreter::timeout`] at the latest, and what is waited for.
    fn deadline(&self) -> Option<(Instant, &'static str)> {
        None
    }

    /// [`Interpreter::deadline`] has passed.
    fn timeout(&mut self, _now: Instant) {}
}

/// What an interpreter wants done.
#[derive(Debug)]
pub(crate) enum Deed {
    /// Send a frame; `is_audio`: it carries sound of the microphone.
    Transmit { leg: Leg, message: Message, is_audio: bool },
    /// Ask the text model.
    Think { errand: Errand, question: Question },
    /// Ask the service of a leg over HTTP.
    Fetch { errand: Errand, leg: Leg, post: Post },
    /// No answer to this errand is wanted any more.
    CallOff(Errand),
    /// Tell the conversation.
    Tell(Told),
    /// This connection is of no use: another one is needed.
    Abandon(&'static str),
}

/// What a provider said, in the conversation's words. Items and responses have names that are unique on a connection.
#[derive(Debug)]
pub(crate) enum Told {
    /// The provider took the settings: turns may come. `expires_at`: unix seconds of its hard end.
    Ready { model: Option<String>, expires_at: Option<u64> },
    /// Open microphone: the user began to speak about `since` ago. Silences the answer, as the provider has done.
    SpeechStarted { item: String, since: Duration },
    /// Open microphone: the user's turn is over.
    SpeechStopped { item: String },
    /// The user's speech is an item now: of our commit, or (open microphone) of the provider's own decision, which an
    /// answer follows.
    Committed { item: String },
    /// The user's turn did not become words: the provider knows nothing of it, and it waits for the user's wish.
    Unheard { item: String, complaint: Complaint },
    /// The user's words so far, in the place of those that were told before.
    UserWords { item: String, text: String, is_final: bool },
    /// A response has begun: told before anything of it.
    Began { response: String },
    /// The running response may be silent for so long yet, for a good reason.
    Delayed { by: Duration },
    /// All words of the running response were told: where something of it was heard, its question is not asked again.
    Whole { response: String },
    /// Samples of an answer at [`crate::SAMPLE_RATE`].
    Audio { response: String, item: String, pcm: Vec<i16> },
    /// Words of an answer, in addition to those before; `is_spoken`: they are the caption of its sound.
    Words { response: String, item: String, delta: String, is_spoken: bool },
    /// The model asks for a tool.
    ToolCall { response: String, call: String, name: String, arguments: String },
    /// Work that goes on beside what is being said asks for a tool: no answer waits for it.
    SideCall { call: String, name: String, arguments: String },
    /// The response is over.
    Ended { response: String, ending: Ending, usage: Option<Usage>, complaint: Option<Complaint> },
    /// What was asked for under this number was refused.
    Refused { number: Option<u64>, complaint: Complaint },
    /// The provider will end this connection at this time (unix seconds).
    Expires { at: u64 },
    /// The connection is of no use after this time: it ends then, or a new one is needed for new settings.
    Ending { within: Duration },
    /// The provider is about to hang up, as it considers the conversation over: no other connection is wanted.
    Left,
    /// What brings the provider's memory of this conversation, as it is now, to the next connection; `None`: nothing
    /// does, and what was told before is void.
    Memory(Option<String>),
    /// This connection has the memory that [`Interpreter::recall`] brought: told before [`Told::Ready`].
    Resumed,
    /// Tokens of a response, known only after its end, or more of them than were told then: all of them.
    Spent { response: String, usage: Usage },
}
