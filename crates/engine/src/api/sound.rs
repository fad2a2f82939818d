//! Devices, levels and the sound check.

use serde::Serialize;

/// Microphones and speakers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Devices {
    /// Microphones, default first.
    pub inputs: Vec<Device>,
    /// Speakers, default first.
    pub outputs: Vec<Device>,
    /// Name of the microphone in use; null when none is open.
    pub input_in_use: Option<String>,
    /// Name of the speaker in use; null when none is open.
    pub output_in_use: Option<String>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Device {
    /// Stable id, for the settings.
    pub id: String,
    /// Readable name.
    pub name: String,
    /// The system's default.
    pub is_default: bool,
}

/// The 5-second sound check: speak, then hear yourself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SoundCheck {
    /// Where it stands.
    pub phase: CheckPhase,
    /// Seconds left in this phase.
    pub seconds_left: f32,
    /// Loudest moment so far, dBFS.
    pub peak_dbfs: f32,
    /// Quietest moment so far, dBFS: the noise of the room.
    pub floor_dbfs: f32,
    /// The verdict at the end.
    pub verdict: Option<Verdict>,
}

/// Phases of the sound check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum CheckPhase {
    /// The user speaks.
    Listening,
    /// The user hears it back.
    Playing,
    /// Over.
    Done,
}

/// What the sound check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Verdict {
    /// Clear and loud enough.
    Good,
    /// Heard, but quiet.
    Quiet,
    /// Too loud: it clips.
    Clipping,
    /// Nothing but silence.
    Silent,
    /// Speech cannot be told from the noise of the room.
    Noisy,
}

/// Loudness for the meters, in dBFS (-90 = silence, 0 = full scale).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Levels {
    /// Microphone.
    pub input: f32,
    /// Speaker.
    pub output: f32,
    /// The microphone clipped in the last second.
    pub clipped: bool,
}
