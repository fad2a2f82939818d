//! The chirp: plays it, listens, and says what follows for the echo.

use std::sync::{Arc, mpsc as channel};
use std::time::{Duration, Instant, SystemTime};

use audio::measure::{self, AFTER, BEFORE, Measurement, Recording, Unmeasurable};
use audio::{Card, Direction, Duplex, ItemKey, Notice, Pair};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout_at;

use crate::api::{Code, Finding, Problem, Rate, Room};
use crate::calibration::Kept;
use crate::call::{sound_config, sound_problem};
use crate::handle::Sound;

/// Microphone frames that are left out: streams settle.
const SETTLING: usize = 30;
/// From `play` until the first sample is at the speaker, and then some.
const START: Duration = Duration::from_millis(500);
/// Microphone frames per second.
const FRAMES_PER_SECOND: usize = 100;
/// Longest measurement.
const LIMIT: Duration = Duration::from_secs(10);
/// Frames that may wait to be taken (2 s).
const FRAMES: usize = 200;
const NOTICES: usize = 64;
/// A chirp softer than this would not be heard.
const SOFTEST: f32 = 0.2;
const ITEM: ItemKey = ItemKey(1);

/// Echoes weaker than this do no harm, in dB.
const HARMLESS: f32 = 45.0;
/// An echo must be noticed up to this loss before its absence means anything, in dB.
const CERTAIN: f32 = 40.0;
/// Echoes stronger than this are beyond any canceller, in dB.
const HOPELESS: f32 = -6.0;
/// Harmonics above this, in dB below the echo, cannot be cancelled; they matter when the echo is strong.
const DISTORTED: f32 = -10.0;
const STRONG: f32 = 10.0;
/// Share by which a clock may be off.
const TOLERANCE: f32 = 0.01;

/// What came out, and for which devices it may be kept.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) room: Room,
    pub(crate) kept: Option<Keep>,
}

/// An outcome with the ids of its devices.
#[derive(Debug)]
pub(crate) struct Keep {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) kept: Kept,
}

/// 10 ms of both ends.
struct Frame {
    near: [f32; 480],
    far: [f32; 480],
    far_held: Duration,
    at: Instant,
}

/// Opens the devices, plays the chirp as loud as answers are (but audibly), and analyses what was heard. Tells the
/// seconds that are left.
pub(crate) async fn measure(
    card: Card,
    volume: f32,
    meters: Option<&watch::Sender<Sound>>,
    progress: impl Fn(f32),
) -> Result<Measured, Problem> {
    let (notify, notices) = channel::sync_channel(NOTICES);
    let is_system = matches!(card, Card::System { .. });
    let duplex = open(card, notify).await.map_err(|error| sound_problem(&error))?;
    duplex.set_volume(volume.max(SOFTEST));
    if let Some(meters) = meters {
        meters.send_replace(Sound(Some(Arc::clone(&duplex))));
    }
    let (recording, has_clipped) = record(&duplex, progress).await;
    if let Some(meters) = meters {
        meters.send_replace(Sound(None));
    }
    drop(tokio::task::spawn_blocking(move || drop(duplex)));
    let analysis = tokio::task::spawn_blocking(move || {
        let devices = if is_system { Devices::opened(notices.try_iter()) } else { Devices::default() };
        (measure::measure(&recording), devices)
    });
    let (found, devices) = analysis.await.map_err(|error| internal(&error.to_string()))?;
    let mut found = found.map_err(unmeasurable)?;
    found.is_clipped |= has_clipped;
    Ok(devices.conclude(&found))
}

async fn open(card: Card, notify: channel::SyncSender<Notice>) -> Result<Arc<Duplex>, audio::Error> {
    let notice = move |notice| drop(notify.try_send(notice));
    let opening = tokio::task::spawn_blocking(move || Duplex::open(sound_config(card), |_| {}, notice));
    let lost = |detail| audio::Error::Lost { direction: Direction::Input, detail };
    opening.await.map_err(|error| lost(error.to_string()))?.map(Arc::new)
}

