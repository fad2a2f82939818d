//! The room between speaker and microphone: what the last sound check said, or a new one.

use audio::{Direction, devices};

use crate::api::{Finding, Rate, Room};
use crate::calibration::{Calibrations, Kept};
use crate::call::system_card;
use crate::config::Settings;
use crate::doctor::{Check, Section, Status, advice};
use crate::sound_check::{Measured, measure};

/// A louder room makes conversations tiring, in dBFS.
const LOUD_ROOM: f32 = -40.0;
/// More than this is heard as gaps, in ms.
const UNEVEN: u32 = 60;
const QUIETER: &str = "Turn the speaker down, move it away from the microphone, or use headphones.";

/// Plays a chirp and keeps what it found.
pub(super) async fn chirp(settings: &Settings, calibrations: &Calibrations) -> Vec<Check> {
    let Measured { room, kept } = match measure(system_card(settings), settings.audio.volume, None, |_| {}).await {
        Ok(measured) => measured,
        Err(problem) => {
            let check = Check::new(Section::Audio, "Echo", Status::Failed, problem.detail.clone());
            let todo = Some(advice(&problem)).filter(|todo| !todo.is_empty());
            return vec![check.advise(todo.unwrap_or("Choose other devices, or restart the sound system."))];
        }
    };
    let mut checks = examined(&room);
    if let Some(keep) = kept
        && let Err(error) = calibrations.keep(&keep.input, &keep.output, keep.kept)
    {
        checks.push(Check::new(Section::Audio, "Sound check", Status::Warning, format!("could not be saved: {error}")));
    }
    checks
}

/// What is known of the devices of the settings. Blocks for some ms.
pub(super) fn known(settings: &Settings, calibrations: &Calibrations) -> Vec<Check> {
    let all = devices().unwrap_or_default();
    let id = |chosen: &str, direction| {
        let ours = || all.iter().filter(|device| device.direction == direction);
        let chosen = ours().find(|device| device.id.0 == chosen);
        chosen.or_else(|| ours().find(|device| device.is_default)).map(|device| device.id.0.clone())
    };
    let input = id(&settings.audio.input, Direction::Input);
    let output = id(&settings.audio.output, Direction::Output);
    let kept = input.zip(output).and_then(|(input, output)| calibrations.kept(&input, &output));
    vec![match kept {
        Some(Kept { finding, delay_ms, echo_loss_db, .. }) => {
            let detail = words(finding, Some(delay_ms.round() as u32), echo_loss_db.map(|loss| loss as f32));
            Check::new(Section::Audio, "Echo", Status::Ok, format!("when last measured, {detail}"))
        }
        None => Check::new(Section::Audio, "Echo", Status::Skipped, "not measured with these devices yet")
            .advise("`sidetone doctor audio --chirp` plays a chirp of 3 s and measures it."),
    }]
}

fn examined(room: &Room) -> Vec<Check> {
    let check = |name, status, detail| Check::new(Section::Audio, name, status, detail);
    let echo = words(room.finding, room.delay_ms, room.echo_loss_db);
    let mut checks = vec![match room.finding {
        Finding::Speakers | Finding::Headphones => check("Echo", Status::Ok, echo),
        Finding::TooStrong => check("Echo", Status::Warning, echo).advise(QUIETER),
        Finding::Unclear => check("Echo", Status::Warning, echo).advise("Measure again when it is quieter."),
        Finding::Silent => check("Echo", Status::Warning, echo).advise("Look for a mute switch, then measure again."),
    }];
    let noise = format!("noise of {:.0} dBFS", room.noise_dbfs);
    checks.push(match () {
        () if room.is_clipped => check("Room", Status::Warning, format!("{noise}; the microphone distorts"))
            .advise("Turn the microphone or the speaker down."),
        () if room.is_distorted => {
            check("Room", Status::Warning, format!("{noise}; the speaker distorts")).advise("Turn the speaker down.")
        }
        () if room.noise_dbfs > LOUD_ROOM => {
            check("Room", Status::Warning, noise).advise("A quieter place or a headset helps.")
        }
        () => check("Room", Status::Ok, noise),
    });
    let clocks = format!("microphone {}, speaker {}", clock(&room.input_rate), clock(&room.output_rate));
    checks.push(if room.input_rate.is_off || room.output_rate.is_off {
        check("Clocks", Status::Warning, clocks)
            .advise("A device runs at another rate than it says: unplug it and plug it in again.")
    } else {
        check("Clocks", Status::Ok, clocks)
    });
    let timing = format!("sound arrives within {} ms", room.jitter_ms);
    checks.push(if room.jitter_ms > UNEVEN {
        check("Timing", Status::Warning, timing).advise("Close programs that keep the computer busy.")
    } else {
        check("Timing", Status::Ok, timing)
    });
    if room.is_hands_free {
        checks.push(
            check("Bluetooth", Status::Warning, "the headset is in its telephone mode".into())
                .advise("Listen on the headset and choose the computer's own microphone: both will sound better."),
        );
    }
    checks
}

