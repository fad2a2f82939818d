//! Who speaks over an answer gets the floor, at once and with every word.

use audio::callback;
use audio::{EchoControl, Processing};

use super::call::{Script, Trace, run};
use super::canceller::answer;
use super::room::{Loudspeaker, Room};
use super::speech::{Dice, FRAME, USERS, audible, clip, onset};
use super::table::{Table, is_long, percentile};

/// An answer counts as not given up when it takes longer than this, in frames.
const TOO_LATE: usize = 150;

/// Interruptions of one kind.
#[derive(Default)]
struct Interruptions {
    count: usize,
    missed: usize,
    /// From the user's onset to the end of the frame that decides, in ms; not of an answer that was ducked already.
    ducked: Vec<f32>,
    stopped: Vec<f32>,
    /// The user's first second that never reached the provider, in ms.
    lost: Vec<f32>,
}

impl Interruptions {
    fn add(&mut self, trace: &Trace, start: usize, voice: &[f32]) {
        let begin = start + onset(voice);
        self.count += 1;
        let stop = trace.barge_ins().into_iter().find(|at| (begin..begin + TOO_LATE).contains(at));
        let Some(stop) = stop else {
            self.missed += 1;
            return;
        };
        let since = |at: usize| ((at + 1 - begin) * 10) as f32;
        self.stopped.push(since(stop));
        if !trace.steps[begin - 1].is_ducked {
            self.ducked.extend(trace.duck(begin).map(since));
        }
        self.lost.push(lost(trace, start, voice));
    }

    fn row(&mut self, name: &str) -> Vec<String> {
        let ms = |values: &mut [f32], share| format!("{:.0} ms", percentile(values, share));
        vec![
            name.to_owned(),
            self.count.to_string(),
            self.missed.to_string(),
            ms(&mut self.ducked, 0.5),
            ms(&mut self.ducked, 0.95),
            ms(&mut self.stopped, 0.5),
            ms(&mut self.stopped, 0.95),
            ms(&mut self.lost, 1.0),
        ]
    }
}

/// Audible frames of the voice that never reached the provider, in ms.
fn lost(trace: &Trace, start: usize, voice: &[f32]) -> f32 {
    let words = audible(voice);
    let gone = words.iter().enumerate().filter(|(at, is_word)| **is_word && !trace.sent[start + at]);
    gone.count() as f32 * 10.0
}

/// Two answers in one call, each interrupted after one to three and a half seconds.
fn interrupted_call(seed: u64, room: Room, voice_db: f32, noise_db: f32) -> (Script, Vec<(usize, Vec<f32>)>) {
    let mut dice = Dice::new(seed + 900);
    let (mut answers, mut voice) = (Vec::new(), Vec::new());
    let mut at = 20;
    for n in 0..2 {
        let name = USERS[(seed as usize * 2 + n) % USERS.len()];
        let words = clip(name, dice.between(0.9, 1.1), voice_db);
        let begin = at + 100 + dice.below(250);
        let end = begin + words.len() / FRAME;
        let mut sound = answer(seed + n as u64, dice.between(-23.0, -17.0));
        // It would go on: an answer that is not given up in time is missed.
        sound.truncate((end + 100 - at) * FRAME);
        answers.push((at, sound));
        voice.push((begin, words));
        at = end + 160;
    }
    let room = Room { seed, rt60: [0.2, 0.4, 0.6][seed as usize % 3], ..room };
    (Script { room, answers, voice: voice.clone(), noise_db, ..Script::default() }, voice)
}

