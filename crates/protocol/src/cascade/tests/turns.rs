//! Whose turn it is.

use super::*;

#[test]
fn a_push_to_talk_turn_is_answered_when_its_words_are_there() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.ask(&Event::Clear);
    rig.ask(&Event::Append { pcm: vec![0; 480] });
    rig.ask(&Event::Commit);
    rig.respond();
    assert_eq!(rig.asked(), "clear, hear 480, end turn");
    assert_eq!(rig.told(), "committed, began");
    rig.hear(Heard::Words("What is".into()));
    assert!(rig.questions.is_empty());
    rig.hear_ended(" What is love? ");
    assert_eq!(rig.told(), "hears 'What is', heard 'What is love?'");
    assert_eq!(rig.messages(), ["What is love?"]);
    assert!(rig.questions[0].1.instructions.starts_with("Be kind.\n\n"), "and the model knows that it is heard");
}

#[test]
fn a_turn_without_words_ends_without_an_answer_and_without_an_error() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.ask(&Event::Commit);
    rig.respond();
    rig.hear_ended("  ");
    assert_eq!(rig.told(), "committed, began, heard '', Completed");
    assert!(rig.questions.is_empty());

    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear_ended("");
    assert_eq!(rig.told(), "started, stopped, committed, heard '', began, Completed");
    assert!(rig.questions.is_empty());
}

#[test]
fn a_turn_that_begins_while_the_ear_is_busy_waits_for_it() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.ask(&Event::Append { pcm: vec![0; 480] });
    rig.ask(&Event::Commit);
    rig.respond();
    rig.cancel();
    rig.ask(&Event::Clear);
    rig.ask(&Event::Append { pcm: vec![0; 960] });
    rig.ask(&Event::Commit);
    rig.respond();
    rig.ask(&Event::Append { pcm: vec![0; 1_440] });
    assert_eq!(rig.asked(), "hear 480, end turn");
    rig.hear_ended("One.");
    assert_eq!(rig.asked(), "clear, hear 960, end turn");
    assert!(rig.questions.is_empty(), "the second half of the question is still to come");
    rig.hear_ended("Two.");
    assert_eq!(rig.asked(), "hear 1440");
    assert_eq!(rig.told(), "committed, began, Cancelled, committed, began, heard 'One.', heard 'Two.'");
    assert_eq!(rig.messages(), ["One.", "Two."]);
}

#[test]
fn an_ear_that_never_ends_a_turn_costs_the_connection() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.ask(&Event::Commit);
    rig.respond();
    rig.wait(Duration::from_millis(9_900));
    assert_eq!(rig.abandoned, None);
    rig.wait(Duration::from_millis(200));
    assert!(rig.abandoned.is_some());
}

#[test]
fn an_ear_that_fails_ends_the_connection_with_its_complaint() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.hear(Heard::Failed(complaint("no key")));
    rig.hear(Heard::Failed(complaint("twice")));
    assert_eq!(rig.told(), "refused (no key)");
    assert_eq!(rig.abandoned, Some("the ear failed"));
}

#[test]
fn with_an_open_microphone_the_ear_ends_the_turn() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::Started);
    rig.hear(Heard::Words("Hello".into()));
    rig.hear_ended("Hello there.");
    assert_eq!(rig.told(), "started, hears 'Hello', stopped, committed, heard 'Hello there.', began");
    rig.respond();
    assert_eq!(rig.questions.len(), 1, "the answer has begun already");
    rig.answer("Hi.");
    rig.sound(100);
    rig.done();
    assert_eq!(rig.told(), "says 'Hi.', sound 100, Completed");
}

#[test]
fn a_turn_that_was_not_announced_is_one_all_the_same() {
    let mut rig = Rig::new(OPEN);
    rig.hear_ended("");
    assert_eq!(rig.told(), "");
    rig.hear_ended("Hello.");
    assert_eq!(rig.told(), "started, stopped, committed, heard 'Hello.', began");
}

#[test]
fn an_ear_may_say_that_a_turn_is_over_before_it_has_the_words() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::Stopped);
    assert_eq!(rig.told(), "started, stopped, committed, began");
    rig.hear(Heard::Started);
    assert_eq!(rig.told(), "started, Cancelled", "the user goes on");
    rig.hear_ended("One");
    rig.hear(Heard::Stopped);
    rig.hear_ended("two.");
    assert_eq!(rig.told(), "heard 'One', stopped, committed, began, heard 'two.'");
    assert_eq!(rig.messages(), ["One", "two."]);
}

#[test]
fn an_answer_that_was_prepared_is_used_if_the_turn_was_over() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::EagerEnd("How are you?".into()));
    assert_eq!(rig.messages(), ["How are you?"]);
    rig.answer("I am fine. And you?");
    assert_eq!((rig.told().as_str(), rig.asked().as_str()), ("started", ""), "nobody hears of it yet");
    rig.hear_ended("How are you?");
    assert_eq!(rig.questions.len(), 1);
    assert_eq!(rig.asked(), "speak 'I am fine. ', speak 'And you? ', finish");
    assert_eq!(rig.told(), "stopped, committed, heard 'How are you?', began");
}

