use proptest::prelude::*;

use super::*;
use crate::cascade::mouth::Context;
use crate::deepgram::flux_voice::{FluxVoice, speak_place};

const ONE: Context = Context(1);
const TWO: Context = Context(2);

fn rig() -> MouthRig<FluxVoice> {
    MouthRig::new(FluxVoice::default(), "SpeakV2")
}

fn started(speech: &str) -> Value {
    json!({ "type": "SpeechStarted", "speech_id": speech })
}

fn ended(speech: &str) -> Value {
    json!({ "type": "SpeechMetadata", "speech_id": speech, "audio_duration_ms": 1 })
}

fn interrupted() -> Value {
    json!({ "type": "SpeechInterrupted", "audio_played_ms": 0, "metadata": {} })
}

fn warning(code: &str) -> Value {
    json!({ "type": "Warning", "code": code, "description": "" })
}

fn audio(context: Context, pcm: &[i16]) -> Said {
    Said::Audio { context, pcm: pcm.to_vec() }
}

impl MouthRig<FluxVoice> {
    fn sound(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.mouth.receive(Received::Binary(bytes), self.now);
        self.said()
    }
}

#[test]
fn an_answer_is_a_turn_whose_text_goes_out_as_it_comes() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One. ", rig.now);
    rig.mouth.speak(ONE, "Two.", rig.now);
    assert_eq!(rig.sent(), ["Speak One. ", "Speak Two."]);
    assert_eq!(rig.serve(&started("a")), []);
    assert_eq!(rig.sound(&[1, 0, 2]), [audio(ONE, &[1])]);
    assert_eq!(rig.sound(&[0]), [audio(ONE, &[2])], "samples may be cut");
    rig.mouth.finish(ONE, rig.now);
    assert_eq!(rig.sent(), ["Flush"]);
    assert_eq!(rig.serve(&json!({ "type": "Flushed", "speech_id": "a" })), [], "its sound is still to come");
    assert_eq!(rig.sound(&[3, 0]), [audio(ONE, &[3])]);
    assert_eq!(rig.serve(&ended("a")), [Said::Done(ONE)]);
    assert_eq!(rig.serve(&ended("a")), [], "once");
}

#[test]
fn answers_wait_for_one_another() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    rig.mouth.finish(ONE, rig.now);
    rig.mouth.speak(TWO, "Two.", rig.now);
    rig.mouth.finish(TWO, rig.now);
    assert_eq!(rig.sent(), ["Speak One.", "Flush"]);
    rig.serve(&started("a"));
    rig.mouth.receive(Received::Text(&ended("a").to_string()), rig.now);
    assert_eq!(rig.drain(), (vec!["Speak Two.".to_owned(), "Flush".to_owned()], vec![Said::Done(ONE)]));
    rig.serve(&started("b"));
    assert_eq!(rig.serve(&ended("a")), [], "of the first");
    assert_eq!(rig.serve(&ended("b")), [Said::Done(TWO)]);
}

#[test]
fn an_answer_without_words_is_done_at_once() {
    let mut rig = rig();
    rig.mouth.speak(ONE, " \n", rig.now);
    rig.mouth.finish(ONE, rig.now);
    assert_eq!(rig.drain(), (vec![], vec![Said::Done(ONE)]));
    rig.mouth.speak(TWO, "…", rig.now);
    rig.mouth.finish(TWO, rig.now);
    assert_eq!(rig.sent(), ["Speak …", "Flush"]);
    assert_eq!(rig.serve(&warning("SYNTHESIS_RETRYING")), []);
    assert_eq!(rig.serve(&warning("NO_SYNTHESIZABLE_TEXT")), [Said::Done(TWO)]);
}

