//! The sound that goes to an agent: the microphone when it is heard, silence otherwise, without an end.

use std::time::{Duration, Instant};

use crate::SAMPLE_RATE;
use crate::elevenlabs::format::Encoder;

/// How much sound goes into a frame, and silence at a time.
const PIECE: Duration = Duration::from_millis(100);
const SILENCE: Duration = Duration::from_millis(200);
/// The microphone may be so late before silence stands in for it.
const SLACK: Duration = Duration::from_millis(250);
/// What goes out at once behind a turn: silence ends it, however soon that arrives.
const TRAIL: Duration = Duration::from_millis(500);
/// Louder than this (RMS of full scale) is taken for speech: -40 dBFS.
const SPEECH: f32 = 0.01;
/// In samples: after so much quiet another utterance begins, and one that began so long ago is not meant any more.
const APART: u64 = 3 * SAMPLE_RATE as u64 / 2;
const LONG_AGO: u64 = 60 * SAMPLE_RATE as u64;
/// When it is not known when the speech began, that it did is told about this late.
const USUAL: Duration = Duration::from_millis(500);

/// A frame's worth of sound.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) base64: String,
    /// Something of it is the microphone's.
    pub(super) is_heard: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Line {
    encoder: Option<Encoder>,
    /// At the wire's rate.
    pending: Vec<i16>,
    is_heard: bool,
    /// Until when the agent has sound, were it heard as fast as it is spoken.
    until: Option<Instant>,
    /// Samples of the microphone, how long it has been quiet, and where the last utterance began.
    heard: u64,
    quiet: u64,
    onset: Option<u64>,
}

impl Line {
    pub(super) fn start(&mut self, encoder: Encoder, now: Instant) {
        self.encoder = Some(encoder);
        self.until = Some(now);
    }

    pub(super) fn is_flowing(&self) -> bool {
        self.encoder.is_some()
    }

    /// Sound of the microphone, as far as it fills a frame.
    pub(super) fn hear(&mut self, pcm: &[i16], now: Instant) -> Vec<Sound> {
        self.listen(pcm);
        self.is_heard = true;
        self.add(pcm, now);
        let is_enough = self.encoder.as_ref().is_some_and(|encoder| self.pending.len() >= count(encoder, PIECE));
        if is_enough { self.flush() } else { Vec::new() }
    }

    /// The turn is over.
    pub(super) fn end(&mut self, now: Instant) -> Vec<Sound> {
        self.add(&silence(TRAIL), now);
        self.flush()
    }

    /// What of a turn did not go out yet is to be forgotten.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        self.is_heard = false;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until.map(|until| until + SLACK)
    }

    /// Silence, if it is time.
    pub(super) fn fill(&mut self, now: Instant) -> Vec<Sound> {
        if self.deadline().is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.add(&silence(SILENCE + SLACK), now);
        self.flush()
    }

    fn add(&mut self, pcm: &[i16], now: Instant) {
        let Some(encoder) = self.encoder.as_mut() else { return };
        self.pending.extend(encoder.convert(pcm));
        let length = Duration::from_secs_f64(pcm.len() as f64 / f64::from(SAMPLE_RATE));
        // A process that slept does not make up for what it missed.
        let behind = now.checked_sub(SLACK).unwrap_or(now);
        self.until = self.until.map(|until| until.max(behind) + length);
    }

    fn flush(&mut self) -> Vec<Sound> {
        let Some(encoder) = self.encoder.as_ref().filter(|_| !self.pending.is_empty()) else { return Vec::new() };
        let is_heard = std::mem::take(&mut self.is_heard);
        let base64 = encoder.format.encode(&self.pending);
        self.pending.clear();
        vec![Sound { base64, is_heard }]
    }

    fn listen(&mut self, pcm: &[i16]) {
        for piece in pcm.chunks(SAMPLE_RATE as usize / 50) {
            if loudness(piece) <= SPEECH {
                self.quiet += piece.len() as u64;
            } else {
                if self.onset.is_none() || self.quiet > APART {
                    self.onset = Some(self.heard);
                }
                self.quiet = 0;
            }
            self.heard += piece.len() as u64;
        }
    }

    /// How long the microphone has been quiet.
    pub(super) fn quiet(&self) -> Duration {
        Duration::from_secs_f64(self.quiet as f64 / f64::from(SAMPLE_RATE))
    }

    /// How long ago the last utterance began.
    pub(super) fn since_onset(&self) -> Duration {
        let ago = self.onset.map(|onset| self.heard - onset).filter(|ago| *ago <= LONG_AGO);
        ago.map_or(USUAL, |ago| Duration::from_secs_f64(ago as f64 / f64::from(SAMPLE_RATE)))
    }

    /// That utterance is over: the next sound begins another one.
    pub(super) fn forget_onset(&mut self) {
        (self.onset, self.quiet) = (None, 0);
    }
}

fn count(encoder: &Encoder, duration: Duration) -> usize {
    (u128::from(encoder.format.rate) * duration.as_millis() / 1_000) as usize
}

fn silence(duration: Duration) -> Vec<i16> {
    vec![0; (u128::from(SAMPLE_RATE) * duration.as_millis() / 1_000) as usize]
}

/// Root mean square, full scale 1.
fn loudness(pcm: &[i16]) -> f32 {
    let sum: f32 = pcm.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
    (sum / pcm.len().max(1) as f32).sqrt()
}
