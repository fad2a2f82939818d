//! Whatever comes in whatever order.

use proptest::prelude::*;

use super::*;
use crate::openai::client::NewItem;
use crate::openai::server::Ending;

#[derive(Debug, Clone)]
enum Step {
    Append,
    Clear,
    Commit,
    Respond(bool),
    Cancel,
    Write,
    Truncate,
    Delete,
    Hear(u8),
    Sound(u8, u8),
    Think(u8, u8),
    Output(u8),
    Wait(u16),
    Configure(bool, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Append),
        1 => Just(Step::Clear),
        2 => Just(Step::Commit),
        4 => any::<bool>().prop_map(Step::Respond),
        2 => Just(Step::Cancel),
        2 => Just(Step::Write),
        1 => Just(Step::Truncate),
        1 => Just(Step::Delete),
        6 => (0..8_u8).prop_map(Step::Hear),
        6 => (0..4_u8, 0..4_u8).prop_map(|(kind, back)| Step::Sound(kind, back)),
        6 => (0..7_u8, 0..3_u8).prop_map(|(kind, back)| Step::Think(kind, back)),
        2 => (0..3_u8).prop_map(Step::Output),
        1 => (0..12_000_u16).prop_map(Step::Wait),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(open, answers)| Step::Configure(open, answers)),
    ]
}

/// Follows what the conversation is told, and insists on its order.
#[derive(Default)]
struct Witness {
    running: Option<String>,
    begun: usize,
    ended: Vec<String>,
    speaking: Option<String>,
    committed: Vec<String>,
    called: Vec<String>,
}

impl Witness {
    fn see(&mut self, told: &Told) {
        match told {
            Told::Began { response } => {
                assert!(self.running.is_none(), "two responses at a time");
                assert!(!self.ended.contains(response), "a name is used twice");
                self.begun += 1;
                self.running = Some(response.clone());
            }
            Told::Audio { response, .. } | Told::Words { response, .. } => {
                assert_eq!(self.running.as_ref(), Some(response), "something of an answer that is over");
            }
            Told::Ended { response, ending, complaint, .. } => {
                assert_eq!(self.running.take().as_ref(), Some(response));
                assert_eq!(complaint.is_some(), matches!(ending, Ending::Failed | Ending::Incomplete));
                self.ended.push(response.clone());
            }
            Told::SpeechStarted { item, .. } => {
                self.speaking = Some(item.clone());
            }
            Told::SpeechStopped { item } => assert_eq!(self.speaking.take().as_ref(), Some(item)),
            Told::Committed { item } => {
                assert!(!self.committed.contains(item), "a turn is committed twice");
                self.committed.push(item.clone());
            }
            Told::UserWords { item, .. } => {
                assert!(self.committed.contains(item) || self.speaking.as_ref() == Some(item), "words of nobody");
            }
            Told::Delayed { .. } => assert!(self.running.is_some(), "no answer that could be late"),
            Told::Unheard { .. } => panic!("this ear does without no words"),
            Told::Ready { .. } | Told::Refused { .. } | Told::Whole { .. } => {}
            Told::ToolCall { response, call, .. } => {
                assert_eq!(self.running.as_ref(), Some(response), "a call of an answer that is over");
                assert!(!self.called.contains(call), "a name is used twice");
                self.called.push(call.clone());
            }
            Told::Expires { .. } | Told::Ending { .. } | Told::Memory(_) => panic!("not a cascade's"),
            Told::Resumed | Told::Spent { .. } | Told::Left | Told::SideCall { .. } => panic!("not a cascade's"),
        }
    }
}

/// Each call has an output, right behind, and each output a call: no provider takes anything else.
fn assert_paired(question: &Question) {
    let mut owed: Vec<&str> = Vec::new();
    for message in &question.messages {
        let outputs: Vec<&str> = message
            .parts
            .iter()
            .filter_map(|part| if let Part::Output { id, .. } = part { Some(id.as_str()) } else { None })
            .collect();
        assert_eq!(outputs, owed, "{:#?}", question.messages);
        let calls = message.parts.iter().filter_map(|part| if let Part::Call(call) = part { Some(call) } else { None });
        owed = calls.map(|call| call.id.as_str()).collect();
        assert!(owed.is_empty() || !question.tools.is_empty(), "calls without tools");
    }
    assert_eq!(owed, [""; 0]);
}

