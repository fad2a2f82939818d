//! The input audio buffer with its voice detection by energy.

use std::collections::VecDeque;
use std::time::Instant;

use crate::session::Turns;
use crate::sound::{self, FRAME};

/// Longest audio that waits for a commit: 30 min.
const LIMIT: usize = 30 * 60 * sound::RATE;
/// Loud frames, of the last eight, that make speech.
const ONSET: u32 = 4;

/// Audio that was appended and not yet committed.
#[derive(Debug)]
pub(crate) struct Buffer {
    samples: Vec<i16>,
    /// Samples of the session before `samples`.
    passed: usize,
    /// Samples in `samples` that the detector has seen.
    scanned: usize,
    noise: Noise,
    /// The last eight frames, one bit each: loud or not.
    recent: u8,
    is_speech: bool,
    quiet_frames: u64,
    last_loud: Option<Instant>,
}

/// What the detector heard; times in ms since the first sample of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Started(u64),
    Stopped(u64),
}

/// What a commit takes out of the buffer.
#[derive(Debug)]
pub(crate) struct Utterance {
    pub(crate) pcm: Vec<i16>,
    /// When its last loud sample came in.
    pub(crate) last_loud: Option<Instant>,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self {
            samples: Vec::new(),
            passed: 0,
            scanned: 0,
            noise: Noise::default(),
            recent: 0,
            is_speech: false,
            quiet_frames: 0,
            last_loud: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn is_speech(&self) -> bool {
        self.is_speech
    }

    /// Milliseconds since the first sample of the session.
    pub(crate) fn position(&self) -> u64 {
        sound::millis(self.passed + self.samples.len())
    }

    /// Adds audio; false when the buffer is full.
    #[must_use]
    pub(crate) fn append(&mut self, pcm: &[i16]) -> bool {
        let fits = self.samples.len() + pcm.len() <= LIMIT;
        if fits {
            self.samples.extend_from_slice(pcm);
        }
        fits
    }

    /// Forgets everything not committed.
    pub(crate) fn clear(&mut self) {
        drop(self.take());
    }

    /// Takes out everything not committed.
    pub(crate) fn take(&mut self) -> Utterance {
        let whole = self.samples.len();
        self.take_first(whole)
    }

    /// Takes out what the detector has seen: the utterance it just ended.
    pub(crate) fn take_scanned(&mut self) -> Utterance {
        self.take_first(self.scanned)
    }

    fn take_first(&mut self, count: usize) -> Utterance {
        let rest = self.samples.split_off(count.min(self.samples.len()));
        let pcm = std::mem::replace(&mut self.samples, rest);
        self.passed += pcm.len();
        self.scanned = self.scanned.saturating_sub(pcm.len());
        (self.is_speech, self.recent, self.quiet_frames) = (false, 0, 0);
        Utterance { pcm, last_loud: self.last_loud.take() }
    }

    /// Looks at new audio until something happens. Without `turns` it only notes when it was last loud.
    pub(crate) fn scan(&mut self, turns: Option<&Turns>, now: Instant) -> Option<Heard> {
        while let Some(frame) = self.samples.get(self.scanned..self.scanned + FRAME) {
            let is_loud = self.is_loud(sound::level(frame), turns.map_or(0.5, |turns| turns.threshold));
            self.scanned += FRAME;
            if is_loud {
                self.last_loud = Some(now);
            }
            if let Some(turns) = turns
                && let Some(heard) = self.detect(is_loud, turns)
            {
                return Some(heard);
            }
        }
        None
    }

    fn detect(&mut self, is_loud: bool, turns: &Turns) -> Option<Heard> {
        self.recent = self.recent << 1 | u8::from(is_loud);
        self.quiet_frames = if is_loud { 0 } else { self.quiet_frames + 1 };
        if self.is_speech {
            (self.quiet_frames * 10 >= turns.silence_ms.max(10)).then(|| {
                self.is_speech = false;
                self.recent = 0;
                Heard::Stopped(sound::millis(self.passed + self.scanned))
            })
        } else if self.recent.count_ones() >= ONSET {
            self.is_speech = true;
            self.keep_last(8 * FRAME + sound::samples(turns.prefix_ms));
            Some(Heard::Started(sound::millis(self.passed)))
        } else {
            self.keep_last(8 * FRAME + sound::samples(turns.prefix_ms));
            None
        }
    }

    /// Drops scanned audio that lies further back than this.
    fn keep_last(&mut self, count: usize) {
        let excess = self.scanned.saturating_sub(count);
        // Moving the rest for every frame would be waste: in silence it waits for a second to gather.
        if excess > 0 && (self.is_speech || excess >= sound::RATE) {
            self.samples.drain(..excess);
            self.passed += excess;
            self.scanned -= excess;
        }
    }

    /// Whether a frame of this level stands out of the noise; `threshold` is the session's 0..1.
    fn is_loud(&mut self, level: f32, threshold: f32) -> bool {
        let floor = self.noise.floor(level);
        let margin = 6.0 + 12.0 * threshold - if self.is_speech { 4.0 } else { 0.0 };
        level > (floor + margin).max(-62.0 + 32.0 * threshold)
    }
}

/// Follows the noise under the speech: down at once, up to what was never undercut for two seconds.
#[derive(Debug, Default)]
struct Noise {
    /// In dBFS; `None` before the first frame.
    floor: Option<f32>,
    /// Lowest level of each 100 ms, the latest last.
    lowest: VecDeque<f32>,
    frames: u32,
}

impl Noise {
    /// The floor, with this frame's level taken into account.
    fn floor(&mut self, level: f32) -> f32 {
        if self.frames.is_multiple_of(10) {
            self.lowest.push_back(level);
            if self.lowest.len() > 20 {
                self.lowest.pop_front();
            }
        } else if let Some(lowest) = self.lowest.back_mut() {
            *lowest = lowest.min(level);
        }
        self.frames += 1;
        // The first sound may be speech already.
        let floor = self.floor.unwrap_or_else(|| level.clamp(-60.0, -42.0));
        let steady = self.lowest.iter().copied().fold(f32::MAX, f32::min);
        let floor = if level < floor {
            floor + (level - floor) * 0.2
        } else if self.lowest.len() == 20 && steady > floor {
            floor + (steady - floor) * 0.05
        } else {
            floor
        };
        let floor = floor.clamp(-75.0, -40.0);
        self.floor = Some(floor);
        floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: Turns = Turns {
        threshold: 0.5,
        prefix_ms: 300,
        silence_ms: 500,
        creates_response: true,
        interrupts_response: true,
        idle_ms: None,
    };

    fn noise(millis: u64, amplitude: i16, seed: u64) -> Vec<i16> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..sound::samples(millis)).map(|_| random.i16(-amplitude..=amplitude)).collect()
    }

