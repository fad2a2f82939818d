#![expect(clippy::unwrap_used, reason = "tests")]

use engine::api::{Code, Delivery, Item, Kind, Note, Problem, Role};
use tokio::sync::broadcast;

use super::*;

fn item(id: u64, text: &str, after: Option<u64>) -> Change {
    let item = Item {
        id,
        role: Role::Assistant,
        kind: Kind::Spoken,
        text: text.into(),
        unheard: String::new(),
        is_final: false,
        delivery: Delivery::Arriving,
        at: 0,
        duration_ms: 0,
        heard_ms: None,
        first_sound_ms: None,
        waterfall: None,
        usage: None,
        problem: None,
    };
    Change::Item { item, after }
}

fn problem(detail: &str) -> Change {
    Change::Problem(Some(Problem { code: Code::Offline, detail: detail.into() }))
}

fn numbered(changes: impl IntoIterator<Item = Change>) -> Vec<Event> {
    (1..).zip(changes).map(|(seq, change)| Event { seq, change }).collect()
}

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

/// The page's own rule: (id, text) in order.
fn conversation(events: &[Event]) -> Vec<(u64, String)> {
    let mut items: Vec<(u64, String)> = Vec::new();
    for event in events {
        match &event.change {
            Change::Item { item, after } => {
                items.retain(|(id, _)| *id != item.id);
                let place = match after {
                    None => 0,
                    Some(after) => items.iter().position(|(id, _)| id == after).map_or(items.len(), |at| at + 1),
                };
                items.insert(place, (item.id, item.text.clone()));
            }
            Change::Removed(gone) => items.retain(|(id, _)| id != gone),
            Change::Cleared => items.clear(),
            Change::Call(_)
            | Change::Problem(_)
            | Change::Settings(_)
            | Change::Credentials(_)
            | Change::Devices(_)
            | Change::SoundCheck(_)
            | Change::Chat(_)
            | Change::ChatMessage(_)
            | Change::History(_)
            | Change::Models(_)
            | Change::Providers(_)
            | Change::Transfer(_)
            | Change::LocalApi(_)
            | Change::VoiceServers(_)
            | Change::Recording(_)
            | Change::Note(_) => {}
        }
    }
    items
}

#[test]
fn the_latest_value_of_each_part_survives_in_order() {
    let events = numbered([problem("a"), item(1, "Hel", None), problem("b"), item(1, "Hello", None)]);
    let left = coalesce(events);
    assert_eq!(numbers(&left), [3, 4]);
    assert_eq!(left[0].change, problem("b"));
    assert_eq!(left[1].change, item(1, "Hello", None));
}

#[test]
fn different_items_do_not_replace_each_other() {
    let events = numbered([item(1, "one", None), item(2, "two", Some(1))]);
    assert_eq!(coalesce(events.clone()), events);
}

#[test]
fn clearing_drops_what_the_conversation_held_before() {
    let left = coalesce(numbered([
        item(1, "one", None),
        problem("stays"),
        Change::Removed(7),
        Change::Cleared,
        item(2, "two", None),
    ]));
    assert_eq!(numbers(&left), [2, 4, 5]);
}

#[test]
fn removal_is_the_last_word_on_an_item() {
    let left = coalesce(numbered([item(1, "one", None), Change::Removed(1)]));
    assert_eq!(left, numbered([item(1, "one", None), Change::Removed(1)]).split_off(1));
    let left = coalesce(numbered([Change::Removed(1), item(1, "back", None)]));
    assert_eq!(numbers(&left), [2]);
}

#[test]
fn an_item_that_others_stand_behind_is_there_before_them() {
    let events = numbered([item(1, "a", None), item(2, "b", Some(1)), item(1, "ab", None)]);
    let left = coalesce(events);
    assert_eq!(numbers(&left), [1, 2, 3]);
}