/// Records both ends while the chirp is played, and whether the microphone clipped.
async fn record(duplex: &Arc<Duplex>, progress: impl Fn(f32)) -> (Recording, bool) {
    let (keep, mut frames) = mpsc::channel(FRAMES);
    duplex.tap(Some(Box::new(move |pair: Pair<'_>| {
        // When it is full, this task hangs, and there is nothing to measure.
        let _ = keep.try_send(Box::new(Frame {
            near: *pair.raw,
            far: *pair.far,
            far_held: pair.far_held,
            at: Instant::now(),
        }));
    })));
    let chirp = measure::chirp(protocol::SAMPLE_RATE);
    let before = SETTLING + in_frames(BEFORE);
    let length = Duration::from_secs_f64(chirp.len() as f64 / f64::from(protocol::SAMPLE_RATE));
    let all = before + in_frames(START + length + AFTER);
    let mut chirp = Some(chirp);
    let (mut recording, mut has_clipped, mut count) = (Recording::default(), false, 0);
    let begun = Instant::now();
    while count < all
        && let Ok(Some(frame)) = timeout_at((begun + LIMIT).into(), frames.recv()).await
    {
        count += 1;
        if count > SETTLING {
            recording.push(&frame.near, &frame.far, frame.far_held, frame.at.saturating_duration_since(begun));
        }
        if count >= before
            && let Some(chirp) = chirp.take()
        {
            duplex.play(ITEM, chirp);
            duplex.finish(ITEM);
        }
        has_clipped |= duplex.levels().clipped;
        if count % 10 == 0 {
            progress((all - count) as f32 / FRAMES_PER_SECOND as f32);
        }
    }
    duplex.tap(None);
    (recording, has_clipped)
}

fn in_frames(time: Duration) -> usize {
    (time.as_secs_f64() * FRAMES_PER_SECOND as f64) as usize
}

/// The devices that were used; unknown ones are files, or changed meanwhile.
#[derive(Default)]
struct Devices {
    input: Option<audio::Device>,
    output: Option<audio::Device>,
}

impl Devices {
    /// Finds out which devices were opened. Blocks for some ms.
    fn opened(notices: impl Iterator<Item = Notice>) -> Self {
        let (mut input, mut output, mut is_steady) = (None, None, true);
        for notice in notices {
            match notice {
                Notice::Opened { direction, name, .. } => {
                    let side = match direction {
                        Direction::Input => &mut input,
                        Direction::Output => &mut output,
                    };
                    is_steady &= side.replace(name).is_none();
                }
                Notice::Lost { .. } => is_steady = false,
                Notice::Silent | Notice::Audible | Notice::Started(_) | Notice::Finished(_) => {}
            }
        }
        if !is_steady {
            return Self::default();
        }
        let devices = audio::devices().unwrap_or_default();
        let named = |direction, name: Option<String>| {
            let name = name?;
            devices.iter().find(|device| device.direction == direction && device.name == name).cloned()
        };
        Self { input: named(Direction::Input, input), output: named(Direction::Output, output) }
    }

    fn conclude(&self, found: &Measurement) -> Measured {
        let finding = finding(found);
        let kept = match (&self.input, &self.output) {
            (Some(input), Some(output)) if !matches!(finding, Finding::Unclear | Finding::Silent) => {
                Some(Keep { input: input.id.0.clone(), output: output.id.0.clone(), kept: kept(found, finding) })
            }
            _ => None,
        };
        let both = || [&self.input, &self.output].into_iter().flatten();
        let room = Room {
            finding,
            delay_ms: found.echo.map(|echo| echo.delay.as_millis() as u32),
            echo_loss_db: found.echo.map(|echo| tenths(echo.loss_db)),
            noise_dbfs: tenths(found.noise_dbfs),
            is_clipped: found.is_clipped,
            is_distorted: found.echo.is_some_and(|echo| echo.distortion_db > DISTORTED),
            input_rate: rate(self.input.as_ref(), found.input_speed),
            output_rate: rate(self.output.as_ref(), found.output_speed),
            is_hands_free: both().any(audio::Device::is_hands_free),
            jitter_ms: found.jitter.as_millis() as u32,
            curve: found.curve.iter().map(|level| tenths(*level)).collect(),
            is_kept: kept.is_some(),
        };
        Measured { room, kept }
    }
}

fn finding(found: &Measurement) -> Finding {
    match found.echo {
        _ if found.is_silent => Finding::Silent,
        None if found.reach_db < CERTAIN => Finding::Unclear,
        None => Finding::Headphones,
        Some(echo) if echo.loss_db > HARMLESS => Finding::Headphones,
        Some(echo) if echo.loss_db < HOPELESS => Finding::TooStrong,
        Some(echo) if echo.distortion_db > DISTORTED && echo.loss_db < STRONG => Finding::TooStrong,
        Some(_) => Finding::Speakers,
    }
}

fn kept(found: &Measurement, finding: Finding) -> Kept {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let short = |value: f64| (value * 10.0).round() / 10.0;
    Kept {
        measured_at: seconds,
        finding,
        delay_ms: found.echo.map_or(0.0, |echo| short(echo.delay.as_secs_f64() * 1e3)),
        echo_loss_db: found.echo.map(|echo| short(f64::from(echo.loss_db))),
        noise_dbfs: short(f64::from(found.noise_dbfs)),
        jitter_ms: short(found.jitter.as_secs_f64() * 1e3),
    }
}

