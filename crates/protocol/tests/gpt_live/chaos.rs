//! Whatever comes in whatever order: no panic, no command out of place, sound at the pace of time.

use proptest::prelude::*;
use protocol::{Errand, Input, Thought};
use serde_json::json;

use crate::rig::{Rig, config, open};

#[derive(Debug, Clone)]
enum Deed {
    Press,
    Release,
    Discard,
    Speak(usize),
    Wait(usize),
    Stop,
    BargeIn,
    Hold(bool),
    Say(bool),
    Reconnect,
    Heard(String, u64),
    Voice(String, usize),
    Delegate(u8),
    Think(u64, String, bool),
    Frame(String),
}

fn deed() -> impl Strategy<Value = Deed> {
    let frame = prop_oneof![
        "\\PC{0,40}",
        Just(json!({ "type": "session.started", "session": null }).to_string()),
        Just(json!({ "type": "session.delegation.created", "event_id": "e", "delegation": { "id": "x" } }).to_string()),
        Just(
            json!({ "type": "session.input_transcript.delta", "delta": "x", "start_ms": -5.0, "end_ms": 1e300 })
                .to_string()
        ),
        Just(json!({ "type": "session.output_transcript.delta", "delta": " y", "start_ms": 1e18 }).to_string()),
        Just(json!({ "type": "session.output_audio.delta", "delta": "AAA" }).to_string()),
        Just(json!({ "type": "error", "error": { "code": 3 } }).to_string()),
    ];
    prop_oneof![
        3 => Just(Deed::Press),
        3 => Just(Deed::Release),
        1 => Just(Deed::Discard),
        4 => (1_usize..1_500).prop_map(Deed::Speak),
        4 => (1_usize..2_500).prop_map(Deed::Wait),
        1 => Just(Deed::Stop),
        1 => Just(Deed::BargeIn),
        1 => any::<bool>().prop_map(Deed::Hold),
        2 => any::<bool>().prop_map(Deed::Say),
        1 => Just(Deed::Reconnect),
        4 => ("[ a-z]{1,12}", 0_u64..3_000).prop_map(|(words, ms)| Deed::Heard(words, ms)),
        4 => ("[ a-z]{1,12}", 0_usize..3_000).prop_map(|(words, ms)| Deed::Voice(words, ms)),
        2 => (0_u8..4).prop_map(Deed::Delegate),
        2 => (0_u64..5, ".{0,300}", any::<bool>()).prop_map(|(errand, text, done)| Deed::Think(errand, text, done)),
        2 => frame.prop_map(Deed::Frame),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_brings_it_down(is_open in any::<bool>(), deeds in prop::collection::vec(deed(), 1..30)) {
        let mut rig = Rig::ready(if is_open { open() } else { config() });
        for deed in deeds {
            match deed {
                Deed::Press => rig.input(Input::Press),
                Deed::Release if !is_open => rig.input(Input::Release),
                Deed::Release => {}
                Deed::Discard => rig.input(Input::Discard),
                Deed::Speak(ms) => rig.speak(ms),
                Deed::Wait(ms) => rig.wait(ms),
                Deed::Stop => rig.input(Input::Stop),
                Deed::BargeIn => rig.input(Input::BargeIn),
                Deed::Hold(is_held) => rig.input(Input::HoldFloor(is_held)),
                Deed::Say(aloud) => rig.input(Input::Say { text: "hello", aloud }),
                Deed::Reconnect => {
                    rig.drop_connection();
                    rig.connect();
                }
                Deed::Heard(words, ms) => rig.understand(&words, ms),
                Deed::Voice(words, ms) => rig.voice(&words, ms),
                Deed::Delegate(id) => rig.delegate(&format!("dlg_{id}")),
                Deed::Think(errand, text, is_done) => {
                    rig.input(Input::Thought { errand: Errand(errand), thought: Thought::Delta(&text) });
                    if is_done {
                        rig.input(Input::Thought { errand: Errand(errand), thought: Thought::Done });
                    }
                }
                Deed::Frame(text) => rig.frame(&text),
            }
            let items = rig.items().len();
            prop_assert!(items < 200);
        }
        // Whatever happened, it still answers.
        rig.drop_connection();
        rig.connect();
        rig.take();
        let before = rig.items().len();
        rig.wait(1_000);
        rig.voice("Here.", 400);
        rig.wait(3_000);
        prop_assert!(rig.items().len() >= before);
    }
}
