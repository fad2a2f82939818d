//! What requests cost and how long they took.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{NOON, Rig};
use store::{Cache, ConversationId, Group, Outcome, Quantiles, Row, Store, Tokens};

const DAY: i64 = 24 * 3600 * 1000;

fn row(provider: &str, model: &str, cost: i64) -> Row {
    Row { at_ms: NOON, provider: provider.into(), model: model.into(), cost_nano: Some(cost), ..Row::default() }
}

#[tokio::test]
async fn usage_adds_up_by_provider_model_and_day() {
    let rig = Rig::new();
    let tokens =
        Tokens { input: 10, cached: 4, cache_written: 3, output: 5, reasoning: 2, input_audio: 1, output_audio: 1 };
    rig.store.record(Row { tokens, ..row("openai", "a", 100) }).unwrap();
    rig.store.record(Row { tokens, at_ms: NOON - DAY, ..row("openai", "b", 50) }).unwrap();
    rig.store.record(Row { outcome: Outcome::Failed, cost_nano: None, ..row("groq", "c", 0) }).unwrap();
    rig.store.record(Row { cache: Cache::Hit, ..row("groq", "c", 0) }).unwrap();
    rig.store.record(Row { at_ms: NOON - 2 * DAY, ..row("groq", "old", 1_000) }).unwrap();

    let usage = rig.store.usage(NOON - DAY, Group::Provider).await.unwrap();
    assert_eq!(usage.iter().map(|usage| usage.provider.as_str()).collect::<Vec<_>>(), ["openai", "groq"]);
    assert_eq!((usage[0].requests, usage[0].cost_nano, usage[0].unpriced), (2, 150, 0));
    assert_eq!((usage[0].tokens.input, usage[0].tokens.cached, usage[0].tokens.reasoning), (20, 8, 4));
    assert_eq!((usage[1].requests, usage[1].failures, usage[1].cached, usage[1].unpriced), (2, 1, 1, 1));
    assert!(usage.iter().all(|usage| usage.model.is_empty() && usage.day.is_empty()));

    let usage = rig.store.usage(NOON - DAY, Group::Model).await.unwrap();
    let models: Vec<_> = usage.iter().map(|usage| (usage.model.as_str(), usage.cost_nano)).collect();
    assert_eq!(models, [("a", 100), ("b", 50), ("c", 0)]);

    let usage = rig.store.usage(i64::MIN, Group::Day).await.unwrap();
    assert_eq!(usage.iter().map(|usage| usage.requests).collect::<Vec<_>>(), [3, 1, 1]);
    assert!(usage[0].day > usage[1].day && usage[0].day.len() == 10);

    let usage = rig.store.usage(i64::MIN, Group::All).await.unwrap();
    assert_eq!((usage.len(), usage[0].requests, usage[0].cost_nano), (1, 5, 1_150));
    assert!(rig.store.usage(NOON + 1, Group::All).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_users_own_prices_count_before_the_public_ones() {
    let rig = Rig::new();
    rig.store.record(Row { custom_nano: Some(70), ..row("openai", "a", 100) }).unwrap();
    rig.store.record(row("openai", "a", 5)).unwrap();
    let usage = rig.store.usage(i64::MIN, Group::All).await.unwrap();
    assert_eq!((usage[0].cost_nano, usage[0].list_nano), (75, 105));
    assert_eq!(rig.store.spent(None, NOON).await.unwrap().day_nano, 75);
}

#[tokio::test]
async fn quantiles_are_exact_and_only_of_what_the_provider_answered() {
    let rig = Rig::new();
    // 1 to 200 ms, in a mixed order.
    for number in 0..200_u64 {
        let ms = number * 77 % 200 + 1;
        rig.store.record(Row { first_ms: Some(ms), total_ms: Some(ms * 10), ..row("openai", "a", 0) }).unwrap();
    }
    let slow = Row { first_ms: Some(9_999), total_ms: Some(9_999), ..row("openai", "a", 0) };
    rig.store.record(Row { cache: Cache::Hit, ..slow.clone() }).unwrap();
    rig.store.record(Row { outcome: Outcome::Cancelled, ..slow }).unwrap();
    rig.store.record(Row { total_ms: Some(7), ..row("groq", "b", 0) }).unwrap();
    let usage = rig.store.usage(i64::MIN, Group::Provider).await.unwrap();
    let by = |provider: &str| usage.iter().find(|usage| usage.provider == provider).unwrap().clone();
    assert_eq!(by("openai").first, Some(Quantiles { p50: 100, p95: 190, p99: 198 }));
    assert_eq!(by("openai").total, Some(Quantiles { p50: 1000, p95: 1900, p99: 1980 }));
    assert_eq!((by("groq").first, by("groq").total), (None, Some(Quantiles { p50: 7, p95: 7, p99: 7 })));
}

#[tokio::test]
async fn budgets_count_by_conversation_day_and_month_even_after_a_deletion() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    rig.store.record(Row { conversation: Some(id), ..row("a", "b", 1) }).unwrap();
    rig.store.record(Row { conversation: Some(ConversationId(id.0 + 1)), ..row("a", "b", 10) }).unwrap();
    // The day before is in the same month, 40 days before is not.
    rig.store.record(Row { conversation: Some(id), at_ms: NOON - DAY, ..row("a", "b", 100) }).unwrap();
    rig.store.record(Row { conversation: Some(id), at_ms: NOON - 40 * DAY, ..row("a", "b", 1000) }).unwrap();
    rig.store.delete(vec![id]).await.unwrap();
    let spent = rig.store.spent(Some(id), NOON).await.unwrap();
    assert_eq!((spent.conversation_nano, spent.day_nano, spent.month_nano), (1101, 11, 111));
    assert_eq!(rig.store.spent(None, NOON).await.unwrap().conversation_nano, 0);
    let new = rig.conversation("y").await;
    assert!(new > id, "its number is not used again");

    assert_eq!(rig.store.prune_ledger(NOON - 30 * DAY).await.unwrap(), 1);
    assert_eq!(rig.store.spent(Some(id), NOON).await.unwrap().conversation_nano, 101);
}

#[tokio::test]
async fn a_burst_of_rows_is_written_whole() {
    let rig = Rig::new();
    for number in 0..3000 {
        rig.store.record(row("a", "b", number)).unwrap();
    }
    let rig = rig.again().await;
    let usage = rig.store.usage(i64::MIN, Group::All).await.unwrap();
    assert_eq!((usage[0].requests, usage[0].cost_nano), (3000, (0..3000).sum()));
}

#[tokio::test]
async fn the_table_has_a_line_per_request_with_exact_money() {
    let rig = Rig::new();
    let id = rig.conversation("x").await;
    rig.store.record(Row { conversation: Some(id), ..row("openai", "say \"a\", b", 1_000_000_001) }).unwrap();
    rig.store.record(Row { cost_nano: None, custom_nano: Some(-5), at_ms: NOON - DAY, ..row("groq", "c", 0) }).unwrap();
    let table = rig.store.export_usage(i64::MIN, Vec::new()).await.unwrap();
    let table = String::from_utf8(table).unwrap();
    let lines: Vec<&str> = table.split("\r\n").collect();
    let columns = lines[0].split(',').count();
    assert_eq!((lines.len(), columns), (4, 28));
    assert!(lines[0].starts_with("at,purpose,") && lines[0].ends_with("cost_usd,custom_usd"));
    assert!(lines[1].starts_with("2025-11-21T12:00:00.000Z,") && lines[1].ends_with(",1.000000001,"), "{}", lines[1]);
    assert!(lines[1].contains(",\"say \"\"a\"\", b\","));
    assert!(lines[2].ends_with(",,-0.000000005"), "{}", lines[2]);
    assert_eq!(lines[2].split(',').count(), columns);

    let table = rig.store.export_usage(NOON, Vec::new()).await.unwrap();
    assert_eq!(String::from_utf8(table).unwrap().lines().count(), 2);
    let these = store::Selection::These(vec![id]);
    let table = rig.store.export(these, store::Format::Csv, Vec::new()).await.unwrap();
    assert_eq!(String::from_utf8(table).unwrap().lines().count(), 2);
    let all = rig.store.export(store::Selection::All, store::Format::Csv, Vec::new()).await.unwrap();
    assert_eq!(String::from_utf8(all).unwrap().lines().count(), 3, "those of no conversation too");
}

#[tokio::test]
async fn reserves_end_in_time_and_with_the_last_program() {
    let rig = Rig::new();
    let path = rig.path();
    let other = Store::open(&path).unwrap();
    let kept = rig.store.set_aside(None, 5, NOON + 10).await.unwrap();
    let elsewhere = async |store: &Store, now| store.set_aside_elsewhere(None, now).await.unwrap().all_nano;
    assert_eq!((elsewhere(&other, NOON).await, elsewhere(&other, NOON + 10).await), (5, 0));
    // As after a crash: it is not given back.
    std::mem::forget(kept);
    rig.store.close().await;
    assert_eq!(elsewhere(&other, NOON).await, 5);
    other.close().await;
    let next = Store::open(&path).unwrap();
    assert_eq!(elsewhere(&next, NOON).await, 0);
}
