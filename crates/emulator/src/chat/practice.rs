//! What the practice partner answers in writing.

use serde_json::Value;

use super::provider::Format;
use super::script::Answer;

/// What a request says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prompt {
    /// The last message.
    pub(super) last: String,
    /// All of them.
    pub(super) all: String,
}

impl Prompt {
    pub(super) fn read(format: Format, body: &Value) -> Self {
        let messages = match format {
            Format::Chat | Format::Messages => &body["messages"],
            Format::Responses => &body["input"],
            Format::Generate => &body["contents"],
        };
        let mut all = String::new();
        for part in [&body["system"], &body["instructions"], &body["systemInstruction"], messages] {
            gather(part, &mut all);
        }
        let mut last = String::new();
        gather(messages.as_array().and_then(|messages| messages.last()).unwrap_or(messages), &mut last);
        Self { last, all }
    }
}

/// All text in there.
fn gather(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => into.push_str(text),
        Value::Array(values) => values.iter().for_each(|value| gather(value, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if ["content", "parts", "text"].contains(&name.as_str()) {
                    gather(value, into);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The answer: to a few words something to look at, else an echo.
pub(super) fn answer(prompt: &Prompt) -> Answer {
    match prompt.last.trim().to_lowercase().as_str() {
        "table" => Answer::say(TABLE),
        "code" => Answer::say(CODE),
        "list" => Answer::say(LIST),
        "long" => Answer::say(LONG.repeat(40)),
        "think" => Answer::say("Forty-two, I should say.")
            .thinking("What is asked of me? To think. So I think aloud for a while, and then I say what came of it."),
        "sources" => Answer::say("This stands in a book [1] and on a page [2].")
            .citing("https://example.org/book", "A book")
            .citing("https://example.org/page", "A page"),
        "" => Answer::say("Hello. I am the practice partner: I repeat what you write."),
        _ => Answer::say(format!("You wrote: “{}”.\n\n{INVITATION}", shortened(prompt.last.trim()))),
    }
}

const INVITATION: &str = "I am the practice partner, a small program inside this app: no key, no network, no cost. \
    Write **table**, **code**, **list**, **sources**, **think** or **long** to see how such an answer looks. \
    With a provider’s key you talk with a real model.";

const TABLE: &str = "Three planets:\n\n| planet | moons | day |\n|:--|--:|--:|\n| Earth | 1 | 24 h |\n| Mars | 2 | 24.6 h |\n\
    | Jupiter | 97 | 9.9 h |\n\nThe numbers are real, the wisdom is not.";

const CODE: &str = "A greeting in Rust:\n\n```rust\nfn main() {\n    println!(\"Hello, world!\");\n}\n```\n\nIt runs with `cargo run`.";

const LIST: &str = "Before you speak:\n\n1. Choose the microphone.\n2. Look at the level.\n   - Green is good.\n   - Red is too loud.\n\
    3. Say something.\n\n> Practice makes perfect.";

const LONG: &str = "Here is one more paragraph of a long answer, so that you can see how it scrolls, and try to stop it. \
    It says nothing that was not said before, and it says it patiently.\n\n";

/// A text in pieces of so many words; together they are the text.
pub(super) fn pieces(text: &str, words: usize) -> Vec<String> {
    let all: Vec<&str> = text.split_inclusive(' ').collect();
    all.chunks(words.max(1)).map(<[&str]>::concat).collect()
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
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_message_is_found_in_every_format() {
        let chat = json!({"messages": [{"role": "system", "content": "Be kind."}, {"role": "user",
            "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "this?"}]}]});
        let responses = json!({"instructions": "Be kind.", "input": "What is this?"});
        let messages = json!({"system": "Be kind.", "messages": [{"role": "user", "content": "What is this?"}]});
        let generate = json!({"systemInstruction": {"parts": [{"text": "Be kind."}]},
            "contents": [{"role": "user", "parts": [{"text": "What is this?"}]}]});
        for (format, body) in [
            (Format::Chat, chat),
            (Format::Responses, responses),
            (Format::Messages, messages),
            (Format::Generate, generate),
        ] {
            let prompt = Prompt::read(format, &body);
            assert_eq!(
                prompt,
                Prompt { last: "What is this?".into(), all: "Be kind.What is this?".into() },
                "{format:?}"
            );
        }
    }

    #[test]
    fn it_quotes_or_shows_something() {
        let say = |last: &str| answer(&Prompt { last: last.into(), all: String::new() });
        assert!(say("Good morning").text.starts_with("You wrote: “Good morning”."));
        assert!(say(&"ä".repeat(300)).text.contains("ä…”"));
        assert!(say(" Table ").text.contains("| Mars |"));
        assert!(!say("think").reasoning.is_empty());
        assert_eq!(say("sources").citations.len(), 2);
    }

    #[test]
    fn pieces_add_up_to_the_text() {
        for words in [0, 1, 3] {
            assert_eq!(pieces(LIST, words).concat(), LIST);
        }
        assert!(pieces("", 3).is_empty());
    }
}
