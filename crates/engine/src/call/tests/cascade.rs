//! A call through a cascade over real sockets: OpenAI's ear, a model in writing, the mouth of a server of one's own.

use emulator::chat::{self, Fakes};
use emulator::voices::{Plan, Seen, Voices};

use super::both::Both;
use super::ledger::rows_of;
use super::*;

/// The fakes of one call.
struct Cast {
    ear: Voices,
    mouth: Voices,
    brain: Fakes,
}

impl Cast {
    async fn new(ear: Plan, mouth: Plan, brain: chat::Script) -> Self {
        Self {
            ear: Voices::start(Plan { words: "What is the time?".into(), ..ear }).await.unwrap(),
            mouth: Voices::start(mouth).await.unwrap(),
            brain: Fakes::start(brain).await.unwrap(),
        }
    }

    async fn rig(&self, patch: Value, speech_ms: u32) -> Rig {
        let settings = json!({
            "call": { "provider": "cascade" },
            "cascade": {
                "ear": "openai",
                "mouth": "local",
                "local_base_url": format!("{}/v1", self.mouth.base_url()),
            },
            "providers": { "openai": { "base_url": format!("{}/v1", self.ear.base_url()) } },
        });
        let settings = config::merge(&config::merge(&Settings::default(), &settings).unwrap(), &patch).unwrap();
        let rig = Rig::beside(self.brain.base_url("practice"), serde_json::to_value(settings).unwrap(), speech_ms);
        rig.set_key("sk-ear").await;
        rig
    }

    fn assert_proper(&self) {
        for seen in self.ear.seen().iter().chain(&self.mouth.seen()) {
            assert!(!matches!(seen, Seen::Violation { .. }), "{seen:?}");
        }
    }

    /// Requests that ear and mouth got.
    fn requests(&self) -> (usize, usize) {
        let count = |voices: &Voices| voices.seen().iter().filter(|seen| matches!(seen, Seen::Opened { .. })).count();
        (count(&self.ear), count(&self.mouth))
    }
}

fn says(text: &str) -> chat::Script {
    // Whatever is asked again has the same answer.
    (0..4).fold(chat::Script::default(), |script, _| script.answer(chat::Answer::say(text)))
}

fn fault(name: &str) -> Plan {
    Plan { fault: Some(name.into()), ..Plan::default() }
}

/// A push-to-talk turn of half a second.
async fn speak(rig: &mut Rig) {
    rig.call.press(&mut rig.board);
    rig.until("the microphone hears", |now| now.items.iter().any(|item| item.duration_ms >= 500)).await;
    rig.call.release(&mut rig.board);
}

