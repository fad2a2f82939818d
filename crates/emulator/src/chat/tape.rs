//! What is sent when: events, noise and faults as steps.

use std::time::Duration;

use super::fault::FaultKind;
use super::format::{Event, Mark};
use super::reply::Step;
use super::script::{Noise, Pace};
use super::server::Strikes;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// As server-sent events.
    Sse,
    /// As the elements of one JSON array, as Google does without `alt=sse`.
    Array,
}

/// Words after which streams break.
const FIRST_WORDS: usize = 2;

/// How much of what never ends comes at once.
const AT_ONCE: usize = 32;

/// A stream to be written.
pub(super) struct Stream<'a> {
    pub(super) events: Vec<Event>,
    /// What an error in the middle looks like.
    pub(super) error: Event,
    /// Harmless events to mix in.
    pub(super) noise: Vec<Event>,
    pub(super) framing: Framing,
    pub(super) strikes: &'a Strikes,
}

impl Stream<'_> {
    /// The steps of this stream.
    pub(super) fn steps(mut self, pace: Pace, noise: Noise) -> Vec<Step> {
        let struck = |kind| self.strikes.has(kind);
        if struck(FaultKind::ErrorInside) {
            self.events = vec![self.error.clone()];
        }
        if struck(FaultKind::MissingDone) {
            self.events.retain(|event| event.mark != Mark::Done);
        }
        let mut end = Vec::new();
        if let Some(fate) = self.strikes.find(fate) {
            let words = self.events.iter().enumerate().filter(|(_, event)| event.mark == Mark::Words);
            let kept = words.map(|(index, _)| index + 1).take(FIRST_WORDS).last().unwrap_or(self.events.len());
            let repeated = kept.checked_sub(1).and_then(|index| self.events.get(index)).cloned();
            self.events.truncate(kept);
            end = match fate {
                Fate::End => Vec::new(),
                Fate::Error => write(&self.error, self.framing, noise),
                Fate::Cut => vec![Step::Pause(Duration::ZERO), Step::Cut],
                Fate::Stall => vec![Step::Stall],
                Fate::Endless => match repeated {
                    Some(event) => vec![Step::Repeat(text(&event, self.framing, noise).into(), pace.between)],
                    None => vec![Step::Stall],
                },
                Fate::Forever { first, again } => {
                    vec![Step::Send(first.into()), Step::Repeat(again.repeat(AT_ONCE).into(), pace.between)]
                }
            };
        }
        let mut steps = self.body(pace, noise);
        steps.extend(end);
        finish(steps, self.strikes, pace, noise.torn)
    }

    fn body(&self, pace: Pace, noise: Noise) -> Vec<Step> {
        let struck = |kind| self.strikes.has(kind);
        let mut steps = Vec::new();
        let mut extras = self.noise.iter().cycle();
        let mut oddities = Odd::ALL.iter().cycle();
        for (index, event) in self.events.iter().enumerate() {
            if !pace.between.is_zero() {
                steps.push(Step::Pause(pace.between));
            }
            if self.framing == Framing::Array {
                steps.push(Step::Send(if index == 0 { "[" } else { ",\r\n" }.into()));
                steps.push(Step::Send(event.data.clone().into()));
                continue;
            }
            if noise.comments {
                let comment = if index % 2 == 0 { ": OPENROUTER PROCESSING\n\n" } else { ": keep-alive\n\n\n" };
                steps.push(Step::Send(ended(comment, noise).into()));
            }
            if let Some(extra) = extras.next().filter(|_| noise.unknown && event.mark != Mark::Done && index > 0) {
                steps.extend(write(extra, self.framing, noise));
            }
            if let Some(odd) = oddities.next().filter(|_| event.mark == Mark::Words) {
                if struck(FaultKind::MalformedLines) {
                    steps.push(Step::Send(ended(odd.line, noise).into()));
                }
                if struck(FaultKind::MalformedEvents) {
                    steps.push(Step::Send(ended(&format!("data: {}\n\n", odd.data), noise).into()));
                }
            }
            steps.extend(write(event, self.framing, noise));
        }
        if self.framing == Framing::Array {
            steps.push(Step::Send("]".into()));
        }
        steps
    }
}

