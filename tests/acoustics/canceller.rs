//! What the echo canceller takes away, of the echo and of the user.

use audio::{EchoControl, Processing};

use super::call::{Script, Trace, run};
use super::room::{Loudspeaker, Room};
use super::speech::{ANSWERS, FRAME, RATE, USERS, audible, clip, decibels, power};
use super::table::{Table, is_long, mean, percentile};

/// Rooms of one condition.
fn rooms(room: Room, count: u64) -> impl Iterator<Item = Room> {
    (0..count).map(move |seed| Room { seed, rt60: [0.2, 0.4, 0.6][seed as usize % 3], ..room })
}

/// An answer of two sentences, about 11 s.
pub(crate) fn answer(seed: u64, level: f32) -> Vec<f32> {
    let mut sound = Vec::new();
    for n in 0..2 {
        sound.extend(clip(ANSWERS[(seed as usize + n) % ANSWERS.len()], 1.0, level));
        sound.extend([0.0; RATE / 5]);
    }
    sound
}

/// The conditions of the tables.
pub(crate) fn conditions() -> Vec<(&'static str, Room)> {
    let room = Room::QUIET;
    vec![
        ("-10 dB, 60 ms", room),
        ("-10 dB, 20 ms", Room { delay_ms: 20.0, ..room }),
        ("-10 dB, 120 ms", Room { delay_ms: 120.0, ..room }),
        ("-10 dB, 250 ms", Room { delay_ms: 250.0, ..room }),
        ("-6 dB, 60 ms", Room { echo_db: Some(-6.0), ..room }),
        ("-20 dB, 60 ms", Room { echo_db: Some(-20.0), ..room }),
        ("-30 dB, 60 ms", Room { echo_db: Some(-30.0), ..room }),
        ("-10 dB, distorted", Room { loudspeaker: Loudspeaker::Soft, ..room }),
        ("-10 dB, clipped", Room { loudspeaker: Loudspeaker::Clipping, ..room }),
        ("-10 dB, clocks 100 ppm apart", Room { drift_ppm: 100.0, ..room }),
    ]
}

#[test]
fn the_echo_is_gone_after_a_second() {
    let mut table = Table::new(
        "1-echo",
        "Echo that is taken away",
        "Echo return loss enhancement: the echo at the microphone over what goes on to the provider, in dB, for answers
         of -20 dBFS from a cold start, mean of rooms with an RT60 of 0.2, 0.4 and 0.6 s. Nobody speaks; the noise of the
         room is at -75 dBFS and bounds the figure (an echo of -30 dB can only lose 25).",
        &["echo", "rooms", "first second", "after 1 s", "after 3 s", "worst after 1 s", "worst after 3 s"],
    );
    for (name, room) in conditions() {
        let count = if is_long() { 24 } else { 6 };
        let mut windows = [Vec::new(), Vec::new(), Vec::new()];
        for room in rooms(room, count) {
            let answers = vec![(20, answer(room.seed, -20.0))];
            let trace = run(&Script { room, answers, noise_db: -75.0, is_guarded: false, ..Script::default() });
            for (losses, (from, to)) in windows.iter_mut().zip([(20, 120), (120, 320), (320, 820)]) {
                let before = decibels(Trace::power(&trace.echo, from, to));
                losses.push(before - decibels(Trace::power(&trace.clean, from, to)));
            }
        }
        let worst = |at: usize| windows[at].iter().copied().fold(f32::MAX, f32::min);
        let cells = [mean(&windows[0]), mean(&windows[1]), mean(&windows[2]), worst(1), worst(2)];
        let mut row = vec![name.to_owned(), count.to_string()];
        row.extend(cells.map(|cell| format!("{cell:.0} dB")));
        table.row(&row);
        let goal = if name.starts_with("-30") { 15.0 } else { 20.0 };
        assert!(cells[1] > goal && cells[2] > goal, "{name}: {cells:?}");
    }
}

/// How much weaker the user's words between two frames come out, in dB of their energy in the speech band.
fn near_loss(trace: &Trace, from: usize, to: usize) -> f32 {
    let before = speech_band(&trace.voice);
    let after = speech_band(&trace.clean);
    let words = audible(&trace.voice);
    let energy = |signal: &[f32], at: usize| power(&signal[at * FRAME..(at + 1) * FRAME]);
    let spoken: f32 = (from..to).filter(|at| words[*at]).map(|at| energy(&before, at)).sum();
    // The canceller is 9 ms late.
    let kept: f32 = (from..=to).filter(|at| words[*at] || words[at - 1]).map(|at| energy(&after, at)).sum();
    decibels(spoken) - decibels(kept)
}

/// One user over one answer that goes on at full level.
struct Duet {
    room: Room,
    processing: Processing,
    /// When he begins, in frames after the answer.
    after: usize,
    level: f32,
    noise_db: f32,
}

