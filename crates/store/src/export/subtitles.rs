//! What was said, as subtitles: SubRip, or WebVTT with the speakers' names.

use std::io::Write;

use crate::conversation::ConversationId;
use crate::desk::Desk;
use crate::message::{Kind, Message, Role, Span};
use crate::{Error, tree};

/// Two lines of subtitles, characters.
const CUE: usize = 84;
/// How long something is shown of which only the beginning is known: ms per character, about as fast as one speaks.
const PACE: i64 = 60;

/// Cues so far, of calls that follow each other.
pub(super) struct Subtitles {
    is_vtt: bool,
    number: u64,
    /// The call that the last cue was of.
    call: Option<i64>,
    /// Where that call begins, ms.
    start: i64,
    /// Where the last cue ends, ms.
    end: i64,
}

impl Subtitles {
    pub(super) fn begin(is_vtt: bool, sink: &mut impl Write) -> Result<Self, Error> {
        if is_vtt {
            sink.write_all(b"WEBVTT\n\n")?;
        }
        Ok(Self { is_vtt, number: 0, call: None, start: 0, end: 0 })
    }

    pub(super) fn write(&mut self, desk: &Desk, id: ConversationId, sink: &mut impl Write) -> Result<(), Error> {
        let thread = desk.run_blocking(move |connection| tree::thread(connection, id))?;
        let mut first = None;
        for message in thread.messages.iter().filter(|message| message.kind == Kind::Voice) {
            let begin = *first.get_or_insert(message.created_ms);
            self.message(message, begin, sink)?;
        }
        // The next conversation is another call in any case.
        self.call = None;
        Ok(())
    }

    fn message(&mut self, message: &Message, begin: i64, sink: &mut impl Write) -> Result<(), Error> {
        let cues = cues(&message.text);
        let length: usize = cues.iter().map(|cue| cue.chars().count()).sum();
        let spoken = i64::try_from(length).unwrap_or(i64::MAX).saturating_mul(PACE);
        // From elsewhere: only the time of the message is known.
        let span = message.span.unwrap_or_else(|| {
            let start_ms = message.created_ms.saturating_sub(begin).max(0);
            Span { call_ms: begin, start_ms, end_ms: start_ms.saturating_add(spoken) }
        });
        if self.call != Some(span.call_ms) {
            self.call = Some(span.call_ms);
            self.start = self.end;
        }
        let start = self.start.saturating_add(span.start_ms.max(0));
        let end = self.start.saturating_add(span.end_ms.max(span.start_ms).max(0));
        let mut done = 0;
        for cue in cues {
            let from = part(start, end, done, length);
            done += cue.chars().count();
            self.cue(from, part(start, end, done, length), message.role, &cue, sink)?;
        }
        self.end = self.end.max(end);
        Ok(())
    }

    fn cue(&mut self, from: i64, to: i64, role: Role, text: &str, sink: &mut impl Write) -> Result<(), Error> {
        self.number += 1;
        let who = match role {
            Role::User => "You",
            Role::Assistant => "Assistant",
        };
        if self.is_vtt {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            writeln!(sink, "{} --> {}\n<v {who}>{text}\n", clock(from, '.'), clock(to, '.'))?;
        } else {
            writeln!(sink, "{}\n{} --> {}\n{who}: {text}\n", self.number, clock(from, ','), clock(to, ','))?;
        }
        Ok(())
    }
}

/// A text in pieces that can be shown at once, cut between words where possible.
fn cues(text: &str) -> Vec<String> {
    let mut cues = Vec::new();
    let mut cue = String::new();
    for word in text.split_whitespace() {
        if !cue.is_empty() && cue.chars().count() + 1 + word.chars().count() > CUE {
            cues.push(std::mem::take(&mut cue));
        }
        if !cue.is_empty() {
            cue.push(' ');
        }
        cue.push_str(word);
    }
    if !cue.is_empty() {
        cues.push(cue);
    }
    cues
}

/// The time when so much of the text is spoken.
fn part(start: i64, end: i64, done: usize, length: usize) -> i64 {
    let share = done as f64 / length.max(1) as f64;
    start.saturating_add(((end.saturating_sub(start)) as f64 * share) as i64)
}

fn clock(ms: i64, point: char) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    format!("{:02}:{:02}:{:02}{point}{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
