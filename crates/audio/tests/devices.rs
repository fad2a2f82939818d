//! The duplex on real streams of a sound server, with devices that come and go.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod rig;

use std::fs;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use audio::{Choice, Direction, EchoControl, Error, ItemKey, Notice, Processing, devices};
use rig::{
    Call, DEVICES, PATIENCE, Recorder, Rig, babble, device, halved, open, pactl, say, share_found, sounding, tone,
    unplug, wait_until, with_server,
};

const A: ItemKey = ItemKey(1);

fn is_opened(notice: &Notice, wanted: Direction, wanted_name: &str, fallback: bool) -> bool {
    matches!(notice, Notice::Opened { direction, name, is_fallback }
        if *direction == wanted && name == wanted_name && *is_fallback == fallback)
}

fn is_lost(notice: &Notice, wanted: Direction) -> bool {
    matches!(notice, Notice::Lost { direction, .. } if *direction == wanted)
}

fn start(input: Choice, output: Choice) -> Call {
    let expected = [&input, &output].into_iter().filter(|choice| **choice != Choice::Off).count();
    let call = open(input, output).unwrap();
    for _ in 0..expected {
        let notice = call.notice();
        assert!(matches!(notice, Notice::Opened { is_fallback: false, .. }), "{notice:?}");
    }
    call
}

#[test]
fn devices_are_listed_by_readable_name_default_first_monitors_last() {
    with_server("devices_are_listed_by_readable_name_default_first_monitors_last", DEVICES, |_rig| {
        let found = devices().unwrap();
        let names = |wanted: Direction| -> Vec<(String, bool, bool)> {
            let way = found.iter().filter(|device| device.direction == wanted);
            way.map(|device| (device.name.clone(), device.is_default, device.is_monitor)).collect()
        };
        let row = |name: &str, is_default, is_monitor| (name.to_owned(), is_default, is_monitor);
        assert_eq!(
            names(Direction::Input),
            [
                row("Microphone", true, false),
                row("Monitor of Feed", false, true),
                row("Monitor of Speaker", false, true),
            ]
        );
        assert_eq!(names(Direction::Output), [row("Speaker", true, false), row("Feed", false, false)]);
        assert_eq!(found.iter().find(|device| device.is_default).unwrap().id.0, "pulseaudio:vmic");
    });
}

#[test]
fn what_is_spoken_arrives_unchanged() {
    with_server("what_is_spoken_arrives_unchanged", DEVICES, |rig| {
        let call = start(Choice::Default, Choice::Default);
        let speech = babble(1.5);
        call.duplex.open_gate();
        say(&rig, &speech);
        call.duplex.close_gate();
        let captured = call.listen(usize::MAX);
        let share = share_found(&speech[..28_800], &captured);
        assert!(share > 0.8, "{share}");
        assert_eq!(call.duplex.stats().overflows, 0);
    });
}

#[test]
fn devices_with_other_rates_and_channels_work_as_well() {
    let devices = "
load-module module-null-sink sink_name=vspk rate=44100 channels=6 norewinds=1 sink_properties=device.description=Speaker
load-module module-null-sink sink_name=vmic_sink rate=16000 channels=8 format=u8 norewinds=1 sink_properties=device.description=Feed
load-module module-remap-source source_name=vmic master=vmic_sink.monitor source_properties=device.description=Microphone
set-default-sink vspk
set-default-source vmic
";
    with_server("devices_with_other_rates_and_channels_work_as_well", devices, |rig| {
        let call = start(Choice::Default, Choice::Default);
        let recorder = Recorder::start(&rig);
        call.duplex.play(A, tone(0.6));
        call.duplex.finish(A);
        call.wait_for("the end", |notice| *notice == Notice::Finished(A));
        call.duplex.open_gate();
        say(&rig, &babble(0.5));
        call.duplex.close_gate();
        let captured = call.listen(usize::MAX);
        assert!(sounding(&captured).len() > 9_000, "{}", sounding(&captured).len());
        wait_until("the tone was heard", || sounding(&recorder.so_far()).len().abs_diff(28_800) < 4_800);
    });
}

#[test]
fn what_is_played_is_heard_without_a_gap() {
    with_server("what_is_played_is_heard_without_a_gap", DEVICES, |rig| {
        let call = start(Choice::Default, Choice::Default);
        let recorder = Recorder::start(&rig);
        let speech = babble(3.0);
        for delta in speech.chunks(1_111) {
            call.duplex.play(A, delta.to_vec());
        }
        call.duplex.finish(A);
        assert_eq!(call.notice(), Notice::Started(A));
        assert_eq!(call.notice(), Notice::Finished(A));
        wait_until("all was recorded", || sounding(&recorder.so_far()).len() > 140_000);
        let share = share_found(&speech, &halved(&recorder.so_far()));
        assert!(share > 0.7, "{share}");
        assert_eq!(call.duplex.stats().underruns, 0);
    });
}

