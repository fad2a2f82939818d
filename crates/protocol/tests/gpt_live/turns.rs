//! Turns, which this wire does not know: with the talk key, with an open microphone, cut short.

use std::time::Duration;

use protocol::{Delivery, Event, Input};

use crate::rig::{Rig, config, events, faults, has_flush, last_played, open, played};

#[test]
fn a_turn_of_the_talk_key_is_answered_when_the_model_takes_it() {
    let mut rig = Rig::ready(config());
    rig.turn(800);
    rig.understand(" how are", 800);
    rig.wait(200);
    rig.understand(" you", 100);
    rig.wait(400);
    rig.voice(" I am", 1_000);
    rig.voice(" fine.", 500);
    rig.wait(1_500);
    assert_eq!(rig.lines(), "User Sent: how are you\nAssistant Arriving: I am fine.");
    rig.wait(1_500);
    assert_eq!(rig.lines(), "User Answered: how are you\nAssistant Complete: I am fine.");
    let outputs = rig.take();
    let played = played(&outputs);
    assert!((1_500..=1_950).contains(&played), "{played} ms: the sound and no more than a short gap");
    let items = rig.items();
    assert!(items[0].is_final && items[1].is_final);
    let session = items[1].usage.unwrap().session;
    assert!((Duration::from_millis(3_000)..Duration::from_millis(6_000)).contains(&session), "{session:?}");
    assert_eq!(faults(&outputs), []);
}

#[test]
fn silence_keeps_the_clock_running_while_nobody_speaks() {
    let mut rig = Rig::ready(config());
    rig.wait(20_000);
    assert!((19_800..=20_000).contains(&rig.clock()), "{}", rig.clock());
    assert_eq!((rig.take_sent().len(), played(&rig.take())), (0, 0));
}

#[test]
fn an_answer_that_begins_before_the_key_is_up_is_kept_until_then() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(1_000);
    rig.understand("what time is it", 1_000);
    rig.voice("It is", 300);
    rig.hush(500);
    assert_eq!(played(&rig.take()), 0);
    rig.input(Input::Release);
    let outputs = rig.take();
    assert!((300..=700).contains(&played(&outputs)), "{}", played(&outputs));
    rig.voice(" noon.", 300);
    rig.wait(2_500);
    assert_eq!(rig.lines(), "User Answered: what time is it\nAssistant Complete: It is noon.");
}

#[test]
fn a_murmur_of_the_model_while_the_key_is_down_is_no_answer() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(500);
    rig.voice("mm", 200);
    rig.speak(3_000);
    rig.input(Input::Release);
    assert_eq!(played(&rig.take()), 0);
    rig.voice("Done.", 300);
    rig.wait(2_500);
    assert!(rig.lines().ends_with("Assistant Complete: Done."), "{}", rig.lines());
}

#[test]
fn pressing_over_the_answer_drops_what_still_comes_of_it() {
    let mut rig = Rig::ready(config());
    rig.turn(500);
    rig.understand("tell me", 500);
    rig.voice(" one two three four five six seven eight", 8_000);
    rig.wait(1_500);
    let item = last_played(&rig.take()).unwrap();
    rig.texts();
    rig.input(Input::Press);
    assert!(has_flush(&rig.take()));
    rig.input(Input::Interrupted { item, heard: Duration::from_millis(600) });
    let texts = rig.texts();
    assert_eq!((texts[0].0.as_str(), texts[1].0.as_str()), ("instructions", "thinking"));
    assert!(texts[0].2.contains("Stop speaking"), "{texts:?}");
    assert!(texts[1].2.contains("one two three"), "{texts:?}");
    // The model goes on for a while, as it decides itself.
    rig.speak(1_000);
    rig.stop_voice();
    rig.speak(600);
    assert_eq!(played(&rig.take()), 0, "nothing late is heard");
    rig.input(Input::Release);
    rig.understand("something else", 1_600);
    rig.wait(300);
    rig.voice("Gladly.", 400);
    rig.wait(2_500);
    assert_eq!(played(&rig.take()), 800, "an answer and its gap");
    assert_eq!(
        rig.lines(),
        "User Answered: tell me\nAssistant Interrupted: one two three [four five six seven eight]\n\
         User Answered: something else\nAssistant Complete: Gladly."
    );
}

