//! A loudspeaker, a room and a microphone.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::speech::{ANSWERS, Dice, FRAME, RATE, clip, gain, power};

/// How the loudspeaker distorts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Loudspeaker {
    Linear,
    /// Small and loud: tanh, a third harmonic of about -25 dB at speech peaks.
    Soft,
    /// Overdriven: cut off 10 dB below full scale, which the louder vowels reach.
    Clipping,
}

impl Loudspeaker {
    fn drive(self, sample: f32) -> f32 {
        match self {
            Self::Linear => sample,
            Self::Soft => (sample * 2.5).tanh() / 2.5,
            Self::Clipping => sample.clamp(-0.3, 0.3),
        }
    }
}

/// One way from the playback callback to the microphone's frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) seed: u64,
    /// From the playback callback to the microphone's frame, in ms.
    pub(crate) delay_ms: f32,
    /// What is played comes back at this level, in dB; `None`: headphones.
    pub(crate) echo_db: Option<f32>,
    /// Time in which the echo of the room falls by 60 dB, in s.
    pub(crate) rt60: f32,
    pub(crate) loudspeaker: Loudspeaker,
    /// How much faster the speaker's clock is, in parts per million, uncorrected.
    pub(crate) drift_ppm: f32,
}

impl Room {
    pub(crate) const QUIET: Self = Self {
        seed: 1,
        delay_ms: 60.0,
        echo_db: Some(-10.0),
        rt60: 0.4,
        loudspeaker: Loudspeaker::Linear,
        drift_ppm: 0.0,
    };
    pub(crate) const HEADPHONES: Self = Self { echo_db: None, ..Self::QUIET };

    /// The direct sound, six early reflections, and a tail of noise that dies away; filtered like a small loudspeaker.
    fn response(&self) -> Vec<f32> {
        let mut dice = Dice::new(self.seed);
        // The last 15 dB of 60 cannot be told from the noise of a room.
        let length = (self.rt60 * 0.75 * RATE as f32) as usize;
        let mut response = vec![0.0; length.max(RATE / 10)];
        let decay = |n: usize| gain(-60.0 * n as f32 / (self.rt60 * RATE as f32));
        for (n, tap) in response.iter_mut().enumerate().skip(RATE / 500) {
            *tap = dice.noise() * 0.03 * decay(n);
        }
        response[0] = 1.0;
        for _ in 0..6 {
            let at = dice.below(RATE / 40) + RATE / 1_000;
            response[at] += dice.between(-0.4, 0.4) * decay(at);
        }
        small_loudspeaker(&mut response);
        response
    }
}

/// Little below 250 Hz and above 9 kHz.
fn small_loudspeaker(response: &mut [f32]) {
    let (mut low, mut smooth) = ([0.0_f32; 2], 0.0);
    for sample in response {
        for state in &mut low {
            *state += 0.032 * (*sample - *state);
            *sample -= *state;
        }
        smooth += 0.7 * (*sample - smooth);
        *sample = smooth;
    }
}

/// The way of the sound, frame by frame.
pub(crate) struct Path {
    room: Room,
    line: Vec<f32>,
    moved: f64,
    convolution: Option<Convolution>,
}

impl Path {
    pub(crate) fn new(room: Room) -> Self {
        let convolution = room.echo_db.map(|level| {
            let mut response = room.response();
            // The level holds for speech, which is not white.
            let speech = clip(ANSWERS[0], 1.0, -20.0);
            let mut probe = Convolution::new(&response);
            let mut heard = Vec::new();
            for frame in speech.as_chunks::<FRAME>().0.iter().take(200) {
                heard.extend_from_slice(&probe.frame(frame));
            }
            let factor = gain(level) * (power(&speech[..heard.len()]) / power(&heard)).sqrt();
            response.iter_mut().for_each(|tap| *tap *= factor);
            Convolution::new(&response)
        });
        let delay = (room.delay_ms / 1_000.0 * RATE as f32) as usize;
        Self { room, line: vec![0.0; delay + FRAME], moved: 0.0, convolution }
    }

    /// What of it arrives at the microphone while `played` leaves the callback.
    pub(crate) fn frame(&mut self, played: &[f32; FRAME]) -> [f32; FRAME] {
        let Some(convolution) = &mut self.convolution else { return [0.0; FRAME] };
        self.line.extend_from_slice(played);
        let step = 1.0 + f64::from(self.room.drift_ppm) * 1e-6;
        let mut late = [0.0; FRAME];
        for sample in &mut late {
            let (whole, part) = (self.moved as usize, self.moved.fract() as f32);
            let value = self.line[whole] + (self.line[whole + 1] - self.line[whole]) * part;
            *sample = self.room.loudspeaker.drive(value);
            self.moved += step;
        }
        let done = (self.moved as usize).min(self.line.len());
        self.line.drain(..done);
        self.moved -= done as f64;
        convolution.frame(&late)
    }
}

/// Overlap-save with a partitioned response.
struct Convolution {
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
    parts: Vec<Vec<Complex32>>,
    history: Vec<Vec<Complex32>>,
    last: [f32; FRAME],
    next: usize,
}

impl Convolution {
    fn new(response: &[f32]) -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(2 * FRAME);
        let backward = planner.plan_fft_inverse(2 * FRAME);
        let part = |taps: &[f32]| {
            let mut input = forward.make_input_vec();
            input[..taps.len()].copy_from_slice(taps);
            let mut output = forward.make_output_vec();
            forward.process(&mut input, &mut output).unwrap();
            output.iter_mut().for_each(|bin| *bin /= 2.0 * FRAME as f32);
            output
        };
        let parts: Vec<_> = response.chunks(FRAME).map(part).collect();
        let history = vec![forward.make_output_vec(); parts.len()];
        Self { forward, backward, parts, history, last: [0.0; FRAME], next: 0 }
    }

    fn frame(&mut self, input: &[f32; FRAME]) -> [f32; FRAME] {
        let mut both = self.forward.make_input_vec();
        both[..FRAME].copy_from_slice(&self.last);
        both[FRAME..].copy_from_slice(input);
        self.last = *input;
        let count = self.parts.len();
        self.forward.process(&mut both, &mut self.history[self.next]).unwrap();
        let mut sum = self.forward.make_output_vec();
        for (age, part) in self.parts.iter().enumerate() {
            let past = &self.history[(self.next + count - age) % count];
            for (sum, (a, b)) in sum.iter_mut().zip(part.iter().zip(past)) {
                *sum += a * b;
            }
        }
        self.next = (self.next + 1) % count;
        for edge in [0, FRAME] {
            sum[edge].im = 0.0;
        }
        let mut output = self.backward.make_output_vec();
        self.backward.process(&mut sum, &mut output).unwrap();
        std::array::from_fn(|n| output[FRAME + n])
    }
}