#[test]
fn a_flush_is_silent_within_50_ms_of_what_it_calls_heard() {
    with_server("a_flush_is_silent_within_50_ms_of_what_it_calls_heard", DEVICES, |rig| {
        let call = start(Choice::Off, Choice::Default);
        let recorder = Recorder::start(&rig);
        call.duplex.play(A, tone(30.0));
        call.duplex.finish(A);
        wait_until("a second was heard", || call.duplex.heard(A) > Duration::from_secs(1));
        let heard = call.duplex.flush();
        let next = ItemKey(2);
        call.duplex.play(next, vec![0; 24_000]);
        call.duplex.finish(next);
        call.wait_for("the end", |notice| *notice == Notice::Finished(next));
        let audible = sounding(&recorder.so_far()).len() as f64 / 48_000.0;
        let told = heard[0].duration.as_secs_f64();
        assert!(audible > told - 0.03 && audible < told + 0.05, "audible {audible}, told {told}");
    });
}

#[test]
fn an_unplugged_speaker_is_replaced_and_taken_again_when_it_returns() {
    with_server("an_unplugged_speaker_is_replaced_and_taken_again_when_it_returns", DEVICES, |_rig| {
        pactl(&[
            "load-module",
            "module-null-sink",
            "sink_name=vspk2",
            "rate=44100",
            "norewinds=1",
            "sink_properties=device.description=Headset",
        ]);
        let call = start(Choice::Default, device("vspk2"));
        call.duplex.play(A, tone(60.0));
        call.duplex.finish(A);
        let before = call.wait_for("the start", |notice| *notice == Notice::Started(A));
        assert!(before.is_empty(), "{before:?}");
        unplug("vspk2");
        call.wait_for("the loss", |notice| is_lost(notice, Direction::Output));
        let between = call.wait_for("the stand-in", |notice| is_opened(notice, Direction::Output, "Speaker", true));
        assert!(between.is_empty(), "{between:?}");
        let before = call.duplex.heard(A);
        wait_until("it goes on playing", || call.duplex.heard(A) > before + Duration::from_millis(100));
        pactl(&[
            "load-module",
            "module-null-sink",
            "sink_name=vspk2",
            "rate=44100",
            "norewinds=1",
            "sink_properties=device.description=Headset",
        ])
        .unwrap();
        let between = call.wait_for("the return", |notice| is_opened(notice, Direction::Output, "Headset", false));
        assert!(between.is_empty(), "{between:?}");
        assert!(call.duplex.stats().reopened >= 2);
    });
}

#[test]
fn an_unplugged_microphone_is_replaced_while_the_speaker_plays_on() {
    with_server("an_unplugged_microphone_is_replaced_while_the_speaker_plays_on", DEVICES, |rig| {
        pactl(&["load-module", "module-null-sink", "sink_name=spare_sink", "rate=48000", "channels=1"]).unwrap();
        pactl(&[
            "load-module",
            "module-remap-source",
            "source_name=spare",
            "master=spare_sink.monitor",
            "source_properties=device.description=Spare",
        ])
        .unwrap();
        let call = start(device("vmic"), Choice::Default);
        let recorder = Recorder::start(&rig);
        call.duplex.open_gate();
        call.duplex.play(A, tone(6.0));
        call.duplex.finish(A);
        call.wait_for("the start", |notice| *notice == Notice::Started(A));
        unplug("vmic");
        call.wait_for("the loss", |notice| is_lost(notice, Direction::Input));
        call.wait_for("the stand-in", |notice| {
            matches!(notice, Notice::Opened { direction: Direction::Input, is_fallback: true, .. })
        });
        while call.captured.try_recv().is_ok() {}
        assert_eq!(call.listen(4_800).len(), 4_800);
        call.wait_for("the end", |notice| *notice == Notice::Finished(A));
        assert_eq!(call.duplex.stats().underruns, 0);
        let heard = sounding(&recorder.so_far()).len();
        assert!(heard.abs_diff(288_000) < 9_600, "{heard}");
    });
}

