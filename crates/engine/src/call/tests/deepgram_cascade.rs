//! Calls through Deepgram's ears and mouth: at Deepgram, on Workers AI, and each of them behind the gateway.

use emulator::chat::{self, Fakes};
use emulator::voices::{Message, Plan, Seen, Voices};

use super::*;

/// Who is asked, over which way, and the paths that are dialled.
const WAYS: [(&str, &str, &str, &str, [&str; 2]); 6] = [
    ("deepgram_flux", "deepgram_aura", "direct", "ptt", ["/v2/listen", "/v1/speak"]),
    (
        "deepgram_nova",
        "deepgram_aura",
        "gateway",
        "ptt",
        ["/acc/gate/deepgram/v1/listen", "/acc/gate/deepgram/v1/speak"],
    ),
    (
        "workers_flux",
        "workers_aura",
        "direct",
        "ptt",
        ["/accounts/acc/ai/run/@cf/deepgram/flux", "/accounts/acc/ai/run/@cf/deepgram/aura-2-en"],
    ),
    ("workers_nova", "workers_aura", "gateway", "open", ["/acc/gate/workers-ai", "/acc/gate/workers-ai"]),
    (
        "deepgram_flux",
        "deepgram_aura",
        "gateway",
        "open",
        ["/acc/gate/deepgram/v2/listen", "/acc/gate/deepgram/v1/speak"],
    ),
    ("deepgram_nova", "workers_aura", "direct", "open", ["/v1/listen", "/accounts/acc/ai/run/@cf/deepgram/aura-2-en"]),
];

async fn call(
    plan: Plan,
    (ear, mouth, route, mode): (&str, &str, &str, &str),
    answer: &str,
    speech_ms: u32,
) -> (Voices, Fakes, Rig) {
    let deepgram = Voices::start(plan).await.unwrap();
    // Whatever is asked again, because an ear changed its mind, has the same answer.
    let script = (0..4).fold(chat::Script::default(), |script, _| script.answer(chat::Answer::say(answer)));
    let brain = Fakes::start(script).await.unwrap();
    let url = deepgram.base_url();
    let settings = json!({
        "call": { "provider": "cascade", "route": route, "mode": mode },
        "voice": { "patience": 0.0 },
        "cascade": { "ear": ear, "mouth": mouth },
        "providers": { "deepgram": { "base_url": url }, "workers": { "base_url": url } },
        "gateway": { "base_url": url, "account_id": "acc", "gateway_id": "gate" },
    });
    let settings = config::merge(&Settings::default(), &settings).unwrap();
    let rig = Rig::beside(brain.base_url("practice"), serde_json::to_value(settings).unwrap(), speech_ms);
    for (holder, key) in [(Holder::Deepgram, "dg-key"), (Holder::WorkersAi, "wk-key"), (Holder::Gateway, "cf-key")] {
        rig.credentials.store(holder, SecretString::from(key)).await.unwrap();
    }
    (deepgram, brain, rig)
}

fn assert_proper(deepgram: &Voices, name: &str) {
    let is_violation = |seen: &Seen| matches!(seen, Seen::Violation { .. });
    let violations: Vec<Seen> = deepgram.seen().into_iter().filter(is_violation).collect();
    assert!(violations.is_empty(), "{name}: {violations:?}");
}

