//! The practice partner: what it answers.

use std::time::{Duration, Instant};

use crate::item::Item;
use crate::script::Answer;
use crate::sound::{self, Speech};

/// One item of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Spoken { pcm: Vec<i16>, transcript: String },
    Written(String),
    Call { name: String, arguments: String },
}

/// How an answer ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ending {
    Completed,
    Failed {
        kind: String,
        code: Option<String>,
        message: String,
    },
    Incomplete(String),
    /// Cut off, with the reason.
    Cancelled(&'static str),
    /// It stays open.
    Held,
}

/// Where an answer is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    /// Whether the answer is spoken or written.
    pub(crate) is_spoken: bool,
    pub(crate) now: Instant,
    /// Known delay between the answer and the wire.
    pub(crate) delay: Duration,
}

/// The parts of a scripted answer to `prompt`, and its end.
pub(crate) fn compose(answer: Answer, prompt: Option<&Item>, scene: Scene) -> (Vec<Part>, Ending) {
    let say = |text: &str| vec![scene.say(text)];
    match answer {
        Answer::Practice => (vec![reply(prompt, scene)], Ending::Completed),
        Answer::Say(text) => (say(&text), Ending::Completed),
        Answer::Play { pcm, transcript } => (vec![Part::Spoken { pcm, transcript }], Ending::Completed),
        Answer::Split(first, second) => (vec![scene.say(&first), scene.say(&second)], Ending::Completed),
        Answer::Call(calls) => {
            let calls = calls.into_iter().map(|(name, arguments)| Part::Call { name, arguments });
            (calls.collect(), Ending::Completed)
        }
        Answer::Fail { kind, code, message } => (Vec::new(), Ending::Failed { kind, code, message }),
        Answer::Incomplete(reason) => (say("This answer ends in the middle of"), Ending::Incomplete(reason)),
        Answer::Hold => (Vec::new(), Ending::Held),
    }
}

impl Scene {
    fn say(self, text: &str) -> Part {
        if self.is_spoken {
            let mut pcm = sound::chime();
            pcm.extend(sound::pause(120));
            pcm.extend(sound::hum(text));
            Part::Spoken { pcm, transcript: text.to_owned() }
        } else {
            Part::Written(text.to_owned())
        }
    }
}

fn reply(prompt: Option<&Item>, scene: Scene) -> Part {
    let Some(prompt) = prompt else {
        return scene.say("Hello. I am the practice partner: I repeat what you say.");
    };
    if prompt.kind() == "function_call_output" {
        return scene.say(&format!("Your tool answered: “{}”.", shortened(&prompt.text())));
    }
    if prompt.pcm.is_empty() {
        return scene.say(&format!(
            "You wrote: “{}”. I am the practice partner: I repeat what you say, so you can check microphone, speaker and timing. \
             Speak, and you will hear yourself; with a key you talk with a real model.",
            shortened(&prompt.text())
        ));
    }
    let Some(speech) = Speech::find(&prompt.pcm) else {
        let text = format!(
            "I heard only silence for {}. Is the right microphone chosen, and is it not muted?",
            seconds(prompt.audio_ms)
        );
        return if scene.is_spoken {
            Part::Spoken { pcm: sound::chime(), transcript: text }
        } else {
            Part::Written(text)
        };
    };
    let round_trip = prompt.last_loud.map(|loud| scene.now.saturating_duration_since(loud) + scene.delay);
    let transcript = report(&speech, round_trip);
    if !scene.is_spoken {
        return Part::Written(transcript);
    }
    let mut pcm = sound::chime();
    pcm.extend(sound::pause(120));
    pcm.extend(speech.normalised());
    Part::Spoken { pcm, transcript }
}

/// "I heard 2.3 s at −21 dBFS; 180 ms from your last word to my first sound."
fn report(speech: &Speech, round_trip: Option<Duration>) -> String {
    let length = seconds(sound::millis(speech.pcm.len()));
    let sign = if speech.level < -0.5 { "−" } else { "" };
    let mut text = format!("I heard {length} at {sign}{:.0} dBFS", speech.level.abs());
    if let Some(round_trip) = round_trip {
        text += &format!("; {} ms from your last word to my first sound", round_trip.as_millis());
    }
    text.push('.');
    if speech.is_clipped {
        text += " It was too loud and clipped: turn the microphone down.";
    } else if speech.level < -45.0 {
        text += " That is quiet: come closer, or turn the microphone up.";
    }
    text
}

/// What the user said, as far as it can be told without recognising words.
pub(crate) fn transcript(pcm: &[i16]) -> String {
    Speech::find(pcm)
        .map(|speech| format!("({} of speech)", seconds(sound::millis(speech.pcm.len()))))
        .unwrap_or_default()
}

/// The item that an answer is to: the last user message or function result.
pub(crate) fn prompt<'a>(items: impl DoubleEndedIterator<Item = &'a Item>) -> Option<&'a Item> {
    items.rev().find(|item| item.role() == "user" || item.kind() == "function_call_output")
}

/// Pieces of a text as deltas bring it: three words each.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    words.chunks(3).map(<[&str]>::concat).collect()
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", millis as f64 / 1000.0)
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(is_spoken: bool) -> Scene {
        Scene { is_spoken, now: Instant::now(), delay: Duration::ZERO }
    }

    #[test]
    fn speech_comes_back_after_the_chime_with_a_report() {
        let heard = Instant::now();
        let item = Item::spoken("item_1", sound::hum("one two three four five"), Some(heard));
        let scene = Scene { now: heard + Duration::from_millis(180), ..scene(true) };
        let Part::Spoken { pcm, transcript } = reply(Some(&item), scene) else { panic!("not spoken") };
        assert!(pcm.starts_with(&sound::chime()));
        assert!(sound::millis(pcm.len()) > 800);
        assert!(transcript.starts_with("I heard 0.") && transcript.contains(" at −2"), "{transcript}");
        assert!(transcript.ends_with("; 180 ms from your last word to my first sound."), "{transcript}");
    }

    #[test]
    fn silence_is_answered_kindly() {
        let item = Item::spoken("item_1", sound::pause(900), None);
        let Part::Spoken { transcript, .. } = reply(Some(&item), scene(true)) else { panic!("not spoken") };
        assert!(transcript.starts_with("I heard only silence for 0.9 s"), "{transcript}");
    }

    #[test]
    fn text_is_quoted_and_shortened() {
        let content = serde_json::json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "ä".repeat(300)}]});
        let Part::Written(text) = reply(Some(&Item::new("item_1", content)), scene(false)) else {
            panic!("not written")
        };
        assert!(text.starts_with(&format!("You wrote: “{}…”.", "ä".repeat(200))), "{text}");
    }

    #[test]
    fn pieces_add_up_to_the_text() {
        let text = "one two  three four – five six seven";
        assert_eq!(pieces(text).concat(), text);
        assert!(pieces(text).len() > 1);
    }
}
