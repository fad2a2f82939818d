//! Cutting an answer into sentences while it is being written, so that the first one is spoken as early as possible.

use super::abbreviation::ends_in_abbreviation;
use crate::markdown::{Line, is_fence, spoken_line};

/// The first piece may end at a comma from this weight on: a few words, spoken before the sentence is written.
const LONG_FIRST: usize = 45;
/// From this weight on any piece may end at a comma, at a space, anywhere.
const LONG: [usize; 3] = [240, 360, 600];
/// A bracket or a code span that is not closed within so many characters is none.
const SPAN: usize = 200;
/// From here on scripts are mostly written without spaces (CJK).
const UNSPACED: char = '\u{2E80}';

/// How long a character takes to say, in Latin letters.
pub(super) fn weight_of(character: char) -> usize {
    if character >= UNSPACED { 3 } else { 1 }
}

/// A piece of an answer that is spoken as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// As it is written: all pieces in a row are the answer.
    pub(super) written: String,
    /// As it is said, with the space that follows; empty if there is nothing to say.
    pub(super) spoken: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    pending: String,
    has_spoken: bool,
    is_inside_line: bool,
    is_code: bool,
    line: Line,
    /// What is said in place of code.
    code: &'static str,
}

impl Splitter {
    /// `code`: a sentence that is said in place of a block of code.
    pub(super) fn new(code: &'static str) -> Self {
        Self { code, ..Self::default() }
    }

    /// Takes more of the answer; what is whole comes out.
    pub(super) fn push(&mut self, delta: &str) -> Vec<Sentence> {
        self.pending.push_str(delta);
        let mut sentences = Vec::new();
        while let Some(at) = self.boundary() {
            let rest = self.pending.split_off(at);
            let written = std::mem::replace(&mut self.pending, rest);
            sentences.push(self.sentence(written));
        }
        sentences
    }

    /// The answer is over.
    pub(super) fn finish(&mut self) -> Option<Sentence> {
        let written = self.rest();
        (!written.is_empty()).then(|| self.sentence(written))
    }

    /// What was not cut yet, as it is written.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.pending)
    }

    fn sentence(&mut self, written: String) -> Sentence {
        let spoken = self.say(&written);
        self.has_spoken |= !spoken.is_empty();
        self.is_inside_line = !written.ends_with('\n');
        Sentence { written, spoken }
    }

    fn say(&mut self, written: &str) -> String {
        if !self.is_inside_line && is_fence(written) {
            self.is_code = !self.is_code;
            return if self.is_code { format!("{} ", self.code) } else { String::new() };
        }
        if self.is_code {
            return String::new();
        }
        if !self.is_inside_line {
            self.line = Line::of(written);
        }
        let mut spoken = spoken_line(written, self.line, !self.is_inside_line);
        if spoken.chars().next_back().is_some_and(|last| last < UNSPACED) {
            spoken.push(' ');
        }
        spoken
    }

    /// Where the next piece ends, in bytes.
    fn boundary(&self) -> Option<usize> {
        let text = self.pending.as_str();
        let is_whole_line = self.is_code || (!self.is_inside_line && is_block(text));
        if is_whole_line {
            return text.find('\n').map(|at| at + 1);
        }
        let characters: Vec<(usize, char)> = text.char_indices().collect();
        let is_first = !self.has_spoken;
        let mut weight = 0;
        let mut guarded = 0;
        for (index, (at, character)) in characters.iter().enumerate() {
            weight += weight_of(*character);
            let rest = characters.get(index + 1..).unwrap_or_default();
            if *character == '\n' {
                return Some(at + 1);
            }
            if index < guarded {
                continue;
            }
            match span(*character, rest) {
                Span::None => {}
                Span::Closed(length) => guarded = index + 1 + length,
                Span::Open => return None,
            }
            let found = match *character {
                '.' | '!' | '?' | '…' => sentence_end(text.get(..*at).unwrap_or_default(), *character, rest),
                '。' | '！' | '？' | '｡' => unspaced_end(rest),
                ',' | ';' | ':' | '–' | '—' if is_long(weight, is_first) => spaced_end(rest),
                '，' | '、' | '；' | '：' if is_long(weight, is_first) => unspaced_end(rest),
                ' ' | '\t' if weight >= LONG[1] => Some(0),
                _ if weight >= LONG[2] => Some(0),
                _ => None,
            };
            if let Some(more) = found {
                return Some(end_of(&characters, index + 1 + more, text.len()));
            }
        }
        None
    }
}

