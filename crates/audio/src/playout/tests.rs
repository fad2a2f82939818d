#![expect(clippy::unwrap_used, reason = "tests")]

use std::thread;

use super::*;
use crate::callback::{Gauges, Heartbeat, PlaybackEnd, SpeakerEnds, playback, speaker};

const WIRE: u32 = 24_000;
const ITEM: ItemKey = ItemKey(1);
const MS: Duration = Duration::from_millis(1);

/// A playout before a simulated device that calls every 10 ms of its own time.
struct Rig {
    playout: Playout,
    device: PlaybackEnd,
    rate: u32,
    now: Instant,
    heard: Vec<f32>,
    notices: Vec<Notice>,
}

fn device(rate: u32) -> (PlaybackEnd, Mouth) {
    let gauges = std::sync::Arc::new(Gauges::default());
    let heartbeat = std::sync::Arc::new(Heartbeat::default());
    let (end, SpeakerEnds { mouth, line, .. }) = speaker(rate, &gauges, &heartbeat, thread::current());
    (end, Mouth { ring: mouth, line, rate })
}

impl Rig {
    fn new(rate: u32) -> Self {
        let mut playout = Playout::new(WIRE);
        let (device, mouth) = device(rate);
        playout.attach(mouth);
        Self { playout, device, rate, now: Instant::now(), heard: Vec::new(), notices: Vec::new() }
    }

    fn change_device(&mut self, rate: u32) {
        let (device, mouth) = device(rate);
        (self.device, self.rate) = (device, rate);
        self.playout.attach(mouth);
    }

    fn tick(&mut self) {
        self.notices.extend(self.playout.pour(self.now));
        let mut out = vec![0.0; self.rate as usize / 100];
        playback(&mut out, &mut self.device);
        self.heard.extend(out);
        self.now += 10 * MS;
    }

    fn run(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.tick();
        }
    }

    /// Until nothing is left.
    fn run_out(&mut self) {
        let limit = 100_000;
        let ticks = (0..limit).take_while(|_| {
            self.tick();
            self.playout.is_playing()
        });
        assert!(ticks.count() < limit - 1, "it never ends");
        self.run(3);
    }

    fn say(&mut self, pcm: &[i16], sizes: &[usize]) {
        let (mut at, mut turn) = (0, 0);
        while at < pcm.len() {
            let end = (at + sizes[turn % sizes.len()]).min(pcm.len());
            self.playout.play(ITEM, pcm[at..end].to_vec(), self.now);
            (at, turn) = (end, turn + 1);
        }
        self.playout.finish(ITEM);
    }

    /// Without the silence around it.
    fn spoken(&self) -> &[f32] {
        let is_loud = |sample: &f32| sample.abs() > 1e-4;
        let first = self.heard.iter().position(is_loud).unwrap();
        let last = self.heard.iter().rposition(is_loud).unwrap();
        &self.heard[first..=last]
    }

    fn pitch(&self) -> f64 {
        let spoken = self.spoken();
        let middle = &spoken[spoken.len() / 10..spoken.len() * 9 / 10];
        let count = middle.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        count as f64 * f64::from(self.rate) / middle.len() as f64
    }

    fn steepest(&self) -> f32 {
        let spoken = self.spoken();
        // A tone that breaks off makes an edge of its own.
        let inner = &spoken[100..spoken.len() - 480];
        inner.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }
}

fn tone(hz: f64, seconds: f64) -> Vec<i16> {
    let step = hz * std::f64::consts::TAU / f64::from(WIRE);
    (0..(seconds * f64::from(WIRE)) as usize).map(|n| (12_000.0 * (n as f64 * step).sin()) as i16).collect()
}

#[test]
fn pieces_of_any_size_sound_like_one_at_every_speed() {
    for speed in [0.75, 1.0, 1.5] {
        let spoken = |sizes: &[usize]| {
            let mut rig = Rig::new(44_100);
            rig.playout.set_speed(speed);
            rig.say(&tone(330.0, 2.0), sizes);
            rig.run_out();
            rig.heard
        };
        assert_eq!(spoken(&[48_000]), spoken(&[1, 333, 4_800, 7]), "{speed}");
    }
}

#[test]
fn a_tone_keeps_its_pitch_and_lasts_as_long_as_the_speed_says() {
    for (speed, rate) in [(0.75, 48_000), (1.0, 48_000), (1.25, 24_000), (1.5, 16_000)] {
        let mut rig = Rig::new(rate);
        rig.playout.set_speed(speed);
        rig.say(&tone(1_000.0, 3.0), &[480]);
        rig.run_out();
        let lasted = rig.spoken().len() as f64 / f64::from(rate);
        let wanted = 3.0 / f64::from(speed);
        assert!((lasted / wanted - 1.0).abs() < 0.02, "{speed}: {lasted} s for {wanted}");
        assert!((rig.pitch() - 1_000.0).abs() < 5.0, "{speed}: {}", rig.pitch());
        assert_eq!(rig.notices, [Notice::Started(ITEM), Notice::Finished(ITEM)]);
        assert_eq!(rig.playout.heard(ITEM), Duration::from_secs(3), "{speed}");
    }
}

