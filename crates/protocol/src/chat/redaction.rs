//! Other people's words made fit to be shown: short, on one line, and without keys.

/// Characters of a message.
const LONGEST: usize = 500;
/// What stands for a key.
const REMOVED: &str = "[removed]";
/// How the keys of the providers begin.
const PREFIXES: &[&str] =
    &["sk-", "sk_", "AIza", "gsk_", "hf_", "pplx-", "xai-", "csk-", "eyJ", "ya29.", "AQ.", "ghp_", "key-", "cfut_"];

/// Cuts and cleans a message.
pub(super) fn presentable(text: &str) -> String {
    // Enough to fill the message even when keys fall out; the rest is not worth the work.
    let text = &text[..text.floor_char_boundary(16 * LONGEST)];
    let mut clean = String::new();
    let mut is_bearer = false;
    for word in text.split_whitespace() {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.push_str(&if is_bearer { REMOVED.to_owned() } else { without_keys(word) });
        is_bearer = word.trim_matches(|letter: char| !letter.is_alphanumeric()).eq_ignore_ascii_case("bearer");
    }
    match clean.char_indices().nth(LONGEST) {
        // The sign that more was said counts too.
        Some(_) => clean.chars().take(LONGEST - 1).chain(['…']).collect(),
        None => clean,
    }
}

/// A word with every run of letters that looks like a key replaced.
fn without_keys(word: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '*' | '…');
    let mut clean = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        // A query or a form: `?key=…`, `api_key=…`.
        let is_named = ["key=", "token="].iter().any(|name| ends_with(&clean, name));
        clean.push_str(if !run.is_empty() && (is_named || is_key(run)) { REMOVED } else { run });
        let next = after.find(is_part).unwrap_or(after.len());
        clean.push_str(&after[..next]);
        rest = &after[next..];
    }
    clean
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|start| text.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

fn is_key(run: &str) -> bool {
    let has_prefix = PREFIXES.iter().any(|prefix| {
        run.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() >= 6 && rest.contains(|letter: char| !letter.is_ascii_lowercase()))
    });
    let has = |test: fn(&char) -> bool| run.chars().any(|letter| test(&letter));
    let is_random =
        run.len() >= 32 && has(char::is_ascii_digit) && has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    has_prefix || is_random
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_provider_disappear() {
        let keys = [
            "sk-proj-abcdefghijklmnop1234",
            "sk-ant-api03-XyZ_12345-abcdef",
            "sk-abcd********wxyz",
            "AIzaSyA1234567890abcdefghijklmnopqrstu",
            "gsk_abcdEFGH12345678",
            "hf_AbCdEfGhIjKl",
            "pplx-0123456789abcdef",
            "xai-0123456789abcdef",
            "csk-0123456789abcdef",
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2ln",
            "ya29.a0AfH6SMB-x",
            "Abcdefghij0123456789KLMNOPQRSTUVWXYZ_-ab",
        ];
        for key in keys {
            for text in [
                format!("Incorrect API key provided: {key}. You can find it there."),
                format!("Bearer {key}"),
                format!("GET /v1?key={key}&alt=sse"),
                format!("\"{key}\""),
                format!("header({key}),"),
            ] {
                let shown = presentable(&text);
                assert!(!shown.contains(&key[..key.len().min(12)]), "{shown}");
                assert!(shown.contains(REMOVED), "{shown}");
            }
        }
        assert!(!presentable("authorization: Bearer plainwords refused").contains("plainwords"));
        assert!(!presentable("/x?api_key=short is wrong").contains("short"));
    }

    #[test]
    fn ordinary_words_stay() {
        let text = "The model `accounts/x/llama-4-maverick-17b-128e-instruct-fp8` needs sk-learn (req_011CSHoEeqs5C35K2UUqR7Fy).";
        assert_eq!(presentable(text), text);
        assert_eq!(presentable("  two\n lines\t"), "two lines");
    }

    #[test]
    fn a_message_has_500_characters_at_most() {
        assert_eq!(presentable(&"ä".repeat(500)).chars().count(), 500);
        let long = presentable(&"ä b ".repeat(900));
        assert_eq!(long.chars().count(), 500);
        assert!(long.ends_with('…'));
    }
}
