//! Microphones and speakers by name.

use crate::Error;

/// Stable id of a device (`pulseaudio:alsa_input.usb-…`), matched exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub String);

/// Which way the sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A microphone.
    Input,
    /// A speaker.
    Output,
}

/// One device that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Stable id.
    pub id: DeviceId,
    /// Readable name.
    pub name: String,
    /// Microphone or speaker.
    pub direction: Direction,
    /// Whether the system uses it by default.
    pub is_default: bool,
    /// Channels of its own format.
    pub channels: u16,
    /// Its own rate in Hz.
    pub rate: u32,
    /// Whether it is the monitor of a speaker (listed last, not offered first).
    pub is_monitor: bool,
}

/// All usable devices, readable names, without duplicates, default first. Blocks for some ms: not on an async task.
///
/// # Errors
/// [`Error::NoHost`] when there is no sound system at all.
pub fn devices() -> Result<Vec<Device>, Error> {
    Err(Error::NoHost)
}