fn is_long(weight: usize, is_first: bool) -> bool {
    weight >= if is_first { LONG_FIRST } else { LONG[0] }
}

/// The byte behind so many characters.
fn end_of(characters: &[(usize, char)], count: usize, length: usize) -> usize {
    characters.get(count).map_or(length, |(at, _)| *at)
}

/// A line that is read as a whole: code fences, headings, rows of tables, rules. While it is too short to tell: yes.
fn is_block(text: &str) -> bool {
    let line = text.trim_start_matches([' ', '\t']);
    let begins = |mark: &str| line.starts_with(mark) || mark.starts_with(line);
    line.starts_with('|') || line.starts_with('#') || begins("```") || begins("~~~") || begins("---") || begins("***")
}

enum Span {
    None,
    /// So many characters belong to it.
    Closed(usize),
    /// Its end has not come.
    Open,
}

/// A link's text or code in a sentence: neither is cut.
fn span(first: char, rest: &[(usize, char)]) -> Span {
    let close = match first {
        '[' => ']',
        '`' => '`',
        _ => return Span::None,
    };
    let near = rest.get(..SPAN).unwrap_or(rest);
    let line_end = near.iter().position(|(_, character)| *character == '\n');
    match near.iter().position(|(_, character)| *character == close) {
        Some(at) if line_end.is_none_or(|end| at < end) => Span::Closed(at + 1),
        None if line_end.is_none() && rest.len() < SPAN => Span::Open,
        Some(_) | None => Span::None,
    }
}

/// How many characters behind the mark still belong to the sentence. `None`: it does not end here, or not yet.
fn sentence_end(before: &str, mark: char, rest: &[(usize, char)]) -> Option<usize> {
    let closers = rest.iter().take_while(|(_, character)| is_closer(*character)).count();
    let (_, next) = rest.get(closers)?;
    if *next >= UNSPACED && *next != '\u{FFFD}' && mark != '.' {
        return Some(closers);
    }
    if !next.is_whitespace() || (mark == '.' && closers == 0 && ends_in_abbreviation(before)) {
        return None;
    }
    Some(closers + blanks(rest.get(closers..).unwrap_or_default()))
}

fn unspaced_end(rest: &[(usize, char)]) -> Option<usize> {
    let closers = rest.iter().take_while(|(_, character)| is_closer(*character)).count();
    let after = rest.get(closers..).unwrap_or_default();
    (!after.is_empty()).then(|| closers + blanks(after))
}

fn spaced_end(rest: &[(usize, char)]) -> Option<usize> {
    match blanks(rest) {
        0 => None,
        count => Some(count),
    }
}

/// Spaces, with the line's end if it follows.
fn blanks(rest: &[(usize, char)]) -> usize {
    let spaces = rest.iter().take_while(|(_, character)| matches!(character, ' ' | '\t' | '\r')).count();
    spaces + usize::from(rest.get(spaces).is_some_and(|(_, character)| *character == '\n'))
}

fn is_closer(character: char) -> bool {
    matches!(
        character,
        '"' | '\''
            | '”'
            | '’'
            | '»'
            | ')'
            | ']'
            | '}'
            | '*'
            | '_'
            | '~'
            | '`'
            | '.'
            | '!'
            | '?'
            | '…'
            | '」'
            | '』'
            | '）'
            | '】'
            | '》'
            | '。'
            | '！'
            | '？'
    )
}

#[cfg(test)]
mod tests;
