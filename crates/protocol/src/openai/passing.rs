//! What the frames of somebody else's session say about what has to be paid for; nothing else of them is looked at.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::server::usage;
use crate::Usage;

/// Length of the sound in one of its tokens (OpenAI's guide to costs).
const TOKEN: Duration = Duration::from_millis(100);
/// An hour and more in one turn is a mistake.
const LONGEST: f64 = 3600.0;

/// What a server of OpenAI's Realtime protocol tells in passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passing {
    /// The model that takes down what is said, from now on; `None`: nobody does.
    Scribe(Option<String>),
    /// So much was taken down.
    TakenDown(Duration),
    /// A response begins.
    Begun,
    /// A response is over, however it ended; zero where the server does not tell what it took.
    Over(Usage),
}

/// The frames that tell of it.
const KINDS: [&str; 5] = [
    "session.created",
    "session.updated",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.done",
];

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    session: Option<Value>,
    usage: Option<Value>,
    response: Option<Value>,
}

impl Passing {
    /// Reads a frame of the server's; `None`: it tells nothing of this.
    pub fn read(frame: &str) -> Option<Self> {
        // Most frames are sound, which need not be read for this.
        if !KINDS.iter().any(|kind| frame.contains(kind)) {
            return None;
        }
        let event: Event<'_> = serde_json::from_str(frame).ok()?;
        match &*event.kind {
            "session.created" | "session.updated" => Some(Self::Scribe(scribe(event.session.as_ref()?))),
            "conversation.item.input_audio_transcription.completed" => {
                Some(Self::TakenDown(length(event.usage.as_ref()?)))
            }
            "response.created" => Some(Self::Begun),
            "response.done" => Some(Self::Over(event.response.as_ref().and_then(told).unwrap_or_default())),
            _ => None,
        }
    }
}

/// In the Beta protocol it stood elsewhere.
fn scribe(session: &Value) -> Option<String> {
    let places = ["/audio/input/transcription/model", "/input_audio_transcription/model"];
    places.iter().find_map(|place| session.pointer(place)?.as_str()).map(str::to_owned)
}

fn length(told: &Value) -> Duration {
    let number = |place: &str| told.pointer(place).and_then(Value::as_f64).unwrap_or(0.0);
    let tokens = number("/input_token_details/audio_tokens").max(number("/input_tokens"));
    Duration::from_secs_f64(number("/seconds").max(tokens * TOKEN.as_secs_f64()).clamp(0.0, LONGEST))
}

/// In all its parts, or at least the sums, as text.
fn told(response: &Value) -> Option<Usage> {
    let told = response.get("usage")?;
    let sum = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or(0);
    let sums = || Usage { input_text: sum("input_tokens"), output_text: sum("output_tokens"), ..Usage::default() };
    Some(usage(told).unwrap_or_else(sums))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_paid_for_is_told_from_everything_else_that_passes() {
        let parts = r#"{"type":"response.done","response":{"usage":{"input_tokens":9,"output_tokens":8,
            "input_token_details":{"text_tokens":4,"audio_tokens":5,"cached_tokens_details":{"audio_tokens":2}},
            "output_token_details":{"text_tokens":1,"audio_tokens":7}}}}"#;
        let sums = r#"{"type":"response.done","response":{"usage":{"input_tokens":9,"output_tokens":8}}}"#;
        let usage = Usage {
            input_text: 4,
            input_audio: 5,
            cached_audio: 2,
            output_text: 1,
            output_audio: 7,
            ..Usage::default()
        };
        let session =
            r#"{"type":"session.updated","session":{"audio":{"input":{"transcription":{"model":"whisper-1"}}}}}"#;
        let taken_down = |usage: &str| {
            let kind = "conversation.item.input_audio_transcription.completed";
            Passing::read(&format!(r#"{{"type":"{kind}","transcript":"…","usage":{usage}}}"#))
        };
        let table = [
            (r#"{"type":"response.created","response":{"id":"r"}}"#, Some(Passing::Begun)),
            (parts, Some(Passing::Over(usage))),
            (sums, Some(Passing::Over(Usage { input_text: 9, output_text: 8, ..Usage::default() }))),
            (r#"{"type":"response.done","response":{"usage":null}}"#, Some(Passing::Over(Usage::default()))),
            (r#"{"type":"response.done"}"#, Some(Passing::Over(Usage::default()))),
            (r#"{"type":"response.output_text.delta","delta":"response.done"}"#, None),
            (r#"{"type":"session.created","session":{"audio":null}}"#, Some(Passing::Scribe(None))),
            (session, Some(Passing::Scribe(Some("whisper-1".to_owned())))),
            (r#"{"type":"error"}"#, None),
            ("response.done", None),
        ];
        for (frame, read) in table {
            assert_eq!(Passing::read(frame), read, "{frame}");
        }
        let seconds = |seconds| Some(Passing::TakenDown(Duration::from_secs(seconds)));
        assert_eq!(taken_down(r#"{"type":"duration","seconds":3}"#), seconds(3));
        assert_eq!(taken_down(r#"{"type":"tokens","input_tokens":20,"output_tokens":9}"#), seconds(2));
        assert_eq!(taken_down(r#"{"type":"duration","seconds":-1e300}"#), seconds(0));
        assert_eq!(taken_down(r#"{"type":"duration","seconds":1e300}"#), seconds(3600));
    }
}
