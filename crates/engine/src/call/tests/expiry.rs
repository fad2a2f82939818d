//! The session of an ear or a mouth that its provider ends, in the way the provider documents: in a turn, and between two.

use emulator::voices::{Plan, Seen, Voices};
use futures_util::future::join_all;

use super::every_voice::Stage;
use super::*;

/// How a provider ends a session.
#[derive(Debug, Clone, Copy)]
struct End {
    /// The ear and the mouth.
    mix: (&'static str, &'static str),
    /// Where the one that ends is with the key, and with an open microphone.
    paths: [&'static str; 2],
    /// What it says before it closes, with which code and reason.
    last: &'static str,
    close: (u16, &'static str),
}

const FLUX: End =
    End { mix: ("deepgram_flux", "deepgram_aura"), paths: ["/v2/listen"; 2], last: "", close: (1011, "NET-0001") };
const NOVA: End = End { mix: ("deepgram_nova", "deepgram_aura"), paths: ["/v1/listen"; 2], ..FLUX };
const SCRIBE: End = End {
    mix: ("elevenlabs", "deepgram_aura"),
    paths: ["/speech-to-text/realtime"; 2],
    last: "",
    close: (1008, "session_time_limit_exceeded"),
};
const INK: End = End {
    mix: ("cartesia", "deepgram_aura"),
    paths: ["/stt/websocket", "/stt/turns/websocket"],
    last: "",
    close: (1000, ""),
};
const MULTI: End = End {
    mix: ("deepgram_flux", "elevenlabs"),
    paths: ["/multi-stream-input"; 2],
    last: "",
    close: (1008, "input_timeout_exceeded"),
};

/// Deepgram's by silence (NET-0001) and by trouble of its own (NET-0000), ElevenLabs' by age and by silence, Cartesia's by
/// silence. OpenAI's ear has no session: it is asked anew for each turn.
const EARS: [End; 11] = [
    FLUX,
    End {
        last: r#"{"type":"Error","sequence_id":9,"code":"INTERNAL_SERVER_ERROR","description":"It broke."}"#,
        close: (1011, "NET-0000"),
        ..FLUX
    },
    NOVA,
    End { last: r#"{"type":"Metadata","request_id":"1","duration":60.0,"channels":1}"#, close: (1000, ""), ..NOVA },
    End { mix: ("workers_flux", "deepgram_aura"), paths: ["/@cf/deepgram/flux"; 2], ..FLUX },
    End { mix: ("workers_nova", "deepgram_aura"), paths: ["/@cf/deepgram/nova-3"; 2], ..FLUX },
    SCRIBE,
    End { last: r#"{"message_type":"session_time_limit_exceeded","error":"The session is too old."}"#, ..SCRIBE },
    End {
        last: r#"{"message_type":"insufficient_audio_activity","error":"Nothing was heard."}"#,
        close: (1000, ""),
        ..SCRIBE
    },
    INK,
    End { close: (1001, "idle timeout"), ..INK },
];

const MOUTHS: [End; 6] = [
    End { paths: ["/v1/speak"; 2], ..FLUX },
    End { mix: ("deepgram_flux", "flux"), paths: ["/v2/speak"; 2], ..FLUX },
    End { mix: ("deepgram_flux", "workers_aura"), paths: ["/@cf/deepgram/aura-2-en"; 2], ..FLUX },
    MULTI,
    End { last: r#"{"message":"No input for 20 s.","error":"input_timeout_exceeded","code":1008}"#, ..MULTI },
    End { mix: ("deepgram_flux", "cartesia"), paths: ["/tts/websocket"; 2], last: "", close: (1000, "") },
];

fn opened(voices: &Voices, path: &str) -> usize {
    let is_it = |seen: &&Seen| matches!(seen, Seen::Opened { request, .. } if request.path.ends_with(path));
    voices.seen().iter().filter(is_it).count()
}

/// The second turn is spoken, and the session ends in its middle or before it.
async fn expire(end: End, is_open: bool, is_in_turn: bool) {
    let what = format!("{end:?}, open: {is_open}, in a turn: {is_in_turn}");
    let plan = Plan { answer: "It is noon.".into(), ..Plan::default() };
    let mut stage = Stage::new(plan, ("cascade", end.mix.0, end.mix.1)).await;
    if is_open {
        stage.rig.configure(open());
    }
    std::fs::write(stage.rig.folder.path().join("speech.wav"), tone(1_500)).unwrap();
    stage.rig.call.say("Hello", &mut stage.rig.board);
    stage.rig.until_answered(0).await;
    let path = end.paths[usize::from(is_open)];
    let before = opened(&stage.voices, path);
    if !is_in_turn {
        stage.voices.end(path, end.last, end.close.0, end.close.1);
        let is_renewed = |now: &Snapshot| now.call.link == Link::Live && opened(&stage.voices, path) > before;
        stage.rig.until(&format!("{what}: another connection"), is_renewed).await;
    }
    stage.rig.call.press(&mut stage.rig.board);
    if is_open {
        stage.rig.call.release(&mut stage.rig.board);
    }
    let has_heard = |ms: u32| move |now: &Snapshot| now.items.get(2).is_some_and(|item| item.duration_ms >= ms);
    if is_in_turn {
        stage.rig.until(&format!("{what}: the microphone hears"), has_heard(700)).await;
        stage.voices.end(path, end.last, end.close.0, end.close.1);
    }
    if !is_open {
        stage.rig.until(&format!("{what}: all was said"), has_heard(1_400)).await;
        stage.rig.call.release(&mut stage.rig.board);
    }
    let now = stage.rig.until_answered(2).await;
    let turns: Vec<_> = now.items.iter().map(|item| (item.text.as_str(), item.delivery)).collect();
    let answer = ("It is noon.", Delivery::Complete);
    let wanted = [("Hello", Delivery::Answered), answer, ("What is the time?", Delivery::Answered), answer];
    assert_eq!(turns, wanted, "{what}");
    assert!(opened(&stage.voices, path) > before, "{what}: another connection");
    let events = std::iter::from_fn(|| stage.rig.events.try_recv().ok());
    let problems: Vec<_> = events.filter(|event| matches!(event.change, Change::Problem(Some(_)))).collect();
    assert!(problems.is_empty(), "{what}: {problems:?}");
    assert_eq!(stage.count(|seen| matches!(seen, Seen::Violation { .. })), 0, "{what}: {:?}", stage.voices.seen());
}

/// Every end of these, with the key and with an open microphone, in a turn and between two.
async fn expire_all(ends: &[End]) {
    let ways = [(false, false), (false, true), (true, false), (true, true)];
    // A few at a time: sound that comes late is a pause, which ends a turn.
    for some in ends.chunks(3) {
        let all = some.iter().flat_map(|end| ways.map(|(is_open, is_in_turn)| (*end, is_open, is_in_turn)));
        let all = all.map(|(end, is_open, is_in_turn)| tokio::spawn(Box::pin(expire(end, is_open, is_in_turn))));
        for outcome in join_all(all).await {
            outcome.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ear_whose_session_expires_is_opened_anew_and_the_turn_is_answered_once() {
    expire_all(&EARS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mouth_whose_session_expires_is_opened_anew_and_the_turn_is_answered_once() {
    expire_all(&MOUTHS).await;
}