    fn silence(millis: u64) -> Vec<i16> {
        vec![0; sound::samples(millis)]
    }

    fn hear(buffer: &mut Buffer, pcm: &[i16]) -> Vec<Heard> {
        let now = Instant::now();
        let mut heard = Vec::new();
        for piece in pcm.chunks(480) {
            assert!(buffer.append(piece));
            while let Some(event) = buffer.scan(Some(&TURNS), now) {
                heard.push(event);
                if matches!(event, Heard::Stopped(_)) {
                    drop(buffer.take_scanned());
                }
            }
        }
        heard
    }

    #[test]
    fn speech_over_noise_starts_and_stops_once() {
        let mut pcm = noise(2000, 60, 1);
        pcm.extend(noise(1000, 4000, 2));
        pcm.extend(noise(2000, 60, 3));
        let heard = hear(&mut Buffer::new(), &pcm);
        let [Heard::Started(start), Heard::Stopped(stop)] = *heard else { panic!("{heard:?}") };
        assert!((1500..=2000).contains(&start), "{start}");
        assert!((3490..=3600).contains(&stop), "{stop}");
    }

    #[test]
    fn a_pause_shorter_than_the_silence_does_not_end_the_turn() {
        let mut pcm = noise(800, 4000, 2);
        pcm.extend(noise(400, 30, 3));
        pcm.extend(noise(800, 4000, 4));
        pcm.extend(noise(600, 30, 5));
        assert_eq!(hear(&mut Buffer::new(), &pcm).len(), 2);
    }

    #[test]
    fn steady_noise_is_not_speech() {
        assert_eq!(hear(&mut Buffer::new(), &noise(5000, 300, 7)), []);
    }

    #[test]
    fn noise_that_sets_in_becomes_the_floor_and_speech_still_stands_out() {
        let mut buffer = Buffer::new();
        hear(&mut buffer, &silence(2000));
        let heard = hear(&mut buffer, &noise(5000, 600, 7));
        assert!(heard.len() <= 2 && !buffer.is_speech(), "{heard:?}");
        assert_eq!(hear(&mut buffer, &noise(5000, 600, 8)), []);
        let mut speech = noise(1000, 6000, 9);
        speech.extend(noise(1000, 600, 10));
        assert_eq!(hear(&mut buffer, &speech).len(), 2);
    }

    #[test]
    fn long_speech_does_not_become_the_floor() {
        let mut buffer = Buffer::new();
        // Words of 400 ms with gaps of 100 ms.
        let words = (0..40).flat_map(|word| [noise(400, 2000, word), noise(100, 30, word)].concat());
        assert_eq!(hear(&mut buffer, &words.collect::<Vec<_>>()).len(), 1);
        assert_eq!(hear(&mut buffer, &noise(1000, 30, 3)).len(), 1);
    }

    #[test]
    fn a_click_is_not_speech() {
        let mut pcm = noise(1000, 20, 1);
        pcm.extend(noise(20, 20_000, 2));
        pcm.extend(noise(1000, 20, 3));
        assert_eq!(hear(&mut Buffer::new(), &pcm), []);
    }

    #[test]
    fn silence_does_not_fill_the_memory() {
        let mut buffer = Buffer::new();
        hear(&mut buffer, &noise(10_000, 20, 1));
        assert!(buffer.len() < 2 * sound::RATE);
        assert_eq!(buffer.position(), 10_000);
    }
}
