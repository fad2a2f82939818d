//! The talk key cannot stick, and the LIVE sign tells the truth.

use audio::{Direction, Notice as SoundNotice};

use super::super::Happening;
use super::super::gate::{Due, WARNING};
use super::super::sound::SoundEvent;
use super::*;

/// A turn of which something was said already.
async fn speaking(partner: &Emulator) -> Rig {
    let mut rig = Rig::new(partner, json!({}), 20_000);
    rig.call.press(&mut rig.board);
    rig.until_spoken().await;
    rig
}

impl Rig {
    /// Lets as many frames of the microphone go by.
    async fn frames(&mut self, count: usize) {
        for _ in 0..count {
            loop {
                let happening = self.call.next().await;
                let is_frame = matches!(&happening, Happening::Sound(SoundEvent::Captured(_)));
                self.call.happen(happening, &mut self.board);
                if is_frame {
                    break;
                }
            }
        }
    }

    fn lose_microphone(&mut self) {
        let error = audio::Error::Lost { direction: Direction::Input, detail: "unplugged".into() };
        let lost = SoundNotice::Lost { direction: Direction::Input, error };
        self.call.happen(Happening::Sound(SoundEvent::Notice(lost)), &mut self.board);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_keyboard_ends_and_sends_the_turn() {
    let partner = practice().await;
    let mut rig = speaking(&partner).await;
    rig.call.let_go(&mut rig.board);
    rig.call.release(&mut rig.board);
    rig.until_answered(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_loses_the_keyboard_at_once_does_not_lock() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 20_000);
    rig.call.press(&mut rig.board);
    rig.call.let_go(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.call.is_locked, now.call.talk, now.items.len()), (false, Talk::Ready, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_turn_outlives_the_keyboard_and_is_sent_when_the_user_leaves() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 20_000);
    rig.call.press(&mut rig.board);
    rig.call.release(&mut rig.board);
    rig.until_spoken().await;
    rig.call.let_go(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.call.is_locked, now.call.talk), (true, Talk::Listening));
    rig.call.leave(&mut rig.board);
    assert_ne!(delivery(&rig.now(), 0), Some(Delivery::Recording), "it does not wait for a tail");
    rig.until_answered(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_ends_whole_when_its_microphone_stays_away() {
    let partner = practice().await;
    let mut rig = speaking(&partner).await;
    rig.lose_microphone();
    assert_eq!(rig.now().call.talk, Talk::Listening, "most devices are back before anybody misses them");
    // The speaker's return is no consolation.
    let back = SoundNotice::Opened { direction: Direction::Output, name: "Speaker".into(), is_fallback: false };
    rig.call.happen(Happening::Sound(SoundEvent::Notice(back)), &mut rig.board);
    rig.until("it is told", |now| problem(now) == Some(Code::DeviceLost)).await;
    rig.until("it is answered", |now| delivery(now, 0) == Some(Delivery::Answered)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_over_which_the_machine_slept_is_sent_on_a_fresh_connection() {
    let partner = practice().await;
    let mut rig = speaking(&partner).await;
    rig.until("it is live", |now| now.call.link == Link::Live).await;
    rig.call.woke(&mut rig.board);
    rig.call.settle(&mut rig.board);
    assert_ne!(rig.now().call.link, Link::Live, "the old connection only looks alive");
    rig.until("it is answered", |now| delivery(now, 0) == Some(Delivery::Answered)).await;
    assert_eq!(partner.record().connections.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_is_too_long_is_announced_ended_and_answered() {
    let partner = practice().await;
    let mut rig = speaking(&partner).await;
    rig.call.turn_due(Due::Warning, &mut rig.board);
    rig.call.turn_due(Due::Limit, &mut rig.board);
    let seconds = u32::try_from(WARNING.as_secs()).unwrap();
    assert_eq!(rig.notes(), [Note::TurnEndsSoon { seconds }, Note::TurnEnded]);
    rig.until_answered(0).await;
    rig.call.release(&mut rig.board);
    assert_eq!(rig.now().items.len(), 2, "the finger that was still there begins nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_sign_shows_while_the_network_takes_the_microphone() {
    let partner = practice().await;
    let mut rig = speaking(&partner).await;
    rig.until("it is live", |now| now.call.is_live).await;
    rig.call.release(&mut rig.board);
    rig.until("it is not live any more", |now| !now.call.is_live && now.call.talk != Talk::Listening).await;
    let heard = partner.record().count("input_audio_buffer.append");
    assert!(heard > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_microphone_is_not_live() {
    let partner = practice().await;
    let mut rig = speaking(&partner).await;
    rig.until("it is live", |now| now.call.is_live).await;
    rig.call.mute(true, &mut rig.board);
    assert!(!rig.now().call.is_live);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pressed_key_alone_is_not_live() {
    let partner = practice().await;
    // Somebody who takes the call and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/v1", silent.local_addr().unwrap());
    let settings = json!({ "call": { "provider": "openai", "route": "endpoint" }, "endpoint": { "base_url": url } });
    let mut rig = Rig::new(&partner, settings, 20_000);
    rig.call.press(&mut rig.board);
    rig.until_spoken().await;
    for _ in 0..30 {
        rig.frames(1).await;
        let now = rig.now();
        assert_eq!((now.call.talk, now.call.is_live), (Talk::Listening, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_mode_the_held_key_keeps_the_turn_while_the_speaker_thinks() {
    for frees_by_blur in [false, true] {
        let partner = practice().await;
        let mut rig = Rig::new(&partner, open(), 600);
        rig.call.press(&mut rig.board);
        assert!(rig.now().call.is_floor_held);
        rig.until("the provider took it", |now| delivery(now, 0) == Some(Delivery::Sent)).await;
        // Far more than the silence that ends a turn, and than the practice partner needs to begin.
        rig.frames(150).await;
        let now = rig.now();
        assert_eq!((now.items.len(), now.call.talk), (1, Talk::Listening), "{:#?}", now.items);
        if frees_by_blur {
            rig.call.let_go(&mut rig.board);
        } else {
            rig.call.release(&mut rig.board);
        }
        assert!(!rig.now().call.is_floor_held);
        rig.until_answered(0).await;
        assert!(partner.record().violations.is_empty(), "{:?}", partner.record().violations);
        assert_eq!(partner.record().count("response.create"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lets_go_before_the_microphone_is_open_is_told_that_nothing_was_heard() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 1_000);
    rig.call.press(&mut rig.board);
    rig.call.let_go(&mut rig.board);
    assert_eq!(rig.notes(), [Note::NotOpenYet]);
    assert!(rig.now().items.is_empty());
}
