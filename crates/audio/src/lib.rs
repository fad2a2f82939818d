//! Devices and DSP of Sidetone: capture, playout and the pipeline between them. Standard threads only.
//!
//! ```text
//! microphone ─ capture callback ─ ring ─┐                     ┌─ ring ─ playback callback ─ speaker
//!                                       └─ pipeline thread ───┘
//!                    sink(Captured) ◄──────┘      └──────◄ Duplex::play / finish / flush
//! ```
//!
//! The callbacks ([`callback`]) only move samples. The pipeline thread does all signal processing: [`Captured`] frames
//! out of the microphone's ring, queued items into the speaker's. The keeper thread owns the streams and replaces what
//! fails; everything that may hang with a sound server runs on short-lived threads beside it.

pub mod callback;
mod choice;
mod cue;
mod device;
mod duplex;
mod echo;
mod error;
mod files;
pub mod front;
mod gate;
mod guard;
mod hands_free;
mod intake;
mod jitter;
mod keeper;
mod ledger;
mod level;
pub mod measure;
mod microphone;
mod mouth;
mod pace;
mod parcel;
mod pipeline;
mod playout;
mod port;
mod presence;
pub mod recording;
mod reference;
mod resample;
mod rest;
mod scout;
mod sentry;
pub mod speech;
mod stir;
mod stream;
mod stretch;
mod voice;

pub use cue::Cue;
pub use device::{Device, DeviceId, Direction, devices};
pub use duplex::{Captured, Card, Choice, Config, Duplex, Heard, ItemKey, Levels, Notice, Stats};
pub use error::Error;
pub use front::{Calibration, EchoControl, Processing};
pub use microphone::{Pair, Tap};
pub use presence::{Echo, EchoPath};
