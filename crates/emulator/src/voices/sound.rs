//! What fake ears and mouths share: loudness of PCM16, a detector of turns by energy, spoken tones.

/// Samples per second that the fakes count in unless they were told another rate.
pub(crate) const RATE: u32 = 24_000;
/// Louder than this (RMS of full scale 1) is speech: -40 dBFS.
const SPEECH: f32 = 0.01;

/// Little-endian PCM16 as samples; half a sample at the end is dropped.
pub(crate) fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(i16::from_le_bytes).collect()
}

/// Samples as little-endian PCM16.
pub(crate) fn bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// A tone of so many ms at `rate`, loud enough to be found in a recording.
pub(crate) fn tone(hz: f32, ms: u32, rate: u32) -> Vec<i16> {
    let count = u64::from(rate) * u64::from(ms) / 1_000;
    let step = std::f32::consts::TAU * hz / rate as f32;
    (0..count).map(|at| ((at as f32 * step).sin() * 8_000.0) as i16).collect()
}

/// What a piece of sound did to the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It began.
    Began,
    /// It is over.
    Ended,
}

/// Finds turns by energy: speech begins with the first loud 20 ms and ends after so much silence.
#[derive(Debug)]
pub(crate) struct Detector {
    rate: u32,
    silence_ms: u32,
    quiet: u32,
    is_speaking: bool,
    /// Samples of the present turn, and of everything.
    pub(crate) spoken: u64,
    pub(crate) heard: u64,
}

impl Detector {
    /// For sound of `rate` samples per second.
    pub(crate) fn new(rate: u32, silence_ms: u32) -> Self {
        Self { rate, silence_ms, quiet: 0, is_speaking: false, spoken: 0, heard: 0 }
    }

    /// From now on so much silence ends a turn.
    pub(crate) fn wait(&mut self, silence_ms: u32) {
        self.silence_ms = silence_ms;
    }

    /// Takes sound in; tells what it did, in order.
    pub(crate) fn hear(&mut self, pcm: &[i16]) -> Vec<Turn> {
        let mut turns = Vec::new();
        for piece in pcm.chunks((self.rate / 50) as usize) {
            self.heard += piece.len() as u64;
            let is_loud = loudness(piece) > SPEECH;
            if is_loud {
                self.quiet = 0;
                if !std::mem::replace(&mut self.is_speaking, true) {
                    self.spoken = 0;
                    turns.push(Turn::Began);
                }
            } else if self.is_speaking {
                self.quiet += u32::try_from(piece.len()).unwrap_or(u32::MAX);
                if u64::from(self.quiet) * 1_000 >= u64::from(self.silence_ms) * u64::from(self.rate) {
                    self.is_speaking = false;
                    turns.push(Turn::Ended);
                }
            }
            if self.is_speaking {
                self.spoken += piece.len() as u64;
            }
        }
        turns
    }

    /// Whether a turn goes on.
    pub(crate) fn is_speaking(&self) -> bool {
        self.is_speaking
    }

    /// Ends the turn that goes on.
    pub(crate) fn end(&mut self) {
        self.is_speaking = false;
        self.quiet = 0;
    }

    /// What was heard, in words.
    pub(crate) fn words(&self) -> String {
        format!("I spoke for {:.1} seconds.", self.spoken as f64 / f64::from(self.rate))
    }
}

/// Root mean square, full scale 1.
pub(crate) fn loudness(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return 0.0;
    }
    let sum: f32 = pcm.iter().map(|sample| (f32::from(*sample) / 32_768.0).powi(2)).sum();
    (sum / pcm.len() as f32).sqrt()
}
