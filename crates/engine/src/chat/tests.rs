//! The pane over real sockets to fake providers, with a store in a temporary folder.

#![expect(clippy::unwrap_used, reason = "tests")]

mod pictures;
mod receipts;
mod retention;
mod trouble;

use std::time::Duration;

use emulator::chat::{Answer, Fakes, Fault, FaultKind, Finish, Pace, Script};
use gateway::Purpose;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{Aside, Desk, Order};
use crate::api::{
    About, Change, ChatMessage, Command, Delivery, Enclosed, Event, ExportFormat, FailureKind, Item, Kind,
    MessageState, Role, Snapshot, Target,
};
use crate::board::Board;
use crate::config::{self, Settings};
use crate::credential::Credentials;
use crate::net::{Net, NetOptions};
use crate::picture::Studio;
use crate::text::{self, Shelf, Text};

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);
const KEY: &str = "gsk-test-never-shown";

/// A pane with its task, and a board in place of the core's.
struct Rig {
    orders: mpsc::Sender<Order>,
    changes: mpsc::Receiver<Change>,
    board: Board,
    events: broadcast::Receiver<Event>,
    settings: watch::Sender<Settings>,
    text: Text,
    _practice: watch::Sender<String>,
    folder: tempfile::TempDir,
}

impl Rig {
    fn new(fakes: &Fakes, patch: &Value) -> Self {
        Self::within(tempfile::tempdir().unwrap(), fakes, patch)
    }

