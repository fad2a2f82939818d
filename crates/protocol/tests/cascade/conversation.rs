//! Whole turns.

use std::time::Duration;

use protocol::{Cause, Fault, Input, Leg, Output, Reply, Thought, TurnTaking};

use crate::rig::{OPEN, Rig, config};

#[test]
fn the_setup_tells_its_legs() {
    let config = config(TurnTaking::PushToTalk);
    assert!(config.wire.places(&config).is_empty());
    assert_eq!(config.wire.services(), [Leg::Ears, Leg::Mouth]);
}

#[test]
fn a_spoken_turn_is_taken_down_answered_and_said() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    let (_, post) = rig.newest(Leg::Ears);
    assert_eq!(post.path, "audio/transcriptions");
    let body = String::from_utf8_lossy(&post.body).into_owned();
    for part in
        ["name=\"model\"\r\n\r\nwhisper-1\r\n", "name=\"language\"\r\n\r\nen\r\n", "filename=\"speech.wav\"", "RIFF"]
    {
        assert!(body.contains(part), "{part}");
    }
    assert!((15_900..16_700).contains(&post.body.len()), "half a second at 16 kHz: {}", post.body.len());
    rig.understand("What is the time?");
    assert_eq!(rig.messages(), ["What is the time?"]);
    rig.think(Thought::Delta("It is **noon**. Time for lunch! And"));
    assert_eq!(rig.spoken(), ["It is noon.", "Time for lunch!"], "the second is made while the first is said");
    rig.think(Thought::Delta(" then a nap. Or two."));
    rig.think(Thought::Done);
    rig.sound(1, 700);
    assert_eq!(rig.played(), 0, "what comes second waits for the first");
    rig.sound(0, 500);
    assert_eq!((rig.played(), rig.lines()[1].as_str()), (500, "Assistant Arriving: It is noon. "));
    rig.sound_ends(0);
    assert_eq!(rig.played(), 1_200);
    assert_eq!(rig.spoken().last().unwrap(), "And then a nap. Or two.", "what waits goes together");
    for number in [1, 2] {
        rig.sound_ends(number);
    }
    assert_eq!(
        rig.lines(),
        ["User Answered: What is the time?", "Assistant Complete: It is noon. Time for lunch! And then a nap. Or two.",]
    );
    assert!(rig.outputs.iter().any(|output| matches!(output, Output::PlayEnd(_))));
    assert_eq!((rig.faults().as_slice(), rig.session.deadline()), (&[][..], None));
}

#[test]
fn an_answer_that_the_model_has_given_is_not_asked_for_again_when_the_connection_ends_in_it() {
    for is_thought in [true, false] {
        let mut rig = Rig::new(TurnTaking::PushToTalk);
        rig.turn();
        rig.understand("What is the time?");
        rig.think(Thought::Delta("It is noon. Time for lunch!"));
        if is_thought {
            rig.think(Thought::Done);
        }
        rig.sound(0, 500);
        rig.input(Input::Closed { code: Some(1000), reason: "" });
        let lines = rig.lines();
        if is_thought {
            let whole = ["User Answered: What is the time?", "Assistant Complete: It is noon. Time for lunch!"];
            assert_eq!(lines, whole, "what was not heard is read");
        } else {
            assert!(lines[0].starts_with("User Kept") && lines[1].starts_with("Assistant Failed"), "{lines:?}");
        }
    }
}

#[test]
fn a_silent_turn_costs_nothing() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Press);
    rig.hush(500);
    rig.input(Input::Release);
    assert!(rig.fetched.is_empty() && rig.questions.is_empty());
    assert_eq!((rig.lines().as_slice(), rig.faults().as_slice()), (&["User Answered: ".to_owned()][..], &[][..]));
}

#[test]
fn an_open_microphone_finds_turns_and_answers_them() {
    let mut rig = Rig::new(OPEN);
    rig.hush(200);
    rig.hum(600);
    assert_eq!(rig.lines(), ["User Recording: "]);
    rig.hush(300);
    assert_eq!(rig.lines(), ["User Sent: "]);
    rig.understand("Hello.");
    rig.think(Thought::Delta("Hi."));
    rig.think(Thought::Done);
    rig.sound(0, 100);
    rig.sound_ends(0);
    assert_eq!(rig.lines(), ["User Answered: Hello.", "Assistant Complete: Hi."]);
    let duration = rig.session.items()[0].duration.as_millis();
    assert!((900..1_200).contains(&duration), "with what came before it was noticed: {duration} ms");
}