#[test]
fn who_speaks_over_an_answer_gets_the_floor() {
    let mut table = Table::new(
        "5-interruptions",
        "Interruptions",
        "Ten voices (recorded and synthetic, women and men, pitches 0.9 to 1.1) over answers of -23 to -17 dBFS, two in each
         call, the first from a cold start. Times run from the user's onset (first 10 ms above -40 dB of his loudest) to the
         decision; the ramp down takes 20 ms and a period more. An answer that is ducked already when he begins has no time
         to be ducked in, and does not count there. Missed: not given up within 1.5 s. Lost: what of his words never reaches
         the provider, at worst.",
        &["echo, voice, noise", "count", "missed", "ducked after, p50", "p95", "stopped after, p50", "p95", "lost, worst"],
    );
    let room = Room::QUIET;
    let cases = [
        ("-10 dB, -26 dBFS, -65 dBFS", room, -26.0, -65.0, 12),
        ("-10 dB, 20 ms", Room { delay_ms: 20.0, ..room }, -26.0, -65.0, 5),
        ("-10 dB, 250 ms", Room { delay_ms: 250.0, ..room }, -26.0, -65.0, 5),
        ("-6 dB", Room { echo_db: Some(-6.0), ..room }, -26.0, -65.0, 5),
        ("-20 dB", Room { echo_db: Some(-20.0), ..room }, -26.0, -65.0, 5),
        ("-30 dB", Room { echo_db: Some(-30.0), ..room }, -26.0, -65.0, 5),
        ("-10 dB, distorted", Room { loudspeaker: Loudspeaker::Soft, ..room }, -26.0, -65.0, 5),
        ("-10 dB, quiet voice of -32 dBFS", room, -32.0, -65.0, 5),
        ("-10 dB, fan of -45 dBFS", room, -26.0, -45.0, 5),
        ("headphones", Room::HEADPHONES, -26.0, -65.0, 8),
        ("headphones, fan of -45 dBFS", Room::HEADPHONES, -26.0, -45.0, 5),
    ];
    let mut all = Interruptions::default();
    for (name, room, voice_db, noise_db, calls) in cases {
        let mut these = Interruptions::default();
        for seed in 0..if is_long() { calls * 4 } else { calls } {
            let (script, voices) = interrupted_call(seed, room, voice_db, noise_db);
            let trace = run(&script);
            for (start, voice) in &voices {
                these.add(&trace, *start, voice);
                all.add(&trace, *start, voice);
            }
        }
        table.row(&these.row(name));
    }
    table.row(&all.row("all"));
    assert!(all.count >= 100);
    assert!(all.missed * 50 < all.count, "{} of {} missed", all.missed, all.count);
    let (usual, late) = (percentile(&mut all.ducked, 0.5), percentile(&mut all.ducked, 0.95));
    assert!(usual <= 100.0 && late <= 160.0, "ducked after {usual} and {late} ms");
    let lost = percentile(&mut all.lost, 1.0);
    assert!(lost <= 20.0, "{lost} ms of the user's words are lost");
}

/// One voice and one answer.
fn meeting(seed: u64, room: Room, answer_at: usize, voice_at: usize, is_cut: bool) -> (Trace, usize, Vec<f32>) {
    let words = clip(USERS[seed as usize % USERS.len()], 1.0, -26.0);
    let mut sound = answer(seed, -20.0);
    if is_cut {
        sound.truncate(200 * FRAME);
    }
    let voice = vec![(voice_at, words.clone())];
    let room = Room { seed, ..room };
    (run(&Script { room, answers: vec![(answer_at, sound)], voice, ..Script::default() }), voice_at, words)
}

#[test]
fn the_first_words_are_whole_wherever_they_fall() {
    let mut table = Table::new(
        "7-first-words",
        "First words",
        "How much of the user's words never reaches the provider when he begins so long before the end of the answer (cut
         off in mid-word) or after it. Before the end, the answer is usually over before it has to be given up.",
        &["begins", "echo", "utterances", "lost, mean", "lost, worst"],
    );
    let count = if is_long() { 30 } else { 6 };
    for (name, echo_db) in [("-10 dB", Some(-10.0)), ("headphones", None)] {
        for offset in [-200_isize, -100, 0, 50, 100, 150, 200, 250, 300, 500] {
            let mut gone = Vec::new();
            for seed in 0..count {
                let room = Room { echo_db, ..Room::QUIET };
                let begin = (220 + offset / 10) as usize;
                let words = clip(USERS[seed as usize % USERS.len()], 1.0, -26.0);
                let (trace, start, voice) = meeting(seed, room, 20, begin - onset(&words), true);
                gone.push(lost(&trace, start, &voice));
            }
            let worst = gone.iter().copied().fold(0.0, f32::max);
            let when = if offset < 0 { format!("{} ms before", -offset) } else { format!("{offset} ms after") };
            let mean = gone.iter().sum::<f32>() / count as f32;
            table.row(&[when, name.to_owned(), count.to_string(), format!("{mean:.0} ms"), format!("{worst:.0} ms")]);
            assert!(worst <= 20.0, "{name}, {offset} ms: {worst} ms are lost");
        }
    }
}

