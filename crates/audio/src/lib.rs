//! Devices and DSP of Sidetone: capture, playout and the pipeline between them. Standard threads only.
//!
//! ```text
//! microphone ─ capture callback ─ ring ─┐                     ┌─ ring ─ playback callback ─ speaker
//!                                       └─ pipeline thread ───┘
//!                    sink(Captured) ◄──────┘      └──────◄ Duplex::play / finish / flush
//! ```

mod device;
mod error;
mod duplex;

pub use device::{Device, DeviceId, Direction, devices};
pub use duplex::{Captured, Card, Choice, Config, Duplex, Heard, ItemKey, Levels, Notice, Stats};
pub use error::Error;
