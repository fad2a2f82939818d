//! What holds for each voice beside OpenAI Realtime, whoever it is.

use emulator::chat::{self, Fakes};
use emulator::voices::{Plan, Seen, Voices};
use futures_util::future::join_all;

use super::*;
use crate::api::Role;

const WORDS: &str = "What is the time?";

/// The voice, and the ear and mouth of a mix.
const VOICES: [(&str, &str, &str); 8] = [
    ("google", "", ""),
    ("gpt_live", "", ""),
    ("elevenlabs", "", ""),
    ("deepgram", "", ""),
    ("cascade", "deepgram_flux", "deepgram_aura"),
    ("cascade", "deepgram_nova", "flux"),
    ("cascade", "elevenlabs", "elevenlabs"),
    ("cascade", "cartesia", "cartesia"),
];

struct Stage {
    voices: Voices,
    _brain: Fakes,
    rig: Rig,
}

impl Stage {
    async fn new(plan: Plan, (provider, ear, mouth): (&str, &str, &str)) -> Self {
        let answer = plan.answer.clone();
        let voices = Voices::start(Plan { words: WORDS.into(), ..plan }).await.unwrap();
        // Whatever is asked again has the same answer.
        let script =
            (0..6).fold(chat::Script::default(), |script, _| script.answer(chat::Answer::say(answer.as_str())));
        let brain = Fakes::start(script).await.unwrap();
        let url = voices.base_url();
        let (mouth, voice) =
            if mouth == "flux" { ("deepgram_aura", "flux-alexis-en") } else { (mouth, "aura-2-luna-en") };
        let settings = json!({
            "call": { "provider": provider, "route": "direct" },
            "providers": {
                "google": { "base_url": url },
                "openai": { "base_url": format!("{url}/v1") },
                "deepgram": { "base_url": url, "agent_base_url": url, "voice": voice },
                "elevenlabs": { "base_url": url, "agent_id": "agent_1" },
                "cartesia": { "base_url": url },
            },
        });
        let mut rig = Rig::beside(brain.base_url("practice"), settings, 900);
        if provider == "cascade" {
            rig.configure(json!({ "cascade": { "ear": ear, "mouth": mouth } }));
        }
        for holder in [Holder::Google, Holder::Openai, Holder::Deepgram, Holder::Elevenlabs, Holder::Cartesia] {
            rig.credentials.store(holder, SecretString::from("own-secret")).await.unwrap();
        }
        Self { voices, _brain: brain, rig }
    }

    fn count(&self, what: fn(&Seen) -> bool) -> usize {
        self.voices.seen().iter().filter(|seen| what(seen)).count()
    }

    /// Speaks until the file is at its end.
    async fn speak(&mut self) {
        self.rig.call.press(&mut self.rig.board);
        let is_spoken = |now: &Snapshot| {
            now.items.iter().any(|item| {
                item.duration_ms >= 850 || (item.role == Role::User && item.delivery != Delivery::Recording)
            })
        };
        self.rig.until("the turn was spoken", is_spoken).await;
        self.rig.call.release(&mut self.rig.board);
    }
}

/// A turn whose connection is cut before this message of the server.
async fn cut(voice: (&str, &str, &str), at: usize) -> bool {
    let plan = Plan { answer: "It is noon.".into(), cut_after: Some(at), ..Plan::default() };
    let mut stage = Stage::new(plan, voice).await;
    stage.speak().await;
    let what = format!("{voice:?} cut at {at}: the turn is answered");
    let is_over = |now: &Snapshot| delivery(now, 0) == Some(Delivery::Answered) && now.call.talk == Talk::Ready;
    let now = stage.rig.until(&what, is_over).await;
    let spoken: Vec<_> = now.items.iter().filter(|item| item.role == Role::User).collect();
    assert_eq!((spoken.len(), problem(&now)), (1, None), "{what}, once: {:#?}", now.items);
    let is_whole = |item: &&crate::api::Item| item.role == Role::Assistant && item.delivery == Delivery::Complete;
    assert!(now.items.iter().any(|item| is_whole(&item)), "{what}: {:#?}", now.items);
    assert_eq!(stage.count(|seen| matches!(seen, Seen::Violation { .. })), 0, "{what}: {:?}", stage.voices.seen());
    let legs = if voice.0 == "cascade" { 2 } else { 1 };
    stage.count(|seen| matches!(seen, Seen::Opened { .. })) > legs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_survives_a_cut_at_any_step() {
    for at in [0, 1, 2, 4, 7] {
        let all = join_all(VOICES.map(|voice| tokio::spawn(async move { (voice, cut(voice, at).await) }))).await;
        for (voice, was_cut) in all.into_iter().map(Result::unwrap) {
            assert!(was_cut || at > 2, "{voice:?} cut at {at}: it was not cut");
        }
    }
}

/// The user speaks over an answer, thinks better of it, and writes.
async fn press_over(voice: (&str, &str, &str)) {
    let answer = "This is a long answer. ".repeat(12);
    let mut stage = Stage::new(Plan { answer, ..Plan::default() }, voice).await;
    stage.speak().await;
    stage.rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    stage.rig.call.press(&mut stage.rig.board);
    let now = stage.rig.now();
    assert_eq!((now.call.talk, delivery(&now, 1)), (Talk::Listening, Some(Delivery::Interrupted)), "{voice:?}");
    stage.rig.call.discard(&mut stage.rig.board);
    stage.rig.call.say("And now?", &mut stage.rig.board);
    let is_next = |now: &Snapshot| {
        let typed = now.items.iter().position(|item| item.text == "And now?");
        let next = typed.and_then(|at| now.items.get(at + 1));
        next.is_some_and(|item| item.role == Role::Assistant && !item.text.is_empty())
    };
    let now = stage.rig.until(&format!("{voice:?}: the next one is answered"), is_next).await;
    assert_eq!((now.items[0].delivery, problem(&now)), (Delivery::Answered, None), "{voice:?}");
    assert_eq!(stage.count(|seen| matches!(seen, Seen::Violation { .. })), 0, "{voice:?}: {:?}", stage.voices.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_over_an_answer_silences_it_and_the_next_turn_is_answered() {
    for outcome in join_all(VOICES.map(|voice| tokio::spawn(press_over(voice)))).await {
        outcome.unwrap();
    }
}