#[test]
fn an_answer_that_is_still_being_prepared_goes_on_aloud() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::EagerEnd("Well?".into()));
    rig.think(Thought::Delta("I am fine. And"));
    rig.hear_ended("Well?");
    rig.answer(" you?");
    assert_eq!(rig.asked(), "speak 'I am fine. ', speak 'And you? ', finish");
    assert_eq!(rig.questions.len(), 1);
}

#[test]
fn a_prepared_answer_is_dropped_when_the_user_goes_on() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::EagerEnd("How are".into()));
    let first = rig.questions[0].0;
    rig.think(Thought::Delta("Fine."));
    rig.hear(Heard::Resumed);
    assert_eq!(rig.called_off, [first]);
    rig.hear(Heard::EagerEnd("How are you".into()));
    let second = rig.questions[1].0;
    rig.hear_ended("How are you today?");
    assert_eq!(rig.called_off, [first, second], "other words: another answer");
    assert_eq!(rig.messages(), ["How are you today?"]);
    rig.cascade.thought(second, Thought::Delta("Late."), rig.now);
    assert_eq!(rig.asked(), "");
}

#[test]
fn a_prepared_answer_that_failed_is_asked_anew() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.hear(Heard::EagerEnd("Well?".into()));
    rig.think(Thought::Failed(&fault(Cause::Server)));
    rig.hear_ended("Well?");
    assert_eq!(rig.questions.len(), 2);
    assert_eq!(rig.told(), "started, stopped, committed, heard 'Well?', began");
}

#[test]
fn while_the_floor_is_held_turns_are_taken_down_and_not_answered() {
    let mut rig = Rig::new(OPEN);
    rig.cascade.configure(&config(OPEN), false, rig.now);
    for words in ["First,", "and then."] {
        rig.hear(Heard::Started);
        rig.hear(Heard::EagerEnd(words.into()));
        rig.hear_ended(words);
    }
    assert!(rig.questions.is_empty());
    assert!(!rig.told().contains("began"));
    rig.cascade.configure(&config(OPEN), true, rig.now);
    rig.respond();
    assert_eq!(rig.messages(), ["First,", "and then."]);
}

#[test]
fn speech_silences_the_answer_and_late_sound_is_dropped() {
    let mut rig = Rig::new(OPEN);
    rig.hear_ended("Tell me all.");
    rig.think(Thought::Delta("One two three. Four five six. Seven"));
    rig.sound(1_000);
    let context = rig.context();
    let errand = rig.questions[0].0;
    rig.told();
    rig.asked();
    rig.hear(Heard::Started);
    assert_eq!((rig.told().as_str(), rig.asked().as_str()), ("started, Cancelled", "cancel"));
    assert_eq!(rig.called_off, [errand]);
    rig.say(Said::Audio { context, pcm: vec![1; 480] });
    rig.say(Said::Done(context));
    rig.say(Said::Failed { context: Some(context), complaint: complaint("late") });
    rig.cascade.thought(errand, Thought::Delta("Late."), rig.now);
    rig.drain();
    assert_eq!((rig.told().as_str(), rig.asked().as_str()), ("", ""));
}

#[test]
fn what_was_heard_of_an_answer_is_what_the_model_remembers() {
    let mut rig = Rig::new(OPEN);
    rig.hear_ended("Count.");
    rig.think(Thought::Delta("One two three. Four"));
    rig.sound(500);
    let heard = Event::Truncate {
        item_id: &format!("answer_{}", rig.context().0),
        content_index: 0,
        audio_end_ms: 400,
        heard: "One two",
    };
    rig.ask(&heard);
    rig.hear(Heard::Started);
    rig.hear_ended("Go on.");
    assert_eq!(rig.messages(), ["Count.", "One two", "Go on."]);
    rig.think(Thought::Delta("Nobody hears this. Nor"));
    rig.sound(500);
    let item = format!("answer_{}", rig.context().0);
    rig.ask(&Event::Delete { item_id: &item });
    rig.cancel();
    rig.hear(Heard::Started);
    rig.hear_ended("Stop.");
    assert_eq!(rig.messages(), ["Count.", "One two", "Go on.", "Stop."]);
}

#[test]
fn an_answer_that_is_asked_for_while_the_user_speaks_waits_for_silence() {
    let mut rig = Rig::new(OPEN);
    rig.hear_ended("First.");
    rig.hear(Heard::Started);
    rig.told();
    rig.respond();
    assert_eq!((rig.told().as_str(), rig.questions.len()), ("began", 1));
    rig.hear_ended("Second.");
    assert_eq!(rig.told(), "stopped, Cancelled, committed, heard 'Second.', began");
    assert_eq!(rig.messages(), ["First.", "Second."]);
}

#[test]
fn what_is_written_while_the_user_speaks_is_answered_at_once() {
    let mut rig = Rig::new(OPEN);
    rig.hear(Heard::Started);
    rig.write("a", "Quick?");
    rig.respond();
    assert_eq!(rig.messages(), ["Quick?"]);
}
