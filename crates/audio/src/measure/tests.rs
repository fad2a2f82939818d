#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::resample::to_f32;

const RATE: f64 = CORE_RATE as f64;

/// Noise of a generator that is the same each time, -1 to 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
    }
}

/// A speaker, a room and a microphone.
#[derive(Clone)]
struct Room {
    delay_ms: f64,
    loss_db: f64,
    /// `None`: silence.
    noise_dbfs: Option<f64>,
    /// Whether walls answer.
    has_walls: bool,
    /// The speaker: above 0 it saturates.
    drive: f32,
    /// How much faster the microphone's clock runs than the speaker's, in parts per million.
    drift_ppm: f64,
    /// Amplifies the microphone until it clips.
    gain_db: f64,
}

const QUIET: Room = Room {
    delay_ms: 60.0,
    loss_db: 12.0,
    noise_dbfs: Some(-65.0),
    has_walls: false,
    drive: 0.0,
    drift_ppm: 0.0,
    gain_db: 0.0,
};

fn amplitude(db: f64) -> f32 {
    10.0_f64.powf(db / 20.0) as f32
}

impl Room {
    fn measure(&self) -> Measurement {
        measure(&self.record()).unwrap()
    }

    fn echo(&self) -> Echo {
        self.measure().echo.unwrap()
    }

    fn record(&self) -> Recording {
        let before = (BEFORE.as_secs_f64() * RATE) as usize;
        let after = (AFTER.as_secs_f64() * RATE) as usize;
        let mut far = vec![0.0; before];
        far.extend(chirp(CORE_RATE).iter().map(|sample| to_f32(*sample)));
        far.resize((far.len() + after).div_ceil(FRAME) * FRAME, 0.0);
        let near = self.hear(&far);
        frames(&near, &far)
    }

    fn hear(&self, far: &[f32]) -> Vec<f32> {
        let spoken: Vec<f32> = match self.drive {
            0.0 => far.to_vec(),
            drive => far.iter().map(|sample| (sample * drive).tanh() / drive).collect(),
        };
        let taps = self.taps();
        let energy: f32 = taps.iter().map(|(_, gain)| gain * gain).sum();
        let gain = amplitude(-self.loss_db) / energy.sqrt();
        let mut noise = Noise(7);
        // Uniform noise of peak 1 has a mean square of a third.
        let hiss = self.noise_dbfs.map_or(0.0, |dbfs| amplitude(dbfs) * 3.0_f32.sqrt());
        let speed = 1.0 - self.drift_ppm * 1e-6;
        let hear = |n: usize| -> f32 {
            let time = n as f64 * speed - self.delay_ms * RATE / 1e3;
            let echo: f32 = taps.iter().map(|(late, gain)| gain * between(&spoken, time - late)).sum();
            ((echo * gain + hiss * noise.next()) * amplitude(self.gain_db)).clamp(-1.0, 1.0)
        };
        (0..far.len()).map(hear).collect()
    }

    /// Ways from the speaker to the microphone: samples later than the shortest, and gain.
    fn taps(&self) -> Vec<(f64, f32)> {
        let mut noise = Noise(3);
        let walls =
            (1..=40).map(|n| (f64::from(n) * 137.0 + 60.0, 0.3 * noise.next() * (-f64::from(n) / 14.0).exp() as f32));
        std::iter::once((0.0, 1.0)).chain(walls.take(if self.has_walls { 40 } else { 0 })).collect()
    }
}

/// A signal between its samples: drift and delays are no whole numbers.
fn between(signal: &[f32], at: f64) -> f32 {
    let (whole, part) = (at.floor(), (at - at.floor()) as f32);
    let sample = |at: f64| if at < 0.0 { 0.0 } else { signal.get(at as usize).copied().unwrap_or_default() };
    sample(whole) * (1.0 - part) + sample(whole + 1.0) * part
}

/// Arrivals as even as a clock's.
fn frames(near: &[f32], far: &[f32]) -> Recording {
    let mut recording = Recording::default();
    for (n, (near, far)) in near.chunks_exact(FRAME).zip(far.chunks_exact(FRAME)).enumerate() {
        recording.push(near, far, Duration::ZERO, Duration::from_millis(10) * n as u32);
    }
    recording
}

#[track_caller]
fn assert_echo(echo: Echo, delay_ms: f64, loss_db: f64, room: &str) {
    let delay = echo.delay.as_secs_f64() * 1e3;
    assert!((delay - delay_ms).abs() <= 1.0, "{room}: {delay:.2} ms instead of {delay_ms}");
    assert!((f64::from(echo.loss_db) - loss_db).abs() <= 1.5, "{room}: {:.2} dB instead of {loss_db}", echo.loss_db);
}

