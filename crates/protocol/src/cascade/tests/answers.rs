//! What becomes of an answer.

use super::*;

/// A written question, asked aloud.
fn asked(text: &str) -> Rig {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.write("typed", text);
    rig.respond();
    assert_eq!(rig.told(), "began");
    rig
}

#[test]
fn an_answer_is_spoken_by_sentences_and_read_as_it_is_written() {
    let mut rig = asked("Hello");
    rig.think(Thought::Delta("**Hi** there. See "));
    assert_eq!(rig.asked(), "speak 'Hi there. '");
    rig.answer("[this](https://x.y).");
    assert_eq!(rig.asked(), "speak 'See this. ', finish");
    rig.sound(400);
    rig.sound(600);
    rig.done();
    assert_eq!(rig.told(), "says '**Hi** there. ', sound 400, says 'See [this](https://x.y).', sound 600, Completed");
}

#[test]
fn captions_keep_step_with_the_sound() {
    let mut rig = asked("Long?");
    let sentence = "This sentence takes about three seconds to say. ";
    rig.answer(&sentence.repeat(4));
    for second in 0..4 {
        rig.sound(1_000);
        let told = rig.told.iter().filter(|told| matches!(told, Told::Words { .. })).count();
        assert_eq!(told, 1 + usize::from(second == 3), "after {} s", second + 1);
    }
}

#[test]
fn a_mouth_that_says_how_far_it_is_is_believed() {
    let mut rig = asked("Long?");
    rig.answer("One. Two three. Four.");
    let context = rig.context();
    let told = |rig: &Rig| rig.told.iter().filter(|told| matches!(told, Told::Words { .. })).count();
    rig.say(Said::Reached { context, characters: 0 });
    rig.sound(10_000);
    assert_eq!(told(&rig), 1);
    rig.say(Said::Reached { context, characters: 16 });
    rig.sound(10);
    assert_eq!(told(&rig), 2);
    assert!(in_short(&rig.told[2]).contains("Two three. Four."), "{:?}", rig.told);
}

#[test]
fn a_written_answer_needs_no_mouth() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.write("a", "Hello");
    rig.respond_in_writing();
    assert_eq!(rig.questions[0].1.instructions, "Be kind.", "nobody hears it");
    rig.answer("# Hi\nthere.");
    assert_eq!((rig.told().as_str(), rig.asked().as_str()), ("began, writes '# Hi\nthere.', Completed", ""));
    rig.write("b", "And?");
    rig.respond();
    assert_eq!(rig.messages(), ["Hello", "# Hi\nthere.", "And?"]);
}

#[test]
fn an_answer_with_nothing_to_say_is_read() {
    let mut rig = asked("Smile");
    rig.answer("🙂");
    assert_eq!((rig.told().as_str(), rig.asked().as_str()), ("writes '🙂', Completed", ""));
}

#[test]
fn a_model_that_fails_leaves_the_question_open() {
    let mut rig = asked("Hello");
    rig.think(Thought::Delta("Half an answer. And "));
    rig.sound(100);
    rig.think(Thought::Failed(&fault(Cause::Quota)));
    assert_eq!(rig.told(), "says 'Half an answer. ', sound 100, Failed (no)");
    assert_eq!(rig.asked(), "speak 'Half an answer. ', cancel");
    rig.respond();
    assert_eq!(rig.messages(), ["Hello"], "asked again, without the half");
}

#[test]
fn a_failure_keeps_its_cause() {
    use crate::cascade::complaint::complaint_of;
    for cause in [Cause::Credential, Cause::Permission, Cause::Quota, Cause::RateLimited, Cause::Refused, Cause::Server]
    {
        let complaint = complaint_of(&fault(cause));
        assert!(complaint.kind.is_some());
        let kind = complaint.kind.as_deref().unwrap();
        let expected = match cause {
            Cause::Credential => "authentication_error",
            Cause::Permission => "permission_error",
            Cause::Quota => "insufficient_quota",
            Cause::RateLimited => "rate_limit_error",
            Cause::Refused => "invalid_request_error",
            Cause::Expired | Cause::Server | Cause::Response => "server_error",
        };
        assert_eq!(kind, expected);
    }
}

#[test]
fn when_the_voice_fails_the_answer_goes_on_to_be_read() {
    let mut rig = asked("Hello");
    rig.think(Thought::Delta("One two. Three four. Five"));
    rig.sound(100);
    let context = rig.context();
    rig.say(Said::Failed { context: Some(context), complaint: complaint("hoarse") });
    rig.think(Thought::Delta(" six."));
    rig.think(Thought::Done);
    assert_eq!(
        rig.told(),
        "says 'One two. ', sound 100, writes 'Three four. Five', writes ' six.', Incomplete (hoarse)"
    );
    rig.write("b", "And?");
    rig.respond();
    assert_eq!(rig.messages(), ["Hello", "One two. Three four. Five six.", "And?"]);
}

#[test]
fn a_voice_that_fails_after_the_words_ends_the_answer() {
    let mut rig = asked("Hello");
    rig.answer("One two. Three.");
    let context = rig.context();
    rig.say(Said::Failed { context: Some(context), complaint: complaint("hoarse") });
    assert_eq!(rig.told(), "writes 'One two. Three.', Incomplete (hoarse)");
}

#[test]
fn a_mouth_that_fails_altogether_ends_the_connection() {
    let mut rig = asked("Hello");
    rig.say(Said::Failed { context: None, complaint: complaint("gone") });
    assert_eq!((rig.told().as_str(), rig.abandoned), ("refused (gone)", Some("the mouth failed")));
}

#[test]
fn a_voice_that_falls_silent_is_waited_for_and_then_given_up() {
    let mut rig = asked("Hello");
    rig.answer("One two. Three.");
    rig.sound(100);
    rig.told();
    for _ in 0..3 {
        rig.wait(Duration::from_secs(10));
    }
    assert_eq!(rig.told(), "says '', says '', says ''", "the conversation sees that it goes on");
    rig.wait(Duration::from_secs(10));
    assert_eq!(rig.told(), "writes 'Three.', Incomplete (The voice did not go on speaking.)");
}

#[test]
fn a_model_that_says_nothing_is_given_up() {
    let mut rig = asked("Hello");
    rig.wait(Duration::from_secs(39));
    assert!(rig.called_off.is_empty());
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.told(), "Failed (The text model did not answer in time.)");
    assert_eq!(rig.called_off.len(), 1);
}

#[test]
fn the_replayed_conversation_goes_along_with_the_question() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.ask(&Event::assistant_text("x", "A greeting that nobody asked for."));
    rig.write("a", "One?");
    rig.ask(&Event::assistant_text("b", "Two."));
    rig.respond();
    assert!(rig.questions.is_empty(), "nothing is asked");
    rig.write("c", "Three?");
    rig.respond();
    assert_eq!(rig.messages(), ["One?", "Two.", "Three?"], "and it begins with the user");
}

#[test]
fn a_conversation_that_is_too_long_loses_its_beginning() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    for index in 0..10 {
        rig.write(&format!("q{index}"), &format!("{index}{}", "x".repeat(19_999)));
        rig.ask(&Event::assistant_text(&format!("a{index}"), "Yes."));
    }
    rig.write("last", "Now?");
    rig.respond();
    let messages = rig.messages();
    assert_eq!(messages.last().unwrap(), "Now?");
    assert!(messages[0].starts_with('5') && messages.len() == 11, "{}", messages.len());
}
