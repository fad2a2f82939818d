//! IO and policy of Sidetone: calls, routes, credentials, settings. A shell (window or command line) starts it with
//! [`Engine::start`] and talks to it through a [`Handle`]; the types they exchange are in [`api`].

pub mod api;
mod board;
mod calibration;
mod call;
mod chat;
pub mod config;
mod core;
mod credential;
pub mod doctor;
mod handle;
mod hands_free;
mod key_test;
pub mod latency;
mod lock;
pub mod log;
mod minute;
mod nearby;
mod net;
mod outbox;
mod picture;
mod preview;
mod proxy;
mod recording;
mod route;
mod sound_check;
mod text;
mod tool;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod typescript;

pub use audio::Card;
pub use chat::question;
pub use gateway;
pub use handle::{Closed, Handle, Options, Paths};
pub use protocol::chat as wire;
pub use secrecy::SecretString;
pub use store;
pub use text::{PRACTICE, Shelf, Text};

pub use crate::core::Engine;
