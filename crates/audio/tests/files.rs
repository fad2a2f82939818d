//! A whole duplex on files: no sound system is needed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use audio::{Captured, Card, Config, Direction, Duplex, Error, ItemKey, Notice, devices};

const PATIENCE: Duration = Duration::from_secs(10);
const A: ItemKey = ItemKey(1);
const B: ItemKey = ItemKey(2);

struct Rig {
    duplex: Duplex,
    captured: Receiver<Captured>,
    notices: Receiver<Notice>,
}

fn open(input: Option<&Path>, output: Option<&Path>) -> Result<Rig, Error> {
    let (sink, captured) = sync_channel(100_000);
    let (bell, notices) = sync_channel(100_000);
    let card = Card::Files { input: input.map(Into::into), output: output.map(Into::into) };
    let config =
        Config { card, wire_rate: 24_000, pre_roll: Duration::from_millis(500), tail: Duration::from_millis(150) };
    let duplex = Duplex::open(config, move |frame| drop(sink.send(frame)), move |notice| drop(bell.send(notice)))?;
    Ok(Rig { duplex, captured, notices })
}

fn tone(rate: u32, seconds: f64) -> Vec<f32> {
    let count = (f64::from(rate) * seconds) as usize;
    (0..count).map(|n| (n as f64 * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin() as f32 * 0.5).collect()
}

fn pcm(seconds: f64) -> Vec<i16> {
    tone(24_000, seconds).iter().map(|sample| (sample * 32_767.0) as i16).collect()
}

fn write(path: &Path, rate: u32, channels: u16, bits: u16, seconds: f64) {
    let sample_format = if bits == 33 { hound::SampleFormat::Float } else { hound::SampleFormat::Int };
    let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: bits.min(32), sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in tone(rate, seconds) {
        for _ in 0..channels {
            if bits == 33 {
                writer.write_sample(sample).unwrap();
            } else {
                writer.write_sample((f64::from(sample) * (2.0_f64.powi(i32::from(bits) - 1) - 1.0)) as i32).unwrap();
            }
        }
    }
    writer.finalize().unwrap();
}

fn read(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 48_000, 16));
    reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}

/// Everything until the turn ends or the input is over.
fn until(captured: &Receiver<Captured>, last: &Captured) -> Vec<f32> {
    let mut samples = Vec::new();
    loop {
        match captured.recv_timeout(PATIENCE).unwrap() {
            Captured::Frame(frame) => {
                assert_eq!(frame.len(), 240);
                samples.extend(frame.iter().map(|sample| f32::from(*sample) / 32_768.0));
            }
            Captured::Voice(_) => {}
            other @ (Captured::End | Captured::BargeIn | Captured::InputEnded) => {
                assert_eq!(other, *last);
                return samples;
            }
        }
    }
}

/// Length of the loud part in samples, and its loudness.
fn loud(samples: &[f32]) -> (usize, f32) {
    let first = samples.iter().position(|sample| sample.abs() > 0.05).unwrap_or(0);
    let last = samples.iter().rposition(|sample| sample.abs() > 0.05).unwrap_or(0);
    let part = &samples[first..=last];
    (part.len(), (part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32).sqrt())
}

fn wait_for(notices: &Receiver<Notice>, wanted: &Notice) {
    while notices.recv_timeout(PATIENCE).unwrap() != *wanted {}
}

#[test]
fn files_of_any_format_are_spoken_whole_once_the_gate_opens() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, channels, bits) in [
        (48_000, 1, 16),
        (8_000, 1, 8),
        (11_025, 2, 16),
        (16_000, 8, 24),
        (44_100, 2, 32),
        (96_000, 3, 33),
        (192_000, 1, 16),
    ] {
        let path = folder.path().join(format!("{rate}-{channels}-{bits}.wav"));
        write(&path, rate, channels, bits, 0.5);
        let rig = open(Some(&path), None).unwrap();
        rig.duplex.open_gate();
        let samples = until(&rig.captured, &Captured::InputEnded);
        let (length, level) = loud(&samples);
        assert!(length.abs_diff(12_000) < 60, "{path:?}: {length}");
        assert!((level - 0.354).abs() < 0.01, "{path:?}: {level}");
        rig.duplex.close_gate();
        let tail = until(&rig.captured, &Captured::End);
        assert!(tail.len() >= 3_600);
        assert_eq!(rig.duplex.stats().overflows, 0);
    }
}

