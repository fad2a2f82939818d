//! Calls that are recorded, and turns that are heard again.

use std::path::PathBuf;

use audio::recording::{RATE, read};

use super::*;
use crate::api::{RecordedTurn, Role};

const SPEECH_MS: u32 = 1_000;
/// Of the tone that is spoken, Hz: see [`tone`].
const HERTZ: f64 = 0.08 * 24_000.0 / std::f64::consts::TAU;

impl Rig {
    fn recordings(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    /// A turn that was spoken, answered and recorded.
    async fn recorded(&mut self) -> Snapshot {
        self.call.record(true, &mut self.board);
        self.call.press(&mut self.board);
        self.until_answered(0).await;
        self.until("both turns are recorded", |now| now.recording.turns.len() == 2).await
    }

    async fn hang_up(&mut self) {
        let closing = self.call.hang_up(&mut self.board).unwrap();
        tokio::time::timeout(LIMIT, closing).await.unwrap().unwrap();
    }

    /// What the speaker played since the last call or replay.
    fn heard(&self) -> Vec<f32> {
        let wav = std::fs::read(self.folder.path().join("heard.wav")).unwrap();
        let samples = wav.get(44..).unwrap_or_default().chunks_exact(2);
        samples.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
    }
}

/// Which part of the loudness of a sound the spoken tone is, and how loud it is.
fn share(sound: &[f32], rate: u32) -> (f64, f64) {
    let power = sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / sound.len().max(1) as f64;
    // Short pieces: where the tone begins does not matter.
    let pieces = sound.chunks_exact(rate as usize / 50);
    let count = pieces.len().max(1) as f64;
    let own: f64 = pieces
        .map(|piece| {
            let turn = |n: usize| n as f64 * HERTZ * std::f64::consts::TAU / f64::from(rate);
            let sum = |wave: fn(f64) -> f64| {
                piece.iter().enumerate().map(|(n, sample)| f64::from(*sample) * wave(turn(n))).sum::<f64>()
            };
            2.0 * (sum(f64::sin).powi(2) + sum(f64::cos).powi(2)) / (piece.len() as f64).powi(2)
        })
        .sum();
    (own / count / power.max(1e-12), power.sqrt())
}

fn span(turn: &RecordedTurn) -> std::ops::Range<Duration> {
    Duration::from_millis(turn.start_ms.into())..Duration::from_millis(turn.end_ms.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_turn_is_found_on_its_side_of_the_recording() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), SPEECH_MS);
    let now = rig.recorded().await;
    assert!(now.recording.is_on && now.recording.since.is_some());
    let [question, answer] = now.recording.turns.as_slice() else { panic!("{:?}", now.recording) };
    assert_eq!((question.role, question.item), (Role::User, now.items[0].id));
    assert_eq!((answer.role, answer.item), (Role::Assistant, now.items[1].id));
    assert!(question.end_ms <= answer.start_ms, "{question:?} {answer:?}");

    rig.hang_up().await;
    let over = rig.now().recording;
    assert_eq!((over.is_on, over.since), (false, None));
    let [take] = over.takes.as_slice() else { panic!("{over:?}") };
    let file = rig.recordings().join(&take.name);
    let length = audio::recording::duration(&file).unwrap();
    // The pipeline may be writing its last frame of 10 ms while the length is told.
    let told = take.duration_ms.unwrap();
    assert!(told.abs_diff(u32::try_from(length.as_millis()).unwrap()) <= 10, "{told} ms, {length:?}");

    let (spoken, answered) = (read(&file, RATE, span(question)).unwrap(), read(&file, RATE, span(answer)).unwrap());
    for (own, other) in [(&spoken.left, &spoken.right), (&answered.right, &answered.left)] {
        let (own, other) = (share(own, RATE), share(other, RATE));
        assert!(own.0 > 0.5 && own.1 > 0.05, "{own:?}");
        assert!(other.1 < own.1 / 20.0, "{other:?} beside {own:?}");
    }

