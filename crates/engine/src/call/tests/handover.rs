//! One conversation over many connections: opened ahead, taken over between turns, stood in for.

use emulator::chat::{self, Fakes};

use super::*;
use crate::api::{Connections, Provider};
use crate::call::Happening;
use crate::call::handover::Handover;
use crate::call::spare::Grown;

/// A provider and the practice partner.
async fn two() -> (Emulator, Emulator) {
    (practice().await, practice().await)
}

/// A provider at which nobody has credit.
async fn creditless() -> Emulator {
    let known = vec![("sk-handover".to_owned(), Verdict::NoCredit)];
    let keys = Keys { required: true, known, only_known: true };
    Emulator::start(Script { keys, ..Script::openai() }).await.unwrap()
}

/// A call with that one, beside the practice partner.
async fn refused() -> (Rig, [Emulator; 2]) {
    let (partner, provider) = (practice().await, creditless().await);
    let rig = Rig::new(&partner, openai(&provider), 400);
    rig.set_key("sk-handover").await;
    (rig, [partner, provider])
}

/// A call whose provider has gone away, with a key for it; beside the practice partner.
async fn out_of_reach() -> (Rig, Emulator) {
    let (partner, gone) = two().await;
    let settings = openai(&gone);
    drop(gone);
    let rig = Rig::new(&partner, settings, 400);
    rig.set_key("sk-handover").await;
    (rig, partner)
}

impl Rig {
    /// Lets the call go on until another connection is being told the conversation.
    async fn until_being_told(&mut self) {
        while self.call.spare.standby().is_none() {
            let happening = self.call.next().await;
            self.call.happen(happening, &mut self.board);
        }
    }

