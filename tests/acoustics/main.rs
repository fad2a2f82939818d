//! The front end of the microphone in simulated rooms: echo, double talk, interruptions. Offline and the same each time.
//!
//! `scripts/acoustics` writes `docs/acoustics.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod call;
mod canceller;
mod conversation;
mod cost;
mod interruption;
mod room;
mod speech;
mod table;
