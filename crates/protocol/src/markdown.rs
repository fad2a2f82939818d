//! Written text without the marks of Markdown: as it is said, and as a caption shows it.

/// What a line is, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Line {
    /// Running text.
    #[default]
    Text,
    /// A heading or an item of a list: it ends with a pause, whether it has a full stop or not.
    Block,
    /// A row of a table.
    Row,
    /// Nothing to say: a rule, or the line below a table's head.
    Rule,
}

impl Line {
    pub(crate) fn of(line: &str) -> Self {
        let text = unquoted(line);
        let is_drawn = |marks: &[char]| {
            text.len() >= 3 && text.chars().all(|character| marks.contains(&character) || character.is_whitespace())
        };
        if is_drawn(&['|', '-', ':', '+', '=']) || is_drawn(&['*']) || is_drawn(&['_']) {
            Self::Rule
        } else if text.starts_with('|') {
            Self::Row
        } else if heading(text).is_some() || bullet(text).is_some() || number(text).is_some() {
            Self::Block
        } else {
            Self::Text
        }
    }
}

/// Whether a line begins or ends a block of code.
pub(crate) fn is_fence(line: &str) -> bool {
    let line = unquoted(line);
    line.starts_with("```") || line.starts_with("~~~")
}

/// A piece of a line; `is_start`: it begins the line.
pub(crate) fn spoken_line(piece: &str, line: Line, is_start: bool) -> String {
    let text = if is_start { unquoted(piece) } else { piece.trim() };
    let spoken = match line {
        Line::Rule => return String::new(),
        Line::Row => {
            let cells = text.split('|').map(spoken).filter(|cell| !cell.is_empty());
            cells.collect::<Vec<_>>().join(", ")
        }
        Line::Block if is_start => {
            let text = heading(text).unwrap_or(text);
            spoken(bullet(text).unwrap_or(text))
        }
        Line::Block | Line::Text => spoken(text),
    };
    let ends = line != Line::Text && (piece.ends_with('\n') || line == Line::Row);
    match spoken.chars().next_back() {
        Some(last) if ends && last.is_alphanumeric() => spoken + if last >= '\u{2E80}' { "。" } else { "." },
        Some(_) | None => spoken,
    }
}

/// A caption: the words that are said, line by line, without their marks. What is there to be read stays: addresses,
/// emojis, blocks of code.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_code = false;
    for line in text.split_inclusive('\n') {
        let is_fence = is_fence(line);
        if is_code || is_fence {
            out.push_str(line);
        } else {
            plain_line(line, &mut out);
        }
        is_code ^= is_fence;
    }
    out
}

fn plain_line(line: &str, out: &mut String) {
    const MARKS: [char; 10] = ['*', '_', '`', '#', '[', '<', '>', '|', '~', '\\'];
    let text = unquoted(line);
    let kind = Line::of(line);
    let is_listed = bullet(text).is_some();
    if !line.contains(MARKS) && !is_listed && kind != Line::Rule {
        return out.push_str(line);
    }
    match kind {
        Line::Rule => {}
        Line::Row => {
            let cells = text.split('|').map(unmarked).filter(|cell| !cell.is_empty());
            out.push_str(&cells.collect::<Vec<_>>().join(", "));
        }
        Line::Block | Line::Text => {
            let text = heading(text).unwrap_or(text);
            out.push_str(&unmarked(bullet(text).unwrap_or(text)));
        }
    }
    out.push_str(line.get(line.trim_end().len()..).unwrap_or_default());
}

fn unmarked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    strip(text, &mut out, 0, Form::Read);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What becomes of what only the eye can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It is left out, or said in another way.
    Spoken,
    /// The same in code: a number in brackets is an index there.
    SpokenCode,
    /// It stays.
    Read,
}

/// Behind the marks of a heading.
fn heading(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches('#');
    let is_heading = (1..=6).contains(&(text.len() - rest.len())) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    is_heading.then(|| rest.trim_start())
}

