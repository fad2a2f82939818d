//! OpenAI Realtime over WebSocket.
//!
//! [`realtime::Realtime`] is the state machine; the files beside it are its chapters, one subject each.
mod answer;
mod caption;
mod client;
pub(crate) mod config;
mod error;
mod floor;
mod interruption;
mod link;
mod microphone;
pub(crate) mod realtime;
mod refusal;
mod replay;
mod response;
mod ring;
mod server;
mod settings;
mod timeline;
mod tool;
mod turn;