    /// Every state of the connection that shells were told of since the last look.
    fn links(&mut self) -> Vec<Link> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        events.filter_map(|event| if let Change::Call(call) = event.change { Some(call.link) } else { None }).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_with_another_voice_without_a_pause_or_a_lost_turn() {
    let (partner, provider) = two().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.set_key("sk-handover").await;
    rig.call.say("The first word is apple.", &mut rig.board);
    rig.until_answered(0).await;
    rig.links();
    rig.configure(openai(&provider));
    rig.until("the other voice has taken over", |now| {
        now.call.provider == Provider::Openai && provider.record().count("session.update") == 1
    })
    .await;
    rig.call.say("Which word?", &mut rig.board);
    let now = rig.until_answered(2).await;
    assert!(rig.links().iter().all(|link| *link == Link::Live), "the other voice was ready before it took over");
    assert_eq!(now.items.len(), 4, "no turn is lost or doubled");
    let seen = provider.record();
    assert!(seen.violations.is_empty());
    let told = seen.events.iter().filter(|event| event.kind == "conversation.item.create").count();
    assert_eq!(told, 3, "question and answer as history, and the new question");
    assert!(partner.record().connections.iter().all(|connection| !connection.is_live()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_answered_is_answered_before_another_voice_takes_over() {
    let (partner, provider) = two().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.set_key("sk-handover").await;
    rig.call.press(&mut rig.board);
    rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    rig.configure(openai(&provider));
    let now = rig.until("the answer was heard to its end", |now| now.call.talk == Talk::Ready).await;
    assert_eq!(delivery(&now, 1), Some(Delivery::Complete));
    rig.until("the other voice has taken over", |_| provider.record().count("session.update") == 1).await;
    assert_eq!(partner.record().count("response.create"), 1, "the question went to the first voice alone");
    assert_eq!(provider.record().count("response.create"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_fails_is_stood_in_for_and_the_question_goes_along() {
    let (mut rig, _servers) = refused().await;
    rig.configure(json!({ "call": { "stand_ins": ["openai", "practice"] } }));
    rig.call.press(&mut rig.board);
    rig.until("something is said", |now| !now.items.is_empty()).await;
    let now = rig.until_answered(0).await;
    assert_eq!((now.call.provider, problem(&now)), (Provider::Practice, None));
    let stood_in =
        |note: &Note| matches!(note, Note::StoodIn { failed: Provider::Openai, provider: Provider::Practice, .. });
    assert!(rig.notes().iter().any(stood_in));
    rig.call.hang_up(&mut rig.board);
    assert_eq!(rig.now().call.provider, Provider::Openai, "the next call begins with the user's choice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_in_mid_call_is_stood_in_for() {
    let partner = practice().await;
    let fault = emulator::Fault::parse("response-quota:always").unwrap();
    let provider = Emulator::start(Script { faults: vec![fault], ..Script::default() }).await.unwrap();
    let mut rig = Rig::new(&partner, openai(&provider), 400);
    rig.set_key("sk-handover").await;
    rig.configure(json!({ "call": { "stand_ins": ["practice"] } }));
    rig.call.press(&mut rig.board);
    rig.until("something is said", |now| !now.items.is_empty()).await;
    let now = rig.until_answered(0).await;
    assert_eq!((now.call.provider, problem(&now)), (Provider::Practice, None));
    assert_eq!(provider.record().count("response.create"), 1, "it was asked once, and refused over an open connection");
}

/// A call whose provider has begun to answer when it says that the credit is spent.
async fn cut_off(stand_ins: &[&str]) -> (Rig, Emulator, Emulator) {
    let partner = practice().await;
    // Another seed: no two providers give their answers the same ids.
    let provider = Emulator::start(Script { seed: 7, ..Script::default().answer(Answer::Hold) }).await.unwrap();
    let mut rig = Rig::new(&partner, openai(&provider), 400);
    rig.set_key("sk-handover").await;
    rig.configure(json!({ "call": { "stand_ins": stand_ins } }));
    rig.call.say("Hello", &mut rig.board);
    rig.until("it begins to answer", |now| {
        now.call.talk == Talk::Thinking && provider.record().count("response.create") == 1
    })
    .await;
    provider.inject(emulator::Command::Event(json!({
        "type": "error",
        "error": { "type": "insufficient_quota", "code": "insufficient_quota", "message": "no credit" },
    })));
    rig.until("it is told", |now| problem(now) == Some(Code::Quota)).await;
    assert!(rig.call.is_answering, "nobody stands in before the answer ends");
    (rig, provider, partner)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_stands_in_once_the_user_has_hung_up() {
    let (mut rig, _provider, partner) = cut_off(&["practice"]).await;
    rig.call.hang_up(&mut rig.board);
    let now = rig.now();
    assert_eq!((now.call.link, now.call.provider), (Link::Idle, Provider::Openai));
    assert!(partner.record().connections.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refusal_is_stood_in_for_once() {
    let (mut rig, provider, partner) = cut_off(&["practice", "google"]).await;
    provider.inject(emulator::Command::Cut);
    let now = rig.until_answered(0).await;
    assert_eq!((now.call.provider, partner.record().count("response.create")), (Provider::Practice, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_out_of_reach_is_stood_in_for() {
    let (mut rig, _partner) = out_of_reach().await;
    rig.configure(json!({ "call": { "stand_ins": ["practice"] } }));
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!((now.call.provider, problem(&now)), (Provider::Practice, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_somebody_can_stand_in_it_is_tried_once_more_while_his_connection_is_opened() {
    let (mut rig, partner) = out_of_reach().await;
    rig.configure(json!({ "call": { "stand_ins": ["practice"] } }));
    rig.call.say("Hello", &mut rig.board);
    let is_tried_again = |now: &Snapshot| matches!(now.call.link, Link::Reconnecting { attempt: 1, of: 1, .. });
    rig.until("it is tried again", is_tried_again).await;
    partner.wait_for(|seen| seen.connections.len() == 1, LIMIT).await.unwrap();
    rig.until_answered(0).await;
    assert_eq!(partner.record().connections.len(), 1, "that one is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_left_to_stand_in_for_the_last_one_and_it_has_all_tries() {
    let (mut rig, _partner) = out_of_reach().await;
    let nowhere = json!({ "base_url": "http://127.0.0.1:9" });
    rig.configure(json!({ "call": { "stand_ins": ["google"] }, "providers": { "google": nowhere } }));
    rig.credentials.store(Holder::Google, SecretString::from("own-secret")).await.unwrap();
    rig.call.say("Hello", &mut rig.board);
    let is_tried = |now: &Snapshot| {
        now.call.provider == Provider::Google && matches!(now.call.link, Link::Reconnecting { attempt: 2, of: 6, .. })
    };
    rig.until("the other one is tried again", is_tried).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_that_nobody_serves_is_closed() {
    let (mut rig, _servers) = refused().await;
    rig.configure(open());
    rig.call.start(&mut rig.board);
    rig.until("it is told", |now| now.problem.is_some() && now.call.is_armed).await;
    assert!(rig.call.has_ended());
    rig.call.hang_up(&mut rig.board);
    assert!(!rig.now().call.is_armed);
    assert_eq!(problem(&rig.now()), Some(Code::Quota), "the reason stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stand_in_a_failure_is_told() {
    let (mut rig, _servers) = refused().await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until("it is told", |now| now.problem.is_some()).await;
    assert_eq!((problem(&now), now.call.provider), (Some(Code::Quota), Provider::Openai));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_a_connection_is_told_the_conversation_is_told_to_it_too() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.call.say("The first word is apple.", &mut rig.board);
    rig.until_answered(0).await;
    rig.call.hand_over(Handover::Renewal, &rig.board);
    rig.until_being_told().await;
    rig.links();
    rig.call.say("The second word is pear.", &mut rig.board);
    rig.until_answered(2).await;
    rig.until("it has taken over", |_| partner.record().live() == 1).await;
    rig.call.say("Which words?", &mut rig.board);
    let now = rig.until_answered(4).await;
    assert!(rig.links().iter().all(|link| *link == Link::Live), "and nobody waited for it");
    let seen = partner.record();
    assert!(seen.violations.is_empty(), "{:?}", seen.violations);
    let told = seen.events.iter().filter(|event| event.kind == "conversation.item.create").count();
    assert_eq!((now.items.len(), told), (6, 3 + 4), "three questions, and two turns told again, once each");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_change_while_a_connection_is_told_the_conversation_hold_on_it_too() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
    rig.call.hand_over(Handover::Renewal, &rig.board);
    rig.until_being_told().await;
    rig.configure(json!({ "voice": { "instructions": "Be brief." } }));
    rig.until("it has taken over", |_| partner.record().live() == 1).await;
    rig.call.say("Again", &mut rig.board);
    rig.until_answered(2).await;
    let seen = partner.record();
    let updates: Vec<_> = seen.events.iter().filter(|event| event.kind == "session.update").collect();
    let newest = updates.iter().rfind(|event| event.connection == 1).unwrap();
    assert_eq!(newest.json["session"]["instructions"], "Be brief.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_opened_ahead_is_used() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.call.warm(&rig.board);
    rig.call.warm(&rig.board);
    let open = rig.call.next().await;
    rig.call.happen(open, &mut rig.board);
    partner.wait_for(|seen| seen.connections.len() == 1, LIMIT).await.unwrap();
    assert_eq!(rig.now().call.link, Link::Idle, "nobody uses it yet");
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!(partner.record().connections.len(), 1, "and only that one");
    assert_eq!(now.call.connections, Connections { turns: 1, reused: 0, warm: 1 });
    rig.call.say("Again", &mut rig.board);
    let now = rig.until_answered(2).await;
    assert_eq!(now.call.connections, Connections { turns: 2, reused: 1, warm: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_half_made_counts_neither_as_reused_nor_as_opened_ahead() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.call.warm(&rig.board);
    rig.call.say("Hello", &mut rig.board);
    rig.call.say("Are you there?", &mut rig.board);
    assert_eq!(rig.now().call.connections, Connections { turns: 2, reused: 0, warm: 0 });
    rig.until("both are answered", |now| now.call.waiting == 0 && now.call.talk == Talk::Ready).await;
    assert_eq!(partner.record().connections.len(), 1, "it was used nevertheless");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_opened_ahead_is_made_anew_before_it_is_too_old() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.call.warm(&rig.board);
    let open = rig.call.next().await;
    rig.call.happen(open, &mut rig.board);
    rig.call.happen(Happening::Spare(Grown::Old), &mut rig.board);
    rig.until("another one takes its place", |_| {
        let seen = partner.record();
        seen.connections.len() == 2 && seen.live() == 1
    })
    .await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!((now.call.connections.warm, partner.record().connections.len()), (1, 2));
    rig.call.happen(Happening::Spare(Grown::Old), &mut rig.board);
    assert!(!rig.call.spare.is_any(), "none beside one that is in use");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_for_another_way_is_not_used() {
    let (partner, provider) = two().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.set_key("sk-handover").await;
    rig.call.warm(&rig.board);
    let open = rig.call.next().await;
    rig.call.happen(open, &mut rig.board);
    rig.configure(openai(&provider));
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!((provider.record().count("response.create"), now.call.connections.warm), (1, 0));
    assert_eq!(partner.record().count("response.create"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spare_connection_that_the_provider_ended_is_not_used() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    rig.call.warm(&rig.board);
    let open = rig.call.next().await;
    rig.call.happen(open, &mut rig.board);
    partner.inject(emulator::Command::Cut);
    partner.wait_for(|seen| seen.live() == 0, LIMIT).await.unwrap();
    rig.call.say("Hello", &mut rig.board);
    rig.until_answered(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_can_be_heard_before_the_conversation_and_leaves_nothing_behind() {
    let partner = practice().await;
    let mut rig = Rig::new(&partner, json!({}), 400);
    let heard = rig.folder.path().join("preview.wav");
    let card = Card::Files { input: None, output: Some(heard.clone()) };
    let sound = Sound::new(Some(card), watch::channel(Default::default()).0);
    let settings = rig.board.settings().clone();
    let preview = crate::preview::hear(settings, rig.call.exchange(), sound);
    tokio::time::timeout(LIMIT, preview).await.unwrap().unwrap();
    assert!(std::fs::metadata(heard).unwrap().len() > 24_000, "something was heard");
    assert_eq!((rig.now().items.len(), partner.record().audio_bytes), (0, 0), "and nobody listened");
    assert!(!rig.folder.path().join("data").exists(), "its latency is nobody's concern");
    partner.wait_for(|seen| seen.live() == 0, LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_that_cannot_be_heard_says_why() {
    let provider = creditless().await;
    let mut rig = Rig::new(&provider, openai(&provider), 400);
    rig.set_key("sk-handover").await;
    let sound = Sound::new(Some(Card::Files { input: None, output: None }), watch::channel(Default::default()).0);
    let settings = rig.board.settings().clone();
    let heard = crate::preview::hear(settings, rig.call.exchange(), sound).await;
    assert_eq!(heard.unwrap_err().code, Code::Quota);
    assert_eq!(problem(&rig.now()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_goes_on_with_a_summary_that_was_made_meanwhile_where_the_user_allows_it() {
    for is_allowed in [true, false] {
        let (partner, other) = two().await;
        let writer =
            Fakes::start(chat::Script::default().answer(chat::Answer::say("They spoke of apples."))).await.unwrap();
        let settings = json!({
            "chat": { "provider": "custom", "model": "small", "titles": is_allowed },
            "custom": { "base_url": writer.base_url("custom") },
        });
        let mut rig = Rig::new(&partner, settings, 400);
        let long = "An apple is a fruit. ".repeat(300);
        rig.call.say(&long, &mut rig.board);
        rig.until_answered(0).await;
        rig.call.say(&long, &mut rig.board);
        let mut is_summed = !is_allowed;
        let going_on = async {
            let is_answered = |now: &Snapshot| delivery(now, 2) == Some(Delivery::Answered);
            while !(is_summed && is_answered(&rig.now()) && rig.now().call.talk == Talk::Ready) {
                let happening = rig.call.next().await;
                is_summed |= matches!(happening, Happening::Summary(..));
                rig.call.happen(happening, &mut rig.board);
            }
        };
        tokio::time::timeout(LIMIT, going_on).await.unwrap();
        let endpoint = json!({ "base_url": other.base_url() });
        rig.configure(json!({ "call": { "provider": "openai", "route": "endpoint" }, "endpoint": endpoint }));
        rig.call.say("And now?", &mut rig.board);
        rig.until_answered(4).await;
        let seen = other.record();
        let told: Vec<&str> = seen
            .events
            .iter()
            .filter(|event| event.kind == "conversation.item.create")
            .filter_map(|event| event.json["item"]["content"][0]["text"].as_str())
            .collect();
        let (preface, asked) = if is_allowed {
            ("[Earlier in this conversation, in short: They spoke of apples.]", 1)
        } else {
            ("[Older turns of this conversation are left out here.]", 0)
        };
        assert!(told[0].starts_with(preface), "{}", &told[0][..100]);
        assert_eq!((told.last().copied(), writer.record().count("custom")), (Some("And now?"), asked));
        assert!(seen.violations.is_empty() && writer.record().violations.is_empty());
    }
}