#[test]
fn every_note_arrives() {
    let left = coalesce(numbered([Change::Note(Note::Renewed), Change::Note(Note::SessionOnlyKey)]));
    assert_eq!(numbers(&left), [1, 2]);
}

#[test]
fn a_page_sees_the_same_conversation_with_and_without_coalescing() {
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = move |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut dropped = 0;
    for _ in 0..2_000 {
        let mut events: Vec<Event> = Vec::new();
        for seq in 1..=roll(30) + 2 {
            let order = conversation(&events);
            let known = |at: u64| order.get(usize::try_from(at).unwrap()).map(|(id, _)| *id);
            let count = order.len() as u64;
            // As the engine does it: an item that stays tells who stands before it; a new one goes somewhere.
            let change = match roll(12) {
                0 => Change::Cleared,
                1 if count > 0 => Change::Removed(known(roll(count)).unwrap()),
                2..=7 if count > 0 => {
                    let at = roll(count);
                    let before = at.checked_sub(1).and_then(known);
                    item(known(at).unwrap(), &format!("text {seq}"), before)
                }
                _ => {
                    let after = roll(count + 1).checked_sub(1).and_then(known);
                    item(100 + seq, &format!("text {seq}"), after)
                }
            };
            events.push(Event { seq, change });
        }
        let left = coalesce(events.clone());
        assert_eq!(conversation(&left), conversation(&events), "{events:#?}");
        assert!(numbers(&left).is_sorted());
        dropped += events.len() - left.len();
    }
    assert!(dropped > 2_000, "coalescing did something: {dropped}");
}

#[test]
fn the_first_event_goes_at_once_and_the_next_ones_wait_their_turn() {
    let start = Instant::now();
    let mut pending = Pending::new(0);
    assert!(pending.due().is_none());
    pending.push(Event { seq: 1, change: problem("a") });
    assert_eq!(pending.take(start).unwrap().to, 1);
    pending.push(Event { seq: 2, change: problem("b") });
    pending.push(Event { seq: 3, change: problem("c") });
    assert_eq!(pending.due(), Some(start + INTERVAL));
    assert_eq!(pending.take(start + INTERVAL / 2), None);
    let batch = pending.take(start + INTERVAL).unwrap();
    assert_eq!((batch.from, batch.to, numbers(&batch.events)), (2, 3, vec![3]));
    assert_eq!(pending.take(start + 9 * INTERVAL), None);
}

#[test]
fn what_the_snapshot_holds_is_not_told_again() {
    let mut pending = Pending::new(5);
    pending.push(Event { seq: 5, change: problem("known") });
    assert_eq!(pending.finish(), None);
    pending.push(Event { seq: 6, change: problem("new") });
    let batch = pending.finish().unwrap();
    assert_eq!((batch.from, batch.to), (6, 6));
}

#[test]
fn a_flood_takes_no_memory() {
    let mut pending = Pending::new(0);
    for seq in 1..=100_000 {
        pending.push(Event { seq, change: item(1, "Hello", None) });
        assert!(pending.events.len() <= MANY);
    }
}

#[tokio::test]
async fn a_page_that_was_too_slow_is_told_to_look_again() {
    let (sender, receiver) = broadcast::channel(2);
    for event in numbered([problem("a"), problem("b"), problem("c"), problem("d")]) {
        sender.send(event).unwrap();
    }
    drop(sender);
    let mut batches = Vec::new();
    pump(receiver, 0, |batch| {
        batches.push(batch);
        true
    })
    .await;
    assert!(batches.iter().any(|batch| batch.is_stale));
    assert_eq!(batches.last().unwrap().to, 4);
}

#[tokio::test]
async fn the_pump_ends_when_nobody_listens() {
    let (sender, receiver) = broadcast::channel(8);
    sender.send(Event { seq: 1, change: problem("a") }).unwrap();
    pump(receiver, 0, |_| false).await;
    assert_eq!(sender.receiver_count(), 0);
}
