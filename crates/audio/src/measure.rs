//! Measures the way from the speaker to the microphone with a chirp: pure, from what was recorded of both.
//!
//! Each sweep of the chirp is correlated with what the microphone heard. Divided by the sweep's own spectrum the
//! correlation is the room's answer to a click; a loudspeaker's distortion lands before it and is told apart, as in
//! A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine technique" (AES 108, 2000).

mod chirp;
mod response;
mod timing;

use std::time::Duration;

use crate::front::{CORE_RATE, FRAME};
use crate::level::{SILENCE, decibels, power};

pub use chirp::chirp;
use response::Response;
use timing::Timing;

/// What is recorded before the chirp: the noise of the room.
pub const BEFORE: Duration = Duration::from_millis(800);
/// What is recorded after the chirp: the last echo.
pub const AFTER: Duration = Duration::from_millis(700);
/// Step of [`Measurement::curve`].
pub const CURVE_STEP: Duration = Duration::from_millis(5);

/// From here a sample counts as clipped; conversion between rates takes a little off the top.
const CLIP: f32 = 0.985;
/// So many clipped samples are no accident.
const CLIPS: usize = 5;
/// Quieter than any microphone that is on: less than half of a 16-bit step.
const NOTHING: f32 = 1.5e-5;
/// The beginning of the recording is left out: filters settle.
const SETTLING: usize = CORE_RATE as usize / 10;
/// Sweeps that agree on the delay of an echo, within so many samples (1.5 ms).
const AGREEMENT: i64 = 72;

/// Both ends of the room, in frames of 10 ms at 48 kHz.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// What the microphone heard, before any processing.
    pub near: Vec<f32>,
    /// What the speaker played, sample by sample beside it.
    pub far: Vec<f32>,
    /// When each frame arrived, since any moment.
    pub arrivals: Vec<Duration>,
    /// How much later than it was played the far end of all frames stands beside the microphone, summed up.
    pub held: Duration,
}

impl Recording {
    /// Adds 10 ms of both, which arrived at `at`; the far end stands there `far_held` later than it was played.
    pub fn push(&mut self, near: &[f32], far: &[f32], far_held: Duration, at: Duration) {
        self.near.extend_from_slice(near);
        self.far.extend_from_slice(far);
        self.arrivals.push(at);
        self.held += far_held;
    }
}

/// What was found out about a pair of devices in its room.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The speaker in the microphone; `None` when it is not heard there.
    pub echo: Option<Echo>,
    /// Loss in dB up to which an echo would have been noticed over the noise.
    pub reach_db: f32,
    /// Noise of the room in dBFS, the median of 10 ms frames (-90 = digital silence).
    pub noise_dbfs: f32,
    /// The microphone clipped.
    pub is_clipped: bool,
    /// The microphone gave nothing at all: it is muted, or has a gate.
    pub is_silent: bool,
    /// True rate of the microphone over the one it claims; 1.0 is right.
    pub input_speed: f32,
    /// True rate of the speaker over the one it claims; 1.0 is right.
    pub output_speed: f32,
    /// How unevenly frames of the microphone arrive: between the earliest and the latest 5 %.
    pub jitter: Duration,
    /// The echo over time in dB of what was played, from 0 on in steps of [`CURVE_STEP`]; empty without an echo.
    pub curve: Vec<f32>,
}

/// The speaker as the microphone hears it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Echo {
    /// From the playback callback to the microphone's frame.
    pub delay: Duration,
    /// How much quieter than it was played, in dB; negative when it is louder.
    pub loss_db: f32,
    /// Second and third harmonic over the undistorted echo, in dB (-60 = none).
    pub distortion_db: f32,
}

/// Why nothing could be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmeasurable {
    /// The microphone gave no data.
    #[error("the microphone gives no sound data")]
    NoMicrophone,
    /// The chirp was not played, or not whole.
    #[error("the speaker did not play the whole chirp")]
    NotPlayed,
}

/// Finds out what a recording of [`chirp()`] with silence around it ([`BEFORE`], [`AFTER`]) tells. Takes some 100 ms.
///
/// # Errors
/// When one of the devices did not run.
pub fn measure(recording: &Recording) -> Result<Measurement, Unmeasurable> {
    let Recording { near, far, arrivals, held } = recording;
    let timing = Timing::of(arrivals).ok_or(Unmeasurable::NoMicrophone)?;
    let far_held = *held / arrivals.len().max(1) as u32;
    let starts = chirp::starts(far);
    let (Some(first), Some(spacing)) = (starts.first(), chirp::spacing(&starts)) else {
        return Err(Unmeasurable::NotPlayed);
    };
    let responses: Vec<Response> = starts.iter().map(|start| Response::of(near, far, *start)).collect();
    let agreed = agreed(&responses);
    let is_silent = near.iter().all(|sample| sample.abs() < NOTHING);
    let loudest = agreed.first().filter(|_| !is_silent);
    Ok(Measurement {
        echo: loudest.map(|_| echo(&agreed, far_held)),
        reach_db: median(responses.iter().map(|response| response.reach_db)),
        noise_dbfs: noise(near.get(..*first).unwrap_or_default()),
        is_clipped: near.iter().filter(|sample| sample.abs() >= CLIP).count() >= CLIPS,
        is_silent,
        input_speed: timing.speed,
        output_speed: timing.speed / spacing,
        jitter: timing.jitter,
        curve: loudest.map_or_else(Vec::new, |response| response.curve(far_held)),
    })
}

/// The largest group of responses that heard an echo at the same distance: a cough fools only one sweep.
fn agreed(responses: &[Response]) -> Vec<&Response> {
    let heard = || responses.iter().filter(|response| response.is_heard);
    let group = |one: &Response| -> Vec<&Response> {
        heard().filter(|other| (other.lag - one.lag).abs() <= AGREEMENT).collect()
    };
    heard().map(group).filter(|group| group.len() >= 2).max_by_key(Vec::len).unwrap_or_default()
}

fn echo(agreed: &[&Response], far_held: Duration) -> Echo {
    let lag = median(agreed.iter().map(|response| response.lag as f32)) / CORE_RATE as f32;
    Echo {
        delay: Duration::from_secs_f32((lag + far_held.as_secs_f32()).max(0.0)),
        loss_db: median(agreed.iter().map(|response| response.loss_db)),
        distortion_db: median(agreed.iter().map(|response| response.distortion_db)),
    }
}

/// Median level of 10 ms frames, in dBFS.
fn noise(quiet: &[f32]) -> f32 {
    let settled = quiet.get(SETTLING..).unwrap_or(quiet);
    let frames = settled.chunks_exact(FRAME).map(|frame| decibels(power(frame)));
    if settled.len() < FRAME { SILENCE } else { median(frames) }
}

/// The middle value; 0 of none.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
