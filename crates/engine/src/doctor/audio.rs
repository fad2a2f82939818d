//! Microphone and speaker: listed, opened, and really delivering.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use audio::{Captured, Card, Choice, Config, Device, DeviceId, Direction, Duplex, Error, ItemKey, Notice, devices};

use crate::doctor::{Check, Patient, Section, Status, room};

/// How long the devices run.
const LISTEN: Duration = Duration::from_secs(1);
/// For one device: opening may take 3 s by itself.
const LIMIT: Duration = Duration::from_secs(8);

pub(super) async fn look(patient: &Patient) -> Vec<Check> {
    let chosen = patient.settings.audio.clone();
    let choice = |id: &str| match id {
        "" => Choice::Default,
        id => Choice::Device(DeviceId(id.to_owned())),
    };
    let (input, output) = (choice(&chosen.input), choice(&chosen.output));
    let mut checks = limited("Devices", listed).await;
    checks.extend(limited("Microphone", move || vec![microphone(input)]).await);
    checks.extend(limited("Speaker", move || vec![speaker(output)]).await);
    let (settings, calibrations) = (patient.settings.clone(), patient.calibrations.clone());
    if patient.is_audible {
        checks.extend(room::chirp(&settings, &calibrations).await);
    } else {
        checks.extend(limited("Echo", move || room::known(&settings, &calibrations)).await);
    }
    checks
}

/// Devices block, some of them for ever.
async fn limited(name: &str, look: impl FnOnce() -> Vec<Check> + Send + 'static) -> Vec<Check> {
    let failed = |why: &str| {
        let check = Check::new(Section::Audio, name, Status::Failed, why);
        vec![check.advise("Restart the sound system, or unplug the device and plug it in again.")]
    };
    match tokio::time::timeout(LIMIT, tokio::task::spawn_blocking(look)).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(_)) => failed("the check broke off"),
        Err(_) => failed("the sound system does not answer"),
    }
}

fn listed() -> Vec<Check> {
    let devices = match devices() {
        Ok(devices) => devices,
        Err(error) => return vec![failed("Devices", &error)],
    };
    let host = devices.first().and_then(|device| device.id.0.split_once(':')).map_or("unknown", |(host, _)| host);
    let mut checks = vec![Check::new(Section::Audio, "Sound system", Status::Ok, host)];
    for (direction, name) in [(Direction::Input, "Microphones"), (Direction::Output, "Speakers")] {
        let names: Vec<String> = devices.iter().filter(|device| device.direction == direction).map(words).collect();
        checks.push(match names.is_empty() {
            true => Check::new(Section::Audio, name, Status::Failed, "none found").advise("Connect one."),
            false => Check::new(Section::Audio, name, Status::Ok, names.join("; ")),
        });
    }
    checks
}

fn words(device: &Device) -> String {
    let mark = if device.is_default { ", default" } else { "" };
    let monitor = if device.is_monitor { ", monitor" } else { "" };
    format!("{} ({} Hz, {} ch{mark}{monitor})", device.name, device.rate, device.channels)
}

fn microphone(input: Choice) -> Check {
    let frames = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&frames);
    let card = Card::System { input, output: Choice::Off };
    let sink = move |captured| {
        if matches!(captured, Captured::Frame(_)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (duplex, notices) = match open(card, sink) {
        Ok(open) => open,
        Err(error) => return failed("Microphone", &error),
    };
    duplex.open_gate();
    let from = Instant::now();
    let mut loudest = f32::MIN;
    let mut name = String::new();
    while from.elapsed() < LISTEN {
        match notices.recv_timeout(Duration::from_millis(50)) {
            Ok(Notice::Opened { name: opened, .. }) => name = opened,
            Ok(_) | Err(_) => loudest = loudest.max(duplex.levels().input),
        }
    }
    let (count, stats) = (frames.load(Ordering::Relaxed), duplex.stats());
    let detail = format!(
        "{name}: {count} frames of 10 ms in a second, loudest {loudest:.0} dBFS, {} samples lost",
        stats.overflows
    );
    // The pre-roll comes on top.
    match count {
        0 => Check::new(
            Section::Audio,
            "Microphone",
            Status::Failed,
            format!("{name}: it opened, but gives no sound data"),
        )
        .advise("Choose another microphone, or restart the sound system."),
        1..80 => Check::new(Section::Audio, "Microphone", Status::Warning, detail)
            .advise("It delivers too slowly: close other sound apps."),
        _ if loudest <= -80.0 => Check::new(Section::Audio, "Microphone", Status::Warning, detail)
            .advise("It is on but silent: look for a mute switch, or choose another microphone."),
        _ => Check::new(Section::Audio, "Microphone", Status::Ok, detail),
    }
}

fn speaker(output: Choice) -> Check {
    const RATE: usize = 24_000;
    let item = ItemKey(1);
    let (duplex, notices) = match open(Card::System { input: Choice::Off, output }, |_| {}) {
        Ok(open) => open,
        Err(error) => return failed("Speaker", &error),
    };
    let from = Instant::now();
    // Half a second of silence: nobody needs to hear it to know that it was taken.
    duplex.play(item, vec![0; RATE / 2]);
    duplex.finish(item);
    let mut name = String::new();
    while from.elapsed() < LISTEN * 3 {
        match notices.recv_timeout(Duration::from_millis(50)) {
            Ok(Notice::Opened { name: opened, .. }) => name = opened,
            Ok(Notice::Finished(_)) => {
                let stats = duplex.stats();
                let took = from.elapsed().as_millis();
                let detail = format!("{name}: took half a second of sound in {took} ms, {} underruns", stats.underruns);
                return Check::new(Section::Audio, "Speaker", Status::Ok, detail);
            }
            Ok(_) | Err(_) => {}
        }
    }
    Check::new(Section::Audio, "Speaker", Status::Failed, format!("{name}: it opened, but takes no sound"))
        .advise("Choose another speaker, or restart the sound system.")
}

fn open(card: Card, sink: impl FnMut(Captured) + Send + 'static) -> Result<(Duplex, mpsc::Receiver<Notice>), Error> {
    let (notify, notices) = mpsc::sync_channel(64);
    let config = Config { card, wire_rate: 24_000, pre_roll: Duration::ZERO, tail: Duration::ZERO };
    let duplex = Duplex::open(config, sink, move |notice| drop(notify.try_send(notice)))?;
    Ok((duplex, notices))
}

fn failed(name: &str, error: &Error) -> Check {
    let advice = match error {
        Error::NoHost => "Start PipeWire or PulseAudio (Linux), or log in to a desktop session.",
        Error::NoDevice(_) => "Connect one; the app picks it up.",
        Error::Refused(_) => "Allow access to the microphone in the system's privacy settings.",
        Error::Stuck(_) | Error::Lost { .. } => "Choose another device, or restart the sound system.",
        Error::File(_) => "",
    };
    Check::new(Section::Audio, name, Status::Failed, error.to_string()).advise(advice)
}