/// The steps of an answer in one piece.
pub(super) fn whole(body: &str, strikes: &Strikes, pace: Pace) -> Vec<Step> {
    let middle = (0..=body.len() / 2).rev().find(|at| body.is_char_boundary(*at)).unwrap_or_default();
    let (half, rest) = body.split_at(middle);
    let half = || Step::Send(half.to_owned().into());
    let forever = |again: &str| Step::Repeat(again.repeat(AT_ONCE).into(), pace.between);
    let steps = match strikes.find(fate) {
        None if strikes.has(FaultKind::MalformedEvents) => vec![half()],
        None => vec![Step::Send([body.split_at(middle).0, rest].concat().into())],
        Some(Fate::End | Fate::Error) => vec![half()],
        Some(Fate::Cut) => vec![half(), Step::Pause(Duration::ZERO), Step::Cut],
        Some(Fate::Stall) => vec![half(), Step::Stall],
        Some(Fate::Endless) => vec![half(), forever(" and so on")],
        // White space before the answer, as some send to keep the connection.
        Some(Fate::Forever { .. }) => vec![forever("\n")],
    };
    finish(steps, strikes, pace, 0)
}

/// How a stream breaks off.
enum Fate {
    End,
    Error,
    Cut,
    Stall,
    /// The last event again and again.
    Endless,
    Forever {
        first: &'static str,
        again: &'static str,
    },
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most faults are none of this")]
fn fate(kind: FaultKind) -> Option<Fate> {
    Some(match kind {
        FaultKind::EndMidStream => Fate::End,
        FaultKind::ErrorMidStream => Fate::Error,
        FaultKind::CutMidStream => Fate::Cut,
        FaultKind::Stall => Fate::Stall,
        FaultKind::EndlessStream => Fate::Endless,
        FaultKind::EndlessLine => Fate::Forever { first: "data: {\"a\":\"", again: LINE },
        FaultKind::EndlessComments => Fate::Forever { first: "", again: ": keep-alive\n\n" },
        _ => return None,
    })
}

const LINE: &str = "and on and on and on and on and on and on and on and on and on and on and on and on and on and on \
                    and on and on and on and on and on and on and on and on and on and on and on and on and on ";

/// Something that is no event, and data that is none.
struct Odd {
    line: &'static str,
    data: &'static str,
}

impl Odd {
    const ALL: [Self; 4] = [
        Self { line: "this line has no field\n", data: "{\"choices\":[{\"delta\":{\"con" },
        Self { line: "event\nretry: soon\nid\u{0}: 3\n\n", data: "not json at all" },
        Self {
            line: "data\n\n:::\n= \u{feff}\n",
            data: "{\"choices\":\"none\",\"type\":7,\"candidates\":{\"a\":1},\"delta\":[]}",
        },
        Self { line: "\n\n\n: only a comment\n", data: "[1, 2, null]" },
    ];
}

fn write(event: &Event, framing: Framing, noise: Noise) -> Vec<Step> {
    vec![Step::Send(text(event, framing, noise).into())]
}

fn text(event: &Event, framing: Framing, noise: Noise) -> String {
    if framing == Framing::Array {
        return format!(",\r\n{}", event.data);
    }
    let space = if noise.no_space { "" } else { " " };
    let name = if event.name.is_empty() { String::new() } else { format!("event:{space}{}\n", event.name) };
    ended(&format!("{name}data:{space}{}\n\n", event.data), noise)
}

/// With the line ends that are wanted.
fn ended(text: &str, noise: Noise) -> String {
    if noise.crlf { text.replace('\n', "\r\n") } else { text.to_owned() }
}

/// What concerns the bytes, whatever they mean.
fn finish(mut steps: Vec<Step>, strikes: &Strikes, pace: Pace, torn: usize) -> Vec<Step> {
    if strikes.has(FaultKind::EmptyBody) {
        return Vec::new();
    }
    if strikes.has(FaultKind::Drip) {
        steps = pieces(steps, 1).into_iter().flat_map(|step| [Step::Pause(pace.slow), step]).collect();
    } else if torn > 0 {
        steps = pieces(steps, torn);
    }
    if strikes.has(FaultKind::SlowFirstEvent) {
        steps.insert(0, Step::Pause(pace.slow));
    }
    steps
}

/// The same bytes in pieces of this size.
fn pieces(steps: Vec<Step>, size: usize) -> Vec<Step> {
    let cut = |step| match step {
        Step::Send(bytes) => {
            let starts = (0..bytes.len()).step_by(size);
            starts.map(|start| Step::Send(bytes.slice(start..bytes.len().min(start + size)))).collect()
        }
        Step::Pause(_) | Step::Repeat(..) | Step::Stall | Step::Cut => vec![step],
    };
    steps.into_iter().flat_map(cut).collect()
}

/// All bytes of the steps before anything else happens.
#[cfg(test)]
fn sent(steps: &[Step]) -> Vec<u8> {
    let bytes = steps.iter().filter_map(|step| match step {
        Step::Send(bytes) => Some(bytes),
        Step::Pause(_) | Step::Repeat(..) | Step::Stall | Step::Cut => None,
    });
    bytes.flat_map(|bytes| bytes.to_vec()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn events() -> Vec<Event> {
        let words = |text: &str| Event { mark: Mark::Words, ..Event::new("", &json!({"text": text})) };
        let done = Event { name: "", data: "[DONE]".into(), mark: Mark::Done };
        vec![Event::new("", &json!({})), words("Grüße"), words("an"), words("alle"), done]
    }

    fn steps(kinds: &[FaultKind], noise: Noise) -> Vec<Step> {
        let strikes = Strikes::of(kinds);
        let error = Event::new("error", &json!({"error": 1}));
        let stream = Stream { events: events(), error, noise: Vec::new(), framing: Framing::Sse, strikes: &strikes };
        stream.steps(Pace { slow: Duration::from_secs(1), ..Pace::default() }, noise)
    }

    fn text(kinds: &[FaultKind]) -> String {
        String::from_utf8(sent(&steps(kinds, Noise::default()))).unwrap()
    }

    #[test]
    fn a_stream_is_its_events() {
        assert_eq!(
            text(&[]),
            "data: {}\n\ndata: {\"text\":\"Grüße\"}\n\ndata: {\"text\":\"an\"}\n\ndata: {\"text\":\"alle\"}\n\ndata: [DONE]\n\n"
        );
    }

    #[test]
    fn faults_strike_after_the_first_words() {
        let first = "data: {}\n\ndata: {\"text\":\"Grüße\"}\n\ndata: {\"text\":\"an\"}\n\n";
        assert_eq!(text(&[FaultKind::EndMidStream]), first);
        assert_eq!(text(&[FaultKind::ErrorMidStream]), format!("{first}event: error\ndata: {{\"error\":1}}\n\n"));
        for (kind, last) in [(FaultKind::Stall, Step::Stall), (FaultKind::CutMidStream, Step::Cut)] {
            assert_eq!(text(&[kind]), first);
            assert_eq!(steps(&[kind], Noise::default()).last(), Some(&last));
        }
        for kind in [FaultKind::EndlessStream, FaultKind::EndlessComments, FaultKind::EndlessLine] {
            assert!(matches!(steps(&[kind], Noise::default()).last(), Some(Step::Repeat(..))), "{kind:?}");
        }
        assert!(!text(&[FaultKind::MissingDone]).contains("DONE"));
        assert!(text(&[FaultKind::MissingDone]).contains("alle"));
    }

    #[test]
    fn torn_streams_tear_characters_and_keep_their_bytes() {
        let whole = steps(&[], Noise::default());
        let torn = steps(&[], Noise { torn: 5, ..Noise::default() });
        assert_eq!(sent(&whole), sent(&torn));
        let is_torn = |step: &Step| matches!(step, Step::Send(bytes) if std::str::from_utf8(bytes).is_err());
        assert!(torn.iter().any(is_torn));
    }

    #[test]
    fn a_drip_waits_before_every_byte() {
        let steps = steps(&[FaultKind::Drip], Noise::default());
        assert!(steps.chunks(2).all(|pair| matches!(pair, [Step::Pause(_), Step::Send(byte)] if byte.len() == 1)));
    }
}
