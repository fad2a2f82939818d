//! What runs in the sound system's own threads: plain functions over slices, ring ends and atomics.
//!
//! Nothing here allocates, locks, logs, waits or asks for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::level::{Gauge, Meter};

/// Fade of a flush, in ms.
const FADE_MS: usize = 5;
/// Fade-in after silence, in ms: short enough not to touch a first consonant.
const RISE_MS: usize = 1;
/// Time for the whole way from silence to full level when the gain changes, in ms.
const GAIN_MS: f32 = 20.0;
/// Mono samples converted at a time.
const BATCH: usize = 128;

/// Proof of life of one stream: counts its callbacks and their frames.
#[derive(Debug, Default)]
pub struct Heartbeat {
    count: AtomicU64,
    frames: AtomicU64,
}

impl Heartbeat {
    /// Callbacks so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Frames that the device took or gave so far.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    fn beat(&self, frames: usize) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.frames.fetch_add(frames as u64, Ordering::Relaxed);
    }
}

/// What outlives a single stream: meters and loss counter of both directions.
#[derive(Debug, Default)]
pub struct Gauges {
    pub(crate) input: Arc<Gauge>,
    pub(crate) output: Arc<Gauge>,
    pub(crate) overflows: AtomicU32,
}

/// The capture callback's side of a microphone.
#[derive(Debug)]
pub struct CaptureEnd {
    ring: Producer<f32>,
    channels: usize,
    frame: usize,
    pending: usize,
    meter: Meter,
    gauges: Arc<Gauges>,
    heartbeat: Arc<Heartbeat>,
    pipeline: Thread,
}

/// Makes both sides of a microphone with `channels` at `rate` Hz; the ring holds 200 ms. The callback wakes `pipeline`
/// once per 10 ms.
pub fn microphone(
    rate: u32,
    channels: u16,
    gauges: &Arc<Gauges>,
    heartbeat: &Arc<Heartbeat>,
    pipeline: Thread,
) -> (CaptureEnd, Consumer<f32>) {
    let (ring, ear) = RingBuffer::new((rate as usize / 5).max(1_024));
    let end = CaptureEnd {
        ring,
        channels: usize::from(channels).max(1),
        frame: (rate as usize / 100).max(1),
        pending: 0,
        meter: Meter::new(Arc::clone(&gauges.input), rate),
        gauges: Arc::clone(gauges),
        heartbeat: Arc::clone(heartbeat),
        pipeline,
    };
    (end, ear)
}

/// Takes interleaved samples of a microphone: mixes them to mono and hands them to the pipeline.
pub fn capture(input: &[f32], end: &mut CaptureEnd) {
    end.heartbeat.beat(input.len() / end.channels);
    let scale = 1.0 / end.channels as f32;
    let mut mono = [0.0_f32; BATCH];
    for part in input.chunks(end.channels * BATCH) {
        let mut count = 0;
        for (slot, frame) in mono.iter_mut().zip(part.chunks_exact(end.channels)) {
            let sum = frame.iter().sum::<f32>() * scale;
            *slot = if sum.is_finite() { sum } else { 0.0 };
            count += 1;
        }
        let batch = mono.get(..count).unwrap_or_default();
        end.meter.feed(batch);
        let (_, lost) = end.ring.push_partial_slice(batch);
        if !lost.is_empty() {
            end.gauges.overflows.fetch_add(lost.len() as u32, Ordering::Relaxed);
        }
        end.pending += count;
    }
    if end.pending >= end.frame {
        end.pending %= end.frame;
        end.pipeline.unpark();
    }
}

/// What pipeline and playback callback of one speaker know of each other. Positions are samples since it was opened.
#[derive(Debug)]
pub struct Line {
    popped: AtomicU64,
    cut: AtomicU64,
    lag: AtomicU32,
    period: AtomicU32,
    is_live: AtomicBool,
    /// Bits of an `f32`.
    gain: AtomicU32,
}

impl Default for Line {
    fn default() -> Self {
        let zero = AtomicU32::default;
        Self {
            popped: AtomicU64::default(),
            cut: AtomicU64::default(),
            lag: zero(),
            period: zero(),
            is_live: AtomicBool::default(),
            gain: AtomicU32::new(1.0_f32.to_bits()),
        }
    }
}

impl Line {
    /// Samples handed to the device so far, silence not counted.
    pub fn popped(&self) -> u64 {
        self.popped.load(Ordering::Acquire)
    }

    /// Samples that were handed to the device but are, on average over a period, not yet audible.
    pub fn lag(&self) -> u32 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Samples of the last callback.
    pub fn period(&self) -> u32 {
        self.period.load(Ordering::Relaxed)
    }

    /// Everything before `position` is faded out and dropped.
    pub fn cut(&self, position: u64) {
        self.cut.store(position, Ordering::Release);
    }

    /// What everything is multiplied with from now on (0 to 1), reached by a short ramp.
    pub fn set_gain(&self, gain: f32) {
        self.gain.store(gain.to_bits(), Ordering::Relaxed);
    }

    /// Whether the pipeline wants to be woken by each callback.
    pub fn set_live(&self, is_live: bool) {
        self.is_live.store(is_live, Ordering::Relaxed);
    }
}

/// The playback callback's side of a speaker.
#[derive(Debug)]
pub struct PlaybackEnd {
    ring: Consumer<f32>,
    /// Takes a copy of everything that is played: the echo canceller's far end.
    reference: Producer<f32>,
    line: Arc<Line>,
    meter: Meter,
    heartbeat: Arc<Heartbeat>,
    pipeline: Thread,
    rate: u32,
    popped: u64,
    latency: u32,
    fade: usize,
    fade_len: usize,
    fade_left: usize,
    rise: usize,
    rise_left: usize,
    last: f32,
    decay: f32,
    gain: f32,
    gain_step: f32,
}