#[test]
fn speech_over_the_answer_silences_it_and_what_was_heard_is_remembered() {
    let mut rig = Rig::new(OPEN);
    rig.hum(400);
    rig.hush(300);
    rig.understand("Count.");
    rig.think(Thought::Delta("One two three four. Five six"));
    rig.sound(0, 1_000);
    let answer = rig.session.items()[1].id;
    rig.hush(1_000);
    rig.outputs.clear();
    rig.hum(200);
    assert!(rig.outputs.contains(&Output::Flush));
    assert_eq!(rig.called_off.len(), 2, "model and mouth stop");
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(500) });
    rig.input(Input::Played(answer));
    assert_eq!(rig.lines()[1], "Assistant Interrupted: One two [three four. ]");
    rig.sound(0, 1_000);
    assert_eq!(rig.played(), 0, "late");
    rig.hum(300);
    rig.hush(300);
    rig.understand("Stop.");
    assert_eq!(rig.messages(), ["Count.", "One two", "Stop."]);
}

#[test]
fn what_was_heard_of_an_answer_has_no_marks_and_its_tail_neither() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Say { text: "Count.", aloud: true });
    rig.think(Thought::Delta("**One** two *three* `four`. And _five_"));
    rig.sound(0, 1_000);
    assert_eq!(rig.lines()[1], "Assistant Arriving: One two three four. ");
    let answer = rig.session.items()[1].id;
    rig.input(Input::Stop);
    rig.input(Input::Interrupted { item: answer, heard: Duration::from_millis(500) });
    assert_eq!(rig.lines()[1], "Assistant Interrupted: One two [three four. ]");
    rig.input(Input::Say { text: "Go on.", aloud: true });
    assert_eq!(rig.messages(), ["Count.", "One two", "Go on."], "the model is told what was heard");
    rig.think(Thought::Delta("# Five\n"));
    rig.think(Thought::Done);
    rig.sound(1, 400);
    rig.sound_ends(1);
    rig.input(Input::Say { text: "And now?", aloud: false });
    assert_eq!(
        rig.messages().get(3).map(String::as_str),
        Some("# Five"),
        "and keeps its own words of what it said whole"
    );
    assert!(rig.lines()[3].starts_with("Assistant Complete: Five"), "{}", rig.lines()[3]);
    rig.think(Thought::Delta("**Read** this."));
    rig.think(Thought::Done);
    assert!(rig.lines()[5].ends_with("**Read** this."), "what is written is shown as it is: {}", rig.lines()[5]);
}

#[test]
fn a_turn_resent_through_the_open_microphone_is_answered_once() {
    let mut rig = Rig::new(OPEN);
    rig.hum(400);
    rig.hush(300);
    rig.fail(Leg::Ears, Cause::Server);
    assert!(rig.reconnects());
    rig.reconnect();
    rig.understand("Hello.");
    rig.think(Thought::Delta("Hi."));
    rig.think(Thought::Done);
    rig.sound(0, 100);
    rig.sound_ends(0);
    assert_eq!(rig.lines(), ["User Answered: Hello.", "Assistant Complete: Hi."]);
    assert_eq!(rig.questions.len(), 1);
}

#[test]
fn a_turn_that_was_not_understood_goes_out_again_on_the_next_connection() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    rig.fail(Leg::Ears, Cause::Server);
    assert!(rig.reconnects());
    assert_eq!(rig.lines(), ["User Kept: "]);
    rig.reconnect();
    rig.understand("What is the time?");
    assert_eq!(rig.messages(), ["What is the time?"]);
    rig.think(Thought::Delta("Noon."));
    rig.think(Thought::Done);
    rig.sound(0, 100);
    rig.sound_ends(0);
    assert_eq!(rig.lines(), ["User Answered: What is the time?", "Assistant Complete: Noon."]);
}

#[test]
fn a_refused_key_is_told_as_such() {
    for (cause, leg) in [(Cause::Credential, Leg::Ears), (Cause::Quota, Leg::Ears), (Cause::RateLimited, Leg::Mouth)] {
        let mut rig = Rig::new(TurnTaking::PushToTalk);
        rig.turn();
        if leg == Leg::Mouth {
            rig.understand("Hello.");
            rig.think(Thought::Delta("Hi there."));
            rig.think(Thought::Done);
        }
        rig.fail(leg, cause);
        assert_eq!(rig.faults(), [cause]);
        assert_eq!(rig.reconnects(), leg == Leg::Ears);
    }
}