#[test]
fn a_killed_sound_server_is_survived() {
    with_server("a_killed_sound_server_is_survived", DEVICES, |mut rig| {
        let call = start(Choice::Default, device("vspk"));
        call.duplex.open_gate();
        call.duplex.play(A, tone(60.0));
        call.wait_for("the start", |notice| *notice == Notice::Started(A));
        wait_until("something was heard", || call.duplex.heard(A) > Duration::ZERO);
        rig.kill();
        let mut lost = vec![call.notice(), call.notice()];
        lost.sort_by_key(|notice| is_lost(notice, Direction::Output));
        assert!(is_lost(&lost[0], Direction::Input) && is_lost(&lost[1], Direction::Output), "{lost:?}");
        // Nothing hangs while there is no sound system.
        assert!(call.duplex.flush()[0].duration > Duration::ZERO);
        call.duplex.play(A, tone(60.0));
        rig.start();
        let (mut has_input, mut has_output) = (false, false);
        while !(has_input && has_output) {
            let notice = call.notice();
            has_input |= is_opened(&notice, Direction::Input, "Microphone", false);
            has_output |= is_opened(&notice, Direction::Output, "Speaker", false);
        }
        wait_until("it plays again", || call.duplex.heard(A) > Duration::from_millis(100));
        while call.captured.try_recv().is_ok() {}
        assert_eq!(call.listen(4_800).len(), 4_800);
    });
}

#[test]
fn a_changed_default_is_followed_and_a_choice_taken_at_once() {
    with_server("a_changed_default_is_followed_and_a_choice_taken_at_once", DEVICES, |_rig| {
        let call = start(Choice::Off, Choice::Default);
        pactl(&["set-default-sink", "vmic_sink"]).unwrap();
        assert!(is_opened(&call.notice(), Direction::Output, "Feed", false));
        call.duplex.choose(device("vmic"), device("vspk"));
        let mut opened = vec![call.notice(), call.notice()];
        opened.sort_by_key(|notice| is_opened(notice, Direction::Output, "Speaker", false));
        assert!(is_opened(&opened[0], Direction::Input, "Microphone", false), "{opened:?}");
        assert!(is_opened(&opened[1], Direction::Output, "Speaker", false), "{opened:?}");
    });
}

#[test]
fn a_missing_device_is_replaced_from_the_start() {
    with_server("a_missing_device_is_replaced_from_the_start", DEVICES, |_rig| {
        let call = open(device("unplugged"), device("vsp")).unwrap();
        let mut opened = vec![call.notice(), call.notice()];
        opened.sort_by_key(|notice| is_opened(notice, Direction::Output, "Speaker", true));
        assert!(is_opened(&opened[0], Direction::Input, "Microphone", true), "{opened:?}");
        assert!(is_opened(&opened[1], Direction::Output, "Speaker", true), "{opened:?}");
    });
}

#[test]
fn a_machine_without_a_microphone_says_so() {
    let devices = "load-module module-null-sink sink_name=vspk sink_properties=device.description=Speaker\n";
    with_server("a_machine_without_a_microphone_says_so", devices, |_rig| {
        assert_eq!(open(Choice::Default, Choice::Default).err(), Some(Error::NoDevice(Direction::Input)));
        let call = open(Choice::Off, Choice::Default).unwrap();
        assert!(is_opened(&call.notice(), Direction::Output, "Speaker", false));
    });
}

#[test]
fn a_source_without_data_does_not_hang_and_is_taken_when_it_starts() {
    with_server("a_source_without_data_does_not_hang_and_is_taken_when_it_starts", DEVICES, |rig| {
        let pipe = rig.folder().join("pipe");
        let file = format!("file={}", pipe.display());
        pactl(&[
            "load-module",
            "module-pipe-source",
            "source_name=stuck",
            &file,
            "rate=48000",
            "channels=1",
            "format=s16le",
        ])
        .unwrap();
        let call = open(device("stuck"), Choice::Default).unwrap();
        let mut opened = vec![call.notice(), call.notice()];
        opened.sort_by_key(|notice| is_opened(notice, Direction::Output, "Speaker", false));
        assert!(is_opened(&opened[0], Direction::Input, "Microphone", true), "{opened:?}");
        // A real-time source, as the server expects one: 20 ms at a time.
        let (stop, is_stopped) = sync_channel::<()>(1);
        let writer = std::thread::spawn(move || {
            let mut pipe = fs::File::options().write(true).open(pipe).unwrap();
            while is_stopped.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
                if pipe.write_all(&[1; 1_920]).is_err() {
                    break;
                }
            }
        });
        let notice = call.notices.recv_timeout(PATIENCE).unwrap();
        assert!(
            matches!(&notice, Notice::Opened { direction: Direction::Input, is_fallback: false, .. }),
            "{notice:?}"
        );
        drop(stop);
        writer.join().unwrap();
    });
}

#[test]
fn no_sound_server_is_an_error_within_the_time_limit() {
    with_server("no_sound_server_is_an_error_within_the_time_limit", DEVICES, |mut rig| {
        rig.kill();
        let error = open(Choice::Default, Choice::Default).err();
        assert!(matches!(error, Some(Error::NoHost | Error::NoDevice(_) | Error::Lost { .. })), "{error:?}");
    });
}

/// Longest part of a sentence that may be lost when one device takes over from another.
const LOSS: Duration = Duration::from_millis(300);
/// Longest part that may be heard twice instead.
const REPETITION: Duration = Duration::from_millis(250);

