use proptest::prelude::*;

use super::*;
use crate::cascade::mouth::Context;
use crate::deepgram::aura::{Aura, speak_place};

const ONE: Context = Context(1);
const TWO: Context = Context(2);

fn rig() -> MouthRig<Aura> {
    MouthRig::new(Aura::default(), "SpeakV1")
}

fn flushed() -> Value {
    json!({ "type": "Flushed", "sequence_id": 0 })
}

fn cleared() -> Value {
    json!({ "type": "Cleared", "sequence_id": 0 })
}

fn audio(context: Context, pcm: &[i16]) -> Said {
    Said::Audio { context, pcm: pcm.to_vec() }
}

impl MouthRig<Aura> {
    fn sound(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.mouth.receive(Received::Binary(bytes), self.now);
        self.said()
    }
}

#[test]
fn an_answer_is_spoken_sentence_by_sentence() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One. ", rig.now);
    assert_eq!(rig.sent(), ["Speak One. ", "Flush"], "the first at once");
    rig.mouth.speak(ONE, "Two. ", rig.now);
    rig.mouth.speak(ONE, "Three.", rig.now);
    assert_eq!(rig.sent(), ["Speak Two. ", "Speak Three."], "one flush at a time");
    assert_eq!(rig.sound(&[1, 0, 2]), [audio(ONE, &[1])]);
    assert_eq!(rig.sound(&[0]), [audio(ONE, &[2])], "samples may be cut");
    rig.mouth.receive(Received::Text(&flushed().to_string()), rig.now);
    assert_eq!(rig.drain(), (vec!["Flush".to_owned()], vec![]));
    rig.mouth.finish(ONE, rig.now);
    assert_eq!(rig.drain(), (vec![], vec![]), "its sound is still to come");
    assert_eq!(rig.serve(&flushed()), [Said::Done(ONE)]);
    assert_eq!(rig.serve(&flushed()), [], "once");
}

#[test]
fn an_answer_without_words_is_done_at_once() {
    let mut rig = rig();
    rig.mouth.speak(ONE, " \n", rig.now);
    rig.mouth.finish(ONE, rig.now);
    assert_eq!(rig.drain(), (vec![], vec![Said::Done(ONE)]));
}

#[test]
fn sound_of_a_cancelled_answer_is_never_taken_for_that_of_the_next() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    rig.mouth.cancel(ONE, rig.now);
    rig.mouth.speak(TWO, "Two.", rig.now);
    rig.mouth.finish(TWO, rig.now);
    assert_eq!(rig.sent(), ["Speak One.", "Flush", "Clear", "Speak Two.", "Flush"]);
    assert_eq!(rig.sound(&[9; 4]), [], "late");
    assert_eq!(rig.serve(&flushed()), [], "of the first");
    assert_eq!(rig.sound(&[9; 4]), [], "late");
    assert_eq!(rig.serve(&cleared()), []);
    assert_eq!(rig.sound(&[7, 0]), [audio(TWO, &[7])]);
    assert_eq!(rig.serve(&flushed()), [Said::Done(TWO)]);
}

#[test]
fn an_answer_that_was_not_begun_is_cancelled_without_a_word() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    rig.mouth.speak(TWO, "Two.", rig.now);
    rig.sent();
    rig.mouth.cancel(TWO, rig.now);
    rig.mouth.cancel(TWO, rig.now);
    rig.mouth.finish(ONE, rig.now);
    assert_eq!(rig.sent(), Vec::<String>::new());
    assert_eq!(rig.serve(&flushed()), [Said::Done(ONE)]);
}

#[test]
fn answers_wait_for_one_another() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    rig.mouth.finish(ONE, rig.now);
    rig.mouth.speak(TWO, "Two.", rig.now);
    assert_eq!(rig.sent(), ["Speak One.", "Flush"]);
    rig.mouth.receive(Received::Text(&flushed().to_string()), rig.now);
    assert_eq!(rig.drain(), (vec!["Speak Two.".to_owned(), "Flush".to_owned()], vec![Said::Done(ONE)]));
}

