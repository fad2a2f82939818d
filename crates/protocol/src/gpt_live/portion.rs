//! Texts in portions that the provider takes: 500 tokens an append, 8,192 of history.

use crate::openai::replay::{weight, weight_of};

/// Of an append.
const APPEND: usize = 1_400;
/// Sentences shorter than this together make one portion.
const FULL: usize = 100;

/// As much of the beginning as weighs no more than `limit`.
pub(super) fn beginning(text: &str, limit: usize) -> &str {
    let mut sum = 0;
    let end = text.char_indices().find(|(_, character)| {
        sum += weight_of(*character);
        sum > limit
    });
    end.map_or(text, |(at, _)| text.get(..at).unwrap_or_default())
}

/// What fits into one append.
pub(super) fn fitting(text: &str) -> &str {
    beginning(text, APPEND)
}

/// The next portion of an answer that grows: whole sentences, so that each can be said for itself. `None`: not yet.
pub(super) fn sentences(text: &mut String, is_whole: bool) -> Option<String> {
    let room = fitting(text).len();
    let fits = room == text.len();
    let at = if fits && is_whole {
        room
    } else if fits {
        first_end(text)?
    } else {
        let head = text.get(..room).unwrap_or_default();
        let space = head.rfind(char::is_whitespace).filter(|at| *at > 0);
        ends(head).last().or(space).unwrap_or(room)
    };
    let rest = text.split_off(at.min(text.len()));
    let portion = std::mem::replace(text, rest).trim().to_owned();
    *text = text.trim_start().to_owned();
    (!portion.is_empty()).then_some(portion)
}

/// The end of the first sentence that makes a portion full.
fn first_end(text: &str) -> Option<usize> {
    ends(text).find(|at| weight(text.get(..*at).unwrap_or_default()) >= FULL)
}

/// Where sentences end for sure: something follows.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    let next = |at: usize| text.get(at..).and_then(|rest| rest.chars().next());
    text.char_indices().filter_map(move |(at, character)| {
        let end = at + character.len_utf8();
        let is_end = match character {
            '.' | '!' | '?' | '…' => next(end).is_some_and(char::is_whitespace),
            '。' | '！' | '？' | '\n' => next(end).is_some(),
            _ => false,
        };
        is_end.then_some(end)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_answer_goes_out_in_whole_sentences_of_some_length() {
        let mut text = "Short. ".repeat(14);
        assert_eq!(sentences(&mut text, false), None);
        text.push_str("This sentence is not over");
        text.insert_str(0, "Indeed. ");
        assert_eq!(sentences(&mut text, false).unwrap().len(), 105);
        assert_eq!(sentences(&mut text, false), None);
        assert_eq!(sentences(&mut text, true).unwrap(), "This sentence is not over");
        assert_eq!(sentences(&mut text, true), None);
    }

    #[test]
    fn no_portion_is_too_heavy_whatever_the_script() {
        for piece in ["word ", "wordswithoutend", "你好世界", "你好。", "One. Two! "] {
            let mut text = piece.repeat(2_000);
            let whole = text.split_whitespace().collect::<String>();
            let mut all = String::new();
            while let Some(portion) = sentences(&mut text, true) {
                assert!(weight(&portion) <= APPEND && !portion.is_empty());
                all.push_str(&portion);
            }
            assert_eq!(all.split_whitespace().collect::<String>(), whole, "nothing is lost");
        }
    }
}