fn rate(device: Option<&audio::Device>, speed: f32) -> Rate {
    let claimed_hz = device.map_or(48_000, |device| device.rate);
    Rate { claimed_hz, true_hz: (claimed_hz as f32 * speed).round() as u32, is_off: (speed - 1.0).abs() > TOLERANCE }
}

fn tenths(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}

fn unmeasurable(why: Unmeasurable) -> Problem {
    let code = match why {
        Unmeasurable::NoMicrophone => Code::MicrophoneSilent,
        Unmeasurable::NotPlayed => Code::NoSpeaker,
    };
    Problem { code, detail: why.to_string() }
}

fn internal(detail: &str) -> Problem {
    Problem { code: Code::Internal, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use audio::measure::Echo;
    use audio::{Device, DeviceId};

    use super::*;

    fn found(loss_db: f32) -> Measurement {
        Measurement {
            echo: Some(Echo { delay: Duration::from_micros(71_630), loss_db, distortion_db: -40.0 }),
            reach_db: 60.0,
            noise_dbfs: -61.28,
            is_clipped: false,
            is_silent: false,
            input_speed: 1.0,
            output_speed: 0.9999,
            jitter: Duration::from_micros(4_210),
            curve: vec![-60.04, -12.02],
        }
    }

    fn device(direction: Direction, id: &str, rate: u32, channels: u16) -> Option<Device> {
        let (id, name) = (DeviceId(id.into()), "A device".into());
        Some(Device { id, name, direction, is_default: true, channels, rate, is_monitor: false })
    }

    fn devices() -> Devices {
        Devices {
            input: device(Direction::Input, "pulseaudio:mic", 44_100, 1),
            output: device(Direction::Output, "pulseaudio:speaker", 48_000, 2),
        }
    }

    #[test]
    fn the_echo_decides_what_is_advised() {
        let none = |reach_db| Measurement { echo: None, reach_db, ..found(0.0) };
        let distorted = |loss_db| Measurement {
            echo: Some(Echo { delay: Duration::ZERO, loss_db, distortion_db: -6.0 }),
            ..found(0.0)
        };
        for (found, wanted) in [
            (found(12.0), Finding::Speakers),
            (found(-3.0), Finding::Speakers),
            (found(44.0), Finding::Speakers),
            (found(46.0), Finding::Headphones),
            (found(-8.0), Finding::TooStrong),
            (distorted(2.0), Finding::TooStrong),
            (distorted(25.0), Finding::Speakers),
            (none(60.0), Finding::Headphones),
            (none(25.0), Finding::Unclear),
            (Measurement { is_silent: true, ..none(100.0) }, Finding::Silent),
        ] {
            assert_eq!(finding(&found), wanted, "{found:?}");
        }
    }

    #[test]
    fn an_outcome_is_kept_for_its_devices_with_short_numbers() {
        let Measured { room, kept } = devices().conclude(&found(12.34));
        let keep = kept.unwrap_or_else(|| panic!("nothing to keep"));
        assert_eq!((&*keep.input, &*keep.output), ("pulseaudio:mic", "pulseaudio:speaker"));
        let kept = keep.kept;
        assert_eq!((kept.delay_ms, kept.echo_loss_db, kept.noise_dbfs, kept.jitter_ms), (71.6, Some(12.3), -61.3, 4.2));
        assert_eq!((room.delay_ms, room.echo_loss_db, room.is_kept), (Some(71), Some(12.3), true));
        assert_eq!(room.input_rate, Rate { claimed_hz: 44_100, true_hz: 44_100, is_off: false });
    }

    #[test]
    fn what_is_unsure_or_of_unknown_devices_is_not_kept() {
        assert!(Devices::default().conclude(&found(12.0)).kept.is_none());
        let unclear = Measurement { echo: None, reach_db: 10.0, ..found(0.0) };
        let Measured { room, kept } = devices().conclude(&unclear);
        assert!(kept.is_none() && !room.is_kept && room.finding == Finding::Unclear);
    }

    #[test]
    fn a_clock_that_is_off_by_more_than_a_hundredth_is_told() {
        let wrong = Measurement { input_speed: 44.1 / 48.0, output_speed: 1.008, ..found(12.0) };
        let room = devices().conclude(&wrong).room;
        assert_eq!(room.input_rate, Rate { claimed_hz: 44_100, true_hz: 40_517, is_off: true });
        assert!(!room.output_rate.is_off);
    }

    #[test]
    fn a_telephone_headset_is_told() {
        let input = device(Direction::Input, "pulseaudio:bluez_input.AC:80", 16_000, 1);
        let room = Devices { input, ..devices() }.conclude(&found(12.0)).room;
        assert!(room.is_hands_free);
        assert!(!devices().conclude(&found(12.0)).room.is_hands_free);
    }
}