fn count(deepgram: &Voices, kind: &str) -> usize {
    let name = format!("\"{kind}\"");
    let is_it =
        |seen: &&Seen| matches!(seen, Seen::Message { message: Message::Text(text), .. } if text.contains(&name));
    deepgram.seen().iter().filter(is_it).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_answered_wherever_ear_and_mouth_are() {
    for (ear, mouth, route, mode, paths) in WAYS {
        let name = format!("{ear} {mouth} {route} {mode}");
        let plan = Plan { words: "What is the time?".into(), ..Plan::default() };
        let (deepgram, _brain, mut rig) =
            call(plan, (ear, mouth, route, mode), "It is noon. Time for lunch!", 900).await;
        if mode == "open" {
            rig.call.start(&mut rig.board);
        } else {
            rig.call.press(&mut rig.board);
        }
        let now = rig.until(&name, |now| delivery(now, 1) == Some(Delivery::Complete) || now.problem.is_some()).await;
        assert_eq!(problem(&now), None, "{name}: {:?}", now.problem);
        let texts: Vec<&str> = now.items.iter().map(|item| item.text.as_str()).collect();
        assert_eq!(texts, ["What is the time?", "It is noon. Time for lunch!"], "{name}");
        assert!(now.items[1].duration_ms >= 800, "{name}: 40 ms for each character");
        assert_proper(&deepgram, &name);
        let opened =
            |seen: &Seen| if let Seen::Opened { request, .. } = seen { Some(request.path.clone()) } else { None };
        let mut dialled: Vec<String> = deepgram.seen().iter().filter_map(opened).collect();
        dialled.sort();
        let mut wanted = paths.map(str::to_owned);
        wanted.sort();
        assert_eq!(dialled, wanted, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn speaking_over_the_answer_clears_the_mouth() {
    let plan = Plan { words: "What is it?".into(), ..Plan::default() };
    let way = ("deepgram_flux", "deepgram_aura", "direct", "ptt");
    let (deepgram, _brain, mut rig) = call(plan, way, &"This is a long answer. ".repeat(20), 700).await;
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    rig.call.press(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.call.talk, delivery(&now, 1)), (Talk::Listening, Some(Delivery::Interrupted)));
    let is_cleared = |seen: &[Seen]| {
        seen.iter().any(
            |seen| matches!(seen, Seen::Message { message: Message::Text(text), .. } if text.contains("\"Clear\"")),
        )
    };
    // A mouth that was through with all it had to say has nothing to clear.
    let is_through = count(&deepgram, "Speak") > 0 && count(&deepgram, "Flush") > 10;
    if !is_through {
        deepgram.wait_for(is_cleared, LIMIT).await.unwrap();
    }
    assert_proper(&deepgram, "clear");
}

fn speak_with_flux(rig: &mut Rig) {
    rig.configure(json!({ "providers": { "deepgram": { "voice": "flux-alexis-en" } } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_of_flux_speaks_over_its_own_socket() {
    for (route, path) in [("direct", "/v2/speak"), ("gateway", "/acc/gate/deepgram/v2/speak")] {
        let plan = Plan { words: "What is the time?".into(), ..Plan::default() };
        let way = ("deepgram_flux", "deepgram_aura", route, "ptt");
        let (deepgram, _brain, mut rig) = call(plan, way, "It is noon. Time for lunch!", 900).await;
        speak_with_flux(&mut rig);
        rig.call.press(&mut rig.board);
        let now = rig.until(path, |now| delivery(now, 1) == Some(Delivery::Complete) || now.problem.is_some()).await;
        assert_eq!(problem(&now), None, "{:?}", now.problem);
        assert_eq!(now.items[1].text, "It is noon. Time for lunch!");
        assert!(now.items[1].duration_ms >= 800, "40 ms for each character");
        assert_proper(&deepgram, path);
        let is_it = |seen: &Seen| matches!(seen, Seen::Opened { request, .. } if request.path == path);
        assert!(deepgram.seen().iter().any(is_it), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn speaking_over_a_voice_of_flux_interrupts_it() {
    // It never says that it is through, so there is something to interrupt however fast it is.
    let plan = Plan { words: "What is it?".into(), fault: Some("mute".into()), ..Plan::default() };
    let way = ("deepgram_flux", "deepgram_aura", "direct", "ptt");
    let (deepgram, _brain, mut rig) = call(plan, way, &"This is a long answer. ".repeat(20), 700).await;
    speak_with_flux(&mut rig);
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    rig.call.press(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.call.talk, delivery(&now, 1)), (Talk::Listening, Some(Delivery::Interrupted)));
    deepgram.wait_for(|_| count(&deepgram, "Interrupt") == 1, LIMIT).await.unwrap();
    assert_proper(&deepgram, "interrupt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_ear_tells_why() {
    for (fault, code, words) in
        [("wrong-key", Code::CredentialRefused, "Invalid credentials."), ("no-credit", Code::Quota, "enough credits")]
    {
        let plan = Plan { fault: Some(fault.into()), ..Plan::default() };
        let way = ("deepgram_flux", "deepgram_aura", "direct", "ptt");
        let (_deepgram, _brain, mut rig) = call(plan, way, "x", 700).await;
        rig.call.press(&mut rig.board);
        let now = rig.until(fault, |now| now.problem.is_some()).await;
        assert_eq!(problem(&now), Some(code), "{fault}");
        assert!(now.problem.unwrap().detail.contains(words), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_ai_needs_an_account() {
    let way = ("workers_flux", "workers_aura", "direct", "ptt");
    let (_deepgram, _brain, mut rig) = call(Plan::default(), way, "x", 700).await;
    rig.configure(json!({ "gateway": { "account_id": "" } }));
    rig.call.press(&mut rig.board);
    let now = rig.until("it is told", |now| now.problem.is_some()).await;
    assert_eq!(problem(&now), Some(Code::GatewayMissing));
    assert_eq!(now.problem.unwrap().detail, "the Cloudflare account id is not set");
}
