//! Both ends of the microphone's way: from the device's samples to the pipeline's frames, and from those to the wire's.

use rtrb::Consumer;

use crate::front::{CORE_RATE, FRAME};
use crate::resample::{Resampler, Start, to_i16};

/// Below this a frame counts as silence, in dBFS: no real microphone is that quiet.
const SILENT: f32 = -80.0;
/// Silent frames until the user is told (3 s).
const SILENT_FRAMES: u32 = 300;
/// The same once something was heard (30 s): headsets with a noise gate are silent between words.
const GATED_FRAMES: u32 = 3000;

/// The pipeline's end of an open microphone.
pub(crate) struct Ear {
    pub(crate) ring: Consumer<f32>,
    /// Samples per second of the device, in Hz.
    pub(crate) rate: u32,
}

/// 10 ms frames at 48 kHz from any device rate.
pub(crate) struct Intake {
    ear: Ear,
    to_core: Resampler,
    core: Vec<f32>,
    scratch: Vec<f32>,
}

impl Intake {
    /// Reads `ear`.
    pub(crate) fn new(ear: Ear) -> Self {
        let chunk = ear.rate as usize / 100;
        Self {
            to_core: Resampler::new(ear.rate, CORE_RATE, chunk, Start::Live),
            core: Vec::new(),
            scratch: Vec::with_capacity(chunk),
            ear,
        }
    }

    /// Takes what the callback left and hands on each whole frame.
    pub(crate) fn drain(&mut self, mut deliver: impl FnMut(&[f32; FRAME])) {
        self.scratch.clear();
        self.scratch.resize(self.ear.ring.slots(), 0.0);
        let (fresh, _) = self.ear.ring.pop_partial_slice(&mut self.scratch);
        self.to_core.push(fresh, &mut self.core);
        let (frames, rest) = self.core.as_chunks();
        frames.iter().for_each(&mut deliver);
        let taken = self.core.len() - rest.len();
        self.core.drain(..taken);
    }
}

/// 10 ms frames at the wire's rate from those at 48 kHz.
pub(crate) struct Outlet {
    to_wire: Resampler,
    wire: Vec<f32>,
    wire_frame: usize,
}

impl Outlet {
    /// Delivers at `wire_rate` Hz.
    pub(crate) fn new(wire_rate: u32) -> Self {
        let to_wire = Resampler::new(CORE_RATE, wire_rate, FRAME, Start::Live);
        Self { to_wire, wire: Vec::new(), wire_frame: (wire_rate as usize / 100).max(1) }
    }

    /// Takes a frame and hands on each whole one that comes of it.
    pub(crate) fn push(&mut self, frame: &[f32; FRAME], mut deliver: impl FnMut(Vec<i16>)) {
        self.to_wire.push(frame, &mut self.wire);
        let mut sent = 0;
        while let Some(samples) = self.wire.get(sent..sent + self.wire_frame) {
            sent += self.wire_frame;
            deliver(samples.iter().map(|sample| to_i16(*sample)).collect());
        }
        self.wire.drain(..sent);
    }
}

/// Notices a microphone that is switched off, unplugged or covered by the system.
#[derive(Debug, Default)]
pub(crate) struct SilenceWatch {
    frames: u32,
    is_silent: bool,
    /// Something was heard since the watch began.
    was_audible: bool,
}

impl SilenceWatch {
    /// Takes the level of a frame in dBFS; `Some(true)` when it was silent for too long, `Some(false)` when sound is back.
    pub(crate) fn frame(&mut self, level: f32, is_watched: bool) -> Option<bool> {
        if level >= SILENT {
            self.frames = 0;
            self.was_audible = is_watched;
            return std::mem::take(&mut self.is_silent).then_some(false);
        }
        if !is_watched {
            self.frames = 0;
            self.was_audible = false;
            return None;
        }
        self.frames = self.frames.saturating_add(1);
        let limit = if self.was_audible { GATED_FRAMES } else { SILENT_FRAMES };
        if self.is_silent || self.frames < limit {
            return None;
        }
        self.is_silent = true;
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;
    use crate::level::{decibels, power};

    fn tone(rate: u32, seconds: f64) -> Vec<f32> {
        let count = (f64::from(rate) * seconds) as usize;
        (0..count).map(|n| (n as f64 * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin() as f32 * 0.5).collect()
    }

    #[test]
    fn every_device_rate_gives_10_ms_frames_at_every_wire_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
            for wire in [8_000, 16_000, 24_000, 48_000] {
                let (mut ring, ear) = RingBuffer::new(rate as usize / 5);
                let mut intake = Intake::new(Ear { ring: ear, rate });
                let mut outlet = Outlet::new(wire);
                let mut frames: Vec<Vec<i16>> = Vec::new();
                for piece in tone(rate, 1.0).chunks(rate as usize / 97) {
                    let (_, lost) = ring.push_partial_slice(piece);
                    assert!(lost.is_empty());
                    intake.drain(|frame| outlet.push(frame, |samples| frames.push(samples)));
                }
                assert!((98..=100).contains(&frames.len()), "{rate} to {wire}: {} frames", frames.len());
                assert!(frames.iter().all(|frame| frame.len() == wire as usize / 100));
                let loud: Vec<f32> =
                    frames.iter().skip(10).flatten().map(|sample| f32::from(*sample) / 32_768.0).collect();
                let level = decibels(power(&loud));
                assert!((level + 9.03).abs() < 0.2, "{rate} to {wire}: {level} dBFS");
            }
        }
    }

    #[test]
    fn silence_is_told_once_after_3_s_and_so_is_its_end() {
        let mut watch = SilenceWatch::default();
        let told: Vec<usize> = (1..=1_000).filter(|_| watch.frame(-90.0, true).is_some()).collect();
        assert_eq!(told, [300]);
        assert_eq!(watch.frame(-40.0, true), Some(false));
        assert_eq!(watch.frame(-40.0, true), None);
        assert!((0..1_000).all(|_| watch.frame(-90.0, false).is_none()));
    }

    #[test]
    fn a_pause_after_speech_is_no_silent_microphone() {
        let mut watch = SilenceWatch::default();
        watch.frame(-30.0, true);
        assert!((0..2_999).all(|_| watch.frame(-90.0, true).is_none()));
        assert_eq!(watch.frame(-90.0, true), Some(true), "30 s of digital silence are");
    }
}
