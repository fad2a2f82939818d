//! What can go wrong with sound devices, by what the caller can do.

use crate::Direction;

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No sound system is running.
    #[error("no sound system is running")]
    NoHost,
    /// There is no such device, or none at all.
    #[error("no {0:?} device")]
    NoDevice(Direction),
    /// The system refuses access to the microphone.
    #[error("access to the {0:?} device was refused")]
    Refused(Direction),
    /// The device did not start in time (a source without data never does).
    #[error("the {0:?} device did not start")]
    Stuck(Direction),
    /// The device or the sound server went away.
    #[error("the {direction:?} device failed: {detail}")]
    Lost {
        /// Which one.
        direction: Direction,
        /// The sound system's words.
        detail: String,
    },
    /// A WAV file cannot be read or written.
    #[error("{0}")]
    File(String),
}
