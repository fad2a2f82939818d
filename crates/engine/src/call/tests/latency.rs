//! Each answered turn tells where its time went.

use super::*;
use crate::api::{Connections, Mode, Provider, Supply, Waterfall};
use crate::latency::{Answered, read};

impl Rig {
    /// What was kept, once the call is over.
    async fn kept(&mut self) -> Vec<Answered> {
        self.call.hang_up(&mut self.board).unwrap().await.unwrap();
        read(&self.folder.path().join("data"))
    }
}

fn waterfall(now: &Snapshot, index: usize) -> Waterfall {
    now.items[index].waterfall.unwrap()
}

fn steps(waterfall: &Waterfall) -> [Option<u32>; 4] {
    [waterfall.turn_end_ms, waterfall.request_ms, waterfall.first_delta_ms, waterfall.first_sound_ms]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_tells_each_step_in_both_modes() {
    for (settings, mode) in [(json!({}), Mode::Ptt), (open(), Mode::Open)] {
        let partner = practice().await;
        let mut rig = Rig::new(&partner, settings, 600);
        rig.call.press(&mut rig.board);
        if mode == Mode::Open {
            // Held down it would keep the floor.
            rig.call.release(&mut rig.board);
        }
        let now = rig.until_answered(0).await;
        let told = waterfall(&now, 1);
        assert!(!told.is_typed);
        assert!(steps(&told).iter().all(Option::is_some), "{mode:?}: {told:?}");
        assert!(steps(&told).is_sorted(), "{mode:?}: {told:?}");
        assert_eq!(now.items[1].first_sound_ms, told.first_sound_ms);
        assert_eq!(now.call.first_sound_ms, told.first_sound_ms);
        assert_eq!(now.items[0].waterfall, None, "it belongs to the answer");
        let kept = rig.kept().await;
        assert_eq!(kept.len(), 1);
        let turn = &kept[0];
        assert_eq!((turn.provider, turn.mode, turn.waterfall), (Provider::Practice, mode, told));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_turn_ends_with_its_first_word_and_keeps_none_of_them() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.say("Marmalade", &mut rig.board);
    let now = rig.until_answered(0).await;
    let told = waterfall(&now, 1);
    assert!(told.is_typed && told.turn_end_ms.is_none() && told.first_sound_ms.is_none());
    assert!(told.request_ms <= told.first_delta_ms && told.first_delta_ms.is_some());
    assert_eq!(rig.kept().await.len(), 1);
    let file = std::fs::read_to_string(rig.folder.path().join("data/latency.jsonl")).unwrap();
    assert!(!file.contains("armalade") && file.ends_with("}\n"), "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_find_their_connection_in_use_or_opened_ahead() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    for call in 0..3 {
        rig.call.warm(&rig.board);
        let open = rig.call.next().await;
        rig.call.happen(open, &mut rig.board);
        for turn in 0..10 {
            rig.call.say("Hello", &mut rig.board);
            rig.until_answered(20 * call + 2 * turn).await;
        }
        rig.call.hang_up(&mut rig.board).unwrap().await.unwrap();
    }
    let kept = read(&rig.folder.path().join("data"));
    let found: Connections = kept.iter().filter_map(|turn| turn.waterfall.supply).collect();
    assert_eq!(found, Connections { turns: 30, reused: 27, warm: 3 });
    assert_eq!(rig.now().call.connections, found);
    rig.call.say("Unexpected", &mut rig.board);
    let now = rig.until_answered(60).await;
    assert_eq!(now.items[61].waterfall.unwrap().supply, Some(Supply::Cold));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_stopped_before_its_sound_has_what_came_of_it() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 600);
    rig.call.press(&mut rig.board);
    rig.until("the answer comes", |now| now.items.len() == 2 && now.call.talk != Talk::Speaking).await;
    rig.until("something of it is there", |now| !now.items[1].text.is_empty() || now.items[1].duration_ms > 0).await;
    let was_audible = rig.now().call.talk == Talk::Speaking;
    rig.call.stop(&mut rig.board);
    let kept = rig.kept().await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].waterfall.first_sound_ms.is_some(), was_audible);
    assert!(kept[0].waterfall.first_delta_ms.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_is_as_fast_as_it_shall_be_by_the_provider_or_here() {
    let heard = |rig: &Rig| {
        let wav = std::fs::read(rig.folder.path().join("heard.wav")).unwrap();
        let samples: Vec<i16> = wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        // Gaps of a machine that does not keep up are no part of it.
        samples.chunks(480).filter(|piece| piece.iter().any(|sample| sample.abs() > 50)).count() as f64
    };
    let mut lasted = Vec::new();
    for speed in [1.0, 1.5] {
        let pcm = (0..72_000).map(|at| ((f64::from(at) * 0.08).sin() * 9_000.0) as i16).collect();
        let answer = Answer::Play { pcm, transcript: "La".into() };
        let partner = Emulator::start(Script::default().answer(answer)).await.unwrap();
        let mut rig = Rig::new(&partner, json!({ "voice": { "speed": speed } }), 600);
        rig.call.press(&mut rig.board);
        let now = rig.until_answered(0).await;
        assert_eq!(delivery(&now, 1), Some(Delivery::Complete));
        rig.kept().await;
        lasted.push(heard(&rig));
    }
    assert!((lasted[0] / lasted[1] - 1.5).abs() < 0.05, "{lasted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_openai_itself_is_asked_to_speak_faster() {
    for (route, is_asked) in [("direct", true), ("endpoint", false)] {
        let provider = practice().await;
        let mut rig = Rig::new(&provider, openai(&provider), 600);
        rig.configure(json!({
            "call": { "route": route },
            "endpoint": { "base_url": provider.base_url() },
            "voice": { "speed": 1.25 },
        }));
        rig.set_key("sk-any").await;
        rig.call.say("Hello", &mut rig.board);
        rig.until_answered(0).await;
        let record = provider.record();
        let asked = record.of("session.update").any(|event| event.json["session"]["audio"]["output"]["speed"] == 1.25);
        assert_eq!(asked, is_asked, "{route}");
        assert!(record.violations.is_empty());
    }
}