/// Without the marks of a quotation.
fn unquoted(line: &str) -> &str {
    line.trim_start_matches(|character: char| character.is_whitespace() || character == '>').trim_end()
}

/// Behind the bullet of a list, and its box if it has one.
fn bullet(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(['-', '*', '+', '•'])?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let boxes = ["[ ] ", "[x] ", "[X] "];
    Some(boxes.iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or(rest))
}

/// Behind the number of a list.
fn number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let has_digits = rest.len() < text.len() && text.len() - rest.len() <= 3;
    rest.strip_prefix(['.', ')']).filter(|rest| has_digits && rest.starts_with([' ', '\t']))
}

/// Without emphasis, code marks, the addresses of links, tags, emojis. Empty if nothing is left to say.
fn spoken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    strip(text, &mut out, 0, Form::Spoken);
    let words = out.split(|one: char| one.is_whitespace() || one == '_').filter(|word| !word.is_empty());
    let said = words.collect::<Vec<_>>().join(" ");
    if said.chars().any(char::is_alphanumeric) { said } else { String::new() }
}

/// Links in links are read no deeper than this.
const DEEPEST: usize = 4;

fn strip(text: &str, out: &mut String, depth: usize, form: Form) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = out.chars().next_back();
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let next = after.chars().next();
        let taken = match first {
            '!' if next == Some('[') => None,
            '[' if depth < DEEPEST => link(after, out, depth, form),
            '<' => tag(after, out, form),
            'h' if rest.starts_with("http://") || rest.starts_with("https://") => Some(address(rest, out, form)),
            '\\' if next.is_some_and(|next| next.is_ascii_punctuation()) => {
                out.extend(next);
                Some(after.get(1..).unwrap_or_default())
            }
            '`' => Some(code(rest, out, depth, form)),
            '~' if next == Some('~') => after.get(1..),
            '*' | '_' => Some(emphasis(first, before, after, out)),
            _ if form != Form::Read && is_picture(first) => {
                out.push(' ');
                Some(after)
            }
            _ => {
                out.push(first);
                Some(after)
            }
        };
        rest = match taken {
            Some(taken) => taken,
            None if first == '!' => after,
            None => {
                out.push(if first == '[' && form != Form::Read { ' ' } else { first });
                after
            }
        };
    }
}

/// `text](address)` as its text, notes and numbers of sources as nothing.
fn link<'a>(after: &'a str, out: &mut String, depth: usize, form: Form) -> Option<&'a str> {
    let (text, rest) = split_at_close(after, '[', ']')?;
    let target = rest.strip_prefix('(').and_then(|rest| split_at_close(rest, '(', ')'));
    let named = || rest.strip_prefix('[').filter(|_| !is_number(text)).and_then(|rest| split_at_close(rest, '[', ']'));
    let behind = target.or_else(named).map(|(_, behind)| behind);
    let is_note = form != Form::SpokenCode && (text.starts_with('^') || is_citation(text, out, behind, rest));
    if !is_note && behind.is_none() && form == Form::Read {
        // It is no link.
        return None;
    }
    if !is_note {
        if is_number(text) && behind.is_none() {
            out.push(' ');
        }
        strip(text, out, depth + 1, form);
    }
    Some(behind.unwrap_or(rest))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a number in brackets names a source, as in `Paris[1]` or `so. [2]`; in `a[0]` it is an index, in
/// `issue [42](address)` words. `before`: all up to it; `linked`: what is behind its address, if it has one.
fn is_citation(text: &str, before: &str, linked: Option<&str>, rest: &str) -> bool {
    let is_short = is_number(text) && text.len() <= 3 && !text.starts_with('0');
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let is_indexed = || is_identifier(word) || (linked.is_none() && is_in_code(rest));
    is_short && !(linked.is_some() && word.is_empty()) && !is_indexed()
}