impl Duet {
    fn loss(&self, seed: u64) -> (f32, f32) {
        let room = Room { seed, rt60: [0.2, 0.4, 0.6][seed as usize % 3], ..self.room };
        let voice = clip(USERS[seed as usize % USERS.len()], 1.0, self.level);
        let (begin, end) = (20 + self.after, 20 + self.after + voice.len() / FRAME);
        let script = Script {
            room,
            answers: vec![(20, answer(seed / 3, -20.0))],
            voice: vec![(begin, voice)],
            noise_db: self.noise_db,
            processing: self.processing,
            is_guarded: false,
            ..Script::default()
        };
        let trace = run(&script);
        (near_loss(&trace, begin, end), near_loss(&trace, begin, begin + 50))
    }
}

#[test]
fn the_user_is_heard_over_the_answer() {
    let mut table = Table::new(
        "3-double-talk",
        "The user while the assistant speaks",
        "Loss of the user's voice (-26 dBFS) between 300 and 3400 Hz while an answer of -20 dBFS goes on at full level
         (in a call it is ducked after a tenth of a second, which makes it easier). The user begins 3 s after the answer,
         and so long after the start of the call.",
        &["echo", "utterances", "loss, mean", "p95", "first 500 ms, mean", "p95"],
    );
    let of_user = conditions().into_iter().filter(|(_, room)| room.drift_ppm == 0.0);
    for (name, room) in of_user {
        let count = if is_long() { 30 } else { 6 };
        let duet = Duet { room, processing: Processing::default(), after: 300, level: -26.0, noise_db: -65.0 };
        let (mut whole, mut first): (Vec<_>, Vec<_>) = (0..count).map(|seed| duet.loss(seed)).unzip();
        let means = (mean(&whole), mean(&first));
        let (late, early) = (percentile(&mut whole, 0.95), percentile(&mut first, 0.95));
        table.row(&[
            name.to_owned(),
            count.to_string(),
            format!("{:.1} dB", means.0),
            format!("{late:.1} dB"),
            format!("{:.1} dB", means.1),
            format!("{early:.1} dB"),
        ]);
        if room.echo_db.is_some_and(|level| level <= -10.0) && room.loudspeaker == Loudspeaker::Linear {
            let most = if room.delay_ms > 200.0 { 4.5 } else { 3.3 };
            assert!(means.0 < most, "{name}: {means:?}");
        }
    }
}

#[test]
fn headphones_leave_the_user_alone() {
    let mut table = Table::new(
        "4-headphones",
        "Headphones",
        "The same without any echo: the canceller is to be bypassed as soon as that is known. The user begins so long
         after the first answer of the call. \"Headphones\" chosen by hand bypasses it from the start.",
        &["user begins after", "choice", "utterances", "loss, mean", "p95", "first 500 ms, mean", "p95"],
    );
    for (after, echo) in [
        (0, EchoControl::Automatic),
        (50, EchoControl::Automatic),
        (100, EchoControl::Automatic),
        (200, EchoControl::Automatic),
        (500, EchoControl::Automatic),
        (0, EchoControl::Headphones),
    ] {
        let count = if is_long() { 30 } else { 6 };
        let processing = Processing { echo, ..Processing::default() };
        let duet = Duet { room: Room::HEADPHONES, processing, after, level: -26.0, noise_db: -65.0 };
        let (mut whole, mut first): (Vec<_>, Vec<_>) = (0..count).map(|seed| duet.loss(seed)).unzip();
        let means = (mean(&whole), mean(&first));
        let (late, early) = (percentile(&mut whole, 0.95), percentile(&mut first, 0.95));
        table.row(&[
            format!("{:.1} s", after as f32 / 100.0),
            format!("{echo:?}"),
            count.to_string(),
            format!("{:.1} dB", means.0),
            format!("{late:.1} dB"),
            format!("{:.1} dB", means.1),
            format!("{early:.1} dB"),
        ]);
        if after >= 200 || echo == EchoControl::Headphones {
            assert!(late < 1.0, "after {after}: {late} dB");
        }
        assert!(after < 100 || means.0 < 2.0, "after {after}: {} dB", means.0);
    }
}

/// 300 to 3400 Hz.
fn speech_band(samples: &[f32]) -> Vec<f32> {
    let mut low = Biquad::new(3_400.0, false);
    let mut high = Biquad::new(300.0, true);
    samples.iter().map(|sample| high.next(low.next(*sample))).collect()
}

/// Butterworth filter of second order.
struct Biquad {
    b: [f32; 3],
    a: [f32; 2],
    state: [f32; 2],
}

impl Biquad {
    fn new(hertz: f32, is_high: bool) -> Self {
        let angle = std::f32::consts::TAU * hertz / RATE as f32;
        let (sin, cos) = angle.sin_cos();
        let alpha = sin / std::f32::consts::SQRT_2;
        let side = if is_high { (1.0 + cos) / 2.0 } else { (1.0 - cos) / 2.0 };
        let middle = if is_high { -2.0 * side } else { 2.0 * side };
        let scale = 1.0 / (1.0 + alpha);
        Self {
            b: [side * scale, middle * scale, side * scale],
            a: [-2.0 * cos * scale, (1.0 - alpha) * scale],
            state: [0.0; 2],
        }
    }

    fn next(&mut self, input: f32) -> f32 {
        let out = self.b[0] * input + self.state[0];
        self.state[0] = self.b[1] * input - self.a[0] * out + self.state[1];
        self.state[1] = self.b[2] * input - self.a[1] * out;
        out
    }
}
