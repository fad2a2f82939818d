//! Conversations out of the store and into it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::{Arc, Mutex};

use common::{NOON, Rig};
use proptest::prelude::*;
use serde_json::{Value, json};
use store::{
    Citation, ConversationId, Error, Failure, Filter, Format, Imported, Kind, MessageId, NewAttachment,
    NewConversation, NewMessage, Patch, Progress, Role, Selection, Span, State, Store, Tokens,
};

async fn export(store: &Store, format: Format) -> String {
    String::from_utf8(store.export(Selection::All, format, Vec::new()).await.unwrap()).unwrap()
}

async fn import(store: &Store, text: &str) -> Result<Imported, Error> {
    store.import(std::io::Cursor::new(text.to_owned()), |_| {}).await
}

/// A message of a made-up tree: after which one, and what is in it.
#[derive(Debug, Clone)]
struct Made {
    parent: Option<prop::sample::Index>,
    is_answer: bool,
    text: String,
    reasoning: String,
    state: State,
    kind: Kind,
    file: Option<Vec<u8>>,
    number: Option<i64>,
}

fn made() -> impl Strategy<Value = Made> {
    let state = prop::sample::select(vec![State::Done, State::Stopped, State::Failed]);
    let kind = prop::sample::select(vec![Kind::Text, Kind::Voice]);
    (
        prop::option::weighted(0.9, any::<prop::sample::Index>()),
        any::<bool>(),
        any::<String>(),
        ".{0,20}",
        state,
        kind,
        prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
        prop::option::of(any::<i64>()),
    )
        .prop_map(|(parent, is_answer, text, reasoning, state, kind, file, number)| Made {
            parent,
            is_answer,
            text,
            reasoning,
            state,
            kind,
            file,
            number,
        })
}

async fn add(store: &Store, conversation: ConversationId, ids: &[MessageId], made: &Made) -> MessageId {
    let parent = made.parent.as_ref().filter(|_| !ids.is_empty()).map(|index| ids[index.index(ids.len())]);
    let role = if made.is_answer { Role::Assistant } else { Role::User };
    let mut new = NewMessage::text(conversation, parent, role, made.text.clone(), NOON + ids.len() as i64);
    new.kind = made.kind;
    new.attachments.extend(made.file.iter().map(|data| NewAttachment {
        name: "f".into(),
        mime: "m/n".into(),
        data: data.clone(),
    }));
    let id = store.append(new).await.unwrap();
    let number = made.number.map(|number| number.unsigned_abs() / 2);
    let patch = Patch {
        reasoning: Some(made.reasoning.clone()),
        state: Some(made.state),
        citations: number.map(|number| vec![Citation { url: format!("https://{number}"), title: made.text.clone() }]),
        tokens: number.map(|number| Tokens { input: number, ..Tokens::default() }),
        cost_nano: made.number,
        failure: number.map(|_| Some(Failure { kind: "k".into(), message: made.reasoning.clone() })),
        receipt: number.map(|number| json!({"a": [number]})),
        span: made.number.map(|number| Span { call_ms: number, start_ms: 1, end_ms: 2 }),
        ..Patch::default()
    };
    store.update(id, patch).await.unwrap();
    id
}

/// The JSON with ids as places among the messages.
fn placed(text: &str) -> Value {
    let mut all: Value = serde_json::from_str(text).unwrap();
    for conversation in all.as_array_mut().unwrap() {
        let ids: Vec<Value> =
            conversation["messages"].as_array().unwrap().iter().map(|message| message["id"].clone()).collect();
        let place = |id: &Value| ids.iter().position(|other| other == id);
        conversation["leaf"] = json!(place(&conversation["leaf"]));
        for message in conversation["messages"].as_array_mut().unwrap() {
            message["id"] = json!(place(&message["id"]));
            message["parent"] = json!(place(&message["parent"]));
        }
    }
    all
}

#[test]
fn what_is_exported_and_imported_elsewhere_is_the_same_tree() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (one, other) = (Rig::new(), Rig::new());
    let trees = prop::collection::vec(prop::collection::vec(made(), 0..12), 1..4);
    let chosen = any::<prop::sample::Index>();
    proptest!(ProptestConfig::with_cases(32), |(trees in trees, chosen in chosen)| {
        runtime.block_on(there_and_back(&one.store, &other.store, &trees, chosen));
    });
}