#[test]
fn what_was_heard_when_it_was_cut_is_told_in_the_time_of_the_item() {
    for speed in [0.75, 1.0, 1.5] {
        let mut rig = Rig::new(48_000);
        rig.playout.set_speed(speed);
        rig.say(&tone(200.0, 6.0), &[2_400]);
        rig.run(200);
        let heard = rig.playout.flush();
        let wanted = 2.0 * f64::from(speed);
        assert_eq!(heard.len(), 1);
        let told = heard[0].duration.as_secs_f64();
        // The device's half period is on its way; the stretch is off by no more than it searches.
        assert!((told - wanted).abs() < 0.020, "{speed}: {told} for {wanted}");
        rig.run(10);
        assert!(!rig.playout.is_playing());
        assert!(rig.heard[rig.heard.len() - 480..].iter().all(|sample| *sample == 0.0));
    }
}

#[test]
fn speed_changes_in_the_middle_of_an_item_without_a_click() {
    let steepest = {
        let mut rig = Rig::new(48_000);
        rig.say(&tone(437.0, 3.0), &[480]);
        rig.run_out();
        rig.steepest()
    };
    for speeds in [[1.0, 1.5, 0.75], [1.5, 1.0, 1.25], [0.75, 1.5, 1.0]] {
        let mut rig = Rig::new(48_000);
        rig.say(&tone(437.0, 8.0), &[480]);
        let mut wanted = 0.0;
        for speed in speeds {
            rig.playout.set_speed(speed);
            rig.run(100);
            wanted += f64::from(speed);
        }
        let told = rig.playout.heard(ITEM).as_secs_f64();
        // What is in the ring keeps the speed it was made with.
        assert!((told - wanted).abs() < 0.06, "{speeds:?}: {told} for {wanted}");
        rig.run_out();
        assert!(rig.steepest() < steepest * 1.25, "{speeds:?}: a click of {}", rig.steepest());
        assert!((rig.pitch() - 437.0).abs() < 4.0, "{speeds:?}: {}", rig.pitch());
        assert_eq!(rig.playout.heard(ITEM), Duration::from_secs(8));
    }
}

#[test]
fn normal_speed_costs_no_time() {
    let first_sound = |speed| {
        let mut rig = Rig::new(48_000);
        rig.playout.set_speed(speed);
        rig.say(&tone(1_000.0, 1.0), &[480]);
        rig.tick();
        rig.heard.iter().position(|sample| sample.abs() > 0.01)
    };
    assert!(first_sound(1.0).is_some_and(|at| at < 96), "{:?}", first_sound(1.0));
}

#[test]
fn haste_does_not_use_up_what_a_sender_in_real_time_has_not_sent_yet() {
    let underruns = |speed| {
        let mut rig = Rig::new(48_000);
        rig.playout.set_speed(speed);
        for piece in tone(300.0, 10.0).chunks(480) {
            rig.playout.play(ITEM, piece.to_vec(), rig.now);
            rig.run(2);
        }
        rig.playout.finish(ITEM);
        rig.run_out();
        assert_eq!(rig.playout.heard(ITEM), Duration::from_secs(10));
        rig.playout.underruns()
    };
    assert!(underruns(1.5) <= underruns(1.0) + 1, "{} and {}", underruns(1.5), underruns(1.0));
}

#[test]
fn what_waits_in_the_stretch_is_spoken_when_nothing_more_comes() {
    let mut rig = Rig::new(48_000);
    rig.playout.set_speed(0.75);
    rig.playout.play(ITEM, tone(300.0, 1.0), rig.now);
    rig.run(200);
    assert!(!rig.playout.is_playing());
    let heard = rig.playout.heard(ITEM).as_secs_f64();
    // The resampler keeps its last few ms for what may follow.
    assert!((heard - 1.0).abs() < 0.012, "{heard}");
    rig.playout.play(ITEM, tone(300.0, 1.0), rig.now);
    rig.playout.finish(ITEM);
    rig.run_out();
    assert_eq!(rig.playout.heard(ITEM), Duration::from_secs(2));
    assert!(rig.notices.contains(&Notice::Finished(ITEM)));
}

