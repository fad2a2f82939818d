//! Cascades with the ears and mouths of ElevenLabs and Cartesia, over real sockets, from a file to a file.

use emulator::chat::{self, Fakes};
use emulator::voices::{Plan, Seen, Voices};

use super::*;

const WORDS: &str = "What is the time?";
const ANSWER: &str = "It is noon. Time for lunch!";

struct Cast {
    voices: Voices,
    brain: Fakes,
}

impl Cast {
    async fn new(plan: Plan) -> Self {
        let voices = Voices::start(Plan { words: WORDS.into(), ..plan }).await.unwrap();
        // Whatever is asked again, because an ear changed its mind, has the same answer.
        let script = (0..4).fold(chat::Script::default(), |script, _| script.answer(chat::Answer::say(ANSWER)));
        let brain = Fakes::start(script).await.unwrap();
        Self { voices, brain }
    }

    async fn rig(&self, ear: &str, mouth: &str, patch: Value, speech_ms: u32) -> Rig {
        let base_url = self.voices.base_url();
        let settings = json!({
            "call": { "provider": "cascade" },
            "cascade": { "ear": ear, "mouth": mouth },
            "providers": { "elevenlabs": { "base_url": base_url }, "cartesia": { "base_url": base_url } },
        });
        let settings = config::merge(&config::merge(&Settings::default(), &settings).unwrap(), &patch).unwrap();
        let rig = Rig::beside(self.brain.base_url("practice"), serde_json::to_value(settings).unwrap(), speech_ms);
        for holder in [Holder::Elevenlabs, Holder::Cartesia] {
            rig.credentials.store(holder, SecretString::from("own-secret")).await.unwrap();
        }
        rig
    }

    fn assert_orderly(&self) {
        for seen in self.voices.seen() {
            assert!(!matches!(seen, Seen::Violation { .. }), "{seen:?}");
            assert!(!format!("{seen:?}").contains("own-secret"), "the key is in a header only");
        }
    }

    fn paths(&self) -> Vec<String> {
        let path = |seen| if let Seen::Opened { request, .. } = seen { Some(request.path) } else { None };
        self.voices.seen().into_iter().filter_map(path).collect()
    }
}

fn fault(name: &str) -> Plan {
    Plan { fault: Some(name.into()), ..Plan::default() }
}

async fn speak(rig: &mut Rig) {
    rig.call.press(&mut rig.board);
    rig.until("the microphone hears", |now| now.items.iter().any(|item| item.duration_ms >= 500)).await;
    rig.call.release(&mut rig.board);
}

fn assert_answered(now: &Snapshot) {
    assert_eq!(problem(now), None);
    assert_eq!((now.items[0].text.as_str(), now.items[1].text.as_str()), (WORDS, ANSWER));
    assert_eq!((now.items.len(), delivery(now, 1)), (2, Some(Delivery::Complete)));
    assert!(now.items[1].duration_ms >= 600, "30 ms for each letter: {}", now.items[1].duration_ms);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_of_the_key_goes_through_ear_and_mouth() {
    for (ear, mouth) in [("elevenlabs", "cartesia"), ("cartesia", "elevenlabs")] {
        let cast = Cast::new(fault("doubled")).await;
        let mut rig = cast.rig(ear, mouth, json!({}), 700).await;
        speak(&mut rig).await;
        assert_answered(&rig.until_answered(0).await);
        cast.assert_orderly();
        assert_eq!(cast.paths().len(), 2, "a socket for the ear and one for the mouth");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_goes_by_the_ears_turns() {
    for (ear, mouth, plan) in
        [("elevenlabs", "elevenlabs", fault("doubled")), ("cartesia", "cartesia", fault("resumes"))]
    {
        let cast = Cast::new(plan).await;
        let mut rig = cast.rig(ear, mouth, open(), 900).await;
        rig.call.press(&mut rig.board);
        rig.call.release(&mut rig.board);
        assert_answered(&rig.until_answered(0).await);
        cast.assert_orderly();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_does_not_carry_goes_directly_and_says_so() {
    for (ear, mouth, paths) in [
        ("elevenlabs", "cartesia", ["/g/acc/gw/cartesia", "/v1/speech-to-text/realtime"]),
        ("cartesia", "elevenlabs", ["/stt/websocket", "/v1/text-to-speech/a-voice/multi-stream-input"]),
    ] {
        let cast = Cast::new(Plan::default()).await;
        let base_url = format!("{}/g", cast.voices.base_url());
        let gateway = json!({
            "call": { "route": "gateway" },
            "gateway": { "base_url": base_url, "account_id": "acc", "gateway_id": "gw" },
            "providers": { "elevenlabs": { "voice": "a-voice" } },
        });
        let mut rig = cast.rig(ear, mouth, gateway, 700).await;
        speak(&mut rig).await;
        assert_answered(&rig.until_answered(0).await);
        cast.assert_orderly();
        let mut dialled = cast.paths();
        dialled.sort();
        assert_eq!(dialled, paths);
        assert!(rig.notes().contains(&Note::PastGateway));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_model_speaks_over_the_socket_of_dialogues() {
    let cast = Cast::new(Plan::default()).await;
    let newer = json!({ "providers": { "elevenlabs": { "model": "eleven_v4_turbo" } } });
    let mut rig = cast.rig("elevenlabs", "elevenlabs", newer, 700).await;
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    cast.assert_orderly();
    assert!(cast.paths().contains(&"/v1/text-to-dialogue/multi-stream-input".to_owned()), "{:?}", cast.paths());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_of_taking_turns_may_need_another_ear() {
    let cast = Cast::new(Plan::default()).await;
    let mut rig = cast.rig("cartesia", "cartesia", json!({}), 700).await;
    speak(&mut rig).await;
    rig.until_answered(0).await;
    rig.configure(open());
    rig.until("the ear that knows turns listens", |now| {
        now.call.link == Link::Live && cast.paths().contains(&"/stt/turns/websocket".to_owned())
    })
    .await;
    assert!(cast.paths().contains(&"/stt/websocket".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credit_the_turn_is_kept() {
    for name in ["elevenlabs", "cartesia"] {
        let cast = Cast::new(fault("quota")).await;
        let mut rig = cast.rig(name, name, json!({}), 700).await;
        rig.call.press(&mut rig.board);
        let now = rig.until("the credit is missing", |now| problem(now) == Some(Code::Quota)).await;
        assert_ne!(delivery(&now, 0), Some(Delivery::Answered), "{name}");
    }
}
