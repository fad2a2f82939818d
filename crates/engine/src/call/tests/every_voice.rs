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

impl Rig {
    async fn until_noted(&mut self, note: &Note) {
        let going_on = async {
            while !self.notes().contains(note) {
                let happening = self.call.next().await;
                self.call.happen(happening, &mut self.board);
            }
        };
        tokio::time::timeout(LIMIT, going_on).await.unwrap_or_else(|_| panic!("nobody was told {note:?}"));
    }
}

pub(super) struct Stage {
    pub(super) voices: Voices,
    _brain: Fakes,
    pub(super) rig: Rig,
}

impl Stage {
    pub(super) async fn new(plan: Plan, (provider, ear, mouth): (&str, &str, &str)) -> Self {
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
                "workers": { "base_url": url },
            },
            "gateway": { "account_id": "acc" },
        });
        let mut rig = Rig::beside(brain.base_url("practice"), settings, 900);
        if provider == "cascade" {
            rig.configure(json!({ "cascade": { "ear": ear, "mouth": mouth } }));
        }
        let holders =
            [Holder::Google, Holder::Openai, Holder::Deepgram, Holder::Elevenlabs, Holder::Cartesia, Holder::WorkersAi];
        for holder in holders {
            rig.credentials.store(holder, SecretString::from("own-secret")).await.unwrap();
        }
        Self { voices, _brain: brain, rig }
    }

    pub(super) fn count(&self, what: fn(&Seen) -> bool) -> usize {
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

fn faulty(fault: &str) -> Plan {
    Plan { answer: "It is noon.".into(), fault: Some(fault.to_owned()), ..Plan::default() }
}

/// A voice whose connections last two seconds, and which has a fault.
async fn renew(voice: (&str, &str, &str), fault: &str) {
    let mut stage = Stage::new(faulty(fault), voice).await;
    let short = json!({ "connection_seconds": 2 });
    let agent = json!({ "connection_seconds": 2, "agent_connection_seconds": 2 });
    stage.rig.configure(json!({ "providers": {
        "google": short, "gpt_live": short, "cartesia": short, "deepgram": agent, "elevenlabs": agent,
    }}));
    stage.speak().await;
    let now = stage.rig.until_answered(0).await;
    let said = now.items.len();
    stage.rig.until_noted(&Note::Renewed).await;
    // Google remembers by itself, what the old connection still added included: the new one begins when that is over.
    assert!(stage.rig.now().call.link == Link::Live || voice.0 == "google", "{voice:?}: nobody waits for the new one");
    stage.rig.call.say("And now?", &mut stage.rig.board);
    let now = stage.rig.until_answered(said).await;
    assert_eq!((now.items.len(), problem(&now)), (said + 2, None), "{voice:?}: {:#?}", now.items);
    let legs = if voice.0 == "cascade" { 2 } else { 1 };
    assert!(stage.count(|seen| matches!(seen, Seen::Opened { .. })) > legs, "{voice:?}");
    assert_eq!(stage.count(|seen| matches!(seen, Seen::Violation { .. })), 0, "{voice:?}: {:?}", stage.voices.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_renewed_between_turns_before_its_longest_time_is_over() {
    let google = VOICES[0];
    let all = VOICES.map(|voice| (voice, "")).into_iter();
    let all = all.chain([(google, "no-handles"), (google, "stale-handles")]);
    for outcome in join_all(all.map(|(voice, fault)| tokio::spawn(renew(voice, fault)))).await {
        outcome.unwrap();
    }
}

/// The service ends the session in good order, before this message of it.
async fn expire(voice: (&str, &str, &str), at: usize, speech_ms: u32, longest_s: u32) {
    let expiry = Some((1000, String::new()));
    let plan = Plan { answer: "It is noon.".into(), cut_after: Some(at), expiry, ..Plan::default() };
    let mut stage = Stage::new(plan, voice).await;
    stage.rig.configure(json!({ "providers": { "elevenlabs": { "agent_connection_seconds": longest_s } } }));
    std::fs::write(stage.rig.folder.path().join("speech.wav"), tone(speech_ms)).unwrap();
    stage.rig.call.press(&mut stage.rig.board);
    let is_spoken = |now: &Snapshot| now.items.iter().any(|item| item.duration_ms + 50 >= speech_ms);
    stage.rig.until("the turn was spoken", is_spoken).await;
    stage.rig.call.release(&mut stage.rig.board);
    let what = format!("{voice:?} expired at {at}");
    let is_over = |now: &Snapshot| delivery(now, 0) == Some(Delivery::Answered) && now.call.talk == Talk::Ready;
    let now = stage.rig.until(&what, is_over).await;
    let deliveries: Vec<_> = now.items.iter().map(|item| item.delivery).collect();
    assert_eq!((deliveries, problem(&now)), (vec![Delivery::Answered, Delivery::Complete], None), "{what}: {now:#?}");
    assert!(!stage.rig.notes().contains(&Note::AgentLeft) && !stage.rig.call.has_ended(), "{what}");
    assert_eq!(stage.count(|seen| matches!(seen, Seen::Violation { .. })), 0, "{what}: {:?}", stage.voices.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_in_a_turn_or_its_answer_answers_it_once() {
    let mix = ("cascade", "deepgram_flux", "deepgram_aura");
    // ElevenLabs' third message comes in the third second of a turn, or tells what it understood of a short one; the fifth
    // is sound. What ends in an answer is no goodbye where the longest time is known to be near.
    let cases = [
        ("elevenlabs in a turn", ("elevenlabs", "", ""), 2, 2_600, 0),
        ("elevenlabs before an answer", ("elevenlabs", "", ""), 3, 900, 0),
        ("elevenlabs in an answer", ("elevenlabs", "", ""), 5, 900, 1),
        ("deepgram before an answer", ("deepgram", "", ""), 3, 900, 0),
        ("a mix in a turn", mix, 3, 900, 0),
    ];
    let all = cases.map(|(what, voice, at, ms, longest)| (what, tokio::spawn(expire(voice, at, ms, longest))));
    for (what, outcome) in all {
        outcome.await.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

/// A turn with a service that does not do all that it should; true: it is answered, false: it is listed.
async fn bear(voice: (&str, &str, &str), fault: &str) -> bool {
    let mut stage = Stage::new(faulty(fault), voice).await;
    stage.speak().await;
    let is_decided =
        |now: &Snapshot| matches!(delivery(now, 0), Some(Delivery::Answered | Delivery::Kept | Delivery::Failed));
    let now = stage.rig.until(&format!("{voice:?} {fault}"), is_decided).await;
    let violations = stage.count(|seen| matches!(seen, Seen::Violation { .. }));
    assert_eq!(violations, 0, "{voice:?} {fault}: {:?}", stage.voices.seen());
    delivery(&now, 0) == Some(Delivery::Answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_with_a_faulty_service_is_answered_or_listed() {
    let (flux, nova) = (("cascade", "deepgram_flux", "deepgram_aura"), ("cascade", "deepgram_nova", "deepgram_aura"));
    let (google, live, agent) = (("google", "", ""), ("gpt_live", "", ""), ("deepgram", "", ""));
    // Where a mix's ear understood no words there is nothing to answer.
    let cases = [
        (google, "text-frames", true),
        (google, "silent", false),
        (live, "stubborn", true),
        (live, "short", true),
        (live, "twice", true),
        (agent, "deaf", false),
        (flux, "untyped", true),
        (flux, "no-configure", true),
        (flux, "no-connected", false),
        (flux, "deaf", true),
        (nova, "deaf", true),
        (nova, "no-speech-final", true),
    ];
    let bear = |(voice, fault, _): (_, _, bool)| async move { tokio::spawn(bear(voice, fault)).await.unwrap() };
    let outcomes: Vec<_> = join_all(cases.map(bear)).await;
    let named = |(at, is_answered): (usize, bool)| (cases[at].0, cases[at].1, is_answered);
    assert_eq!(outcomes.into_iter().enumerate().map(named).collect::<Vec<_>>(), cases);
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