#[test]
fn flushes_are_rationed_and_none_is_forgotten() {
    let mut rig = rig();
    let mut flushes = 0;
    for _ in 0..40 {
        rig.mouth.speak(ONE, "A sentence. ", rig.now);
        flushes += rig.sent().iter().filter(|sent| *sent == "Flush").count();
        rig.mouth.receive(Received::Text(&flushed().to_string()), rig.now);
    }
    assert_eq!(flushes, 12, "some are kept for the end and for the next answer");
    rig.mouth.finish(ONE, rig.now);
    assert_eq!(rig.sent(), ["Flush"]);
    assert_eq!(rig.serve(&flushed()), [Said::Done(ONE)]);
    for _ in 0..7 {
        rig.mouth.speak(TWO, "x", rig.now);
        rig.mouth.finish(TWO, rig.now);
        assert_eq!(rig.sent(), ["Speak x", "Flush"]);
        assert_eq!(rig.serve(&flushed()), [Said::Done(TWO)]);
    }
    rig.mouth.speak(TWO, "the twenty-first", rig.now);
    rig.mouth.finish(TWO, rig.now);
    assert_eq!(rig.sent(), ["Speak the twenty-first"]);
    let (at, _) = rig.mouth.deadline().unwrap();
    assert!(at > rig.now && at <= rig.now + Duration::from_secs(60));
    rig.mouth.timeout(at);
    assert_eq!(rig.sent(), ["Flush"]);
}

#[test]
fn long_texts_are_cut_at_spaces() {
    let mut rig = rig();
    rig.mouth.speak(ONE, &"word ".repeat(1_000), rig.now);
    let sent = rig.sent();
    assert_eq!(sent.len(), 4, "three pieces and a flush");
    let whole: String = sent.iter().filter_map(|sent| sent.strip_prefix("Speak ")).collect();
    assert_eq!(whole, "word ".repeat(1_000));
    assert!(sent.iter().all(|sent| sent.chars().count() <= 2_006));
}

#[test]
fn a_voice_that_says_nothing_is_told() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    rig.drain();
    rig.mouth.timeout(rig.now + Duration::from_secs(10));
    assert!(matches!(rig.said().as_slice(), [Said::Failed { context: None, .. }]));
    let error = json!({ "type": "Error", "code": "INSUFFICIENT_CREDITS", "description": "pay" });
    let said = rig.serve(&error);
    let [Said::Failed { complaint, .. }] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(complaint.kind.as_deref(), Some("insufficient_quota"));
}

#[test]
fn the_place_names_the_voice() {
    let query = |place: &crate::Place| {
        place.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    let fast = Config { speed: Some(1.25), ..push_to_talk() };
    let place = speak_place("aura-2-thalia-en", None, &fast);
    assert_eq!(place.path, "v1/speak");
    assert_eq!(query(&place), "model=aura-2-thalia-en&encoding=linear16&sample_rate=24000&container=none&speed=1.25");
    let place = speak_place("@cf/deepgram/aura-2-en", Some("luna"), &fast);
    assert_eq!(place.path, "@cf/deepgram/aura-2-en");
    assert_eq!(query(&place), "encoding=linear16&sample_rate=24000&container=none&speaker=luna");
}

proptest! {
    #[test]
    fn any_order_of_events_attributes_sound_to_answers_that_go_on(
        steps in prop::collection::vec((0..7_usize, 0..3_u64), 0..80),
    ) {
        let mut rig = rig();
        let mut over: Vec<Context> = Vec::new();
        let mut base = 0;
        for (what, which) in steps {
            let context = Context(base + which);
            if over.contains(&context) {
                base += 3;
                continue;
            }
            match what {
                0 | 1 => rig.mouth.speak(context, "words ", rig.now),
                2 => rig.mouth.finish(context, rig.now),
                3 => {
                    rig.mouth.cancel(context, rig.now);
                    over.push(context);
                }
                4 => rig.mouth.receive(Received::Binary(&[1, 0]), rig.now),
                5 => rig.mouth.receive(Received::Text(&flushed().to_string()), rig.now),
                _ => rig.mouth.receive(Received::Text(&cleared().to_string()), rig.now),
            }
            for said in rig.said() {
                match said {
                    Said::Audio { context, .. } => prop_assert!(!over.contains(&context)),
                    Said::Done(context) => {
                        prop_assert!(!over.contains(&context));
                        over.push(context);
                    }
                    Said::Ready | Said::Reached { .. } | Said::Failed { .. } => {}
                }
            }
        }
    }
}