async fn there_and_back(one: &Store, other: &Store, trees: &[Vec<Made>], chosen: prop::sample::Index) {
    for store in [one, other] {
        let all = store.list(Filter::default()).await.unwrap();
        store.delete(all.iter().map(|entry| entry.id).collect()).await.unwrap();
    }
    let mut messages = 0;
    for tree in trees {
        let new = NewConversation { title: "Title".into(), system: "Be brief".into(), created_ms: NOON };
        let id = one.create(new).await.unwrap();
        let mut ids = Vec::new();
        for made in tree {
            ids.push(add(one, id, &ids, made).await);
        }
        messages += ids.len() as u64;
        if !ids.is_empty() {
            one.choose_branch(ids[chosen.index(ids.len())]).await.unwrap();
        }
    }
    let before = export(one, Format::Json).await;
    let imported = import(other, &before).await.unwrap();
    let conversations = trees.len() as u64;
    assert_eq!(imported, Imported { conversations, messages, ..Imported::default() });
    assert_eq!(placed(&export(other, Format::Json).await), placed(&before));
    for store in [one, other] {
        let again = import(store, &before).await.unwrap();
        assert_eq!(again, Imported { known: conversations, ..Imported::default() });
    }
}

fn node(id: &str, parent: Option<&str>, children: &[&str], message: Value) -> (String, Value) {
    (id.into(), json!({"id": id, "parent": parent, "children": children, "message": message}))
}

fn said(role: &str, content: Value) -> Value {
    json!({"author": {"role": role}, "create_time": 1_700_000_001.5, "content": content, "recipient": "all",
        "status": "finished_successfully", "metadata": {"model_slug": "gpt-4o"}})
}

fn text(words: &str) -> Value {
    json!({"content_type": "text", "parts": [words]})
}