#[test]
fn nothing_is_lost_or_said_twice_when_another_speaker_takes_over() {
    for (speed, rate) in [(1.0, 48_000), (1.5, 48_000), (1.0, 16_000), (0.75, 44_100)] {
        let mut rig = Rig::new(48_000);
        rig.playout.set_speed(speed);
        rig.say(&tone(440.0, 3.0), &[480]);
        rig.run(100);
        let before = rig.playout.heard(ITEM);
        rig.change_device(rate);
        let after = rig.playout.heard(ITEM);
        assert!(after >= before && after - before <= 200 * MS, "{before:?}, then {after:?}");
        let at = rig.heard.len();
        rig.run_out();
        assert_eq!(rig.playout.heard(ITEM), Duration::from_secs(3), "{speed} at {rate}");
        assert!(rig.notices.contains(&Notice::Finished(ITEM)));
        let rest = (3.0 - after.as_secs_f64()) / f64::from(speed);
        let spoken = rig.heard[at..].iter().rposition(|sample| sample.abs() > 1e-3).unwrap();
        let lasted = spoken as f64 / f64::from(rate);
        assert!((lasted - rest).abs() < 0.03, "{speed} at {rate}: {lasted} s of {rest}");
    }
}

#[test]
fn what_waits_for_another_speaker_is_queued_and_not_audible() {
    let mut rig = Rig::new(48_000);
    rig.say(&tone(440.0, 3.0), &[480]);
    rig.run(100);
    assert!(rig.playout.is_audible());
    rig.playout.detach();
    assert!(rig.playout.is_playing() && !rig.playout.is_audible(), "nobody has to be heard over it");
    rig.change_device(48_000);
    assert!(rig.playout.is_audible());
}

#[test]
fn an_answer_without_end_does_not_fill_the_memory() {
    let mut rig = Rig::new(48_000);
    rig.playout.detach();
    let minute = vec![0; 60 * WIRE as usize];
    for _ in 0..30 {
        rig.playout.play(ITEM, minute.clone(), rig.now);
    }
    assert_eq!(rig.playout.jitter.queued(), 20 * minute.len());
}

#[test]
fn a_clocked_sender_and_a_fast_speaker_stay_together() {
    // 500 ppm, so that some minutes show what an hour at 200 ppm does; the hour itself is beside the correction.
    let seconds = 120;
    let mut rig = Rig::new(24_000);
    let piece: Vec<i16> = vec![1_000; 480];
    let (mut owed, mut underruns) = (0.0, 0);
    for second in 0..seconds {
        for _ in 0..50 {
            rig.playout.play(ITEM, piece.clone(), rig.now);
            owed += 2.0 * 1.000_5;
            while owed >= 1.0 {
                owed -= 1.0;
                let now = rig.now;
                rig.tick();
                rig.now = now;
            }
            rig.now += 20 * MS;
        }
        if second == 30 {
            underruns = rig.playout.underruns();
        }
        rig.heard.clear();
    }
    assert_eq!(rig.playout.underruns(), underruns, "after the first correction nothing breaks off");
    assert!(rig.playout.jitter.share() > 0.000_3, "{}", rig.playout.jitter.share());
}

#[test]
fn a_cue_is_heard_and_nobody_is_told() {
    let mut rig = Rig::new(48_000);
    rig.playout.cue(Cue::Sent, rig.now);
    assert!(rig.playout.is_playing());
    rig.run_out();
    let ms = rig.spoken().len() / 48;
    assert!((60..=120).contains(&ms), "{ms} ms");
    assert_eq!(rig.notices, []);
    rig.playout.cue(Cue::Failed, rig.now);
    rig.run(3);
    assert_eq!(rig.playout.flush(), []);
}

#[test]
fn a_cue_does_not_sound_into_an_answer() {
    let heard = |has_cue: bool| {
        let mut rig = Rig::new(48_000);
        rig.say(&tone(440.0, 0.3), &[480]);
        rig.run(5);
        if has_cue {
            rig.playout.cue(Cue::Failed, rig.now);
        }
        rig.run_out();
        rig.heard
    };
    assert_eq!(heard(true), heard(false));
}

#[test]
fn an_answer_does_not_wait_for_a_cue() {
    let started = |has_cue: bool| {
        let mut rig = Rig::new(48_000);
        rig.run(5);
        if has_cue {
            rig.playout.cue(Cue::Failed, rig.now);
        }
        rig.run(2);
        rig.say(&tone(440.0, 0.5), &[480]);
        let ticks = (1..50).find(|_| {
            rig.tick();
            rig.notices.contains(&Notice::Started(ITEM))
        });
        rig.run_out();
        assert_eq!(rig.notices, [Notice::Started(ITEM), Notice::Finished(ITEM)]);
        ticks.unwrap()
    };
    assert!(started(true) <= started(false) + 1, "{} and {} ticks of 10 ms", started(true), started(false));
}
