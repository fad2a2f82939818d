//! Tool calls are recorded and answered once, so that the call goes on.

use protocol::{Delivery, Kind};

use crate::rig::{Rig, config};
use crate::server;

fn calling(rig: &mut Rig) {
    rig.turn(200);
    rig.serve(server::committed("item_u", None));
    rig.serve(server::response_created("resp_1"));
    for call in ["1", "2"] {
        let (item, call_id) = (format!("item_f{call}"), format!("call_{call}"));
        rig.serve(server::output_item_added("resp_1", server::call_item(&item, &call_id, "in_progress")));
        rig.serve(server::item_added(server::call_item(&item, &call_id, "in_progress"), None));
        rig.serve(server::item_done(server::call_item(&item, &call_id, "completed"), None));
        rig.serve(server::output_item_done("resp_1", server::call_item(&item, &call_id, "completed")));
    }
    rig.take_sent();
}

#[test]
fn two_calls_get_two_outputs_and_one_response() {
    let mut rig = Rig::ready(config());
    calling(&mut rig);
    assert_eq!(rig.sent(), "", "not before response.done");
    rig.serve(server::response_done("resp_1"));
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[0]["item"]["call_id"], "call_1");
    assert_eq!(sent[1]["item"]["call_id"], "call_2");
    assert!(sent[0]["item"]["output"].as_str().unwrap().contains("no tools yet"));
    assert_eq!(sent[2]["type"], "response.create");
    rig.serve(server::response_done("resp_1"));
    assert_eq!(rig.sent(), "", "a duplicate changes nothing");
    let output = sent[1]["item"]["id"].as_str().unwrap();
    rig.serve_all(server::answer("resp_2", "item_a", Some(output), 100, "I cannot."));
    assert_eq!(rig.items()[1].kind, Kind::ToolCall { name: "lights".to_owned() });
    insta::assert_snapshot!(rig.lines(), @r#"
    User Answered: 
    Assistant Complete: {"on":true}
    Assistant Complete: {"on":true}
    Assistant Complete: I cannot.
    "#);
}

#[test]
fn calls_of_a_cancelled_response_are_not_answered() {
    let mut rig = Rig::ready(config());
    calling(&mut rig);
    rig.input(protocol::Input::Stop);
    rig.serve(server::response_cancelled("resp_1", "client_cancelled"));
    assert_eq!(rig.sent(), "response.cancel");
    rig.serve(server::response_failed("resp_2", "server_error", None));
    assert_eq!(rig.sent(), "");
}

#[test]
fn tool_calls_are_not_replayed() {
    let mut rig = Rig::ready(config());
    calling(&mut rig);
    rig.serve(server::response_done("resp_1"));
    rig.serve_all(server::answer("resp_2", "item_a", None, 100, "I cannot."));
    rig.drop_connection();
    rig.take_sent();
    rig.connect();
    assert_eq!(rig.sent(), "session.update, item.create");
}

#[test]
fn a_model_that_only_calls_is_stopped_at_last() {
    let mut rig = Rig::ready(config());
    rig.turn(200);
    rig.serve(server::committed("item_u", None));
    rig.take_sent();
    let mut creates = 0;
    for round in 0..20 {
        let (response, item, call) = (format!("resp_{round}"), format!("item_{round}"), format!("call_{round}"));
        rig.serve(server::response_created(&response));
        rig.serve(server::output_item_done(&response, server::call_item(&item, &call, "completed")));
        rig.serve(server::response_done(&response));
        let sent = rig.sent();
        if sent.is_empty() {
            break;
        }
        assert_eq!(sent, "item.create, response.create");
        creates += 1;
    }
    assert!(creates < 10, "{creates}");
    assert_eq!(rig.items()[0].delivery, Delivery::Answered);
}
