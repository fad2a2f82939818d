//! The sound check: the user speaks for 5 s, the app measures, then plays it back; and a chirp that measures the room.

mod room;

use std::sync::Arc;
use std::time::Duration;

use audio::{Captured, Card, Duplex, ItemKey};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval};

use crate::api::{CheckPhase, Problem, SoundCheck, Verdict};
use crate::call::{sound_config, sound_problem};
use crate::handle::Sound;

pub(crate) use room::{Keep, Measured, measure};

/// How long the user speaks.
const LISTENING: Duration = Duration::from_secs(5);
/// How often levels are looked at.
const STEP: Duration = Duration::from_millis(50);
/// Room for all frames of the check.
const FRAMES: usize = 1024;
/// Silence on the meters, dBFS.
const SILENCE: f32 = -90.0;
const ITEM: ItemKey = ItemKey(0);
/// Nothing was said yet.
const UNSPOKEN: SoundCheck = SoundCheck {
    phase: CheckPhase::Listening,
    seconds_left: 0.0,
    peak_dbfs: SILENCE,
    floor_dbfs: 0.0,
    verdict: None,
    room: None,
};

/// Runs a whole check and reports each step. The devices are open only meanwhile.
pub(crate) async fn run(
    card: Card,
    meters: watch::Sender<Sound>,
    steps: mpsc::Sender<SoundCheck>,
) -> Result<SoundCheck, Problem> {
    let failed = |error: audio::Error| sound_problem(&error);
    let (duplex, mut frames) = open(card).await.map_err(failed)?;
    meters.send_replace(Sound(Some(Arc::clone(&duplex))));
    let result = check(&duplex, &mut frames, &steps).await;
    meters.send_replace(Sound(None));
    drop(tokio::task::spawn_blocking(move || drop(duplex)));
    Ok(result)
}

/// Measures the room and reports each step; the verdict on spoken words that were heard before stays.
pub(crate) async fn run_room(
    card: Card,
    volume: f32,
    spoken: Option<SoundCheck>,
    meters: watch::Sender<Sound>,
    steps: mpsc::Sender<SoundCheck>,
) -> Result<(SoundCheck, Option<Keep>), Problem> {
    let spoken = spoken.unwrap_or(UNSPOKEN);
    let progress = |seconds_left| {
        let step = SoundCheck { phase: CheckPhase::Measuring, seconds_left, room: None, ..spoken.clone() };
        let _ = steps.try_send(step);
    };
    let Measured { room, kept } = measure(card, volume, Some(&meters), progress).await?;
    Ok((SoundCheck { phase: CheckPhase::Done, seconds_left: 0.0, room: Some(room), ..spoken.clone() }, kept))
}

async fn open(card: Card) -> Result<(Arc<Duplex>, mpsc::Receiver<Vec<i16>>), audio::Error> {
    let (keep, frames) = mpsc::channel(FRAMES);
    let sink = move |captured| {
        if let Captured::Frame(pcm) = captured {
            let _ = keep.try_send(pcm);
        }
    };
    let opening = tokio::task::spawn_blocking(move || Duplex::open(sound_config(card), sink, |_| {}));
    let duplex = opening
        .await
        .map_err(|error| audio::Error::Lost { direction: audio::Direction::Input, detail: error.to_string() })??;
    Ok((Arc::new(duplex), frames))
}

async fn check(duplex: &Duplex, frames: &mut mpsc::Receiver<Vec<i16>>, steps: &mpsc::Sender<SoundCheck>) -> SoundCheck {
    let mut check = SoundCheck { seconds_left: LISTENING.as_secs_f32(), ..UNSPOKEN };
    duplex.open_gate();
    let mut has_clipped = false;
    let end = Instant::now() + LISTENING;
    let mut ticks = interval(STEP);
    while Instant::now() < end {
        ticks.tick().await;
        let levels = duplex.levels();
        check.peak_dbfs = check.peak_dbfs.max(levels.input);
        check.floor_dbfs = check.floor_dbfs.min(levels.input);
        has_clipped |= levels.clipped;
        check.seconds_left = (end - Instant::now()).as_secs_f32();
        let _ = steps.try_send(check.clone());
    }
    duplex.drop_gate();
    play_back(duplex, frames, &mut check, steps).await;
    check.phase = CheckPhase::Done;
    check.seconds_left = 0.0;
    check.verdict = Some(verdict(check.peak_dbfs, check.floor_dbfs, has_clipped));
    check
}

async fn play_back(
    duplex: &Duplex,
    frames: &mut mpsc::Receiver<Vec<i16>>,
    check: &mut SoundCheck,
    steps: &mpsc::Sender<SoundCheck>,
) {
    check.phase = CheckPhase::Playing;
    while let Ok(pcm) = frames.try_recv() {
        duplex.play(ITEM, pcm);
    }
    duplex.finish(ITEM);
    // The pre-roll is played too, and the speaker needs a moment to start.
    let end = Instant::now() + LISTENING + Duration::from_secs(2);
    let mut ticks = interval(STEP);
    while duplex.is_playing() && Instant::now() < end {
        ticks.tick().await;
        check.seconds_left = (LISTENING.saturating_sub(duplex.heard(ITEM))).as_secs_f32();
        let _ = steps.try_send(check.clone());
    }
}

/// Thresholds in dBFS: speech close to a laptop's microphone peaks around -20 (RMS of 50 ms).
fn verdict(peak: f32, floor: f32, has_clipped: bool) -> Verdict {
    match () {
        () if peak < -70.0 => Verdict::Silent,
        () if has_clipped => Verdict::Clipping,
        () if peak < -40.0 => Verdict::Quiet,
        () if peak - floor < 12.0 => Verdict::Noisy,
        () => Verdict::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_over_a_quiet_room_is_good() {
        assert_eq!(verdict(-18.0, -60.0, false), Verdict::Good);
    }

    #[test]
    fn each_trouble_is_told_apart() {
        assert_eq!(verdict(-90.0, -90.0, false), Verdict::Silent);
        assert_eq!(verdict(-3.0, -50.0, true), Verdict::Clipping);
        assert_eq!(verdict(-48.0, -80.0, false), Verdict::Quiet);
        assert_eq!(verdict(-20.0, -28.0, false), Verdict::Noisy);
    }
}
