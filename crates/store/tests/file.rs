//! The file: crashes, damage, other processes, and disks that cannot be written.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{NOON, Rig};
use store::{Error, Filter, NewConversation, NewMessage, Patch, Role, State, Store};

const CRASH: &str = "STORE_CRASH_TEST";

/// Not a test of its own: the process that is killed in [`a_killed_program_loses_nothing_that_was_written`].
#[test]
#[ignore = "started by another test"]
fn a_process_that_writes_a_stream_until_it_is_killed() {
    let Some(path) = std::env::var_os(CRASH) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&path)).unwrap();
        let new = NewConversation { title: "Crash".into(), created_ms: NOON, ..NewConversation::default() };
        let id = store.create(new).await.unwrap();
        let question = store.append(NewMessage::text(id, None, Role::User, "Why?", NOON)).await.unwrap();
        let mut answer = NewMessage::text(id, Some(question), Role::Assistant, "", NOON);
        answer.state = State::Streaming;
        let answer = store.append(answer).await.unwrap();
        let mut text = String::new();
        for number in 0.. {
            text.push_str(&format!("word{number} "));
            store.update(answer, Patch { text: Some(text.clone()), ..Patch::default() }).await.unwrap();
            writeln!(std::io::stdout(), "wrote {number}").unwrap();
        }
    });
}

#[tokio::test]
async fn a_killed_program_loses_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "a_process_that_writes_a_stream_until_it_is_killed"])
        .env(CRASH, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut written = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(number) = line.unwrap().strip_prefix("wrote ") {
            let number: usize = number.parse().unwrap();
            written = Some(number);
            if number == 200 {
                child.kill().unwrap();
            }
        }
    }
    assert!(!child.wait().unwrap().success());
    let written = written.unwrap();
    assert!(written >= 200);

    let store = Store::open(&path).unwrap();
    assert!(store.was_damaged().is_none());
    let list = store.list(Filter { query: format!("word{written}"), ..Filter::default() }).await.unwrap();
    assert_eq!(list.len(), 1, "found by the last word that was written");
    let thread = store.thread(list[0].id).await.unwrap();
    assert_eq!(thread.messages[0].text, "Why?");
    assert_eq!(thread.messages[1].state, State::Stopped);
    let words: Vec<&str> = thread.messages[1].text.split_whitespace().collect();
    assert!(words.len() > written && words.iter().enumerate().all(|(n, word)| *word == format!("word{n}")));
}

#[tokio::test]
async fn a_second_process_does_not_stop_the_streams_of_the_first() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    let mut new = NewMessage::text(id, None, Role::Assistant, "so far", NOON);
    new.state = State::Streaming;
    let message = rig.store.append(new).await.unwrap();
    // Locks belong to the open file, so another handle is like another process.
    let second = Store::open(&rig.path()).unwrap();
    assert_eq!(second.message(message).await.unwrap().state, State::Streaming);
    rig.store.close().await;
    let third = Store::open(&rig.folder.path().join("history.sqlite")).unwrap();
    assert_eq!(third.message(message).await.unwrap().state, State::Streaming, "the second may be the one who streams");
    second.close().await;
    third.close().await;
    let last = Store::open(&rig.folder.path().join("history.sqlite")).unwrap();
    assert_eq!(last.message(message).await.unwrap().state, State::Stopped);
}

#[test]
fn several_first_starts_at_once_all_get_the_file() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        let start = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..6)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        Store::open(&path).map(drop)
                    })
                })
                .collect();
            starts.into_iter().for_each(|start| start.join().unwrap().unwrap());
        });
    }
}

#[tokio::test]
async fn a_file_of_rubbish_is_set_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    for turn in 1..=2 {
        let rubbish = format!("rubbish {turn} ").repeat(1000);
        fs::write(&path, &rubbish).unwrap();
        let store = Store::open(&path).unwrap();
        let aside = store.was_damaged().unwrap().to_owned();
        assert_eq!(fs::read_to_string(&aside).unwrap(), rubbish, "kept as it was");
        assert!(store.list(Filter::default()).await.unwrap().is_empty());
        store.close().await;
        let store = Store::open(&path).unwrap();
        assert!(store.was_damaged().is_none());
        // The thread must be done with the file before it is overwritten.
        store.close().await;
    }
    assert!(folder.path().join("history.sqlite.damaged-2").exists());
}

/// A file in which the pages of a table are overwritten.
async fn damaged_inside() -> Rig {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    let mut last = None;
    for number in 0..300 {
        last = Some(rig.say(id, last, &format!("{number} {}", "filler ".repeat(100))).await);
    }
    rig.store.clone().close().await;
    let mut bytes = fs::read(rig.path()).unwrap();
    // Behind the list of tables.
    let begin = bytes.len() / 2;
    bytes[begin..begin + 40_000].fill(0xA5);
    fs::write(rig.path(), bytes).unwrap();
    rig
}

#[tokio::test]
async fn damage_that_is_met_in_use_sets_the_file_aside_at_the_next_start() {
    let rig = damaged_inside().await;
    let store = Store::open(&rig.path()).unwrap();
    assert!(store.was_damaged().is_none(), "a file that was closed is not looked through");
    let id = store.list(Filter::default()).await;
    let id = id.map(|list| list[0].id).unwrap_or(store::ConversationId(1));
    assert!(matches!(store.thread(id).await, Err(Error::Damaged)));
    store.close().await;
    let store = Store::open(&rig.path()).unwrap();
    assert!(store.was_damaged().is_some_and(Path::exists));
    assert!(store.list(Filter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn after_a_crash_a_damaged_file_is_found_at_once() {
    let rig = damaged_inside().await;
    fs::write(rig.folder.path().join("history.sqlite-wal"), b"cut off").unwrap();
    let store = Store::open(&rig.path()).unwrap();
    let aside = store.was_damaged().unwrap();
    assert!(aside.exists());
}

#[tokio::test]
async fn a_damaged_index_of_the_search_is_made_anew() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    rig.say(id, None, "findable").await;
    rig.store.clone().close().await;
    let connection = rusqlite::Connection::open(rig.path()).unwrap();
    connection.execute("UPDATE message_words_data SET block = x'00ff00ff00ff' WHERE id > 10", []).unwrap();
    drop(connection);
    fs::write(rig.folder.path().join("history.sqlite-suspect"), b"").unwrap();
    let store = Store::open(&rig.path()).unwrap();
    assert!(store.was_damaged().is_none());
    let found = store.list(Filter { query: "findable".into(), ..Filter::default() }).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(!rig.folder.path().join("history.sqlite-suspect").exists());
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_as_it_is() {
    let rig = Rig::new();
    rig.conversation("x").await;
    rig.store.clone().close().await;
    let connection = rusqlite::Connection::open(rig.path()).unwrap();
    connection.pragma_update(None, "user_version", 9999).unwrap();
    drop(connection);
    assert!(matches!(Store::open(&rig.path()), Err(Error::Newer)));
    assert!(rig.path().exists());
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let result = Store::open(&folder.path().join("nowhere/history.sqlite"));
    assert!(matches!(result, Err(Error::Unopenable(_))), "{result:?}");
}

#[tokio::test]
async fn after_closing_every_call_says_so() {
    let rig = Rig::new();
    let other = rig.store.clone();
    rig.store.clone().close().await;
    assert!(matches!(other.presets().await, Err(Error::Closed)));
    assert!(matches!(other.record(store::Row::default()), Err(Error::Closed)));
    other.close().await;
}