#[test]
fn a_voice_that_fails_leaves_an_answer_to_read() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    rig.understand("Hello.");
    rig.think(Thought::Delta("Hi there. How are"));
    rig.fail(Leg::Mouth, Cause::Server);
    rig.think(Thought::Delta(" you?"));
    rig.think(Thought::Done);
    assert_eq!(rig.lines(), ["User Answered: Hello.", "Assistant Failed: Hi there. How are you?"]);
    assert_eq!((rig.faults(), rig.reconnects()), (vec![Cause::Response], false), "the call goes on");
}

#[test]
fn a_typed_message_is_answered_in_writing_or_aloud() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Say { text: "Quietly?", aloud: false });
    rig.think(Thought::Delta("# Yes\n"));
    rig.think(Thought::Done);
    assert_eq!(rig.lines(), ["User Answered: Quietly?", "Assistant Complete: # Yes\n"]);
    rig.input(Input::Say { text: "Aloud?", aloud: true });
    assert_eq!(rig.messages(), ["Quietly?", "# Yes", "Aloud?"]);
    rig.think(Thought::Delta("Yes. "));
    assert_eq!(rig.spoken(), ["Yes."]);
}

#[test]
fn the_next_connection_knows_the_conversation() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.input(Input::Say { text: "One?", aloud: false });
    rig.think(Thought::Delta("Two."));
    rig.think(Thought::Done);
    rig.input(Input::Say { text: "Three?", aloud: false });
    rig.think(Thought::Delta("Fo"));
    rig.reconnect();
    assert_eq!(rig.messages(), ["One?", "Two.", "Three?"]);
    rig.think(Thought::Delta("Four."));
    rig.think(Thought::Done);
    assert_eq!(rig.lines().last().unwrap(), "Assistant Complete: Four.");
}

#[test]
fn esc_stops_the_answer_and_the_next_question_is_another() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    rig.input(Input::Stop);
    rig.understand("Never mind.");
    assert!(rig.questions.is_empty());
    rig.input(Input::Say { text: "Now?", aloud: false });
    assert_eq!(rig.messages(), ["Never mind.", "Now?"]);
}

#[test]
fn pressing_again_at_once_joins_both_turns_into_one_question() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    rig.turn();
    assert_eq!(rig.fetched.len(), 1, "one after the other");
    rig.understand("First.");
    rig.understand("Second.");
    assert_eq!(rig.messages(), ["First.", "Second."]);
    rig.think(Thought::Delta("Both."));
    rig.think(Thought::Done);
    rig.sound(0, 100);
    rig.sound_ends(0);
    let lines = rig.lines();
    assert_eq!(lines, ["User Answered: First.", "User Answered: Second.", "Assistant Complete: Both."]);
}

#[test]
fn a_floor_that_is_held_is_answered_when_it_is_let_go() {
    let mut rig = Rig::new(OPEN);
    rig.input(Input::HoldFloor(true));
    for words in ["Well,", "that is it."] {
        rig.hum(400);
        rig.hush(400);
        rig.understand(words);
    }
    assert!(rig.questions.is_empty());
    rig.input(Input::HoldFloor(false));
    assert_eq!(rig.messages(), ["Well,", "that is it."]);
    assert_eq!(rig.questions.len(), 1);
}

#[test]
fn changing_to_push_to_talk_in_mid_speech_sends_what_was_said() {
    let mut rig = Rig::new(OPEN);
    rig.hum(400);
    rig.input(Input::Configure(&config(TurnTaking::PushToTalk)));
    rig.understand("Half a");
    assert_eq!(rig.messages(), ["Half a"]);
}

#[test]
fn opening_the_microphone_while_turns_wait_for_the_ear_mixes_nothing_up() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    rig.turn();
    rig.input(Input::Configure(&config(OPEN)));
    rig.understand("First.");
    assert_eq!(rig.fetched.len(), 2, "the second turn was ended by the key, whatever the microphone does now");
    rig.understand("Second.");
    rig.think(Thought::Delta("Good."));
    rig.think(Thought::Done);
    rig.sound(0, 100);
    rig.sound_ends(0);
    assert_eq!(rig.lines()[..2], ["User Answered: First.", "User Answered: Second."]);
    rig.hum(500);
    rig.hush(400);
    rig.understand("Third.");
    assert_eq!(rig.messages().last().map(String::as_str), Some("Third."), "and now it is open");
}

/// A turn of a minute, by the key or by the open microphone.
fn long_turn(turn_taking: TurnTaking) -> Rig {
    let mut rig = Rig::new(turn_taking);
    rig.input(Input::Press);
    for _ in 0..60 {
        rig.hum(800);
        rig.hush(200);
    }
    rig.hush(400);
    rig.input(Input::Release);
    rig
}

