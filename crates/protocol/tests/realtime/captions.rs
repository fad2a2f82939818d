//! Words in the order of the conversation, whenever they come.

use serde_json::json;

use crate::rig::{Rig, config};
use crate::server;

#[test]
fn the_users_words_stand_above_the_answer_even_if_they_come_after_it() {
    let mut rig = Rig::asked();
    rig.serve_all(server::answer("resp_1", "item_a", Some("item_u"), 100, "Fine, thanks."));
    rig.serve(server::user_caption_delta("item_u", "How are"));
    rig.serve(server::user_caption_delta("item_u", " you"));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: How are you
    Assistant Complete: Fine, thanks.
    ");
    assert!(!rig.items()[0].is_final);
    rig.serve(server::user_caption("item_u", "How are you?"));
    rig.serve(server::user_caption_delta("item_u", " late"));
    assert_eq!(rig.items()[0].text, "How are you?");
    assert!(rig.items()[0].is_final);
}

#[test]
fn empty_and_failed_transcripts_are_final() {
    let mut rig = Rig::asked();
    rig.serve(server::user_caption("item_u", ""));
    assert!(rig.items()[0].is_final);
    rig.turn(200);
    rig.serve(server::committed("item_v", Some("item_u")));
    rig.serve(server::user_caption_delta("item_v", "Hm"));
    rig.serve(server::user_caption_failed("item_v"));
    assert!(rig.items()[1].is_final);
    assert_eq!(rig.items()[1].text, "Hm");
}

#[test]
fn items_stand_where_the_server_puts_them() {
    let mut rig = Rig::asked();
    rig.serve_all(server::answer_begins("resp_1", "item_a", Some("item_u"), 100, "First."));
    rig.serve(server::item_added(server::assistant_item("item_b", "in_progress"), Some("item_a")));
    rig.serve(server::caption("resp_1", "item_b", "Second."));
    rig.serve(server::item_added(server::assistant_item("item_c", "in_progress"), Some("item_u")));
    rig.serve(server::caption("resp_1", "item_c", "Zeroth."));
    rig.serve(server::response_done("resp_1"));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: 
    Assistant Complete: Zeroth.
    Assistant Complete: First.
    Assistant Complete: Second.
    ");
}

#[test]
fn a_second_item_of_an_answer_stays_above_the_turn_that_is_being_spoken() {
    let mut rig = Rig::ready(config());
    rig.say("hello");
    rig.serve_all(server::answer("resp_1", "item_a", None, 100, "One."));
    rig.input(protocol::Input::Press);
    rig.speak(200);
    rig.input(protocol::Input::Release);
    rig.serve(server::committed("item_v", Some("item_a")));
    rig.serve_all(server::answer("resp_2", "item_b", Some("item_v"), 100, "Two."));
    rig.serve(server::user_caption("item_v", "Again."));
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: hello
    Assistant Complete: One.
    User Answered: Again.
    Assistant Complete: Two.
    ");
}

#[test]
fn a_server_that_acknowledges_no_commit_may_announce_the_item() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::item_added(server::user_item("item_u"), None));
    rig.serve(server::item_done(server::user_item("item_u"), None));
    rig.serve(server::user_caption("item_u", "Hello."));
    assert_eq!(rig.items()[0].text, "Hello.");
    assert_eq!(rig.items().len(), 1);
    assert_eq!(rig.session.deadline().map(|(_, what)| what), Some("response.created"));
}

#[test]
fn the_final_caption_wins_over_its_pieces() {
    let mut rig = Rig::ready(config());
    rig.say("hello");
    rig.serve_all(server::answer_begins("resp_1", "item_a", None, 100, "teh"));
    rig.serve(server::caption_done("resp_1", "item_a", "the"));
    assert_eq!(rig.items()[1].text, "the");
}

#[test]
fn beta_names_are_understood() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    let frames = [
        json!({"type": "conversation.item.created", "item": {"id": "item_u", "type": "message", "role": "user"}}),
        json!({"type": "response.created", "response": {"id": "resp_1"}}),
        json!({"type": "response.audio_transcript.delta", "response_id": "resp_1", "item_id": "item_a", "delta": "Hi"}),
        json!({"type": "response.audio.delta", "response_id": "resp_1", "item_id": "item_a",
            "delta": server::base64_of(100)}),
        json!({"type": "response.audio.done", "response_id": "resp_1", "item_id": "item_a"}),
        json!({"type": "response.audio_transcript.done", "response_id": "resp_1", "item_id": "item_a",
            "transcript": "Hi!"}),
        json!({"type": "response.done", "response": {"id": "resp_1", "status": "completed"}}),
        json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u",
            "transcript": "Hello"}),
    ];
    for frame in frames {
        rig.frame(&frame.to_string());
    }
    assert_eq!(crate::rig::played(&rig.take()).len(), 1);
    insta::assert_snapshot!(rig.lines(), @r"
    User Answered: Hello
    Assistant Complete: Hi!
    ");
    assert_eq!(rig.items()[1].usage, None, "missing usage is unknown, not zero");
    assert!(rig.session.deadline().is_none());
}

#[test]
fn a_caption_has_no_marks_even_if_the_provider_writes_some() {
    let mut rig = Rig::asked();
    rig.serve_all(server::answer_begins("resp_1", "item_a", Some("item_u"), 1_000, "It is **so"));
    assert_eq!(rig.items()[1].text, "It is so");
    rig.serve(server::caption("resp_1", "item_a", "** and `so`."));
    assert_eq!(rig.items()[1].text, "It is so and so.");
    let answer = rig.items()[1].id;
    rig.input(protocol::Input::Stop);
    rig.input(protocol::Input::Interrupted { item: answer, heard: std::time::Duration::from_millis(500) });
    let item = rig.items().remove(1);
    assert_eq!((item.text.as_str(), item.unheard.as_str()), ("It is so", "and so."));
    rig.serve(server::caption("resp_1", "item_a", " **More**."));
    let item = rig.items().remove(1);
    assert_eq!(
        (item.text.as_str(), item.unheard.as_str()),
        ("It is so", "and so. More."),
        "the cut stays where it was"
    );
}