/// The other ends of a speaker.
#[derive(Debug)]
pub struct SpeakerEnds {
    /// Takes what shall be played.
    pub mouth: Producer<f32>,
    /// Gives what was played, silence included, after gain.
    pub reference: Consumer<f32>,
    /// What both sides know of each other.
    pub line: Arc<Line>,
}

/// Makes both sides of a speaker at `rate` Hz (mono; the stream copies it to all channels). The ring holds 120 ms, the
/// reference 500 ms.
pub fn speaker(
    rate: u32,
    gauges: &Arc<Gauges>,
    heartbeat: &Arc<Heartbeat>,
    pipeline: Thread,
) -> (PlaybackEnd, SpeakerEnds) {
    let samples = rate as usize;
    let (mouth, ring) = RingBuffer::new((samples * 12 / 100).max(1_024));
    let (copy, reference) = RingBuffer::new((samples / 2).max(1_024));
    let line = Arc::new(Line::default());
    let rise = (samples * RISE_MS / 1_000).max(1);
    let end = PlaybackEnd {
        ring,
        reference: copy,
        line: Arc::clone(&line),
        meter: Meter::new(Arc::clone(&gauges.output), rate),
        heartbeat: Arc::clone(heartbeat),
        pipeline,
        rate,
        popped: 0,
        latency: 0,
        fade: (samples * FADE_MS / 1_000).max(1),
        fade_len: 0,
        fade_left: 0,
        rise,
        rise_left: rise,
        last: 0.0,
        decay: (-1_000.0 / rate as f32).exp(),
        gain: 1.0,
        gain_step: 1_000.0 / (GAIN_MS * rate as f32),
    };
    (end, SpeakerEnds { mouth, reference, line })
}

impl PlaybackEnd {
    /// How long after the next callback its first sample will be audible.
    pub fn set_latency(&mut self, latency: Duration) {
        let samples = latency.as_secs_f64().min(10.0) * f64::from(self.rate);
        self.latency = samples as u32;
    }

    /// Fades what a flush cut off; returns how much of `out` that took. The rest of the cut part is skipped.
    fn fade_out(&mut self, out: &mut [f32], cut: u64) -> usize {
        let left = usize::try_from(cut - self.popped).unwrap_or(usize::MAX).min(self.ring.slots());
        if self.fade_left == 0 {
            self.fade_len = self.fade.min(left);
            self.fade_left = self.fade_len;
        }
        let want = self.fade_left.min(left).min(out.len());
        let (faded, _) = self.ring.pop_partial_slice(out.get_mut(..want).unwrap_or_default());
        let count = faded.len();
        for sample in faded {
            self.fade_left -= 1;
            *sample *= self.fade_left as f32 / self.fade_len as f32;
            self.last = *sample;
        }
        self.popped += count as u64;
        if self.fade_left == 0 || count == left {
            let rest = left - count;
            if let Ok(chunk) = self.ring.read_chunk(rest) {
                chunk.commit_all();
            }
            self.popped = cut;
            self.fade_left = 0;
            self.rise_left = self.rise;
        }
        count
    }

    /// Fills `out` from the ring; returns how much there was.
    fn pour(&mut self, out: &mut [f32]) -> usize {
        let (poured, _) = self.ring.pop_partial_slice(out);
        for sample in poured.iter_mut().take(self.rise_left) {
            *sample *= 1.0 - self.rise_left as f32 / self.rise as f32;
            self.rise_left -= 1;
        }
        if let Some(sample) = poured.last() {
            self.last = *sample;
        }
        self.popped += poured.len() as u64;
        poured.len()
    }

    /// Ran dry: lets the last sample sink to zero instead of breaking off.
    fn settle(&mut self, out: &mut [f32]) {
        for sample in out {
            self.last *= self.decay;
            if self.last.abs() < 1e-4 {
                self.last = 0.0;
            }
            *sample = self.last;
            self.rise_left = self.rise;
        }
    }

    /// Brings `out` to the wanted level.
    fn amplify(&mut self, out: &mut [f32]) {
        let target = f32::from_bits(self.line.gain.load(Ordering::Relaxed));
        for sample in out {
            self.gain += (target - self.gain).clamp(-self.gain_step, self.gain_step);
            *sample *= self.gain;
        }
    }

    fn report(&self, period: usize, played: usize) {
        let period = period as u32;
        let dry = period - (played as u32).min(period);
        let lag = if played > 0 {
            (self.latency + period / 2).saturating_sub(dry)
        } else {
            self.line.lag().saturating_sub(dry)
        };
        self.line.lag.store(lag, Ordering::Relaxed);
        self.line.period.store(period, Ordering::Relaxed);
        self.line.popped.store(self.popped, Ordering::Release);
        if self.line.is_live.load(Ordering::Relaxed) {
            self.pipeline.unpark();
        }
    }
}

/// Fills mono samples for the speaker from the ring, with silence where there is nothing.
pub fn playback(out: &mut [f32], end: &mut PlaybackEnd) {
    end.heartbeat.beat(out.len());
    out.fill(0.0);
    let cut = end.line.cut.load(Ordering::Acquire);
    let mut played = 0;
    if end.popped < cut {
        played = end.fade_out(out, cut);
    }
    if end.popped >= cut {
        played += end.pour(out.get_mut(played..).unwrap_or_default());
        end.settle(out.get_mut(played..).unwrap_or_default());
    }
    end.amplify(out);
    end.meter.feed(out);
    // A full ring means that no microphone is open: nobody needs it then.
    let _ = end.reference.push_partial_slice(out);
    end.report(out.len(), played);
}
