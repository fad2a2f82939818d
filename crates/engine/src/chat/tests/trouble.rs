//! A history that cannot be used.

use super::*;
use crate::api::Code;

/// Everything that the pane tells until its end.
async fn told(rig: Rig) -> Vec<Change> {
    let (reply, _stopped) = oneshot::channel();
    rig.orders.send(Order::Stop(reply)).await.unwrap();
    let mut changes = rig.changes;
    let mut told = Vec::new();
    while let Some(change) = changes.recv().await {
        told.push(change);
    }
    told
}

#[tokio::test]
async fn a_history_that_cannot_be_opened_is_told_once_by_a_call_and_to_each_who_asks() {
    let fakes = fakes(Script::default()).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sidetone.db")).unwrap();
    let place = folder.path().display().to_string();
    let rig = Rig::within(folder, &fakes, &json!({}));
    for id in 1..4 {
        let said = Box::new(item(id, Role::User, "said", Delivery::Sent));
        rig.orders.send(Order::Spoken { item: said, call_at: 1000 }).await.unwrap();
    }
    rig.send(Command::NewChat).await;
    let told = told(rig).await;
    let problems: Vec<_> =
        told.iter().filter_map(|change| if let Change::Problem(it) = change { it.as_ref() } else { None }).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|it| it.code == Code::HistoryFailed && it.detail.starts_with(&place)), "{problems:?}");
}

#[tokio::test]
async fn models_are_found_without_a_history() {
    let fakes = fakes(Script::default()).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sidetone.db")).unwrap();
    let mut rig = Rig::within(folder, &fakes, &json!({}));
    rig.send(Command::FindModels).await;
    let now = rig.until("the models", |now| !now.models.is_empty()).await;
    assert_eq!(now.problem, None);
}
