//! What a new connection is told of a conversation that is too long to be told whole.

use protocol::{Delivery, Input, ItemId, Output, Role};

use crate::rig::{Rig, config};
use crate::server;

/// What was asked for a summary: its newest turn, what an earlier one told, how many turns.
type Wanted = (ItemId, Option<String>, Vec<(Role, String)>);

struct Talk {
    rig: Rig,
    /// Everything said, in order.
    said: Vec<String>,
    wanted: Vec<Wanted>,
}

impl Talk {
    fn new() -> Self {
        Self { rig: Rig::ready(config()), said: Vec::new(), wanted: Vec::new() }
    }

    /// A question and an answer of so many characters.
    fn turn(&mut self, question: usize, answer: usize) {
        let number = self.said.len();
        let text = |number: usize, length: usize| format!("{number} {}", "x".repeat(length));
        let (asked, answered) = (text(number, question), text(number + 1, answer));
        self.rig.say(&asked);
        let (response, item) = (format!("resp_{number}"), format!("item_{number}"));
        self.rig.serve_all(server::answer(&response, &item, None, 100, &answered));
        self.said.extend([asked, answered]);
        for output in self.rig.take() {
            if let Output::Summarise { until, earlier, talk } = output {
                self.wanted.push((until, earlier, talk));
            }
        }
        self.rig.take_sent();
    }

    /// What a new connection is told: what stands before the turns, and the turns.
    fn told(&mut self) -> (String, Vec<String>) {
        self.rig.drop_connection();
        self.rig.take_sent();
        self.rig.connect();
        self.rig.take();
        let sent = self.rig.take_sent();
        let created = sent.iter().filter(|event| event["type"] == "conversation.item.create");
        let mut told: Vec<String> =
            created.map(|event| event["item"]["content"][0]["text"].as_str().unwrap().to_owned()).collect();
        let first = told.first().cloned().unwrap_or_default();
        let Some((preface, rest)) = first.split_once("]\n\n") else { return (String::new(), told) };
        told[0] = rest.to_owned();
        (preface.trim_start_matches('[').to_owned(), told)
    }
}

/// The kept part is the end of the conversation: no turn is lost or doubled in it, and the order is kept.
fn assert_end(said: &[String], told: &[String]) {
    assert_eq!(told, &said[said.len() - told.len()..]);
}

#[test]
fn a_conversation_that_is_short_enough_is_told_whole_and_nobody_is_asked() {
    let mut talk = Talk::new();
    for _ in 0..10 {
        talk.turn(100, 300);
    }
    let (preface, told) = talk.told();
    assert_eq!((preface.as_str(), &told), ("", &talk.said));
    assert!(talk.wanted.is_empty());
}

#[test]
fn without_a_summary_the_newest_turns_that_fit_are_told_and_that_others_are_left_out() {
    let mut talk = Talk::new();
    for _ in 0..60 {
        talk.turn(100, 300);
    }
    let (preface, told) = talk.told();
    assert_eq!(preface, "Older turns of this conversation are left out here.");
    assert_end(&talk.said, &told);
    let length: usize = told.iter().map(String::len).sum();
    assert!((11_000..=12_000).contains(&length), "{length}");
    assert!(told.len() % 2 == 0, "it begins with a question");
}

