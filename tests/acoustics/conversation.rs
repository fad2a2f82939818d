//! Answers over a loudspeaker to which nobody says a word, and sounds that are no words.

use super::call::{Script, Trace, run};
use super::canceller::conditions;
use super::room::Room;
use super::speech::{AGREE, ANSWERS, Dice, FRAME, SHORT, clip, cough, typing};
use super::table::{Table, is_long};

/// An answer that is ducked so long after a sound is not ducked by it, in frames.
const LATE: usize = 30;
/// Answers of one call.
const PER_CALL: usize = 5;

/// A call of five answers of one sentence in which the user is silent.
fn silent_call(seed: u64, room: Room, noise_db: f32) -> Script {
    let mut dice = Dice::new(seed);
    let mut answers = Vec::new();
    let mut at = 20;
    for _ in 0..PER_CALL {
        let sound = clip(ANSWERS[dice.below(ANSWERS.len())], dice.between(0.9, 1.1), dice.between(-23.0, -17.0));
        let length = sound.len() / FRAME;
        answers.push((at, sound));
        at += length + 60;
    }
    let room = Room { seed, rt60: [0.2, 0.4, 0.6][seed as usize % 3], ..room };
    Script { room, answers, noise_db, ..Script::default() }
}

/// What the user, silent, did to the answers.
#[derive(Default)]
struct Mistakes {
    answers: usize,
    stopped: usize,
    ducked: usize,
    playing: usize,
    lowered: usize,
}

impl Mistakes {
    fn add(&mut self, script: &Script, trace: &Trace) {
        self.answers += script.answers.len();
        self.stopped += trace.barge_ins().len();
        for (start, sound) in &script.answers {
            let span = *start..start + sound.len() / FRAME;
            self.ducked += usize::from(trace.steps[span.clone()].iter().any(|step| step.is_ducked));
            self.playing += span.len();
            self.lowered += trace.steps[span].iter().filter(|step| step.is_ducked).count();
        }
    }

    fn cells(&self) -> [String; 4] {
        let share = 100.0 * self.lowered as f32 / self.playing as f32;
        [self.answers.to_string(), self.stopped.to_string(), self.ducked.to_string(), format!("{share:.1} %")]
    }
}

#[test]
fn the_assistant_does_not_interrupt_itself() {
    let mut table = Table::new(
        "2-self-interruption",
        "Self-interruptions",
        "Calls of five answers (-23 to -17 dBFS, four voices, pitches 0.9 to 1.1) to which the user says nothing, each from
         a cold start. The first row mixes delays of 20, 60, 120 and 250 ms, RT60 of 0.2, 0.4 and 0.6 s and noise of -65,
         -50 and -40 dBFS. Stopped: given up. Ducked: quieter for a moment, and how much of the time.",
        &["echo", "answers", "stopped", "ducked", "ducked time"],
    );
    let mut mixed = Mistakes::default();
    for seed in 0..if is_long() { 60 } else { 20 } {
        let room = Room { delay_ms: [20.0, 60.0, 120.0, 250.0][seed as usize % 4], ..Room::QUIET };
        let script = silent_call(seed, room, [-65.0, -50.0, -40.0][seed as usize / 4 % 3]);
        mixed.add(&script, &run(&script));
    }
    let [answers, stopped, ducked, share] = mixed.cells();
    table.row(&["-10 dB, everything mixed".to_owned(), answers, stopped, ducked, share]);
    for (name, room) in conditions() {
        let mut mistakes = Mistakes::default();
        for seed in 0..if is_long() { 20 } else { 2 } {
            let script = silent_call(100 + seed, room, -60.0);
            mistakes.add(&script, &run(&script));
        }
        let [answers, stopped, ducked, share] = mistakes.cells();
        table.row(&[name.to_owned(), answers, stopped, ducked, share]);
        assert!(mistakes.stopped <= 1, "{name}");
    }
    assert!(mixed.answers >= 100);
    // The goal is none. Another processor rounds in another way, and a borderline answer may fall to the other side.
    assert!(mixed.stopped <= 1, "{} of {} stopped themselves", mixed.stopped, mixed.answers);
}

/// A sound by the number of its variant.
type Sound = Box<dyn Fn(u64) -> Vec<f32>>;

/// A sound in the middle of an answer.
fn disturbed(seed: u64, room: Room, sound: Vec<f32>) -> (Script, usize) {
    let mut dice = Dice::new(seed + 500);
    let at = 20 + dice.below(200) + 100;
    let room = Room { seed, rt60: [0.2, 0.4, 0.6][seed as usize % 3], ..room };
    let answers = vec![(20, clip(ANSWERS[seed as usize % ANSWERS.len()], 1.0, -20.0))];
    (Script { room, answers, voice: vec![(at, sound)], noise_db: -60.0, ..Script::default() }, at)
}

#[test]
fn sounds_that_are_no_interruption_do_not_stop_the_answer() {
    let mut table = Table::new(
        "6-sounds",
        "Sounds that mean nothing, and words that mean it",
        "One of these in the middle of an answer (echo of -10 dB and headphones in turn). Sounds of agreement last 320 to
         400 ms, coughs 300 ms, keys click for 2 s. Ducked: while it lasts, or 300 ms later at most. One word is \"stop\", \"wait\" or \"no, no\" (380 to 840 ms).",
        &["sound", "level", "count", "stopped", "ducked"],
    );
    let count = if is_long() { 60 } else { 10 };
    let level = |seed: u64| -30.0 + (seed % 3) as f32 * 3.0;
    let pitch = |seed: u64| [0.9, 1.0, 1.1, 1.2][seed as usize / 5 % 4];
    let agreeing: Vec<(&str, Sound)> = vec![
        ("mm-hm", Box::new(move |seed| clip(AGREE[0], pitch(seed), level(seed)))),
        ("uh-huh", Box::new(move |seed| clip(AGREE[1], pitch(seed), level(seed)))),
        ("yeah", Box::new(move |seed| clip(AGREE[2], pitch(seed), level(seed)))),
        ("right", Box::new(move |seed| clip(AGREE[3], pitch(seed), level(seed)))),
        ("mm", Box::new(move |seed| clip(AGREE[4], pitch(seed), level(seed)))),
        ("cough", Box::new(move |seed| cough(seed, level(seed) + 6.0))),
        ("keys", Box::new(move |seed| typing(seed, 2.0, level(seed) + 10.0))),
        ("one word", Box::new(move |seed| clip(SHORT[seed as usize % 3], pitch(seed), level(seed)))),
    ];
    let (mut sounds, mut stops) = (0, 0);
    for (name, sound) in agreeing {
        let (mut stopped, mut ducked) = (0, 0);
        for seed in 0..count {
            let room = if seed % 2 == 0 { Room::QUIET } else { Room::HEADPHONES };
            let sound = sound(seed);
            let length = sound.len() / FRAME;
            let (script, at) = disturbed(seed, room, sound);
            let trace = run(&script);
            stopped += trace.barge_ins().len();
            ducked += usize::from(trace.duck(at).is_some_and(|duck| duck < at + length + LATE));
        }
        let levels = match name {
            "cough" => "-24 to -18 dBFS",
            "keys" => "peaks of -20 to -14 dBFS",
            _ => "-30 to -24 dBFS",
        };
        table.row(&[name.to_owned(), levels.to_owned(), count.to_string(), stopped.to_string(), ducked.to_string()]);
        (sounds, stops) = if name == "one word" { (sounds, stops) } else { (sounds + count, stops + stopped) };
    }
    assert!(stops * 10 <= sounds as usize, "{stops} of {sounds} stopped an answer");
}
