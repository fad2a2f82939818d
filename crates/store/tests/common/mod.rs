//! What the tests of the store share.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests; each uses another part")]

use std::path::PathBuf;

use store::{ConversationId, Filter, MessageId, NewConversation, NewMessage, Role, Store};
use tempfile::TempDir;

/// Noon UTC, so that it is the same day in most of the world.
pub const NOON: i64 = 1_763_726_400_000;

/// A store in a folder of its own.
pub struct Rig {
    pub folder: TempDir,
    pub store: Store,
}

impl Rig {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("history.sqlite")).unwrap();
        Self { folder, store }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("history.sqlite")
    }

    /// Closes the store and opens it again.
    pub async fn again(self) -> Self {
        self.store.close().await;
        let store = Store::open(&self.folder.path().join("history.sqlite")).unwrap();
        Self { folder: self.folder, store }
    }

    pub async fn conversation(&self, title: &str) -> ConversationId {
        let new = NewConversation { title: title.into(), created_ms: NOON, ..NewConversation::default() };
        self.store.create(new).await.unwrap()
    }

    pub async fn say(&self, conversation: ConversationId, parent: Option<MessageId>, text: &str) -> MessageId {
        self.store.append(NewMessage::text(conversation, parent, Role::User, text, NOON)).await.unwrap()
    }

    pub async fn find(&self, query: &str) -> Vec<store::Entry> {
        self.store.list(Filter { query: query.into(), ..Filter::default() }).await.unwrap()
    }

    /// All bytes of the file and of what belongs to it.
    pub fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

pub fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}