#[test]
fn a_summary_is_asked_for_in_time_and_told_before_the_turns_that_it_leaves() {
    let mut talk = Talk::new();
    while talk.wanted.len() < 5 {
        talk.turn(100, 300);
        if let Some((until, ..)) = talk.wanted.last().cloned() {
            talk.rig.input(Input::Summary { until, text: &format!("up to {}", until.0) });
        }
    }
    // Every turn was summed up once, in order, and the summaries hand on what the ones before them told.
    let summed: Vec<&String> = talk.wanted.iter().flat_map(|(.., talk)| talk.iter().map(|(_, text)| text)).collect();
    assert_eq!(summed, talk.said.iter().take(summed.len()).collect::<Vec<_>>());
    let earlier: Vec<_> = talk.wanted.iter().map(|(_, earlier, _)| earlier.clone()).collect();
    let name = |index: usize| Some(format!("up to {}", talk.wanted[index].0.0));
    assert_eq!(earlier, [None, name(0), name(1), name(2), name(3)]);
    let (count, newest) = (summed.len(), name(4).unwrap());
    let (preface, told) = talk.told();
    assert_eq!(preface, format!("Earlier in this conversation, in short: {newest}"));
    assert_eq!(told.len() + count, talk.said.len(), "summed up or told, none of them both or neither");
    assert_end(&talk.said, &told);
    assert!(
        talk.rig.items().iter().all(|item| !item.text.contains("up to")),
        "the user's own timeline has no word of it"
    );
}

#[test]
fn a_summary_that_never_came_is_asked_for_again_with_all_that_it_missed() {
    let mut talk = Talk::new();
    while talk.wanted.len() < 5 {
        talk.turn(100, 300);
    }
    let wanted = talk.wanted.clone();
    let [(first, _, one), .., (last, earlier, all)] = &*wanted else { panic!("asked for more than once") };
    assert_eq!((earlier, &all[..one.len()]), (&None, &one[..]));
    assert!(all.len() > one.len());
    // The first comes after all: it tells of less than is wanted by now.
    talk.rig.input(Input::Summary { until: *first, text: "too late" });
    talk.rig.input(Input::Summary { until: *last, text: "   " });
    assert!(talk.told().0.starts_with("Older turns"));
    talk.rig.input(Input::Summary { until: *last, text: "in time" });
    let (preface, told) = talk.told();
    assert_eq!(preface, "Earlier in this conversation, in short: in time");
    assert_eq!(told.len() + all.len(), talk.said.len());
}

#[test]
fn what_came_after_a_summary_and_does_not_fit_is_said_to_be_left_out() {
    let mut talk = Talk::new();
    while talk.wanted.is_empty() {
        talk.turn(100, 300);
    }
    let until = talk.wanted[0].0;
    talk.rig.input(Input::Summary { until, text: "apples" });
    for _ in 0..40 {
        talk.turn(100, 300);
    }
    let (preface, told) = talk.told();
    assert!(preface.contains("apples Some turns after that are left out"), "{preface}");
    assert_end(&talk.said, &told);
}

#[test]
fn a_single_turn_is_told_however_long_it_is() {
    let mut talk = Talk::new();
    talk.turn(100, 200);
    talk.turn(100, 20_000);
    let (preface, told) = talk.told();
    assert!(preface.starts_with("Older turns"), "{preface}");
    assert_end(&talk.said, &told);
    assert_eq!(told.len(), 1);
}

#[test]
fn whatever_the_lengths_are_the_end_is_told_in_order_and_within_the_bound() {
    for seed in 0_u32..60 {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(97);
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        let mut talk = Talk::new();
        let mut summed = 0;
        for _ in 0..20 + random(60) {
            talk.turn(random(400) as usize + 1, random(1_200) as usize + 1);
            // Summaries come for some, at once.
            if let Some((until, earlier, turns)) = talk.wanted.pop().filter(|_| random(3) > 0) {
                summed = turns.len() + if earlier.is_some() { summed } else { 0 };
                talk.rig.input(Input::Summary { until, text: "summary" });
            }
            if random(12) == 0 {
                let (preface, told) = talk.told();
                assert_end(&talk.said, &told);
                let length: usize = told.iter().map(String::len).sum();
                assert!(told.len() == 1 || length <= 12_000, "{seed}: {length}");
                let is_whole = told.len() == talk.said.len();
                assert_eq!(is_whole, preface.is_empty(), "{seed}: {preface}");
                if !preface.is_empty() && !preface.contains("left out") {
                    assert_eq!(told.len() + summed, talk.said.len(), "{seed}: summed up or told");
                }
            }
        }
        assert!(talk.rig.items().iter().all(|item| item.delivery != Delivery::Failed));
    }
}
