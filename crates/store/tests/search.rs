//! Finding conversations by words.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{NOON, Rig};
use proptest::prelude::*;
use store::{NewMessage, Patch, Piece, Role, State};

fn matches(pieces: &[Piece]) -> Vec<&str> {
    pieces.iter().filter(|piece| piece.is_match).map(|piece| piece.text.as_str()).collect()
}

fn text(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

#[tokio::test]
async fn a_word_is_found_in_messages_and_titles_and_marked() {
    let rig = Rig::new();
    let bread = rig.conversation("Bread").await;
    let hit = rig.say(bread, None, "How much\nWATER for 500 g of flour?").await;
    let tea = rig.conversation("Water for tea").await;
    rig.say(tea, None, "Green.").await;
    let found = rig.find("water").await;
    assert_eq!(found.iter().map(|entry| entry.id).collect::<Vec<_>>(), [tea, bread]);
    assert_eq!(matches(&found[0].title_pieces), ["Water"]);
    assert_eq!((found[0].hit, found[0].snippet.len()), (None, 0));
    assert_eq!(found[1].hit, Some(hit));
    assert_eq!(matches(&found[1].snippet), ["WATER"]);
    assert_eq!(text(&found[1].snippet), "How much WATER for 500 g of flour?");
    assert_eq!(text(&found[1].title_pieces), "Bread");
}

#[tokio::test]
async fn all_words_must_occur_and_the_last_may_be_only_begun() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    rig.say(id, None, "Crème brûlée needs patience").await;
    for query in ["creme", "BRULEE pat", "patience needs", "  crème   "] {
        assert_eq!(rig.find(query).await.len(), 1, "{query}");
    }
    for query in ["creme tomato", "rulee", "pat ", "patience x"] {
        assert!(rig.find(query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn a_conversation_is_found_once_by_its_best_message() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    let long = format!("fox {}", "and many other words ".repeat(40));
    let first = rig.say(id, None, &long).await;
    let best = rig.say(id, Some(first), "fox fox").await;
    rig.say(id, Some(best), &long).await;
    let found = rig.find("fox").await;
    assert_eq!((found.len(), found[0].hit), (1, Some(best)));
}

#[tokio::test]
async fn syntax_of_the_index_means_nothing() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    rig.say(id, None, "he said NEAR or NOT text: 50% C++ a*b \"quoted\" O'Brien").await;
    for query in
        ["\"quoted", "NOT text:", "C++", "a*b", "NEAR(", "O'Brien", "50%", "-he", "^he", "said OR", "text : \"50"]
    {
        assert_eq!(rig.find(query).await.len(), 1, "{query}");
    }
    for query in ["message_words", "he OR unknown", "* ) (", "\0", "rowid:1"] {
        assert!(rig.find(query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn a_stream_is_found_when_it_is_over_and_by_its_last_text() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    let mut new = NewMessage::text(id, None, Role::Assistant, "alpha", NOON);
    new.state = State::Streaming;
    let message = rig.store.append(new).await.unwrap();
    assert!(rig.find("alpha").await.is_empty());
    rig.store.update(message, Patch { text: Some("alpha beta".into()), ..Patch::default() }).await.unwrap();
    rig.store.update(message, Patch { state: Some(State::Done), ..Patch::default() }).await.unwrap();
    assert_eq!(rig.find("beta").await.len(), 1);
    rig.store.update(message, Patch { text: Some("gamma".into()), ..Patch::default() }).await.unwrap();
    assert!(rig.find("beta").await.is_empty());
    assert_eq!(rig.find("gamma").await.len(), 1);
    // Going on with it.
    rig.store.update(message, Patch { state: Some(State::Streaming), ..Patch::default() }).await.unwrap();
    assert!(rig.find("gamma").await.is_empty());
    rig.store.rename(id, "delta".into()).await.unwrap();
    assert_eq!(rig.find("delta").await.len(), 1);
}

/// Whatever is typed, there is an answer; and a message is found by its own words.
#[test]
fn any_text_is_a_query() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rig = Rig::new();
    let id = runtime.block_on(rig.conversation("x"));
    proptest!(ProptestConfig::with_cases(64), |(query in "\\PC{0,40}", word in "[a-z]{3,12}")| {
        runtime.block_on(async {
            let message = rig.say(id, None, &format!("{query} {word}")).await;
            rig.find(&query).await;
            assert_eq!(rig.find(&word).await.len(), 1);
            rig.store.update(message, Patch { text: Some(query), ..Patch::default() }).await.unwrap();
        });
    });
}