fn words(finding: Finding, delay_ms: Option<u32>, loss_db: Option<f32>) -> String {
    let delay = delay_ms.unwrap_or_default();
    let level = match loss_db {
        Some(loss) if loss.abs() < 0.5 => "as loud as played".into(),
        Some(loss) if loss < 0.0 => format!("{:.0} dB louder than played", -loss),
        Some(loss) => format!("{loss:.0} dB quieter than played"),
        None => String::new(),
    };
    match finding {
        Finding::Speakers => format!("the microphone hears the speaker after {delay} ms, {level}: it is cancelled"),
        Finding::Headphones => "the microphone does not hear the speaker: nothing is cancelled".into(),
        Finding::TooStrong => {
            format!(
                "the microphone hears the speaker too strongly ({level}): it had better pause while an answer plays"
            )
        }
        Finding::Unclear => "the room is too loud to tell".into(),
        Finding::Silent => "the microphone gives nothing at all".into(),
    }
}

fn clock(rate: &Rate) -> String {
    if rate.is_off {
        return format!("{} Hz instead of {} Hz", rate.true_hz, rate.claimed_hz);
    }
    format!("{} Hz", rate.claimed_hz)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: Rate = Rate { claimed_hz: 48_000, true_hz: 48_003, is_off: false };

    fn room(finding: Finding) -> Room {
        Room {
            finding,
            delay_ms: Some(72),
            echo_loss_db: Some(11.6),
            noise_dbfs: -61.0,
            is_clipped: false,
            is_distorted: false,
            input_rate: RIGHT,
            output_rate: RIGHT,
            is_hands_free: false,
            jitter_ms: 9,
            curve: Vec::new(),
            is_kept: true,
        }
    }

    fn statuses(room: &Room) -> Vec<(String, Status)> {
        examined(room).into_iter().map(|check| (check.name, check.status)).collect()
    }

    #[test]
    fn a_good_room_has_nothing_to_advise() {
        let checks = examined(&room(Finding::Speakers));
        assert!(checks.iter().all(|check| check.status == Status::Ok && check.advice.is_empty()), "{checks:?}");
        let echo = "the microphone hears the speaker after 72 ms, 12 dB quieter than played: it is cancelled";
        assert_eq!(checks.first().map(|check| &*check.detail), Some(echo));
    }

    #[test]
    fn each_trouble_comes_with_advice() {
        let wrong = Rate { claimed_hz: 48_000, true_hz: 44_100, is_off: true };
        let good = || room(Finding::Speakers);
        for (room, name) in [
            (room(Finding::TooStrong), "Echo"),
            (room(Finding::Unclear), "Echo"),
            (room(Finding::Silent), "Echo"),
            (Room { is_clipped: true, ..good() }, "Room"),
            (Room { is_distorted: true, ..good() }, "Room"),
            (Room { noise_dbfs: -30.0, ..good() }, "Room"),
            (Room { output_rate: wrong, ..good() }, "Clocks"),
            (Room { jitter_ms: 200, ..good() }, "Timing"),
            (Room { is_hands_free: true, ..good() }, "Bluetooth"),
        ] {
            assert!(statuses(&room).contains(&(name.into(), Status::Warning)), "{name}");
            let advised = examined(&room).iter().all(|check| check.status == Status::Ok || !check.advice.is_empty());
            assert!(advised, "{name}");
        }
    }
}