#[test]
fn delay_and_loss_of_an_echo_are_found() {
    for delay_ms in [5.0, 20.3, 60.0, 150.7, 250.0, 400.0] {
        for loss_db in [-3.0, 0.0, 10.0, 25.0, 40.0] {
            let room = Room { delay_ms, loss_db, ..QUIET };
            assert_echo(room.echo(), delay_ms, loss_db, &format!("{delay_ms} ms, {loss_db} dB"));
        }
    }
}

#[test]
fn walls_belong_to_the_echo() {
    for (delay_ms, loss_db) in [(12.0, 6.0), (80.0, 20.0), (220.0, 30.0)] {
        let room = Room { delay_ms, loss_db, has_walls: true, ..QUIET };
        assert_echo(room.echo(), delay_ms, loss_db, &format!("{delay_ms} ms, {loss_db} dB"));
    }
}

#[test]
fn a_faint_echo_is_found_in_a_quiet_room() {
    let room = Room { loss_db: 60.0, noise_dbfs: Some(-85.0), ..QUIET };
    assert_echo(room.echo(), 60.0, 60.0, "60 dB");
    let room = Room { loss_db: 60.0, noise_dbfs: None, ..QUIET };
    assert_echo(room.echo(), 60.0, 60.0, "60 dB, no noise");
}

#[test]
fn noise_as_loud_as_the_echo_does_not_hide_it() {
    for (loss_db, noise) in [(10.0, -30.0), (20.0, -40.0), (30.0, -50.0)] {
        let room = Room { loss_db, noise_dbfs: Some(noise), ..QUIET };
        assert_echo(room.echo(), 60.0, loss_db, &format!("{loss_db} dB at {noise} dBFS"));
    }
}

#[test]
fn without_an_echo_none_is_found_and_what_could_have_been_heard_is_told() {
    let none = |noise_dbfs| Room { loss_db: 200.0, noise_dbfs: Some(noise_dbfs), ..QUIET }.measure();
    let quiet = none(-70.0);
    assert_eq!((quiet.echo, quiet.is_silent, quiet.curve.len()), (None, false, 0));
    assert!(quiet.reach_db > 50.0, "{}", quiet.reach_db);
    let loud = none(-25.0);
    assert_eq!(loud.echo, None);
    let lost = quiet.reach_db - loud.reach_db;
    assert!((lost - 45.0).abs() < 2.0, "45 dB more noise cost {lost} dB of reach");
}

#[test]
fn the_reach_is_where_echoes_begin_to_be_found() {
    let reach = f64::from(Room { loss_db: 200.0, noise_dbfs: Some(-50.0), ..QUIET }.measure().reach_db);
    let at = |loss_db| Room { loss_db, noise_dbfs: Some(-50.0), ..QUIET }.measure().echo.is_some();
    assert!(at(reach - 3.0));
    assert!(!at(reach + 6.0));
}

#[test]
fn a_microphone_that_gives_zeros_is_silent() {
    let found = Room { loss_db: 300.0, noise_dbfs: None, ..QUIET }.measure();
    assert!(found.is_silent);
    assert_eq!((found.echo, found.noise_dbfs), (None, SILENCE));
}

#[test]
fn the_noise_of_the_room_is_measured_before_the_chirp() {
    for noise in [-80.0, -60.0, -35.0] {
        let found = Room { loss_db: 0.0, noise_dbfs: Some(noise), ..QUIET }.measure().noise_dbfs;
        assert!((f64::from(found) - noise).abs() < 0.5, "{found} instead of {noise}");
    }
}

#[test]
fn clipping_is_told() {
    assert!(!QUIET.measure().is_clipped);
    let clipped = Room { loss_db: 0.0, gain_db: 20.0, ..QUIET }.measure();
    assert!(clipped.is_clipped);
    assert!(clipped.echo.unwrap().loss_db < -12.0);
}

#[test]
fn a_distorting_speaker_is_told_from_a_clean_one() {
    let clean = QUIET.echo();
    assert!(clean.distortion_db < -40.0, "{}", clean.distortion_db);
    let room = Room { drive: 8.0, loss_db: 0.0, ..QUIET };
    let distorted = room.echo();
    assert!((distorted.delay.as_secs_f64() - 0.06).abs() < 0.001, "{:?}", distorted.delay);
    assert!((-25.0..-5.0).contains(&distorted.distortion_db), "{}", distorted.distortion_db);
}

#[test]
fn two_clocks_that_drift_apart_do_no_harm() {
    for drift_ppm in [-200.0, 200.0] {
        let room = Room { drift_ppm, ..QUIET };
        // Over the 2 s until the middle of the chirp it moves by 0.4 ms.
        assert_echo(room.echo(), 60.0, 12.0, &format!("{drift_ppm} ppm"));
    }
}