#[test]
fn a_slow_transcription_may_take_twice_the_length_of_the_turn() {
    for turn_taking in [TurnTaking::PushToTalk, OPEN] {
        let mut rig = long_turn(turn_taking);
        for _ in 0..15 {
            rig.wait(Duration::from_secs(10));
        }
        assert_eq!((rig.reconnects(), rig.lines()), (false, vec!["User Sent: ".to_owned()]));
        rig.understand("A long story.");
        assert_eq!(rig.messages(), ["A long story."]);
        rig.think(Thought::Delta("Indeed."));
        rig.think(Thought::Done);
        assert_eq!(rig.spoken(), ["Indeed."]);
    }
}

#[test]
fn a_turn_whose_transcription_took_too_long_waits_for_the_user_and_is_not_uploaded_again_by_itself() {
    for turn_taking in [TurnTaking::PushToTalk, OPEN] {
        let mut rig = long_turn(turn_taking);
        let (late, _) = rig.newest(Leg::Ears);
        for _ in 0..16 {
            rig.wait(Duration::from_secs(10));
        }
        assert_eq!((rig.reconnects(), rig.fetched.len(), &rig.called_off[..]), (false, 1, &[late][..]));
        assert_eq!((rig.lines(), rig.session.deadline()), (vec!["User Kept: ".to_owned()], None));
        let fault = rig.session.items().remove(0).fault.unwrap();
        assert!(fault.message.contains("too long"), "{}", fault.message);
        assert_eq!(rig.faults(), [Cause::Response]);
        rig.input(Input::Say { text: "Are you there?", aloud: false });
        assert_eq!(rig.messages(), ["Are you there?"], "the call goes on");
        rig.think(Thought::Delta("Yes."));
        rig.think(Thought::Done);
        rig.input(Input::Resend);
        assert_eq!(rig.fetched.len(), 2, "now it goes out again");
        rig.understand("A long story.");
        assert_eq!(rig.messages(), ["Are you there?", "Yes.", "A long story."]);
    }
}

#[test]
fn the_turn_behind_one_whose_transcription_took_too_long_is_answered() {
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    rig.turn();
    rig.wait(Duration::from_secs(36));
    rig.understand("Second.");
    assert_eq!((rig.messages(), rig.lines().len()), (vec!["Second.".to_owned()], 2));
    rig.think(Thought::Delta("Good."));
    rig.think(Thought::Done);
    rig.sound(0, 100);
    rig.sound_ends(0);
    assert_eq!(rig.lines(), ["User Kept: ", "User Answered: Second.", "Assistant Complete: Good."]);
}

#[test]
fn a_limit_of_the_ear_the_model_or_the_voice_is_waited_out_once() {
    let wait = Some(Duration::from_secs(3));
    let limit = Fault { retry_after: wait, ..Fault::new(Cause::RateLimited, None, "Too many.") };
    let mut rig = Rig::new(TurnTaking::PushToTalk);
    rig.turn();
    let (errand, _) = rig.newest(Leg::Ears);
    rig.input(Input::Replied { errand, reply: Reply::Failed(&limit) });
    assert_eq!((rig.lines(), rig.fetched.len()), (vec!["User Sent: ".to_owned()], 1));
    assert_eq!(rig.session.items()[0].fault.as_ref(), Some(&limit));
    assert_eq!(rig.session.limited_until(), Some(rig.now + Duration::from_secs(3)));
    rig.wait(Duration::from_secs(3));
    assert_eq!((rig.fetched.len(), rig.session.limited_until()), (2, None), "the turn goes out again");
    rig.understand("Hello.");
    rig.think(Thought::Delta("Hi there."));
    rig.think(Thought::Done);
    for _ in 0..2 {
        assert_eq!(rig.spoken().len(), 1);
        let errand = rig.newest(Leg::Mouth).0;
        rig.input(Input::Replied { errand, reply: Reply::Failed(&limit) });
        rig.fetched.clear();
        rig.wait(Duration::from_secs(3));
    }
    assert_eq!(rig.lines(), ["User Answered: Hello.", "Assistant Failed: Hi there."]);
    assert_eq!((rig.faults(), rig.reconnects()), (vec![Cause::RateLimited], false), "the second time it is told");
    rig.outputs.clear();

    rig.turn();
    rig.understand("And you?");
    let asked = rig.questions.len();
    rig.think(Thought::Failed(&limit));
    assert_eq!((rig.faults().len(), rig.questions.len()), (0, asked));
    rig.wait(Duration::from_secs(3));
    assert_eq!((rig.questions.len(), rig.messages().last().map(String::as_str)), (asked + 1, Some("And you?")));
}
