//! Conversations: the list, branches, what is kept and what is deleted for good.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{NOON, Rig, contains};
use store::{
    Citation, Cursor, Error, Failure, Filter, Kind, NewAttachment, NewConversation, NewMessage, Patch, Preset, Role,
    Span, State, Tokens, title_from,
};

#[tokio::test]
async fn the_list_is_newest_first_with_pinned_ones_on_top() {
    let rig = Rig::new();
    let mut ids = Vec::new();
    for minute in 0..5 {
        let new = NewConversation { title: format!("{minute}"), created_ms: NOON + minute, ..Default::default() };
        ids.push(rig.store.create(new).await.unwrap());
    }
    rig.store.pin(ids[1], true).await.unwrap();
    let titles = |entries: Vec<store::Entry>| entries.into_iter().map(|entry| entry.title).collect::<Vec<_>>();
    assert_eq!(titles(rig.store.list(Filter::default()).await.unwrap()), ["1", "4", "3", "2", "0"]);
    let by_time = Filter { pinned_first: false, ..Filter::default() };
    assert_eq!(titles(rig.store.list(by_time).await.unwrap()), ["4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn the_list_goes_on_after_a_cursor_without_gaps() {
    let rig = Rig::new();
    for number in 0..7 {
        // Two of each time.
        let new = NewConversation { title: format!("{number}"), created_ms: NOON + number / 2, ..Default::default() };
        let id = rig.store.create(new).await.unwrap();
        rig.store.pin(id, number % 3 == 0).await.unwrap();
    }
    for pinned_first in [true, false] {
        let all = rig.store.list(Filter { pinned_first, ..Filter::default() }).await.unwrap();
        let mut paged = Vec::new();
        let mut before: Option<Cursor> = None;
        loop {
            let page = rig.store.list(Filter { pinned_first, limit: 2, before, ..Filter::default() }).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.cursor());
            paged.extend(page);
        }
        assert_eq!(all.len(), 7);
        assert_eq!(paged, all);
    }
}

#[tokio::test]
async fn an_entry_shows_the_last_message_and_their_number() {
    let rig = Rig::new();
    let id = rig.conversation("Bread").await;
    let first = rig.say(id, None, "How long?").await;
    rig.say(id, Some(first), "  Two\n\nhours  and more").await;
    let list = rig.store.list(Filter::default()).await.unwrap();
    assert_eq!((list[0].preview.as_str(), list[0].count), ("Two hours and more", 2));
    assert!(list[0].snippet.is_empty() && list[0].title_pieces.is_empty() && list[0].hit.is_none());
}

#[tokio::test]
async fn titles_are_cut_to_80_characters() {
    let rig = Rig::new();
    let id = rig.conversation(&"ä".repeat(200)).await;
    assert_eq!(rig.store.thread(id).await.unwrap().conversation.title, "ä".repeat(80));
    rig.store.rename(id, format!("  {}", "ö".repeat(81))).await.unwrap();
    assert_eq!(rig.store.thread(id).await.unwrap().conversation.title, "ö".repeat(80));
}

#[test]
fn a_title_from_a_text_is_one_line_cut_between_words() {
    assert_eq!(title_from("  Why is\nthe sky\tblue? "), "Why is the sky blue?");
    assert_eq!(title_from(""), "");
    let title = title_from(&"seven77 ".repeat(40));
    assert!(title.chars().count() <= 80 && title.ends_with("seven77…"), "{title}");
    assert_eq!(title_from(&"x".repeat(200)).chars().count(), 80);
    assert_eq!(title_from(&"x".repeat(80)), "x".repeat(80));
}

#[tokio::test]
async fn a_message_keeps_everything_that_is_told_about_it() {
    let rig = Rig::new();
    let id = rig.conversation("All").await;
    let mut new = NewMessage::text(id, None, Role::Assistant, "", NOON);
    new.kind = Kind::Voice;
    new.state = State::Streaming;
    new.provider = "openai".into();
    new.model = "gpt".into();
    new.attachments = vec![NewAttachment { name: "a.png".into(), mime: "image/png".into(), data: vec![0, 255, 7] }];
    let message = rig.store.append(new).await.unwrap();
    let span = Span { call_ms: NOON, start_ms: 100, end_ms: 900 };
    let failure = Failure { kind: "broken".into(), message: "The stream broke off".into() };
    let citation = Citation { url: "https://example.com".into(), title: "Example".into() };
    let tokens = Tokens { input: 10, cached: 4, output: 7, reasoning: 2, ..Tokens::default() };
    let patch = Patch {
        text: Some("Hello".into()),
        reasoning: Some("Let me think".into()),
        citations: Some(vec![citation.clone()]),
        model: Some("gpt-2026".into()),
        tokens: Some(tokens),
        cost_nano: Some(1_234),
        state: Some(State::Failed),
        failure: Some(Some(failure.clone())),
        receipt: Some(serde_json::json!({"cache": "miss"})),
        span: Some(span),
        ..Patch::default()
    };
    rig.store.update(message, patch).await.unwrap();
    let rig = rig.again().await;
    let found = rig.store.message(message).await.unwrap();
    assert_eq!((found.text.as_str(), found.reasoning.as_str()), ("Hello", "Let me think"));
    assert_eq!((found.provider.as_str(), found.model.as_str()), ("openai", "gpt-2026"));
    assert_eq!((found.role, found.kind, found.state), (Role::Assistant, Kind::Voice, State::Failed));
    assert_eq!((found.tokens, found.cost_nano, found.span), (Some(tokens), Some(1_234), Some(span)));
    assert_eq!((found.failure, found.citations), (Some(failure), vec![citation]));
    assert_eq!(found.receipt, Some(serde_json::json!({"cache": "miss"})));
    assert_eq!((found.attachments[0].name.as_str(), found.attachments[0].size), ("a.png", 3));
    assert_eq!(rig.store.attachment(found.attachments[0].id).await.unwrap(), [0, 255, 7]);

    rig.store
        .update(message, Patch { failure: Some(None), state: Some(State::Done), ..Patch::default() })
        .await
        .unwrap();
    let found = rig.store.message(message).await.unwrap();
    assert_eq!((found.failure, found.state, found.text.as_str()), (None, State::Done, "Hello"));
}

fn texts(thread: store::Thread) -> Vec<String> {
    thread.messages.into_iter().map(|message| message.text).collect()
}

#[tokio::test]
async fn an_edit_makes_a_branch_and_the_other_one_can_be_chosen_again() {
    let rig = Rig::new();
    let id = rig.conversation("Branches").await;
    let question = rig.say(id, None, "q").await;
    let answer = rig.say(id, Some(question), "a").await;
    let more = rig.say(id, Some(answer), "m").await;
    let edited = rig.say(id, Some(question), "a2").await;

    let thread = rig.store.thread(id).await.unwrap();
    assert_eq!(thread.conversation.leaf, Some(edited));
    assert_eq!(thread.messages[1].siblings, [answer, edited]);
    assert_eq!(thread.messages[0].siblings, [question]);
    assert_eq!(texts(thread), ["q", "a2"]);

    let thread = rig.store.choose_branch(answer).await.unwrap();
    assert_eq!(thread.conversation.leaf, Some(more));
    assert_eq!(texts(thread), ["q", "a", "m"]);
    assert_eq!(texts(rig.store.thread(id).await.unwrap()), ["q", "a", "m"]);

    let other = rig.say(id, None, "another beginning").await;
    assert_eq!(rig.store.message(question).await.unwrap().siblings, [question, other]);
}

#[tokio::test]
async fn what_follows_a_removed_message_stands_behind_what_came_before_it() {
    let rig = Rig::new();
    let id = rig.conversation("Taken back").await;
    let question = rig.say(id, None, "q").await;
    let answer = rig.say(id, Some(question), "a quagga").await;
    let more = rig.say(id, Some(answer), "m").await;
    assert_eq!(rig.store.remove(answer).await.unwrap(), Some(question));
    assert_eq!(texts(rig.store.thread(id).await.unwrap()), ["q", "m"]);
    let found = rig.store.list(Filter { query: "quagga".into(), ..Filter::default() }).await.unwrap();
    assert!(found.is_empty(), "and nobody finds it");
    assert_eq!(rig.store.remove(more).await.unwrap(), Some(question));
    assert_eq!(rig.store.remove(question).await.unwrap(), None);
    assert!(rig.store.thread(id).await.unwrap().messages.is_empty());
    assert!(matches!(rig.store.remove(question).await, Err(Error::Missing(_))));
}

#[tokio::test]
async fn a_conversation_of_thousands_of_messages_opens_and_is_deleted() {
    let rig = Rig::new();
    let id = rig.conversation("Long").await;
    let mut last = None;
    for number in 0..3000 {
        last = Some(rig.say(id, last, &format!("{number}")).await);
    }
    let thread = rig.store.thread(id).await.unwrap();
    assert!(thread.messages.iter().enumerate().all(|(number, message)| message.text == number.to_string()));
    assert_eq!(thread.messages.len(), 3000);
    rig.store.delete(vec![id]).await.unwrap();
    assert!(matches!(rig.store.thread(id).await, Err(Error::Missing("conversation"))));
}

#[tokio::test]
async fn what_does_not_exist_is_told() {
    let rig = Rig::new();
    let id = rig.conversation("One").await;
    let other = rig.conversation("Two").await;
    let message = rig.say(id, None, "x").await;
    rig.store.delete(vec![id]).await.unwrap();
    let new = NewMessage::text(id, None, Role::User, "x", NOON);
    assert!(matches!(rig.store.append(new).await, Err(Error::Missing("conversation"))));
    let new = NewMessage::text(other, Some(message), Role::User, "x", NOON);
    assert!(matches!(rig.store.append(new).await, Err(Error::Missing("message"))));
    assert!(matches!(rig.store.update(message, Patch::default()).await, Err(Error::Missing("message"))));
    assert!(matches!(rig.store.choose_branch(message).await, Err(Error::Missing("message"))));
    assert!(matches!(rig.store.rename(id, "x".into()).await, Err(Error::Missing("conversation"))));
    assert!(matches!(rig.store.set_draft(Some(id), "x".into()).await, Err(Error::Missing("conversation"))));
}

#[tokio::test]
async fn nothing_of_a_deleted_conversation_is_left_in_any_file() {
    let rig = Rig::new();
    let id = rig.conversation("Xylophonetitle").await;
    let mut new = NewMessage::text(id, None, Role::User, "quetzalcoatlus", NOON);
    new.attachments = vec![NewAttachment { name: "n".into(), mime: "m".into(), data: b"Zanzibarbytes".repeat(2000) }];
    let message = rig.store.append(new).await.unwrap();
    rig.store
        .update(message, Patch { text: Some("quetzalcoatlus brontomerus".into()), ..Patch::default() })
        .await
        .unwrap();
    rig.store.set_draft(Some(id), "wolpertingerdraft".into()).await.unwrap();
    rig.store.cache_put([1; 32], b"basiliskanswer".to_vec(), NOON + 1, NOON, 1000).await.unwrap();
    let words = [
        "Xylophonetitle",
        "xylophonetitle",
        "quetzalcoatlus",
        "brontomerus",
        "Zanzibarbytes",
        "wolpertingerdraft",
        "basiliskanswer",
    ];
    assert!(
        words.iter().all(|word| *word == "xylophonetitle" || contains(&rig.bytes(), word)),
        "they were there before"
    );
    rig.store.delete(vec![id]).await.unwrap();
    for word in words {
        assert!(!contains(&rig.bytes(), word), "{word} is left");
    }
    assert!(rig.find("quetzalcoatlus").await.is_empty());
}

#[tokio::test]
async fn what_is_old_and_not_pinned_is_forgotten() {
    let rig = Rig::new();
    for (title, at, is_pinned) in [("old", 0, false), ("kept", 0, true), ("new", 10, false)] {
        let new = NewConversation { title: title.into(), created_ms: NOON + at, ..Default::default() };
        let id = rig.store.create(new).await.unwrap();
        rig.store.pin(id, is_pinned).await.unwrap();
    }
    assert_eq!(rig.store.forget(NOON + 5, Vec::new()).await.unwrap(), 1);
    let titles: Vec<_> =
        rig.store.list(Filter::default()).await.unwrap().into_iter().map(|entry| entry.title).collect();
    assert_eq!(titles, ["kept", "new"]);
}

#[tokio::test]
async fn drafts_are_kept_by_conversation_and_go_with_it() {
    let rig = Rig::new();
    let id = rig.conversation("One").await;
    rig.store.set_draft(None, "for a new one".into()).await.unwrap();
    rig.store.set_draft(Some(id), "for this".into()).await.unwrap();
    let rig = rig.again().await;
    assert_eq!(rig.store.draft(None).await.unwrap(), "for a new one");
    assert_eq!(rig.store.draft(Some(id)).await.unwrap(), "for this");
    rig.store.set_draft(None, String::new()).await.unwrap();
    rig.store.delete(vec![id]).await.unwrap();
    assert_eq!(rig.store.draft(None).await.unwrap(), "");
    assert_eq!(rig.store.draft(Some(id)).await.unwrap(), "");
}

#[tokio::test]
async fn a_preset_is_replaced_by_one_of_the_same_name() {
    let rig = Rig::new();
    let preset = Preset { name: "Short".into(), system: "Be brief".into(), ..Preset::default() };
    rig.store.save_preset(preset.clone()).await.unwrap();
    let preset = Preset { temperature: Some(0.5), model: Some("m".into()), ..preset };
    rig.store.save_preset(preset.clone()).await.unwrap();
    assert_eq!(rig.store.presets().await.unwrap(), [preset]);
    rig.store.delete_preset("Short".into()).await.unwrap();
    assert!(rig.store.presets().await.unwrap().is_empty());
}

#[tokio::test]
async fn kept_answers_expire_and_stay_within_their_limit() {
    let rig = Rig::new();
    let store = &rig.store;
    let put =
        |key: u8, size: usize, expires: i64| store.cache_put([key; 32], vec![key; size], NOON + expires, NOON, 100);
    put(1, 40, 10).await.unwrap();
    put(2, 40, 30).await.unwrap();
    assert_eq!(store.cache_get([1; 32], NOON + 9).await.unwrap(), Some((vec![1; 40], NOON + 10)));
    assert_eq!(store.cache_get([1; 32], NOON + 10).await.unwrap(), None);
    // The first to expire makes room.
    put(3, 40, 20).await.unwrap();
    assert_eq!(store.cache_get([1; 32], NOON).await.unwrap(), None);
    assert_eq!(store.cache_get([2; 32], NOON).await.unwrap(), Some((vec![2; 40], NOON + 30)));
    // Replacing counts once.
    put(3, 60, 20).await.unwrap();
    assert_eq!(store.cache_get([2; 32], NOON).await.unwrap(), Some((vec![2; 40], NOON + 30)));
    assert_eq!(store.cache_get([3; 32], NOON).await.unwrap(), Some((vec![3; 60], NOON + 20)));
    put(4, 101, 20).await.unwrap();
    assert_eq!(store.cache_get([4; 32], NOON).await.unwrap(), None);
    store.cache_clear().await.unwrap();
    assert_eq!(store.cache_get([2; 32], NOON).await.unwrap(), None);
    put(5, 100, 20).await.unwrap();
    assert_eq!(store.cache_get([5; 32], NOON).await.unwrap(), Some((vec![5; 100], NOON + 20)));
}

#[tokio::test]
async fn a_file_is_added_to_a_message_that_is_there_already() {
    let rig = Rig::new();
    let conversation = rig.conversation("Pictures").await;
    let store = &rig.store;
    let message = store.append(NewMessage::text(conversation, None, Role::Assistant, "a fox", NOON)).await.unwrap();
    let file = |size: usize| NewAttachment { name: "fox.png".into(), mime: "image/png".into(), data: vec![7; size] };
    store.attach(message, file(3)).await.unwrap();
    let kept = store.message(message).await.unwrap().attachments;
    assert_eq!((kept.len(), kept[0].size), (1, 3));
    assert_eq!(store.attachment(kept[0].id).await.unwrap(), [7; 3]);
    assert!(store.attach(message, file(store::LARGEST_FILE + 1)).await.is_err());
    assert!(store.attach(store::MessageId(999), file(1)).await.is_err());
}