/// A conversation as ChatGPT exports it, with all that it hides.
fn chatgpt(id: &str) -> Value {
    let mut hidden = said("user", text("hidden profile"));
    hidden["metadata"]["is_visually_hidden_from_conversation"] = json!(true);
    let mut to_tool = said("assistant", json!({"content_type": "code", "text": "search('x')"}));
    to_tool["recipient"] = json!("web");
    let thoughts = json!({"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "Hmm."}]});
    let mut answer = said("assistant", text("It is blue\u{E200}cite\u{E202}turn0search1\u{E201}."));
    answer["metadata"]["content_references"] =
        json!([{"type": "grouped_webpages", "items": [{"url": "https://sky.example", "title": "Sky"}]}]);
    let spoken = json!({"content_type": "multimodal_text", "parts": [
        {"content_type": "audio_transcription", "text": "And at night?", "direction": "in"},
        {"content_type": "audio_asset_pointer", "asset_pointer": "file-service://x"}]});
    let mapping: serde_json::Map<String, Value> = [
        node("root", None, &["sys"], Value::Null),
        node("sys", Some("root"), &["hid"], said("system", text(""))),
        node("hid", Some("sys"), &["z", "q"], hidden),
        node("q", Some("hid"), &["think"], said("user", text("Why is the sky blue?"))),
        node("z", Some("hid"), &[], said("user", text("Another beginning"))),
        node("think", Some("q"), &["tool"], said("assistant", thoughts)),
        node("tool", Some("think"), &["result"], to_tool),
        node("result", Some("tool"), &["a1"], said("tool", text("results"))),
        node("a1", Some("result"), &["v"], answer),
        node("a2", Some("q"), &[], said("assistant", text("Scattering."))),
        node("v", Some("a1"), &[], said("user", spoken)),
        node("broken", Some("v"), &[], json!({"author": 7})),
        node("round", Some("about"), &["about"], said("user", text("a"))),
        node("about", Some("round"), &["round"], said("user", text("b"))),
    ]
    .into_iter()
    .collect();
    json!({"title": "Sky", "create_time": 1_700_000_000.0, "update_time": 1_700_000_100.25, "mapping": mapping,
        "current_node": "a2", "conversation_id": id})
}

#[tokio::test]
async fn a_chatgpt_conversation_keeps_its_branches_and_what_people_see() {
    let rig = Rig::new();
    let imported = import(&rig.store, &json!([chatgpt("c1")]).to_string()).await.unwrap();
    assert_eq!((imported.conversations, imported.messages, imported.skipped_messages), (1, 5, 3));
    let entry = &rig.store.list(Filter::default()).await.unwrap()[0];
    assert_eq!((entry.title.as_str(), entry.updated_ms), ("Sky", 1_700_000_100_250));
    let thread = rig.store.thread(entry.id).await.unwrap();
    let texts: Vec<_> = thread.messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["Why is the sky blue?", "Scattering."]);
    assert_eq!((thread.messages[0].siblings.len(), thread.messages[1].siblings.len()), (2, 2));

    let thread = rig.store.choose_branch(thread.messages[1].siblings[0]).await.unwrap();
    let answer = &thread.messages[1];
    assert_eq!((answer.text.as_str(), answer.reasoning.as_str()), ("It is blue.", "Hmm."));
    assert_eq!(
        (answer.provider.as_str(), answer.model.as_str(), answer.created_ms),
        ("openai", "gpt-4o", 1_700_000_001_500)
    );
    assert_eq!(answer.citations, [Citation { url: "https://sky.example".into(), title: "Sky".into() }]);
    assert_eq!((thread.messages[2].kind, thread.messages[2].text.as_str()), (Kind::Voice, "And at night?"));
    assert_eq!(rig.find("night").await.len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_skipped_and_counted() {
    let rig = Rig::new();
    let good = [chatgpt("1").to_string(), chatgpt("2").to_string()];
    let text = format!(
        "[{}, {{\"mapping\": 5}}, {{\"a\": tru}}, 7, \"x\", null, {{\"mapping\": {{}}}}, {}, {{\"sidetone\": 99, \"messages\": []}}]",
        good[0], good[1]
    );
    let told = Arc::new(Mutex::new(Vec::new()));
    let (telling, reader) = (told.clone(), std::io::Cursor::new(text.clone()));
    let imported = rig.store.import(reader, move |progress: Progress| telling.lock().unwrap().push(progress)).await;
    let imported = imported.unwrap();
    assert_eq!((imported.conversations, imported.skipped), (2, 7));
    let told = told.lock().unwrap();
    assert_eq!(told.last().unwrap().so_far, imported);
    assert!(told.last().unwrap().bytes <= text.len() as u64);
}

#[tokio::test]
async fn a_file_that_is_cut_off_keeps_what_came_before() {
    let rig = Rig::new();
    let mut text = json!([chatgpt("1"), chatgpt("2")]).to_string();
    text.truncate(text.len() - 10);
    assert!(matches!(import(&rig.store, &text).await, Err(Error::Io(_))));
    assert_eq!(rig.store.list(Filter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let rig = Rig::new();
    for text in ["", "PK\u{3}\u{4}", "# Title", "[{\"id\": 1}]", "{\"mapping\": 1}"] {
        assert!(matches!(import(&rig.store, text).await, Err(Error::Foreign)), "{text}");
    }
    assert_eq!(import(&rig.store, "[]").await.unwrap(), Imported::default());
}

#[tokio::test]
async fn the_store_answers_while_a_large_import_goes_on() {
    let rig = Rig::new();
    let (open, gate) = std::sync::mpsc::sync_channel::<()>(0);
    let mut large = chatgpt("2");
    large["filler"] = json!("x".repeat(2 << 20));
    let text = json!([chatgpt("1"), large, chatgpt("3")]).to_string();
    // The import waits after its first MiB until it is let go.
    let mut waits = 1;
    let progress = move |_| {
        if waits > 0 {
            waits -= 1;
            gate.recv().unwrap();
        }
    };
    let store = rig.store.clone();
    let import = tokio::spawn(async move { store.import(std::io::Cursor::new(text), progress).await });
    let first = loop {
        let list = rig.store.list(Filter::default()).await.unwrap();
        if !list.is_empty() {
            break list.len();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(first, 1);
    open.send(()).unwrap();
    assert_eq!(import.await.unwrap().unwrap().conversations, 3);
}

async fn talk(rig: &Rig) -> ConversationId {
    let id = rig.conversation("Tea & <biscuits>").await;
    rig.store.set_system(id, "Be\nbrief".into()).await.unwrap();
    let question = rig.say(id, None, "Which tea?").await;
    let mut new = NewMessage::text(id, Some(question), Role::Assistant, "**Green** tea.", NOON);
    new.model = "gpt".into();
    new.attachments = vec![NewAttachment { name: "leaf.png".into(), mime: "image/png".into(), data: vec![1; 9] }];
    let answer = rig.store.append(new).await.unwrap();
    let patch = Patch {
        reasoning: Some("Green or\nblack?".into()),
        citations: Some(vec![Citation { url: "https://tea.example/a b".into(), title: "All [about] tea".into() }]),
        state: Some(State::Stopped),
        ..Patch::default()
    };
    rig.store.update(answer, patch).await.unwrap();
    for (call, start, end, role, words) in [
        (NOON, 500, 1_500, Role::User, "How hot & <long>?".to_owned()),
        (NOON, 2_000, 6_000, Role::Assistant, "word ".repeat(40)),
        (NOON + 86_400_000, 0, 1_000, Role::User, "Next day.".to_owned()),
    ] {
        let parent = rig.store.thread(id).await.unwrap().conversation.leaf;
        let mut new = NewMessage::text(id, parent, role, words, NOON);
        new.kind = Kind::Voice;
        new.span = Some(Span { call_ms: call, start_ms: start, end_ms: end });
        rig.store.append(new).await.unwrap();
    }
    id
}

#[tokio::test]
async fn markdown_can_be_read() {
    let rig = Rig::new();
    talk(&rig).await;
    let text = export(&rig.store, Format::Markdown).await;
    assert!(text.starts_with("# Tea & <biscuits>\n\n> Be\n> brief\n\n## You · 20"), "{text}");
    let answer = text.split_once("## Assistant · gpt · ").unwrap().1;
    let answer = answer.split_once("\n\n").unwrap().1.split("## ").next().unwrap();
    let expected = "> Green or\n> black?\n\n**Green** tea.\n\n- leaf.png (image/png, 9 bytes)\n\
        1. [All \\[about\\] tea](<https://tea.example/ab>)\n\n*Stopped*\n\n";
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn subtitles_follow_the_call_and_are_short() {
    let rig = Rig::new();
    talk(&rig).await;
    let srt = export(&rig.store, Format::Srt).await;
    assert!(
        srt.starts_with("1\n00:00:00,500 --> 00:00:01,500\nYou: How hot & <long>?\n\n2\n00:00:02,000 --> "),
        "{srt}"
    );
    // Four pieces of the long answer, then the next call behind it.
    assert!(srt.contains("\n\n5\n00:00:06,000 --> 00:00:07,000\nYou: Next day.\n\n"), "{srt}");
    assert!(srt.lines().all(|line| line.chars().count() <= 100));
    let vtt = export(&rig.store, Format::Vtt).await;
    assert!(
        vtt.starts_with("WEBVTT\n\n00:00:00.500 --> 00:00:01.500\n<v You>How hot &amp; &lt;long&gt;?\n\n"),
        "{vtt}"
    );
    assert!(!vtt.contains("Which tea?"), "what was written is not said");
}

#[tokio::test]
async fn every_line_of_json_lines_is_a_message() {
    let rig = Rig::new();
    let id = talk(&rig).await;
    let lines = export(&rig.store, Format::JsonLines).await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| line["title"] == "Tea & <biscuits>" && line["conversation"] == id.0));
    assert_eq!((&lines[1]["text"], &lines[1]["role"]), (&json!("**Green** tea."), &json!("assistant")));
}

#[tokio::test]
async fn only_what_was_chosen_is_exported_in_its_order() {
    let rig = Rig::new();
    let (one, two) = (rig.conversation("One").await, rig.conversation("Two").await);
    rig.conversation("Three").await;
    let sink = rig.store.export(Selection::These(vec![two, one]), Format::Json, Vec::new()).await.unwrap();
    let all: Value = serde_json::from_slice(&sink).unwrap();
    let titles: Vec<_> = all.as_array().unwrap().iter().map(|conversation| &conversation["title"]).collect();
    assert_eq!(titles, ["Two", "One"]);
    let gone = Selection::These(vec![ConversationId(99)]);
    assert!(matches!(rig.store.export(gone, Format::Json, Vec::new()).await, Err(Error::Missing(_))));
}

struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_export_to_a_full_disk_is_told() {
    let rig = Rig::new();
    talk(&rig).await;
    for format in [Format::Markdown, Format::Json, Format::JsonLines, Format::Srt, Format::Vtt, Format::Csv] {
        let result = rig.store.export(Selection::All, format, Full).await.map(|_| ());
        assert!(matches!(result, Err(Error::Io(_))), "{format:?} {result:?}");
    }
}