/// Whether this is written as in a program rather than as a word: `a`, `my_list`, `myList`, `x1`, `a.b`, `f(x)`, `m[1]`.
fn is_identifier(word: &str) -> bool {
    if !word.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | ')' | ']')) {
        return false;
    }
    let name = word.trim_start_matches(|first: char| !first.is_alphanumeric() && first != '_');
    let has = |what: fn(char) -> bool| name.contains(what);
    let is_letter = name.len() == 1 && has(|one| one.is_ascii_alphabetic());
    let is_camel = name.starts_with(char::is_lowercase) && has(char::is_uppercase);
    let is_counted = has(char::is_alphabetic) && has(|one| one.is_ascii_digit()) && !has(|one| one == '-');
    let is_code = has(|one| matches!(one, '_' | '.' | '(' | '[')) && has(char::is_alphabetic);
    is_letter || is_camel || is_counted || is_code
}

/// Whether what is behind a bracket goes on as a program does: `list[1].name`, `list[1] = 2`.
fn is_in_code(rest: &str) -> bool {
    let is_name = |text: &str| text.starts_with(|first: char| first.is_alphanumeric() || first == '_');
    is_name(rest) || rest.strip_prefix('.').is_some_and(is_name) || rest.trim_start().starts_with('=')
}

/// Code in a line: to be read it stays as it is written. Its marks alone go while its end has not come.
fn code<'a>(text: &'a str, out: &mut String, depth: usize, form: Form) -> &'a str {
    let inside = text.trim_start_matches('`');
    let marks = text.get(..text.len() - inside.len()).unwrap_or_default();
    let Some((code, rest)) = inside.split_once(marks) else { return inside };
    match form {
        Form::Read => out.push_str(code),
        Form::Spoken | Form::SpokenCode => strip(code, out, depth, Form::SpokenCode),
    }
    rest
}

/// Up to the closing mark that belongs to an opening one, and what is behind it.
fn split_at_close(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close && depth == 0 {
            return Some((text.get(..at)?, text.get(at + close.len_utf8()..)?));
        } else if character == close {
            depth -= 1;
        }
    }
    None
}

/// `<b>` as nothing, `<https://…>` as an address.
fn tag<'a>(after: &'a str, out: &mut String, form: Form) -> Option<&'a str> {
    let (inside, rest) = after.split_once('>')?;
    if inside.starts_with("http://") || inside.starts_with("https://") {
        address(inside, out, form);
        return Some(rest);
    }
    let is_tag = inside.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/') && inside.len() < 100;
    is_tag.then(|| {
        out.push(' ');
        rest
    })
}

/// A bare address as the name of its server.
fn address<'a>(text: &'a str, out: &mut String, form: Form) -> &'a str {
    let is_outside =
        |character: char| character.is_whitespace() || matches!(character, '<' | '>' | '"' | ')' | ']' | '*');
    let (address, rest) = text.split_at(text.find(is_outside).unwrap_or(text.len()));
    if form == Form::Read {
        out.push_str(address);
        return rest;
    }
    let trimmed = address.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    let name = trimmed.split_once("://").map_or(trimmed, |(_, name)| name);
    let name = name.split(['/', '?', '#']).next().unwrap_or_default();
    out.push_str(name.strip_prefix("www.").unwrap_or(name));
    out.push_str(address.get(trimmed.len()..).unwrap_or_default());
    rest
}

/// Marks of emphasis go; a star between numbers and a line within a name stay.
fn emphasis<'a>(mark: char, before: Option<char>, after: &'a str, out: &mut String) -> &'a str {
    let rest = after.trim_start_matches(mark);
    let next = rest.chars().next();
    let is_single = rest.len() == after.len();
    let is_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let is_blank = |character: Option<char>| character.is_none_or(char::is_whitespace);
    let is_number = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
    if mark == '_' && is_word(before) && is_word(next) {
        out.push(mark);
    } else if mark == '*' && is_single {
        let is_product = (is_number(before) && is_number(next)) || (is_blank(before) && is_blank(next));
        if is_product {
            out.push(mark);
        }
    }
    rest
}