    let list: Value = serde_json::from_slice(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
    assert_eq!(list["turns"][0]["role"], "user");
    assert_eq!(list["turns"][1]["item"], now.items[1].id);
    assert_eq!(list["turns"][1]["text"], now.items[1].text);
    assert_eq!(list["turns"][1]["end_ms"], answer.end_ms);
    assert_eq!(list["duration_ms"], take.duration_ms.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recorded_unless_asked_for() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.press(&mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!(now.recording, crate::api::Recording { folder: now.recording.folder.clone(), ..Default::default() });
    rig.hang_up().await;
    assert!(!rig.recordings().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_heard_again_in_the_call_and_after_it() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), SPEECH_MS);
    let now = rig.recorded().await;
    let question = now.recording.turns[0].clone();

    rig.call.replay(question.item, &mut rig.board);
    let is_heard = |now: &Snapshot| now.recording.replay.as_ref().is_some_and(|replay| replay.since.is_some());
    let now = rig.until("it is heard in the call", is_heard).await;
    assert_eq!(now.recording.replay.unwrap().item, Some(question.item));
    let now = rig.until("it was heard", |now| now.recording.replay.is_none()).await;
    assert_eq!((now.call.talk, problem(&now), now.items.len()), (Talk::Ready, None, 2));
    rig.hang_up().await;
    let in_call = rig.heard();

    rig.call.replay(question.item, &mut rig.board);
    rig.until("it is heard without a call", is_heard).await;
    rig.until("it was heard", |now| now.recording.replay.is_none()).await;
    let file = rig.folder.path().join("heard.wav");
    // The speaker is closed on a thread of its own; only then is the file of the replay there.
    tokio::time::timeout(LIMIT, async {
        while rig.heard().len() >= in_call.len() || rig.heard().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{} was not written", file.display()));
    let (is_tone, loudness) = share(&rig.heard(), RATE);
    assert!(is_tone > 0.5 && loudness > 0.05, "{is_tone} {loudness}");
    assert!(!rig.now().call.is_armed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_heard_again_gives_way_to_the_user_and_goes_back_on_demand() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), SPEECH_MS);
    let now = rig.recorded().await;
    rig.call.replay_back(&mut rig.board);
    let replay = rig.now().recording.replay.unwrap();
    assert_eq!((replay.item, replay.from_ms), (None, 0));
    let is_heard = |now: &Snapshot| now.recording.replay.as_ref().is_some_and(|replay| replay.since.is_some());
    rig.until("it is heard", is_heard).await;
    rig.call.replay_back(&mut rig.board);
    assert!(rig.now().recording.replay.is_some_and(|again| again.since.is_none() && again.to_ms == replay.to_ms));
    rig.until("it is heard from the beginning", is_heard).await;
    rig.call.press(&mut rig.board);
    let now_listening = rig.now();
    assert_eq!(now_listening.recording.replay, None);
    rig.call.replay(now.recording.turns[0].item, &mut rig.board);
    assert_eq!(rig.now().recording.replay, None, "not while the user speaks");
    rig.call.discard(&mut rig.board);
    rig.call.replay(99, &mut rig.board);
    assert_eq!(rig.now().recording.replay, None, "there is no such turn");
    rig.call.replay_back(&mut rig.board);
    rig.call.stop_replay(&mut rig.board);
    assert_eq!(rig.now().recording.replay, None);
    assert!(partner.record().violations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_deleted_is_gone_with_its_list() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), SPEECH_MS);
    let now = rig.recorded().await;
    let name = now.recording.takes[0].name.clone();
    rig.call.delete_recording("../settings.toml", &mut rig.board);
    assert_eq!(rig.now().recording.takes.len(), 1);
    rig.call.delete_recording(&name, &mut rig.board);
    let left = rig.now().recording;
    assert!(!left.is_on && left.takes.is_empty() && left.turns.is_empty(), "{left:?}");
    let is_empty = || std::fs::read_dir(rig.recordings()).unwrap().next().is_none();
    tokio::time::timeout(LIMIT, async {
        while !is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(problem(&rig.now()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_told_and_the_call_goes_on() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    std::fs::write(rig.recordings(), b"in the way").unwrap();
    rig.call.record(true, &mut rig.board);
    rig.call.press(&mut rig.board);
    let now = rig.until("it is told", |now| problem(now) == Some(Code::RecordingFailed)).await;
    assert!(!now.recording.is_on && now.recording.takes.is_empty());
    rig.until_answered(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_conversation_is_not_recorded_and_leaves_the_old_file() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), SPEECH_MS);
    let now = rig.recorded().await;
    rig.call.clear(&mut rig.board);
    let cleared = rig.now().recording;
    assert!(!cleared.is_on && cleared.takes.is_empty() && cleared.turns.is_empty(), "{cleared:?}");
    assert!(rig.recordings().join(&now.recording.takes[0].name).exists());
}