    fn within(folder: tempfile::TempDir, fakes: &Fakes, patch: &Value) -> Self {
        let addresses: Vec<Value> = ["groq", "anthropic", "mistral"]
            .map(|provider| json!({ "provider": provider, "url": fakes.base_url(provider) }))
            .into();
        let settings = json!({
            "chat": { "provider": "groq", "model": "fake-model", "addresses": addresses },
            "limits": { "attempts": 1 },
        });
        let settings = config::merge(&Settings::default(), &settings).unwrap();
        let settings = config::merge(&settings, patch).unwrap();
        let credentials = Credentials::without_keychain(|name| {
            ["GROQ_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "FAL_KEY"].contains(&name).then(|| KEY.to_owned())
        });
        let net = Net::new(NetOptions::default()).unwrap();
        let (url, practice) = watch::channel(fakes.base_url("practice"));
        let shelf = Shelf::new(folder.path().join("sidetone.db"));
        let (text, keyring, _) = text::start(&net, &credentials, shelf, practice, &settings);
        let in_force = watch::Sender::new(settings.clone());
        let exports = folder.path().join("exports");
        let studio = Studio::new(net, keyring.clone());
        let (orders, changes) = Desk::start(text.clone(), keyring, studio, in_force.subscribe(), exports);
        let (sender, events) = broadcast::channel(4096);
        let about = About { version: String::new(), settings: String::new(), log: String::new() };
        let board = Board::new(sender, call(), settings, Vec::new(), about);
        Self { orders, changes, board, events, settings: in_force, text, _practice: url, folder }
    }

    async fn send(&self, command: Command) {
        self.orders.send(Order::Command(command)).await.unwrap();
    }

    async fn ask(&self, text: &str) {
        self.send(Command::Ask { text: text.into(), attachments: Vec::new() }).await;
    }

    fn now(&self) -> Snapshot {
        self.board.snapshot(Vec::new())
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let going_on = async {
            loop {
                let now = self.now();
                if is_so(&now) {
                    return now;
                }
                self.board.show(self.changes.recv().await.unwrap());
            }
        };
        let outcome = tokio::time::timeout(LIMIT, going_on).await;
        outcome.unwrap_or_else(|_| panic!("not so: {what}\n{:#?}\n{:#?}", self.now().chat, self.now().messages))
    }

    /// The whole branch when it has so many messages and nothing is being written.
    async fn until_quiet(&mut self, count: usize) -> Vec<ChatMessage> {
        let is_quiet = |now: &Snapshot| {
            let is_over = |message: &ChatMessage| message.state != MessageState::Streaming;
            !now.chat.is_answering && now.messages.len() == count && now.messages.iter().all(is_over)
        };
        self.until(&format!("{count} messages"), is_quiet).await.messages
    }

    async fn close(self) -> tempfile::TempDir {
        let (reply, stopped) = oneshot::channel();
        self.orders.send(Order::Stop(reply)).await.unwrap();
        let mut changes = self.changes;
        let draining = async { while changes.recv().await.is_some() {} };
        let _ = tokio::join!(stopped, draining);
        self.folder
    }
}

fn call() -> crate::api::Call {
    crate::api::Call {
        provider: crate::api::Provider::Practice,
        model: String::new(),
        voice: String::new(),
        route: crate::api::Route::Direct,
        link: crate::api::Link::Idle,
        talk: crate::api::Talk::Ready,
        mode: crate::api::Mode::Ptt,
        is_locked: false,
        is_muted: false,
        is_input_over: false,
        is_armed: false,
        is_floor_held: false,
        is_live: false,
        started_at: None,
        first_sound_ms: None,
        waiting: 0,
        limited_until: None,
        connections: crate::api::Connections::default(),
        minute_costs: Vec::new(),
    }
}

fn kind(message: &ChatMessage) -> Option<FailureKind> {
    message.failure.as_ref().map(|failure| failure.kind)
}

fn slow() -> Pace {
    Pace { between: Duration::from_millis(40), words: 1, ..Pace::default() }
}

async fn fakes(script: Script) -> Fakes {
    Fakes::start(script).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_kept_and_found_again() {
    let fakes =
        fakes(Script::default().key("groq", KEY).answer(Answer::say("It is one's own voice in the ear."))).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    rig.ask("What is a sidetone?").await;
    let messages = rig.until_quiet(2).await;
    assert_eq!(messages[1].text, "It is one's own voice in the ear.");
    assert_eq!(messages[1].state, MessageState::Done);
    assert_eq!(messages[1].target, Some(Target { provider: "groq".into(), model: "fake-model".into() }));
    assert!(messages[1].receipt.as_ref().unwrap().output_tokens > 0);
    assert_eq!(rig.now().chat.title, "What is a sidetone?");
    rig.send(Command::FindHistory { query: "own voice".into() }).await;
    let now = rig.until("it is found", |now| !now.history.is_empty()).await;
    assert!(now.history[0].found.iter().any(|fragment| fragment.is_hit), "{:?}", now.history);

    let conversation = now.chat.conversation.unwrap();
    rig.send(Command::NewChat).await;
    rig.until("it is put away", |now| now.messages.is_empty() && now.chat.conversation.is_none()).await;
    let folder = rig.close().await;
    let mut rig = Rig::within(folder, &fakes, &json!({}));
    rig.send(Command::OpenConversation { id: conversation }).await;
    let again = rig.until_quiet(2).await;
    assert_eq!((&again[1].text, &again[1].receipt), (&messages[1].text, &messages[1].receipt));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_practice_partner_answers() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({ "chat": { "provider": "practice", "model": "practice" } }));
    rig.ask("hello there").await;
    let messages = rig.until_quiet(2).await;
    assert!(messages[1].text.contains("hello there"), "{messages:?}");
    assert_eq!(messages[1].receipt.as_ref().unwrap().cost_nano, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_answer_keeps_what_came_and_can_be_continued() {
    let long = "word ".repeat(400);
    let script = Script { pace: slow(), ..Script::default() }.answer(Answer::say(long)).answer(Answer::say("the rest"));
    let fakes = fakes(script).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    rig.ask("Say a lot.").await;
    rig.until("some words", |now| now.messages.get(1).is_some_and(|answer| answer.text.contains("word"))).await;
    rig.send(Command::StopAnswer).await;
    let stopped = rig.until_quiet(2).await[1].clone();
    assert_eq!(stopped.state, MessageState::Stopped);
    rig.send(Command::Continue { message: stopped.id }).await;
    rig.until("it goes on", |now| now.chat.is_answering).await;
    let whole = rig.until_quiet(2).await[1].clone();
    assert_eq!((whole.id, whole.state), (stopped.id, MessageState::Done));
    assert_eq!(whole.text, format!("{}the rest", stopped.text));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_provider_stands_in_before_the_first_word() {
    let script =
        Script::default().fault(Fault::new(FaultKind::Overloaded).at("groq")).answer(Answer::say("Here I am."));
    let fakes = fakes(script).await;
    let fallback = json!({ "chat": { "fallback": [{ "provider": "anthropic", "model": "claude-fake" }] } });
    let mut rig = Rig::new(&fakes, &fallback);
    rig.ask("Anybody?").await;
    let answer = rig.until_quiet(2).await[1].clone();
    assert_eq!((answer.state, answer.text.as_str()), (MessageState::Done, "Here I am."));
    assert_eq!(answer.target.unwrap().provider, "anthropic");
    assert_eq!(answer.fell_back_from.unwrap().provider, "groq");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_keeps_its_text_and_is_not_begun_anew() {
    let script = Script::default().fault(Fault::new(FaultKind::CutMidStream).at("groq").on(1));
    let fakes = fakes(script.answer(Answer::say("One two three four five six seven eight nine ten."))).await;
    let fallback = json!({ "chat": { "fallback": [{ "provider": "anthropic", "model": "claude-fake" }] } });
    let mut rig = Rig::new(&fakes, &fallback);
    rig.ask("Count.").await;
    let broken = rig.until_quiet(2).await[1].clone();
    assert_eq!((broken.state, kind(&broken)), (MessageState::Failed, Some(FailureKind::Broken)));
    assert!(broken.text.starts_with("One two"), "{broken:?}");
    assert_eq!(fakes.record().requests.len(), 1, "nobody else was asked");
    rig.send(Command::Continue { message: broken.id }).await;
    rig.until("it goes on", |now| now.chat.is_answering).await;
    let whole = rig.until_quiet(2).await[1].clone();
    assert_eq!((whole.state, whole.failure.clone()), (MessageState::Done, None));
    assert!(whole.text.starts_with(&broken.text) && whole.text.len() > broken.text.len(), "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_and_answers_have_versions() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    rig.ask("first").await;
    let first = rig.until_quiet(2).await;
    rig.send(Command::Regenerate { message: first[1].id }).await;
    rig.until("another answer", |now| now.messages.get(1).is_some_and(|answer| answer.id != first[1].id)).await;
    let second = rig.until_quiet(2).await;
    assert_eq!((second[1].version, second[1].versions.len()), (1, 2));
    rig.send(Command::EditMessage { message: first[0].id, text: "changed".into() }).await;
    rig.until("another question", |now| now.messages.first().is_some_and(|question| question.text == "changed")).await;
    let third = rig.until_quiet(2).await;
    assert!(third[1].text.contains("changed"), "{third:?}");
    rig.send(Command::ChooseBranch { message: first[1].id }).await;
    let back = rig.until("the first again", |now| now.chat.branch == [first[0].id, first[1].id]).await;
    assert_eq!(back.chat.branch.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_stops_before_the_request() {
    let fakes = fakes(Script::default()).await;
    let price =
        json!([{ "provider": "groq", "model": "fake-model", "input": 1000.0, "cached": -1.0, "output": 1000.0 }]);
    let patch = json!({ "chat": { "prices": price, "max_output": 1000 }, "budget": { "day": 0.000001 } });
    let mut rig = Rig::new(&fakes, &patch);
    rig.ask("A dear question.").await;
    let answer = rig.until_quiet(2).await[1].clone();
    assert_eq!((answer.state, kind(&answer)), (MessageState::Failed, Some(FailureKind::Budget)));
    assert!(fakes.record().requests.is_empty(), "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_ever_shows_in_an_event() {
    let script = Script::default().fault(Fault::new(FaultKind::InvalidKey).at("groq").on(1));
    let fakes = fakes(script).await;
    let mut rig = Rig::new(&fakes, &json!({ "chat": { "stand_in": false } }));
    rig.ask("Refused?").await;
    let refused = rig.until_quiet(2).await[1].clone();
    assert_eq!(kind(&refused), Some(FailureKind::Credential));
    rig.send(Command::FindModels).await;
    rig.until("models", |now| now.models.len() > 1).await;
    let mut count = 0;
    while let Ok(event) = rig.events.try_recv() {
        count += 1;
        let text = format!("{event:?} {}", serde_json::to_string(&event).unwrap());
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(count > 3);
    assert!(
        !std::fs::read(rig.folder.path().join("sidetone.db"))
            .unwrap()
            .windows(KEY.len())
            .any(|part| part == KEY.as_bytes())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn spoken_turns_stand_in_the_same_conversation() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    rig.ask("written").await;
    rig.until_quiet(2).await;
    let said = item(7, Role::User, "said", Delivery::Sent);
    rig.orders.send(Order::Spoken { item: Box::new(said), call_at: 1000 }).await.unwrap();
    let answered = item(7, Role::User, "said", Delivery::Answered);
    rig.orders.send(Order::Spoken { item: Box::new(answered), call_at: 1000 }).await.unwrap();
    let heard = item(8, Role::Assistant, "heard", Delivery::Arriving);
    rig.orders.send(Order::Spoken { item: Box::new(heard), call_at: 1000 }).await.unwrap();
    let whole = item(8, Role::Assistant, "heard all of it", Delivery::Complete);
    rig.orders.send(Order::Spoken { item: Box::new(whole), call_at: 1000 }).await.unwrap();
    let is_there = |now: &Snapshot| now.messages.get(3).is_some_and(|message| message.text == "heard all of it");
    let messages = rig.until("both turns", is_there).await.messages;
    assert!(messages[2].is_voice && messages[3].is_voice && !messages[1].is_voice);
    assert_eq!((messages[2].item, messages[3].item), (Some(7), Some(8)));
    // What was said is known to who is asked in writing.
    rig.ask("again").await;
    rig.until_quiet(6).await;
    let record = fakes.record();
    let asked = record.requests.last().unwrap().body.to_string();
    assert!(asked.contains("heard all of it"), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_long_conversation_only_what_is_new_is_told() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    let say = |id| item(id, Role::User, "something", Delivery::Answered);
    rig.orders.send(Order::Spoken { item: Box::new(say(7)), call_at: 1000 }).await.unwrap();
    rig.until_quiet(1).await;
    rig.orders.send(Order::Spoken { item: Box::new(say(8)), call_at: 1000 }).await.unwrap();
    let told = loop {
        if let Change::ChatMessage(message) = rig.changes.recv().await.unwrap() {
            break message;
        }
    };
    assert_eq!(told.item, Some(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_was_taken_back_is_in_no_history() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    let turns = [(7, "a first turn", Delivery::Answered), (8, "a slip of the tongue", Delivery::Kept)];
    for (id, words, delivery) in turns {
        let said = item(id, Role::User, words, delivery);
        rig.orders.send(Order::Spoken { item: Box::new(said), call_at: 1000 }).await.unwrap();
    }
    rig.until("both turns", |now| now.messages.len() == 2).await;
    rig.orders.send(Order::Unspoken(8)).await.unwrap();
    rig.orders.send(Order::Unspoken(8)).await.unwrap();
    rig.until("one turn", |now| now.messages.len() == 1).await;
    rig.ask("again").await;
    rig.until_quiet(3).await;
    let record = fakes.record();
    let asked = record.requests.last().unwrap().body.to_string();
    assert!(asked.contains("a first turn") && !asked.contains("slip"), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_was_taken_back_names_no_conversation() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    for (id, words) in [(7, "a slip of the tongue"), (8, "What is a sidetone?")] {
        let said = Item { is_final: true, ..item(id, Role::User, words, Delivery::Answered) };
        rig.orders.send(Order::Spoken { item: Box::new(said), call_at: 1000 }).await.unwrap();
    }
    rig.until("both turns", |now| now.messages.len() == 2 && now.chat.title == "a slip of the tongue").await;
    rig.orders.send(Order::Unspoken(7)).await.unwrap();
    rig.until("another name", |now| now.chat.title == "What is a sidetone?" && now.messages.len() == 1).await;
    rig.orders.send(Order::Unspoken(8)).await.unwrap();
    rig.until("none", |now| now.chat.title == "Spoken conversation" && now.messages.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_can_be_taken_back_from_a_conversation_that_was_left_and_opened_again() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    for id in [7, 8] {
        let said = item(id, Role::User, "something", Delivery::Answered);
        rig.orders.send(Order::Spoken { item: Box::new(said), call_at: 1000 }).await.unwrap();
    }
    let now = rig.until("both turns", |now| now.messages.len() == 2).await;
    let id = now.chat.conversation.unwrap();
    rig.send(Command::NewChat).await;
    rig.until("it is left", |now| now.chat.conversation.is_none()).await;
    rig.send(Command::OpenConversation { id }).await;
    rig.until("it is open again", |now| now.chat.conversation == Some(id) && now.messages.len() == 2).await;
    rig.orders.send(Order::Unspoken(8)).await.unwrap();
    rig.until("one turn", |now| now.messages.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_conversation_is_named_after_its_first_words() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    let unknown = item(7, Role::User, "", Delivery::Sent);
    rig.orders.send(Order::Spoken { item: Box::new(unknown), call_at: 1000 }).await.unwrap();
    let answered = item(8, Role::Assistant, "It is heard.", Delivery::Complete);
    rig.orders.send(Order::Spoken { item: Box::new(answered), call_at: 1000 }).await.unwrap();
    rig.until("a conversation", |now| now.chat.title == "Spoken conversation").await;
    let known = item(7, Role::User, "What is a sidetone?", Delivery::Complete);
    rig.orders.send(Order::Spoken { item: Box::new(known), call_at: 1000 }).await.unwrap();
    rig.until("its name", |now| now.chat.title == "What is a sidetone?").await;
    // The first words only, and never over the user's own name.
    let more = item(9, Role::User, "And why?", Delivery::Complete);
    rig.orders.send(Order::Spoken { item: Box::new(more), call_at: 1000 }).await.unwrap();
    let now = rig.until("the next turn", |now| now.messages.len() == 3).await;
    assert_eq!(now.chat.title, "What is a sidetone?");
}

fn item(id: u64, role: Role, text: &str, delivery: Delivery) -> Item {
    Item {
        id,
        role,
        kind: Kind::Spoken,
        text: text.into(),
        unheard: String::new(),
        is_final: delivery == Delivery::Complete,
        delivery,
        at: 2000,
        duration_ms: 500,
        heard_ms: None,
        first_sound_ms: None,
        waterfall: None,
        usage: None,
        problem: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_presets_and_exports_are_kept() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    rig.send(Command::SetSystemPrompt { text: "Be brief.".into() }).await;
    rig.send(Command::SavePreset { name: "Brief".into() }).await;
    rig.send(Command::SaveDraft { text: "half a que".into(), files: Enclosed::default() }).await;
    let now = rig.until("all kept", |now| now.chat.draft == "half a que" && now.chat.presets.len() == 1).await;
    assert_eq!(now.chat.presets[0].system, "Be brief.");
    rig.ask("a question").await;
    rig.until_quiet(2).await;
    assert!(fakes.record().requests[0].body.to_string().contains("Be brief."));
    let place = rig.folder.path().to_owned();
    let file = place.join("talk.md");
    let path = file.display().to_string();
    let mut export = async |path: &str, replaces| {
        let path = path.to_owned();
        rig.send(Command::Export { ids: Vec::new(), format: ExportFormat::Markdown, path, replaces }).await;
        loop {
            let change = tokio::time::timeout(LIMIT, rig.changes.recv()).await.unwrap().unwrap();
            if let Change::Transfer(transfer) = change
                && transfer.is_over
            {
                return transfer.failure;
            }
        }
    };
    assert_eq!(export(&path, false).await, "");
    assert!(std::fs::read_to_string(&file).unwrap().contains("a question"));
    std::fs::write(&file, "of somebody else").unwrap();
    assert_ne!(export(&path, false).await, "", "what is there is not overwritten unasked");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "of somebody else");
    let own = place.join("talk.md.part");
    std::fs::write(&own, "of the user").unwrap();
    assert_eq!(export(&path, true).await, "");
    assert!(std::fs::read_to_string(&file).unwrap().contains("a question"));
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "of the user");
    let folder = place.join("folder.md");
    std::fs::create_dir_all(folder.join("full")).unwrap();
    assert_ne!(export(&folder.display().to_string(), true).await, "");
    let files = std::fs::read_dir(place).unwrap().flatten().map(|entry| entry.path());
    let parts = files.filter(|file| file.extension().is_some_and(|ending| ending == "part"));
    assert_eq!(parts.collect::<Vec<_>>(), [own], "nothing is left over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_model_counts_for_the_next_question() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    rig.ask("one").await;
    rig.until_quiet(2).await;
    let patch = json!({ "chat": { "provider": "mistral", "model": "other-model" } });
    let settings = config::merge(&rig.settings.borrow().clone(), &patch).unwrap();
    rig.settings.send_replace(settings);
    rig.until("it is chosen", |now| now.chat.target.provider == "mistral").await;
    rig.ask("two").await;
    let messages = rig.until_quiet(4).await;
    assert_eq!(messages[3].target.as_ref().unwrap().provider, "mistral");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_on_the_side_is_whole_or_nothing() {
    for (finish, expected) in [(Finish::Stop, Some("One two.")), (Finish::Length, None)] {
        let fakes = fakes(Script::default().answer(Answer::say("One two.").ending(finish))).await;
        let rig = Rig::new(&fakes, &json!({ "chat": { "effort": "high", "temperature": 1.5 } }));
        let settings = rig.settings.borrow().clone();
        let aside = Aside { task: "Count.".into(), purpose: Purpose::Summary, most: 10, conversation: None };
        assert_eq!(aside.ask(&rig.text, &settings).await.as_deref(), expected, "{finish:?}");
        let asked = fakes.record().requests.pop().unwrap().body;
        assert!(asked["reasoning_effort"].is_null() && asked["temperature"].is_null(), "{asked}");
    }
}
