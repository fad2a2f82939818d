//! Devices, levels and the sound check.

use serde::{Deserialize, Serialize};

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

/// The sound check. First part: speak for 5 s, then hear yourself. Second part: a chirp of 3 s measures the room.
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
    /// The verdict on the spoken words, once they were heard.
    pub verdict: Option<Verdict>,
    /// What the chirp found, once it was heard.
    pub room: Option<Room>,
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
    /// The chirp is played and listened to; nobody needs to speak.
    Measuring,
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

/// What the chirp found out about a microphone and a speaker in their room.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Room {
    /// What follows for the echo.
    pub finding: Finding,
    /// From the speaker to the microphone, in ms; null when the microphone does not hear the speaker.
    pub delay_ms: Option<u32>,
    /// How much quieter the microphone hears what is played, in dB; negative when louder.
    pub echo_loss_db: Option<f32>,
    /// Noise of the room, dBFS (-90 = digital silence).
    pub noise_dbfs: f32,
    /// The microphone clipped.
    pub is_clipped: bool,
    /// The speaker, or the microphone, distorts a lot.
    pub is_distorted: bool,
    /// Clock of the microphone.
    pub input_rate: Rate,
    /// Clock of the speaker.
    pub output_rate: Rate,
    /// A Bluetooth headset in its hands-free profile: both directions sound as over a telephone.
    pub is_hands_free: bool,
    /// How unevenly sound arrives from the microphone, in ms.
    pub jitter_ms: u32,
    /// The echo over time in dB of what was played, in steps of 5 ms from 0 on; empty without an echo.
    pub curve: Vec<f32>,
    /// It will be used the next time these two devices are: they were the only ones, and it could be told.
    pub is_kept: bool,
}

/// What a chirp says about the echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Finding {
    /// The microphone hears the speaker: echo is cancelled.
    Speakers,
    /// It does not: nothing is cancelled.
    Headphones,
    /// It hears it so loud or distorted that the microphone had better pause while the answer is audible.
    TooStrong,
    /// The room is too loud to tell.
    Unclear,
    /// The microphone gives nothing at all.
    Silent,
}

/// The clock of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Rate {
    /// Samples per second as it says, in Hz.
    pub claimed_hz: u32,
    /// Samples per second as counted, in Hz.
    pub true_hz: u32,
    /// They differ by more than 1 %.
    pub is_off: bool,
}

/// Loudness for the meters, in dBFS (-90 = silence, 0 = full scale).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Levels {
    /// Microphone.
    pub input: f32,
    /// Speaker.
    pub output: f32,
    /// The microphone clipped in the last second.
    pub clipped: bool,
}

impl Levels {
    /// Changes below this are not seen on a meter, in dB.
    const VISIBLE: f32 = 1.5;
    /// Meters show nothing below this, in dBFS.
    const QUIET: f32 = -60.0;

    /// Whether a meter shows the other one differently.
    pub(crate) fn differs(self, other: Self) -> bool {
        let moved = |a: f32, b: f32| (a.max(Self::QUIET) - b.max(Self::QUIET)).abs() >= Self::VISIBLE;
        moved(self.input, other.input) || moved(self.output, other.output) || self.clipped != other.clipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_meter_shows_is_news() {
        let shown = Levels { input: -30.0, output: -90.0, clipped: false };
        assert!(!Levels { input: -31.0, output: -61.0, ..shown }.differs(shown));
        assert!(Levels { input: -32.0, ..shown }.differs(shown));
        assert!(Levels { output: -50.0, ..shown }.differs(shown));
        assert!(Levels { clipped: true, ..shown }.differs(shown));
    }
}