#[test]
fn special_moments_of_a_call() {
    let mut table = Table::new(
        "8-moments",
        "Special moments",
        "The user speaks already when the first answer of the call begins (by half a second: he goes on through it); the
         headphones are taken off in the middle of the third answer (does the echo stop it, and is the user heard in the
         fourth?); half duplex never ducks nor stops.",
        &["moment", "count", "stopped by the user", "stopped by the echo", "ducked by the echo"],
    );
    let count = if is_long() { 30 } else { 6 };
    let mut heard = 0;
    for seed in 0..count {
        let (trace, ..) = meeting(seed, Room::QUIET, 50, 20, false);
        heard += usize::from(!trace.barge_ins().is_empty());
    }
    table.row(&["speaks from the start".into(), count.to_string(), heard.to_string(), "-".into(), "-".into()]);
    let (mut stopped, mut ducked, mut late) = (0, 0, 0);
    for seed in 0..count {
        let mut answers = Vec::new();
        let mut at = 20;
        for n in 0..4 {
            let sound = answer(seed + n, -20.0);
            let length = sound.len() / FRAME;
            answers.push((at, sound));
            at += length + 50;
        }
        let off = answers[2].0 + 150;
        let begin = answers[3].0 + 200;
        let voice = vec![(begin, clip(USERS[seed as usize % USERS.len()], 1.0, -26.0))];
        let moves = Some((off, Room { seed, ..Room::QUIET }));
        let trace = run(&Script { room: Room::HEADPHONES, answers, voice, moves, ..Script::default() });
        stopped += trace.barge_ins().iter().filter(|at| **at < begin).count();
        ducked += usize::from(trace.duck(off).is_some_and(|at| at < begin));
        late += usize::from(trace.barge_ins().iter().any(|at| *at >= begin));
    }
    let cells = [count.to_string(), late.to_string(), stopped.to_string(), ducked.to_string()];
    let mut row = vec!["headphones taken off".to_owned()];
    row.extend(cells);
    table.row(&row);
    let mut paused = 0;
    for seed in 0..count {
        let (script, _) = interrupted_call(seed, Room::QUIET, -26.0, -65.0);
        let processing = Processing { echo: EchoControl::Pause, ..Processing::default() };
        let trace = run(&Script { processing, ..script });
        paused += trace.steps.iter().filter(|step| step.is_ducked || step.is_barge_in).count();
    }
    table.row(&["half duplex".into(), count.to_string(), paused.to_string(), "0".into(), "0".into()]);
    assert_eq!(heard, count as usize, "speaks from the start");
    assert_eq!(late, count as usize, "is heard after the headphones are off");
    assert_eq!(paused, 0);
}

#[test]
fn the_speaker_is_silent_50_ms_after_the_decision() {
    let mut table = Table::new(
        "9-silence",
        "From the decision to silence",
        "The playback callback itself, called for one period after the other: samples that are still played after a flush,
         in ms at 48 kHz, and until a ducked answer is 20 dB quieter. The wait for the callback is counted as one whole
         period; what lies in the sound system's own buffers comes on top, and is the same for everything.",
        &["period", "flushed after", "ducked after"],
    );
    for period in [128_usize, 480, 960] {
        let settle = |act: fn(&callback::Line, u64), bound: f32| {
            let (mut end, mut ends) =
                callback::speaker(48_000, &Default::default(), &Default::default(), std::thread::current());
            let _ = ends.mouth.push_partial_slice(&[0.5; 5_760]);
            let mut out = vec![0.0; period];
            callback::playback(&mut out, &mut end);
            act(&ends.line, ends.line.popped() + 5_000);
            let mut tail = Vec::new();
            for _ in 0..4_000 / period {
                callback::playback(&mut out, &mut end);
                tail.extend_from_slice(&out);
            }
            let last = tail.iter().rposition(|sample| sample.abs() > bound).unwrap_or(0);
            (last + 1 + period) as f32 / 48.0
        };
        let flushed = settle(|line, end| line.cut(end), 1e-3);
        let ducked = settle(|line, _| line.set_gain(0.063), 0.05);
        table.row(&[format!("{:.1} ms", period as f32 / 48.0), format!("{flushed:.0} ms"), format!("{ducked:.0} ms")]);
        assert!(flushed <= 50.0 && ducked <= 50.0, "{period}: {flushed} ms, {ducked} ms");
    }
}
