//! A chirp on real streams of a sound server, with and without a way from the speaker to the microphone.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[allow(dead_code, reason = "shared with other tests")]
mod rig;

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use audio::measure::{AFTER, BEFORE, Measurement, Recording, chirp, measure};
use audio::{Choice, ItemKey, Pair};
use rig::{Call, DEVICES, PATIENCE, open, pactl, with_server};

const CHIRP: ItemKey = ItemKey(7);

fn measured(call: &Call) -> Measurement {
    let (tap, frames) = sync_channel(10_000);
    let begun = Instant::now();
    call.duplex.tap(Some(Box::new(move |pair: Pair<'_>| {
        let _ = tap.try_send((pair.raw.to_vec(), pair.far.to_vec(), pair.far_held, begun.elapsed()));
    })));
    let mut recording = Recording::default();
    let mut record = |time: Duration| {
        for _ in 0..time.as_millis() / 10 {
            let (near, far, far_held, at) = frames.recv_timeout(PATIENCE).unwrap();
            recording.push(&near, &far, far_held, at);
        }
    };
    record(BEFORE);
    call.duplex.play(CHIRP, chirp(24_000));
    call.duplex.finish(CHIRP);
    record(Duration::from_millis(3_200) + AFTER);
    measure(&recording).unwrap()
}

#[test]
fn a_loopback_is_measured_as_an_echo() {
    with_server("a_loopback_is_measured_as_an_echo", DEVICES, |_rig| {
        pactl(&["load-module", "module-loopback", "source=vspk.monitor", "sink=vmic_sink", "latency_msec=60"]).unwrap();
        let found = measured(&open(Choice::Default, Choice::Default).unwrap());
        let echo = found.echo.unwrap();
        assert!((50..200).contains(&echo.delay.as_millis()), "{:?}", echo.delay);
        assert!(echo.loss_db.abs() < 2.0, "{}", echo.loss_db);
        assert!(echo.distortion_db < -20.0, "{}", echo.distortion_db);
    });
}

#[test]
fn without_a_way_back_there_is_no_echo() {
    with_server("without_a_way_back_there_is_no_echo", DEVICES, |_rig| {
        let found = measured(&open(Choice::Default, Choice::Default).unwrap());
        assert_eq!((found.echo, found.is_silent, found.noise_dbfs), (None, true, -90.0));
    });
}
