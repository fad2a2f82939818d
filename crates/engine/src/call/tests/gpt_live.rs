//! Calls with GPT-Live, from a file of speech to a file of what was heard.

use emulator::voices::{Message, Plan, Seen, Voices};

use super::*;

struct Stage {
    voices: Voices,
    rig: Rig,
    /// The practice partner also writes: it does the work behind the voice.
    _partner: Emulator,
}

impl Stage {
    async fn new(plan: Plan, more: Value, speech_ms: u32) -> Self {
        let voices = Voices::start(plan).await.unwrap();
        let partner = practice().await;
        let settings = json!({
            "call": { "provider": "gpt_live", "route": "direct" },
            "providers": { "openai": { "base_url": format!("{}/v1", voices.base_url()) } },
        });
        let mut rig = Rig::new(&partner, settings, speech_ms);
        rig.set_key("sk-live").await;
        rig.configure(more);
        Self { voices, rig, _partner: partner }
    }

    fn check(&self) {
        let wrong = self.voices.seen().into_iter().filter(|seen| matches!(seen, Seen::Violation { .. }));
        assert_eq!(wrong.collect::<Vec<_>>(), []);
    }

    /// The commands of a kind, sound left out.
    fn commands(&self, kind: &str) -> Vec<Value> {
        let command = |seen| match seen {
            Seen::Message { message: Message::Text(text), .. } => serde_json::from_str::<Value>(&text).ok(),
            Seen::Message { .. } | Seen::Opened { .. } | Seen::Violation { .. } | Seen::Closed { .. } => None,
        };
        self.voices.seen().into_iter().filter_map(command).filter(|command| command["type"] == kind).collect()
    }