#[test]
fn an_open_microphone_makes_turns_of_words() {
    let mut rig = Rig::ready(open());
    rig.hush(1_000);
    rig.speak(600);
    rig.understand(" good", 500);
    rig.speak(300);
    assert_eq!(rig.lines(), "User Recording: good");
    rig.understand(" morning", 300);
    rig.hush(300);
    rig.voice(" Good morning.", 700);
    rig.hush(300);
    // Words trail.
    rig.understand(" to you", 900);
    rig.hush(2_000);
    assert_eq!(rig.lines(), "User Answered: good morning to you\nAssistant Complete: Good morning.");
    let outputs = rig.take();
    let told: Vec<&Event> = events(&outputs);
    assert_eq!(told.iter().filter(|event| ***event == Event::SpeechStarted).count(), 1);
    assert_eq!(told.iter().filter(|event| ***event == Event::SpeechStopped).count(), 1);
    let spoken = rig.items()[0].duration;
    assert!((Duration::from_millis(900)..Duration::from_millis(1_500)).contains(&spoken), "{spoken:?}");
}

#[test]
fn a_turn_that_the_model_lets_pass_is_ended_by_silence_and_answered_on_request() {
    let mut rig = Rig::ready(open());
    rig.speak(600);
    rig.understand("are you there", 500);
    rig.hush(2_000);
    assert_eq!(rig.lines(), "User Sent: are you there");
    assert!(rig.texts().is_empty());
    rig.hush(5_500);
    let texts = rig.texts();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].2.contains("answer now"), "{texts:?}");
    rig.voice("Yes.", 300);
    rig.hush(2_000);
    assert_eq!(rig.lines(), "User Answered: are you there\nAssistant Complete: Yes.");
}

#[test]
fn a_murmur_of_the_user_does_not_stop_the_answer_and_words_do() {
    let mut rig = Rig::ready(open());
    rig.speak(500);
    rig.understand("tell me a story", 400);
    rig.voice("Once upon a time there was", 6_000);
    rig.hush(1_500);
    rig.take();
    rig.understand(" mm-hm", 300);
    rig.hush(500);
    assert!(!has_flush(&rig.take()));
    rig.hush(1_000);
    rig.understand(" no stop", 300);
    rig.understand(" that please", 300);
    let outputs = rig.take();
    assert!(has_flush(&outputs));
    rig.speak(400);
    rig.stop_voice();
    rig.hush(600);
    assert_eq!(played(&rig.take()), 0);
    rig.voice("Sorry.", 300);
    rig.hush(2_000);
    let lines = rig.lines();
    assert!(lines.contains("User Answered: no stop that please\nAssistant Complete: Sorry."), "{lines}");
}

#[test]
fn while_the_floor_is_held_nothing_is_answered() {
    let mut rig = Rig::ready(open());
    rig.input(Input::HoldFloor(true));
    rig.speak(800);
    rig.understand("let me think", 700);
    rig.voice("Of course.", 600);
    rig.hush(700);
    assert_eq!(played(&rig.take()), 0);
    rig.input(Input::HoldFloor(false));
    rig.hush(2_500);
    assert!((600..=1_100).contains(&played(&rig.take())));
    assert!(rig.lines().ends_with("Assistant Complete: Of course."), "{}", rig.lines());
}

#[test]
fn a_model_that_does_not_answer_is_asked_and_then_given_up() {
    let mut rig = Rig::ready(config());
    rig.turn(500);
    rig.wait(4_500);
    assert!(rig.texts().is_empty());
    rig.wait(1_000);
    assert!(rig.texts()[0].2.contains("answer now"));
    rig.wait(13_000);
    let faults = faults(&rig.take());
    assert_eq!(faults.len(), 1);
    assert_eq!(rig.items()[0].delivery, Delivery::Kept);
    rig.input(Input::Resend);
    rig.voice("Here I am.", 300);
    rig.wait(2_000);
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}

#[test]
fn a_discarded_turn_is_taken_back() {
    let mut rig = Rig::ready(config());
    rig.input(Input::Press);
    rig.speak(500);
    rig.input(Input::Discard);
    assert!(rig.texts()[0].2.contains("do not answer"));
    assert_eq!(rig.lines(), "");
    rig.wait(1_000);
}

#[test]
fn what_the_model_says_unasked_is_an_answer_of_its_own() {
    let mut rig = Rig::ready(config());
    rig.wait(1_000);
    rig.voice("By the way.", 500);
    rig.wait(2_000);
    assert_eq!(rig.lines(), "Assistant Complete: By the way.");
    assert_eq!(played(&rig.take()), 900);
}