#[test]
fn what_is_played_is_in_the_output_file_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let rig = open(None, Some(&path)).unwrap();
    for piece in pcm(1.0).chunks(331) {
        rig.duplex.play(A, piece.to_vec());
    }
    rig.duplex.finish(A);
    rig.duplex.play(B, pcm(0.2));
    rig.duplex.finish(B);
    for wanted in [Notice::Started(A), Notice::Finished(A), Notice::Started(B), Notice::Finished(B)] {
        assert_eq!(rig.notices.recv_timeout(PATIENCE).unwrap(), wanted);
    }
    assert_eq!(rig.duplex.heard(A), Duration::from_secs(1));
    assert!(rig.duplex.flush().is_empty());
    assert_eq!(rig.duplex.stats().underruns, 0);
    rig.duplex.close(PATIENCE).unwrap();
    let heard = read(&path);
    let start = heard.iter().position(|sample| sample.abs() > 0.05).unwrap();
    let (length, level) = loud(&heard);
    assert!(length.abs_diff(57_600) < 120, "{length}");
    assert!((level - 0.354).abs() < 0.01, "{level}");
    for (n, window) in heard[start..start + 48_000].windows(2).enumerate() {
        assert!((window[0] - window[1]).abs() < 0.04, "a click {n} samples after the start");
    }
}

#[test]
fn close_plays_what_is_queued_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let rig = open(None, Some(&path)).unwrap();
    rig.duplex.play(A, pcm(0.7));
    rig.duplex.finish(A);
    rig.duplex.close(PATIENCE).unwrap();
    assert!(loud(&read(&path)).0.abs_diff(33_600) < 120);
}

#[test]
fn a_flush_silences_tells_what_was_heard_and_what_comes_after_it_plays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let rig = open(None, Some(&path)).unwrap();
    rig.duplex.play(A, pcm(20.0));
    rig.duplex.finish(A);
    rig.duplex.play(B, pcm(1.0));
    wait_for(&rig.notices, &Notice::Started(A));
    while rig.duplex.heard(A) < Duration::from_millis(200) {
        std::thread::yield_now();
    }
    let heard = rig.duplex.flush();
    assert_eq!(heard.iter().map(|heard| heard.item).collect::<Vec<_>>(), [A, B]);
    let cut = heard[0].duration;
    assert!(cut >= Duration::from_millis(200) && cut < Duration::from_secs(10), "{cut:?}");
    assert_eq!(heard[1].duration, Duration::ZERO);
    assert_eq!(rig.duplex.heard(A), cut);
    assert!(!rig.duplex.is_playing());
    assert!(rig.duplex.flush().is_empty());
    let next = ItemKey(3);
    rig.duplex.play(next, pcm(0.5));
    rig.duplex.finish(next);
    wait_for(&rig.notices, &Notice::Finished(next));
    rig.duplex.close(PATIENCE).unwrap();
    // What is audible in all: the heard part, the fade, and the next item. Half a period is the clock's uncertainty.
    let whole = loud(&read(&path)).0 as f64 / 48_000.0;
    let wanted = cut.as_secs_f64() + 0.5;
    assert!((wanted - 0.011..wanted + 0.021).contains(&whole), "{whole} for {wanted}");
}

#[test]
fn a_muted_turn_is_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speech.wav");
    write(&path, 48_000, 1, 16, 0.3);
    let rig = open(Some(&path), None).unwrap();
    rig.duplex.mute(true);
    rig.duplex.open_gate();
    let samples = until(&rig.captured, &Captured::InputEnded);
    assert!(samples.len() >= 7_200 && samples.iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_silent_microphone_is_told_after_3_s_and_so_is_its_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silence.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..56_000 {
        writer.write_sample(if n < 54_400 { 0_i16 } else { 8_000 }).unwrap();
    }
    writer.finalize().unwrap();
    let rig = open(Some(&path), None).unwrap();
    rig.duplex.open_gate();
    assert_eq!(rig.notices.recv_timeout(PATIENCE).unwrap(), Notice::Silent);
    assert_eq!(rig.notices.recv_timeout(PATIENCE).unwrap(), Notice::Audible);
}

#[test]
fn a_panicking_sink_is_reported_and_survived() {
    let (bell, notices) = sync_channel(100_000);
    let (sink, captured) = sync_channel(100_000);
    let config = Config {
        card: Card::Files { input: None, output: None },
        wire_rate: 24_000,
        pre_roll: Duration::ZERO,
        tail: Duration::ZERO,
    };
    let mut calls = 0;
    let sink = move |frame| {
        calls += 1;
        assert!(calls != 3, "a panic on purpose");
        drop(sink.send(frame));
    };
    let duplex = Duplex::open(config, sink, move |notice| drop(bell.send(notice))).unwrap();
    duplex.open_gate();
    let lost = notices.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(lost, Notice::Lost { direction: Direction::Input, .. }), "{lost:?}");
    for _ in 0..10 {
        captured.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.wav");
    let Err(Error::File(message)) = open(Some(&missing), None) else { panic!("must fail") };
    assert!(message.contains("missing.wav"), "{message}");
    let garbage = folder.path().join("garbage.wav");
    std::fs::write(&garbage, b"RIFF....not a wav").unwrap();
    assert!(matches!(open(Some(&garbage), None), Err(Error::File(_))));
    assert!(matches!(open(None, Some(&folder.path().join("no/such/folder.wav"))), Err(Error::File(_))));
}

#[test]
fn listing_devices_never_fails_otherwise_than_with_no_host() {
    assert!(matches!(devices(), Ok(_) | Err(Error::NoHost)));
}