    async fn hang_up(&mut self) -> f64 {
        let closing = self.rig.call.hang_up(&mut self.rig.board).unwrap();
        tokio::time::timeout(LIMIT, closing).await.unwrap().unwrap();
        let wav = std::fs::read(self.rig.folder.path().join("heard.wav")).unwrap();
        let samples = wav.get(44..).unwrap_or_default().chunks_exact(2);
        let loud = samples.filter(|pair| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 1_000).count();
        loud as f64 / 48_000.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_is_answered_aloud() {
    let plan = Plan { words: "how are you today".into(), ..Plan::default() };
    let mut stage = Stage::new(plan, json!({}), 900).await;
    stage.rig.call.press(&mut stage.rig.board);
    stage.rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    let now = stage.rig.until_answered(0).await;
    assert_eq!(now.items[0].text, "how are you today");
    assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None));
    assert_eq!(now.items[1].text, "You said: how are you today");
    let usage = now.items[1].usage.unwrap();
    assert!((2_000..30_000).contains(&usage.session_ms), "{usage:?}");
    let heard = stage.hang_up().await;
    assert!(heard > 0.5, "{heard} s of the answer were heard");
    let is_over = |seen: &[Seen]| seen.iter().any(|seen| matches!(seen, Seen::Closed { .. }));
    let seen = stage.voices.wait_for(is_over, LIMIT).await.unwrap();
    let last = seen.iter().rfind(|seen| matches!(seen, Seen::Message { .. }));
    assert!(format!("{last:?}").contains("session.close"), "what is paid by the second ends with a word: {last:?}");
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_takes_turns_by_what_the_model_understands() {
    let plan = Plan { words: "good morning to you".into(), ..Plan::default() };
    let mut stage = Stage::new(plan, json!({ "call": { "mode": "open" } }), 1_200).await;
    stage.rig.call.start(&mut stage.rig.board);
    let now = stage.rig.until_answered(0).await;
    assert_eq!(now.items[0].text, "good morning to you");
    assert_eq!(now.items[1].text, "You said: good morning to you");
    assert!(stage.hang_up().await > 0.5);
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delegated_is_done_by_the_text_model_and_said() {
    let plan = Plan { words: "please look up the weather".into(), ..Plan::default() };
    let mut stage = Stage::new(plan, json!({}), 900).await;
    stage.rig.call.press(&mut stage.rig.board);
    let says = |now: &Snapshot| now.items.iter().any(|item| item.text.contains("You wrote: “please look up"));
    let now = stage.rig.until("the result is said", |now| says(now) && now.call.talk == Talk::Ready).await;
    assert_eq!(now.items[0].delivery, Delivery::Answered);
    assert!(now.items[1].text.starts_with("One moment."), "{:#?}", now.items);
    let commentary = stage.commands("session.commentary.append");
    assert!(commentary.iter().all(|command| command["delegation_id"] == "dlg_1"), "{commentary:#?}");
    assert!(stage.hang_up().await > 1.0);
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_message_is_answered_in_writing_without_the_voice() {
    let mut stage = Stage::new(Plan::default(), json!({}), 600).await;
    stage.rig.call.say("Hello there", &mut stage.rig.board);
    let now = stage.rig.until_answered(0).await;
    assert_eq!(now.items[1].kind, Kind::Typed);
    assert!(now.items[1].text.starts_with("You wrote: “Hello there”"), "{}", now.items[1].text);
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn pressing_over_the_answer_silences_it_and_tells_the_model() {
    let long = "one two three four five six seven eight nine ten ".repeat(4);
    let plan = Plan { words: "tell me a story".into(), answer: long, ..Plan::default() };
    let mut stage = Stage::new(plan, json!({}), 700).await;
    stage.rig.call.press(&mut stage.rig.board);
    stage.rig.until("the answer is heard", |now| now.call.talk == Talk::Speaking).await;
    stage.rig.call.press(&mut stage.rig.board);
    let now = stage.rig.now();
    assert_eq!((now.call.talk, delivery(&now, 1)), (Talk::Listening, Some(Delivery::Interrupted)));
    let stop = |stage: &Stage| stage.commands("session.instructions.append");
    assert!(stage.voices.wait_for(|_| !stop(&stage).is_empty(), LIMIT).await.is_ok());
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_connection_knows_the_conversation() {
    let plan = Plan { words: "remember me".into(), ..Plan::default() };
    let mut stage = Stage::new(plan, json!({}), 700).await;
    stage.rig.call.press(&mut stage.rig.board);
    stage.rig.until_answered(0).await;
    stage.hang_up().await;
    stage.rig.call.say("And now?", &mut stage.rig.board);
    stage.rig.until_answered(2).await;
    let starts = stage.commands("session.start");
    assert_eq!(starts.len(), 2);
    let input = &starts[1]["session"]["input"];
    assert_eq!(input[0]["content"][0]["text"], "remember me");
    assert_eq!(input[1]["content"][0]["text"], "You said: remember me");
    assert_eq!(input.as_array().unwrap().len(), 2, "what is asked now is no history");
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_credit_is_told_and_not_tried_again() {
    let plan = Plan { fault: Some("quota".into()), ..Plan::default() };
    let mut stage = Stage::new(plan, json!({}), 700).await;
    stage.rig.call.press(&mut stage.rig.board);
    let now = stage.rig.until("the credit is missing", |now| problem(now) == Some(Code::Quota)).await;
    assert_eq!((now.call.talk, now.call.link), (Talk::Blocked, Link::Idle));
    assert_eq!(stage.commands("session.start").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_know_the_newest_option_is_asked_without_it() {
    let plan = Plan { fault: Some("plain".into()), words: "hello".into(), ..Plan::default() };
    let mut stage = Stage::new(plan, json!({}), 700).await;
    stage.rig.call.press(&mut stage.rig.board);
    stage.rig.until_answered(0).await;
    assert_eq!(stage.commands("session.start").len(), 2);
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_expires_goes_on_over_a_fresh_one() {
    let plan = Plan { fault: Some("expiry".into()), ..Plan::default() };
    let mut stage = Stage::new(plan, json!({}), 700).await;
    stage.rig.call.say("Hello", &mut stage.rig.board);
    stage.rig.until_answered(0).await;
    let mut going_on = async || {
        stage.rig.until("there is another session", |now| matches!(now.call.link, Link::Reconnecting { .. })).await;
        stage.rig.until("it is ready", |now| now.call.link == Link::Live).await
    };
    assert_eq!(problem(&going_on().await), None);
    stage.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn muting_tells_that_it_costs_as_much_and_silence_ends_the_call() {
    let mut stage = Stage::new(Plan::default(), json!({ "call": { "mode": "open", "idle_hang_up_s": 2 } }), 1).await;
    stage.rig.call.start(&mut stage.rig.board);
    stage.rig.until("the call is live", |now| now.call.link == Link::Live).await;
    stage.rig.call.mute(true, &mut stage.rig.board);
    assert_eq!(stage.rig.notes(), [Note::MutedCosts]);
    let going_on = async {
        while !stage.rig.call.is_forgotten(&mut stage.rig.board) {
            let happening = stage.rig.call.next().await;
            stage.rig.call.happen(happening, &mut stage.rig.board);
        }
    };
    tokio::time::timeout(LIMIT, going_on).await.unwrap();
    assert_eq!(stage.rig.notes(), [Note::HungUp { seconds: 2 }]);
}
