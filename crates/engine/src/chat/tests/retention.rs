//! Conversations that are kept for a time only.

use store::NewConversation;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_time_counts_at_once_but_not_for_what_is_open() {
    let fakes = fakes(Script::default()).await;
    let mut rig = Rig::new(&fakes, &json!({}));
    let store = rig.text.shelf().store().await.unwrap().clone();
    let week = 7 * 24 * 60 * 60 * 1000;
    let mut old = Vec::new();
    for title in ["open", "closed"] {
        let created_ms = crate::call::unix_ms() - week;
        let new = NewConversation { title: title.into(), system: String::new(), created_ms };
        old.push(store.create(new).await.unwrap().0);
    }
    rig.send(Command::OpenConversation { id: old[0] }).await;
    rig.send(Command::FindHistory { query: String::new() }).await;
    rig.until("both", |now| now.history.len() == 2).await;
    let patch = json!({ "history": { "keep_days": 5 } });
    let settings = config::merge(&rig.settings.borrow().clone(), &patch).unwrap();
    rig.settings.send_replace(settings);
    let now = rig.until("one is gone", |now| now.history.len() == 1).await;
    assert_eq!((now.history[0].id, now.chat.conversation), (old[0], Some(old[0])));
}
