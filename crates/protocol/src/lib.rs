//! Wire formats and state machines of realtime voice providers, without sockets, clocks or threads.
//!
//! A [`Session`] is one conversation with one provider. It outlives the sockets that carry it: after a
//! drop the caller opens another one and says [`Input::Opened`] again, and the session configures it,
//! replays the conversation as text and sends every utterance that had no answer.
//!
//! The caller feeds [`Session::handle`], drains [`Session::poll`] after every call, and wakes the
//! session at [`Session::deadline`]. Audio is 16-bit PCM, mono, [`SAMPLE_RATE`] samples per second.

mod cartesia;
pub mod cascade;
pub mod chat;
mod conversation;
pub mod deepgram;
pub mod elevenlabs;
mod fault;
mod frame;
pub mod gemini;
pub mod gpt_live;
mod interpreter;
mod markdown;
mod openai;
mod pcm;
mod session;
mod tool;
mod toolbox;
mod usage;
mod voice;

pub use conversation::{Delivery, Item, ItemId, Kind, Role};
pub use fault::{Cause, Fault};
pub use openai::config::{Config, Detector, NoiseReduction, Transcription, TurnTaking, Wire};
pub use openai::passing::Passing;
pub use session::{Event, Input, Output, Said, Session};
pub use tool::Tool;
pub use usage::Usage;
pub use voice::{Errand, Leg, Message, Place, Post, Question, Received, Reply, Thought};

/// Samples per second of all audio that crosses this crate, in Hz (OpenAI Realtime: `audio/pcm`, rate 24000).
pub const SAMPLE_RATE: u32 = 24_000;
