//! The conversation, and OpenAI Realtime, the protocol that it speaks. Voices with other protocols have an interpreter.
//!
//! [`realtime::Realtime`] is the state machine; the files beside it are its chapters, one subject each.
pub(crate) mod answer;
mod caption;
pub(crate) mod client;
pub(crate) mod config;
mod error;
mod floor;
mod interruption;
mod kept;
pub(crate) mod limit;
mod link;
mod microphone;
mod own_ear;
pub(crate) mod passing;
pub(crate) mod realtime;
pub(crate) mod refusal;
pub(crate) mod replay;
mod response;
mod ring;
pub(crate) mod server;
mod settings;
mod standby;
mod summary;
mod timeline;
mod told;
mod tool;
mod turn;