/// What arrived of a sentence: counted in its samples, so that a slow machine only takes longer over it.
fn assert_whole(what: &str, arrived: usize, sent: usize, rate: u32) {
    let seconds = |samples: usize| samples as f64 / f64::from(rate);
    let (lost, repeated) = (seconds(sent) - seconds(arrived), seconds(arrived) - seconds(sent));
    assert!(lost <= LOSS.as_secs_f64(), "{what}: {lost:.3} s lost");
    assert!(repeated <= REPETITION.as_secs_f64(), "{what}: {repeated:.3} s heard twice");
}

/// A second microphone that hears the same voice, or a second speaker that is heard at the same place.
fn second(kind: &str, rate: u32) {
    let rate = format!("rate={rate}");
    let arguments: &[&str] = match kind {
        "source" => &["module-remap-source", "source_name=vmic2", "master=vmic_sink.monitor", "channels=1", &rate],
        _ => &["module-remap-sink", "sink_name=vspk2", "master=vspk", "channels=2", &rate],
    };
    pactl(&[&["load-module"], arguments].concat()).unwrap();
}

/// Says four seconds while six are heard, and lets `change` change a device in the midst of both. Returns what the
/// microphone and what the listener got.
fn change_in_mid_sentence(rig: &Rig, call: &Call, change: impl FnOnce()) -> (Vec<f32>, Vec<f32>) {
    let recorder = Recorder::start(rig);
    // Nothing is to be taken out of the voice: only what the change of the device does to it is counted.
    call.duplex.process(Processing { echo: EchoControl::Headphones, ..Processing::default() });
    call.duplex.open_gate();
    call.duplex.play(A, tone(6.0));
    call.duplex.finish(A);
    call.wait_for("the start", |notice| *notice == Notice::Started(A));
    let captured = std::thread::scope(|scope| {
        let speaker = scope.spawn(|| say(rig, &babble(4.0)));
        let mut captured = Vec::new();
        while sounding(&captured).len() < 24_000 {
            captured.extend(call.listen(2_400));
        }
        change();
        call.wait_for("the other device", |notice| matches!(notice, Notice::Opened { .. }));
        speaker.join().unwrap();
        call.duplex.close_gate();
        captured.extend(call.listen(usize::MAX));
        captured
    });
    if call.duplex.is_playing() {
        call.wait_for("the end", |notice| *notice == Notice::Finished(A));
    }
    wait_until("all was recorded", || recorder.so_far().iter().rev().take(9_600).all(|sample| sample.abs() < 0.000_1));
    (sounding(&captured), sounding(&recorder.so_far()))
}

#[test]
fn another_microphone_in_mid_sentence_costs_no_word_and_the_answer_no_break() {
    with_server("another_microphone_in_mid_sentence_costs_no_word_and_the_answer_no_break", DEVICES, |rig| {
        for (by, rate) in [("choice", 48_000), ("choice", 16_000), ("default", 44_100)] {
            second("source", rate);
            pactl(&["set-default-source", "vmic"]).unwrap();
            let call = start(Choice::Default, Choice::Default);
            let (said, heard) = change_in_mid_sentence(&rig, &call, || match by {
                "choice" => call.duplex.choose(device("vmic2"), Choice::Default),
                _ => drop(pactl(&["set-default-source", "vmic2"]).unwrap()),
            });
            assert_whole(&format!("microphone by {by} at {rate} Hz"), said.len(), 4 * 24_000, 24_000);
            assert_whole("the answer meanwhile", heard.len(), 6 * 48_000, 48_000);
            assert_eq!(call.duplex.stats().underruns, 0);
            drop(call);
            unplug("vmic2");
        }
    });
}

#[test]
fn another_speaker_in_mid_sentence_costs_no_word_of_either_side() {
    with_server("another_speaker_in_mid_sentence_costs_no_word_of_either_side", DEVICES, |rig| {
        for (by, rate) in [("choice", 48_000), ("choice", 44_100), ("default", 48_000)] {
            second("sink", rate);
            pactl(&["set-default-sink", "vspk"]).unwrap();
            let call = start(Choice::Default, Choice::Default);
            let (said, heard) = change_in_mid_sentence(&rig, &call, || match by {
                "choice" => call.duplex.choose(Choice::Default, device("vspk2")),
                _ => drop(pactl(&["set-default-sink", "vspk2"]).unwrap()),
            });
            assert_whole(&format!("speaker by {by} at {rate} Hz"), heard.len(), 6 * 48_000, 48_000);
            assert_whole("the microphone meanwhile", said.len(), 4 * 24_000, 24_000);
            assert_eq!(call.duplex.stats().overflows, 0);
            drop(call);
            unplug("vspk2");
        }
    });
}
