//! ChatGPT's export as it comes: a zip file.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::{Cursor, Write as _};
use std::sync::{Arc, Mutex};

use common::Rig;
use serde_json::{Value, json};
use store::{Error, Filter, Imported, Progress};
use zip::write::{SimpleFileOptions, ZipWriter};

/// An export with one question in it.
fn chat(id: &str) -> Value {
    let message = json!({ "author": { "role": "user" }, "content": { "content_type": "text", "parts": [id] } });
    json!({ "title": id, "create_time": 1_700_000_000.0, "conversation_id": id, "current_node": "a",
        "mapping": { "a": { "id": "a", "parent": null, "children": [], "message": message } } })
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

async fn import(rig: &Rig, bytes: Vec<u8>) -> Result<Imported, Error> {
    rig.store.import(Cursor::new(bytes), |_| {}).await
}

async fn titles(rig: &Rig) -> Vec<String> {
    let mut titles: Vec<_> =
        rig.store.list(Filter::default()).await.unwrap().into_iter().map(|entry| entry.title).collect();
    titles.sort();
    titles
}

#[tokio::test]
async fn the_export_is_taken_as_it_comes() {
    let rig = Rig::new();
    let chats = json!([chat("one"), chat("two")]).to_string();
    let files: [(&str, &[u8]); 4] = [
        ("chat.html", b"<html></html>"),
        ("conversations.json", chats.as_bytes()),
        ("shared_conversations.json", b"[{\"id\": 7}]"),
        ("file-1.png", b"\x89PNG"),
    ];
    let imported = import(&rig, archive(&files)).await.unwrap();
    assert_eq!(imported, Imported { conversations: 2, messages: 2, ..Imported::default() });
    assert_eq!(titles(&rig).await, ["one", "two"]);
    let again = import(&rig, archive(&files)).await.unwrap();
    assert_eq!(again, Imported { known: 2, ..Imported::default() });
}

#[tokio::test]
async fn an_export_in_parts_is_taken_whole() {
    let rig = Rig::new();
    let part = |id: &str| json!([chat(id)]).to_string().into_bytes();
    let (first, second, third) = (part("one"), part("two"), part("three"));
    let files: [(&str, &[u8]); 4] = [
        ("export/conversations-001.json", &second),
        ("export/conversations-000.json", &first),
        ("export/conversations-010.json", &third),
        ("export/export_manifest.json", b"{}"),
    ];
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let progress = move |progress: Progress| telling.lock().unwrap().push(progress);
    let imported = rig.store.import(Cursor::new(archive(&files)), progress).await.unwrap();
    assert_eq!((imported.conversations, imported.skipped), (3, 0));
    assert_eq!(titles(&rig).await, ["one", "three", "two"]);
    let told = told.lock().unwrap();
    assert_eq!(told.iter().map(|progress| progress.so_far.conversations).collect::<Vec<_>>(), [1, 2, 3]);
    let bytes = (first.len() + second.len() + third.len()) as u64;
    assert!((bytes - 3..=bytes).contains(&told[2].bytes), "the last brackets need not be read: {told:?}");
}

#[tokio::test]
async fn what_grows_beyond_all_measure_is_given_up_and_what_came_before_stays() {
    let rig = Rig::new();
    // 20 MB of blanks pack into 20 kB.
    let mut bomb = json!([chat("one")]).to_string().into_bytes();
    bomb.pop();
    bomb.resize(20 << 20, b' ');
    let packed = archive(&[("conversations.json", &bomb)]);
    assert!(packed.len() < 80 << 10, "{}", packed.len());
    let Err(Error::Io(error)) = import(&rig, packed).await else { panic!("it was unpacked") };
    assert!(error.to_string().contains("unpacks to far more"), "{error}");
    assert_eq!(titles(&rig).await, ["one"]);
}

#[tokio::test]
async fn parts_share_what_may_be_unpacked() {
    let rig = Rig::new();
    let mut half = b"[".to_vec();
    half.resize(10 << 20, b' ');
    half.push(b']');
    let alone = archive(&[("conversations-000.json", &half)]);
    assert_eq!(import(&rig, alone).await.unwrap(), Imported::default());
    let both = archive(&[("conversations-000.json", &half), ("conversations-001.json", &half)]);
    let Err(Error::Io(error)) = import(&rig, both).await else { panic!("it was unpacked") };
    assert!(error.to_string().contains("unpacks to far more"), "{error}");
}

#[tokio::test]
async fn other_and_damaged_zip_files_are_refused() {
    let rig = Rig::new();
    let chats = json!([chat("one")]).to_string();
    let mut torn = archive(&[("conversations.json", chats.as_bytes())]);
    torn.truncate(torn.len() - 30);
    for bytes in [torn, archive(&[]), archive(&[("user.json", b"{}")]), b"PK\x05\x06".to_vec(), b"PK".to_vec()] {
        assert!(matches!(import(&rig, bytes).await, Err(Error::Foreign)));
    }
    // A byte of the packed words is another one.
    let long = json!([chat(&"words ".repeat(200))]).to_string();
    let mut bent = archive(&[("conversations.json", long.as_bytes())]);
    bent[60] ^= 0xFF;
    assert!(matches!(import(&rig, bent).await, Err(Error::Io(_) | Error::Foreign)));
    assert_eq!(titles(&rig).await, Vec::<String>::new());
}