/// Emojis, arrows, ornaments, and the marks that join them.
fn is_picture(character: char) -> bool {
    matches!(character,
        '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{2190}'..='\u{21FF}'
        | '\u{25A0}'..='\u{25FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{200B}'..='\u{200D}' | '\u{20E3}' | '\u{E0020}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_have_words_and_no_marks() {
        let cases = [
            ("**Hi** there, _you_ and ~~me~~.", "Hi there, you and me."),
            ("# Lunch\n\n- `soup`\n* **bread**\n1. Eat.\n> Enjoy!", "Lunch\n\nsoup\nbread\n1. Eat.\nEnjoy!"),
            ("See [this](https://x.y/a_b) [1], or https://x.y/_a_b_.", "See this , or https://x.y/_a_b_."),
            ("| day | sky |\n|---|---|\n| Monday | *blue* |\n", "day, sky\n\nMonday, blue\n"),
            ("---\nIt runs with `cargo run`. ", "\nIt runs with cargo run. "),
            ("Half a **word", "Half a word"),
            ("Half a [link](https://x", "Half a [link](https://x"),
            ("<b>Bold</b> \\*star\\*", "Bold *star*"),
            ("Try `ls *.txt` or ``a_`b`_c`` on a `Vec<u8>`.", "Try ls *.txt or a_`b`_c on a Vec<u8>."),
            ("Half a `name", "Half a name"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    /// Text, its caption, how it is said.
    #[test]
    fn numbers_of_sources_go_and_indexes_stay() {
        let cases = [
            ("Paris[1] it is.", "Paris it is.", "Paris it is."),
            ("It is so.[1][2] Yes.", "It is so. Yes.", "It is so. Yes."),
            ("It is **so** [3].", "It is so .", "It is so ."),
            ("OpenAI[1], in 2024[2], by GPT-4o[12].", "OpenAI, in 2024, by GPT-4o.", "OpenAI, in 2024, by GPT-4o."),
            ("It is so (see below)[1].", "It is so (see below).", "It is so (see below)."),
            ("Rome[1](https://x.y) and *Nice*.[[2]](https://x.y)", "Rome and Nice.", "Rome and Nice."),
            ("A note[^1] [^two].", "A note .", "A note ."),
            ("Take a[0] of it.", "Take a[0] of it.", "Take a 0 of it."),
            ("Take a[1], m[12].", "Take a[1], m[12].", "Take a 1, m 12."),
            ("Take myList[2].", "Take myList[2].", "Take myList 2."),
            ("Take snake_name[1].", "Take snake_name[1].", "Take snake name 1."),
            ("Take `items[1]`, `[2]`.", "Take items[1], [2].", "Take items 1, 2."),
            ("Run `cargo` [1] or `make`.[2]", "Run cargo or make.", "Run cargo or make."),
            ("An _old_ name[1] and a `name[2", "An old name and a name[2", "An old name and a name 2"),
            ("x1[2], a.b[3], f(x)[4]", "x1[2], a.b[3], f(x)[4]", "x1 2, a.b 3, f(x) 4"),
            ("items[1].name, items[1] = 5", "items[1].name, items[1] = 5", "items 1.name, items 1 = 5"),
            ("The first is items[0].", "The first is items[0].", "The first is items 0."),
            ("See [42](https://x.y) of [2024].", "See 42 of [2024].", "See 42 of 2024."),
            ("An empty list is [].", "An empty list is [].", "An empty list is ."),
        ];
        for (text, caption, said) in cases {
            assert_eq!(plain(text), caption, "{text}");
            assert_eq!(spoken(text), said, "{text}");
        }
    }

    #[test]
    fn what_has_no_marks_stays_as_it_is() {
        let texts = [
            "",
            " It is noon,  isn't it? ",
            "3 * 4 is 12, and C# is #1.",
            "snake_case 🙂 [laughs] a < b [] a[0] m[1][2] my_list[1]",
            "1. One\n2. Two\n  indented",
            "Read:\n```rust\nlet **x** = `1`;\n# no\n```\nDone.",
        ];
        for text in texts {
            assert_eq!(plain(text), text);
        }
    }
}