/// How much of the file that was played is louder than a whisper, in ms.
fn loud_ms(rig: &Rig) -> usize {
    let wav = std::fs::read(rig.folder.path().join("heard.wav")).unwrap();
    let data = wav.windows(4).position(|name| name == b"data").unwrap() + 8;
    let rate = u32::from_le_bytes(wav[24..28].try_into().unwrap()) as usize;
    let bytes = usize::from(u16::from_le_bytes(wav[32..34].try_into().unwrap()));
    let is_loud = |frame: &&[u8]| i16::from_le_bytes([frame[0], frame[1]]).unsigned_abs() > 1_000;
    wav[data..].chunks_exact(bytes).filter(is_loud).count() * 1_000 / rate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_turn_goes_through_ear_model_and_mouth() {
    let cast = Cast::new(Plan::default(), Plan::default(), says("**It** is noon. Time for lunch!")).await;
    let mut rig = cast.rig(json!({}), 600).await;
    speak(&mut rig).await;
    let now = rig.until_answered(0).await;
    assert_eq!(problem(&now), None);
    assert_eq!(
        (now.items[0].text.as_str(), now.items[1].text.as_str()),
        ("What is the time?", "It is noon. Time for lunch!"),
        "a caption has no marks"
    );
    assert_eq!((now.items[1].kind.clone(), delivery(&now, 1)), (Kind::Spoken, Some(Delivery::Complete)));
    assert!(now.items[1].duration_ms >= 1_500, "60 ms for each character: {}", now.items[1].duration_ms);
    cast.assert_proper();
    assert_eq!(cast.requests(), (1, 2), "one for each sentence");
    rig.call.hang_up(&mut rig.board);
    drop(rig.call);
    rig.call = cast.rig(json!({}), 0).await.call;
    assert!(loud_ms(&rig) > 800, "it is heard: {}", loud_ms(&rig));
}

/// With a text model that the ledger knows.
fn written_by(cast: &Cast) -> Value {
    json!({ "chat": { "provider": "custom", "model": "small" }, "custom": { "base_url": cast.brain.base_url("custom") } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_text_model_costs_is_paid_by_the_conversation() {
    let cast = Cast::new(Plan::default(), Plan::default(), says("It is noon.")).await;
    let mut both = Both::new(cast.rig(written_by(&cast), 600).await);
    // A pane that has to make the file first may be too slow to say which conversation it is.
    both.rig.call.exchange().text.shelf().store().await.unwrap();
    both.rig.call.say("Hello", &mut both.rig.board);
    let is_kept = |now: &Snapshot| delivery(now, 0) == Some(Delivery::Answered) && now.chat.conversation.is_some();
    let now = both.until("it is answered, and in a conversation", is_kept).await;
    let conversation = now.chat.conversation.unwrap().to_string();
    let paid = rows_of(&both.rig.call, "voice", "custom").await;
    assert_eq!(paid.iter().map(|[conversation, ..]| conversation).collect::<Vec<_>>(), [&conversation], "{paid:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_one_s_own_that_holds_up_an_answer_is_told_with_its_end() {
    let cast = Cast::new(Plan::default(), Plan::default(), says("It is noon.")).await;
    let limits = json!({ "limits": { "requests_per_minute": 1, "burst": 1 } });
    let patch = config::merge(&config::merge(&Settings::default(), &written_by(&cast)).unwrap(), &limits).unwrap();
    let mut rig = cast.rig(json!({ "chat": patch.chat, "custom": patch.custom, "limits": patch.limits }), 600).await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!(now.call.limited_until, None);
    rig.call.say("And now?", &mut rig.board);
    let now = rig.until("the end of the limit is told", |now| now.call.limited_until.is_some()).await;
    let left = now.call.limited_until.unwrap() - crate::call::unix_ms();
    assert!((1..=60_000).contains(&left), "{left}");
    rig.call.hang_up(&mut rig.board);
    assert_eq!(rig.until("nothing waits", |now| now.call.limited_until.is_none()).await.call.link, Link::Idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_microphone_takes_turns_by_loudness() {
    let cast = Cast::new(Plan::default(), Plan::default(), says("It is noon.")).await;
    let mut rig = cast.rig(open(), 900).await;
    rig.call.press(&mut rig.board);
    rig.call.release(&mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!(problem(&now), None);
    assert_eq!((now.items[0].text.as_str(), now.items[1].text.as_str()), ("What is the time?", "It is noon."));
    assert!((600..1_800).contains(&now.items[0].duration_ms), "{}", now.items[0].duration_ms);
    cast.assert_proper();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_written_message_is_answered_aloud_in_a_call() {
    let cast = Cast::new(Plan::default(), Plan::default(), says("Written.")).await;
    let mut rig = cast.rig(json!({}), 600).await;
    rig.call.say("Hello", &mut rig.board);
    let now = rig.until_answered(0).await;
    assert_eq!((now.items[1].text.as_str(), problem(&now)), ("Written.", None));
    assert_eq!(cast.requests().0, 0, "nothing was said");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_the_ear_failed_to_take_down_is_sent_again() {
    for name in ["transcriptions:500 once", "transcriptions:garbage once", "transcriptions:cut once"] {
        let cast = Cast::new(fault(name), Plan::default(), says("It is noon.")).await;
        let mut rig = cast.rig(json!({}), 600).await;
        speak(&mut rig).await;
        let now = rig.until_answered(0).await;
        assert_eq!((now.items.len(), cast.requests().0), (2, 2), "{name}");
        cast.assert_proper();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ear_without_a_good_key_keeps_the_turn_and_says_so() {
    let cast = Cast::new(fault("transcriptions:401"), Plan::default(), says("It is noon.")).await;
    let mut rig = cast.rig(json!({}), 600).await;
    speak(&mut rig).await;
    let now = rig.until("the key is refused", |now| problem(now).is_some()).await;
    assert_eq!((problem(&now), delivery(&now, 0)), (Some(Code::CredentialRefused), Some(Delivery::Kept)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_voice_fails_can_be_read() {
    for name in ["speech:500", "speech:garbage", "speech:cut", "speech:429"] {
        let cast = Cast::new(Plan::default(), fault(name), says("It is noon. Time for lunch!")).await;
        let mut rig = cast.rig(json!({}), 600).await;
        speak(&mut rig).await;
        let is_read = |now: &Snapshot| delivery(now, 1) == Some(Delivery::Failed) && problem(now).is_some();
        let now = rig.until(&format!("{name} is told"), is_read).await;
        assert_eq!(now.items[1].text, "It is noon. Time for lunch!", "{name}");
        assert_eq!(delivery(&now, 0), Some(Delivery::Answered), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_voice_is_waited_for() {
    let cast = Cast::new(fault("transcriptions:drip"), fault("speech:drip"), says("It is noon.")).await;
    let mut rig = cast.rig(json!({}), 600).await;
    speak(&mut rig).await;
    let now = rig.until_answered(0).await;
    assert_eq!((delivery(&now, 1), problem(&now)), (Some(Delivery::Complete), None));
    cast.assert_proper();
}
