//! A call in a simulated room: the front end decides, the speaker obeys, the microphone hears what comes of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use audio::Processing;
use audio::front::{Far, Front, Step};

use super::room::{Path, Room};
use super::speech::{Dice, FRAME, RATE, fan, power};

/// How long the far end waits in the queue between the devices.
const HELD: Duration = Duration::from_millis(25);
/// What a ducked answer is multiplied with: -24 dB.
const DUCKED: f32 = 0.063;
/// The playback callback's ramp from silence to full level, and the fade of a flush, in samples.
const RAMP: f32 = 0.020 * RATE as f32;
const FADE: f32 = 0.005 * RATE as f32;
/// Microphone frames from before a voice was noticed that go out with it.
const BEFORE: usize = 40;

/// What happens in a call.
pub(crate) struct Script {
    pub(crate) room: Room,
    /// Answers and when they begin, in frames; they do not overlap.
    pub(crate) answers: Vec<(usize, Vec<f32>)>,
    /// What the user says and when, in frames.
    pub(crate) voice: Vec<(usize, Vec<f32>)>,
    /// Noise at the microphone, in dBFS.
    pub(crate) noise_db: f32,
    pub(crate) processing: Processing,
    /// Whether answers are guarded; otherwise they go on whatever is said.
    pub(crate) is_guarded: bool,
    /// From this frame on another room: the headphones were taken off.
    pub(crate) moves: Option<(usize, Room)>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            room: Room::QUIET,
            answers: Vec::new(),
            voice: Vec::new(),
            noise_db: -65.0,
            processing: Processing::default(),
            is_guarded: true,
            moves: None,
        }
    }
}

/// What came of it, by frame.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) steps: Vec<Step>,
    /// Whether the frame reached the provider, at once or later.
    pub(crate) sent: Vec<bool>,
    /// An answer is in the queue or in the air.
    pub(crate) playing: Vec<bool>,
    pub(crate) voice: Vec<f32>,
    /// What the speaker played, before it is an echo.
    pub(crate) played: Vec<f32>,
    pub(crate) echo: Vec<f32>,
    pub(crate) near: Vec<f32>,
    pub(crate) clean: Vec<f32>,
    /// Time of each frame in the front end, in µs.
    pub(crate) micros: Vec<f32>,
}

impl Trace {
    pub(crate) fn barge_ins(&self) -> Vec<usize> {
        self.frames(|step| step.is_barge_in)
    }

    /// First frame with which the answer is ducked, from a frame on.
    pub(crate) fn duck(&self, from: usize) -> Option<usize> {
        self.frames(|step| step.is_ducked || step.is_barge_in).into_iter().find(|at| *at >= from)
    }

    fn frames(&self, is_it: impl Fn(&Step) -> bool) -> Vec<usize> {
        self.steps.iter().enumerate().filter(|(_, step)| is_it(step)).map(|(at, _)| at).collect()
    }

    /// Power of a part of a signal between two frames.
    pub(crate) fn power(signal: &[f32], from: usize, to: usize) -> f32 {
        power(&signal[from * FRAME..to * FRAME])
    }
}

/// The speaker: an answer, ducked or given up.
struct Speaker {
    gain: f32,
    fade: f32,
    is_ducked: bool,
    is_flushed: bool,
}

impl Speaker {
    fn frame(&mut self, answer: &[f32]) -> [f32; FRAME] {
        let target = if self.is_ducked { DUCKED } else { 1.0 };
        let mut played = [0.0; FRAME];
        for (to, from) in played.iter_mut().zip(answer) {
            self.gain += (target - self.gain).clamp(-1.0 / RAMP, 1.0 / RAMP);
            if self.is_flushed {
                self.fade = (self.fade - 1.0 / FADE).max(0.0);
            }
            *to = from * self.gain * self.fade;
        }
        played
    }
}

/// Lays sounds on a silent line.
fn lay(sounds: &[(usize, Vec<f32>)], frames: usize) -> Vec<f32> {
    let mut line = vec![0.0; frames * FRAME];
    for (start, sound) in sounds {
        for (to, from) in line[start * FRAME..].iter_mut().zip(sound) {
            *to += from;
        }
    }
    line
}

/// Plays a script to its end: one second after the last sound.
pub(crate) fn run(script: &Script) -> Trace {
    let mut front = Front::new(script.processing);
    front.set_guard(script.is_guarded);
    let ends = script.answers.iter().chain(&script.voice).map(|(start, sound)| start + sound.len() / FRAME);
    let frames = ends.max().unwrap_or(0) + 100;
    let answers = lay(&script.answers, frames);
    let noise = fan(script.room.seed + 77, frames * FRAME, script.noise_db);
    let mut dice = Dice::new(5);
    let mut trace = Trace { voice: lay(&script.voice, frames), sent: vec![false; frames], ..Trace::default() };
    let mut path = Path::new(script.room);
    let mut far_line: VecDeque<f32> = vec![0.0; HELD.as_millis() as usize * RATE / 1_000].into();
    let mut held = VecDeque::new();
    let mut speaker = Speaker { gain: 1.0, fade: 1.0, is_ducked: false, is_flushed: false };
    for at in 0..frames {
        if let Some((_, room)) = script.moves.filter(|(when, _)| *when == at) {
            path = Path::new(room);
        }
        if script.answers.iter().any(|(start, _)| *start == at) {
            (speaker.is_flushed, speaker.fade) = (false, 1.0);
        }
        let part = at * FRAME..(at + 1) * FRAME;
        let is_queued = script.answers.iter().any(|(start, sound)| (*start..start + sound.len() / FRAME).contains(&at));
        let is_playing = is_queued && !(speaker.is_flushed && speaker.fade == 0.0);
        let played = speaker.frame(&answers[part.clone()]);
        far_line.extend(played);
        let far = std::array::from_fn(|_| far_line.pop_front().unwrap());
        let echo = path.frame(&played);
        // A converter's own noise, so that nothing is ever digital silence.
        let near: [f32; FRAME] = std::array::from_fn(|n| {
            trace.voice[at * FRAME + n] + echo[n] + noise[at * FRAME + n] + dice.noise() * 3e-5
        });
        let begun = Instant::now();
        front.hear(&played);
        let step = front.frame(&near, Far { samples: &far, held: HELD }, is_playing, false);
        trace.micros.push(begun.elapsed().as_secs_f32() * 1e6);
        speaker.is_ducked = step.is_ducked;
        speaker.is_flushed |= step.is_barge_in;
        pass(&mut held, &mut trace.sent, &step, at);
        trace.playing.push(is_playing);
        trace.steps.push(step);
        trace.played.extend(played);
        trace.echo.extend(echo);
        trace.near.extend(near);
        trace.clean.extend(front.clean());
    }
    trace
}

/// Which frames go out.
fn pass(held: &mut VecDeque<usize>, sent: &mut [bool], step: &Step, at: usize) {
    if step.is_held() {
        held.push_back(at);
        if !step.is_kept() {
            held.drain(..held.len().saturating_sub(BEFORE));
        }
        return;
    }
    if step.is_release() {
        held.iter().for_each(|at| sent[*at] = true);
    }
    held.clear();
    sent[at] = true;
}