#[test]
fn a_cough_in_one_sweep_does_not_spoil_the_others() {
    let mut recording = QUIET.record();
    let mut noise = Noise(11);
    for sample in recording.near.iter_mut().skip(CORE_RATE as usize * 2).take(CORE_RATE as usize / 4) {
        *sample += 0.5 * noise.next();
    }
    assert_echo(measure(&recording).unwrap().echo.unwrap(), 60.0, 12.0, "cough");
}

#[test]
fn a_telephone_headset_is_measured_in_its_own_band() {
    let mut recording = QUIET.record();
    // A crude low-pass at some 2 kHz on both sides.
    for signal in [&mut recording.near, &mut recording.far] {
        let mut low = 0.0;
        signal.iter_mut().for_each(|sample| {
            low += 0.25 * (*sample - low);
            *sample = low;
        });
    }
    assert_echo(measure(&recording).unwrap().echo.unwrap(), 60.0, 12.0, "narrow band");
}

#[test]
fn an_echo_before_the_held_back_far_end_is_found() {
    let mut recording = QUIET.record();
    // The microphone is 85 ms early: 25 ms before the far end.
    let early = 85 * 48;
    recording.near.rotate_left(early);
    recording.held = Duration::from_millis(40) * recording.arrivals.len() as u32;
    assert_echo(measure(&recording).unwrap().echo.unwrap(), 15.0, 12.0, "held far end");
}

#[test]
fn the_curve_shows_the_echo_at_its_delay() {
    let found = Room { delay_ms: 102.0, has_walls: true, ..QUIET }.measure();
    let loudest = found.curve.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    assert_eq!(loudest.0, 20);
    assert!((-14.5..-11.5).contains(loudest.1), "{}", loudest.1);
    assert!(found.curve[10] < -25.0);
}

#[test]
fn rates_that_are_not_what_they_claim_are_told() {
    let mut recording = QUIET.record();
    assert_eq!((recording.near.len() % FRAME, QUIET.measure().input_speed), (0, 1.0));
    // 44.1 kHz that claim to be 48.
    for at in &mut recording.arrivals {
        *at = at.mul_f64(48.0 / 44.1);
    }
    let found = measure(&recording).unwrap();
    assert!((found.input_speed - 44.1 / 48.0).abs() < 1e-3, "{}", found.input_speed);
    // The same number of samples between two sweeps took longer.
    assert!((found.output_speed - 44.1 / 48.0).abs() < 1e-3, "{}", found.output_speed);
}

#[test]
fn jitter_is_the_spread_of_the_arrivals() {
    let mut recording = QUIET.record();
    for (n, at) in recording.arrivals.iter_mut().enumerate() {
        *at += Duration::from_millis(if n % 4 == 0 { 20 } else { 8 });
    }
    let jitter = measure(&recording).unwrap().jitter.as_secs_f64() * 1e3;
    assert!((jitter - 12.0).abs() < 0.5, "{jitter}");
}

#[test]
fn a_hiccup_of_the_computer_is_no_wrong_clock() {
    let mut recording = QUIET.record();
    for at in recording.arrivals.iter_mut().skip(150) {
        *at += Duration::from_millis(300);
    }
    // The second sweep was heard late, the third in time.
    let second = (BEFORE + Duration::from_secs(1)).as_millis() as usize * 48;
    for signal in [&mut recording.near, &mut recording.far] {
        signal[second - 4_800..second + 48_000].rotate_right(2_400);
    }
    let found = measure(&recording).unwrap();
    assert!((found.input_speed - 1.0).abs() < 1e-3, "{}", found.input_speed);
    assert!(found.jitter > Duration::from_millis(200), "{:?}", found.jitter);
    assert_echo(found.echo.unwrap(), 60.0, 12.0, "hiccup");
}

#[test]
fn what_did_not_run_is_told() {
    assert_eq!(measure(&Recording::default()), Err(Unmeasurable::NoMicrophone));
    let mut unplayed = QUIET.record();
    unplayed.far.fill(0.0);
    assert_eq!(measure(&unplayed), Err(Unmeasurable::NotPlayed));
    let mut broken_off = QUIET.record();
    let half = broken_off.far.len() / 2;
    broken_off.far[half..].fill(0.0);
    assert_eq!(measure(&broken_off), Err(Unmeasurable::NotPlayed));
}

#[test]
fn the_chirp_lasts_as_long_at_every_rate_and_is_not_loud() {
    for rate in [24_000, 44_100, 48_000] {
        let chirp = chirp(rate);
        assert_eq!(chirp.len(), (2.7 * f64::from(rate)) as usize);
        let peak = chirp.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((8_000..9_500).contains(&peak), "{peak} at {rate} Hz");
        assert!(chirp[0] == 0 && chirp.last().unwrap().abs() < 300);
    }
}