fn play(rig: &mut Rig, step: &Step, contexts: &[Context], called: &[String]) {
    let back = |back: u8| contexts.iter().rev().nth(usize::from(back)).copied().unwrap_or(Context(99));
    match step {
        Step::Append => rig.ask(&Event::Append { pcm: vec![0; 480] }),
        Step::Clear => rig.ask(&Event::Clear),
        Step::Commit => rig.ask(&Event::Commit),
        Step::Respond(true) => rig.respond(),
        Step::Respond(false) => rig.respond_in_writing(),
        Step::Cancel => rig.cancel(),
        Step::Write => rig.write("w", "Written."),
        Step::Truncate => {
            let item = format!("answer_{}", back(0).0);
            rig.ask(&Event::Truncate { item_id: &item, content_index: 0, audio_end_ms: 1, heard: "One" });
        }
        Step::Delete => rig.ask(&Event::Delete { item_id: &format!("answer_{}", back(0).0) }),
        Step::Hear(kind) => rig.hear(match kind {
            0 => Heard::Started,
            1 => Heard::Words("Some".into()),
            2 => Heard::EagerEnd("Some words".into()),
            3 => Heard::Resumed,
            4 => Heard::Stopped,
            5 => Heard::Ended("Some words".into()),
            6 => Heard::Ended(String::new()),
            _ => Heard::Ready,
        }),
        Step::Sound(kind, age) => {
            let context = back(*age);
            rig.say(match kind {
                0 | 1 => Said::Audio { context, pcm: vec![1; 2_400] },
                2 => Said::Done(context),
                _ => Said::Failed { context: Some(context), complaint: complaint("hoarse") },
            });
        }
        Step::Think(kind, age) => {
            let errands = rig.questions.iter().rev().map(|(errand, _)| *errand);
            let called_off = rig.called_off.clone();
            let Some(errand) = errands.filter(|errand| !called_off.contains(errand)).nth(usize::from(*age)) else {
                return;
            };
            let fault = fault(Cause::Server);
            let toolless = Fault { message: "This model takes no tools.".into(), ..fault.clone() };
            let call = call();
            let thought = match kind {
                4 => Thought::Call(&call),
                5 => Thought::Failed(&toolless),
                0 | 1 => Thought::Delta("Some words. And more, "),
                2 => Thought::Delta("```\n| a |"),
                3 => Thought::Done,
                _ => Thought::Failed(&fault),
            };
            rig.cascade.thought(errand, thought, rig.now);
            rig.drain();
        }
        Step::Output(age) => {
            let call = called.iter().rev().nth(usize::from(*age)).map_or("nobody", String::as_str);
            rig.ask(&Event::Create { item: NewItem::ToolOutput { id: "o", call_id: call, output: "done" } });
        }
        Step::Wait(ms) => rig.wait(Duration::from_millis(u64::from(*ms))),
        Step::Configure(is_open, answers) => {
            let turn_taking = if *is_open { OPEN } else { TurnTaking::PushToTalk };
            rig.cascade.configure(&config(turn_taking), *answers || !is_open, rig.now);
            rig.drain();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_breaks_a_conversation(steps in proptest::collection::vec(step(), 1..60), is_open: bool) {
        let mut rig = Rig::new(if is_open { OPEN } else { TurnTaking::PushToTalk });
        let mut witness = Witness::default();
        let mut contexts = Vec::new();
        for step in &steps {
            play(&mut rig, step, &contexts, &witness.called);
            contexts.push(rig.context());
            for (_, question) in &rig.questions {
                assert_paired(question);
            }
            for told in std::mem::take(&mut rig.told) {
                witness.see(&told);
            }
        }
        // Whoever was owed something: in the end it comes to an end.
        for _ in 0..=witness.committed.len() {
            rig.hear(Heard::Ended("The end.".into()));
        }
        for _ in 0..20 {
            rig.wait(Duration::from_secs(10));
        }
        for told in std::mem::take(&mut rig.told) {
            witness.see(&told);
        }
        prop_assert!(witness.running.is_none() || rig.abandoned.is_some(), "a response without an end");
        prop_assert_eq!(witness.begun, witness.ended.len() + usize::from(witness.running.is_some()));
    }
}