#[test]
fn sound_of_a_cancelled_answer_is_never_taken_for_that_of_the_next() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    rig.serve(&started("a"));
    rig.mouth.cancel(ONE, rig.now);
    rig.mouth.speak(TWO, "Two.", rig.now);
    rig.mouth.finish(TWO, rig.now);
    assert_eq!(rig.sent(), ["Interrupt", "Speak Two.", "Flush"]);
    assert_eq!(rig.sound(&[9; 4]), [], "late");
    assert_eq!(rig.serve(&interrupted()), []);
    assert_eq!(rig.sound(&[9; 4]), [], "of nobody");
    rig.serve(&started("b"));
    assert_eq!(rig.sound(&[7, 0]), [audio(TWO, &[7])]);
    assert_eq!(rig.serve(&ended("b")), [Said::Done(TWO)]);
}

#[test]
fn an_answer_that_was_over_for_the_service_is_cancelled_all_the_same() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    rig.mouth.finish(ONE, rig.now);
    rig.serve(&started("a"));
    rig.mouth.cancel(ONE, rig.now);
    assert_eq!(rig.serve(&ended("a")), [], "it was on its way");
    assert_eq!(rig.serve(&warning("NO_ACTIVE_SPEECH")), []);
    assert_eq!(rig.mouth.deadline(), None);
    rig.mouth.speak(TWO, "Two.", rig.now);
    rig.serve(&started("b"));
    assert_eq!(rig.sound(&[7, 0]), [audio(TWO, &[7])]);
    rig.mouth.cancel(ONE, rig.now);
    rig.mouth.cancel(Context(9), rig.now);
    assert_eq!(rig.sent(), Vec::<String>::new(), "nothing of theirs is being said");
}

#[test]
fn a_voice_that_says_nothing_is_told() {
    let mut rig = rig();
    rig.mouth.speak(ONE, "One.", rig.now);
    assert_eq!(rig.mouth.deadline(), None, "the service may wait for a sentence to be whole");
    rig.mouth.finish(ONE, rig.now);
    rig.drain();
    rig.mouth.timeout(rig.now + Duration::from_secs(10));
    assert!(matches!(rig.said().as_slice(), [Said::Failed { context: None, .. }]));
    let error = json!({ "type": "Error", "code": "NET-0001", "description": "no text" });
    let said = rig.serve(&error);
    let [Said::Failed { complaint, .. }] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((complaint.code.as_deref(), complaint.message.as_str()), (Some("NET-0001"), "no text"));
}

#[test]
fn the_place_names_the_voice_and_a_speed_that_flux_takes() {
    let query = |speed| {
        let place = speak_place("flux-alexis-en", &Config { speed, ..push_to_talk() });
        assert_eq!(place.path, "v2/speak");
        place.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    let usual = "model=flux-alexis-en&encoding=linear16&sample_rate=24000";
    for speed in [None, Some(1.0), Some(1.01), Some(f32::NAN)] {
        assert_eq!(query(speed), usual);
    }
    for (speed, told) in [(1.12, "1.1"), (0.83, "0.85"), (3.0, "1.5"), (0.1, "0.5")] {
        assert_eq!(query(Some(speed)), format!("{usual}&speed={told}"));
    }
}

proptest! {
    #[test]
    fn any_order_of_events_attributes_sound_to_answers_that_go_on(
        steps in prop::collection::vec((0..10_usize, 0..3_u64), 0..80),
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
            let frame = match what {
                0 | 1 => {
                    rig.mouth.speak(context, "words ", rig.now);
                    None
                }
                2 => {
                    rig.mouth.finish(context, rig.now);
                    None
                }
                3 => {
                    rig.mouth.cancel(context, rig.now);
                    over.push(context);
                    None
                }
                4 => {
                    rig.mouth.receive(Received::Binary(&[1, 0]), rig.now);
                    None
                }
                5 => Some(started(&which.to_string())),
                6 => Some(ended(&which.to_string())),
                7 => Some(interrupted()),
                8 => Some(warning("NO_ACTIVE_SPEECH")),
                _ => Some(warning("NO_SYNTHESIZABLE_TEXT")),
            };
            if let Some(frame) = frame {
                rig.mouth.receive(Received::Text(&frame.to_string()), rig.now);
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
