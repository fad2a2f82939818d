use super::*;

/// Feeds an answer in pieces of so many characters; tells what is spoken, a sentence an entry.
fn spoken(answer: &str, piece: usize) -> Vec<String> {
    let sentences = split(answer, piece);
    let written: String = sentences.iter().map(|sentence| sentence.written.as_str()).collect();
    assert_eq!(written, answer, "the caption is the answer");
    let said = sentences.into_iter().map(|sentence| sentence.spoken.trim().to_owned());
    said.filter(|said| !said.is_empty()).collect()
}

fn split(answer: &str, piece: usize) -> Vec<Sentence> {
    let mut splitter = Splitter::new("CODE.");
    let characters: Vec<char> = answer.chars().collect();
    let mut sentences = Vec::new();
    for piece in characters.chunks(piece) {
        sentences.extend(splitter.push(&piece.iter().collect::<String>()));
    }
    sentences.extend(splitter.finish());
    sentences
}

/// Cut alike however the model's pieces fall.
#[track_caller]
fn check(answer: &str, expected: &[&str]) {
    for piece in [1, 2, 3, 7, 1_000] {
        assert_eq!(spoken(answer, piece), expected, "in pieces of {piece}");
    }
}

#[test]
fn sentences_end_where_they_end() {
    check(
        "Hello there. How are you? Fine! And you…  Good.",
        &["Hello there.", "How are you?", "Fine!", "And you…", "Good."],
    );
    check(
        "He said \"No.\" Then (really!) he left. \"Why?\" she asked.",
        &["He said \"No.\"", "Then (really!)", "he left.", "\"Why?\"", "she asked."],
    );
    check("Wait... what?! Yes.", &["Wait...", "what?!", "Yes."]);
}

#[test]
fn abbreviations_numbers_and_addresses_do_not_end_one() {
    check(
        "Dr. Smith pays 3.50 euros, e.g. on 3. May at example.com today. Yes.",
        &["Dr. Smith pays 3.50 euros, e.g. on 3. May at example.com today.", "Yes."],
    );
    check(
        "Das gilt z.B. für J. S. Bach usw. und so weiter. Ende.",
        &["Das gilt z.B. für J. S. Bach usw. und so weiter.", "Ende."],
    );
    check("It was 1999. Version 2.0.1 came.", &["It was 1999.", "Version 2.0.1 came."]);
}

#[test]
fn scripts_without_spaces_are_cut_at_their_own_marks() {
    check("你好。今天天气很好！我们走吧？好的", &["你好。", "今天天气很好！", "我们走吧？", "好的"]);
    check("彼は「はい。」と言った。終わり。", &["彼は「はい。」", "と言った。", "終わり。"]);
}

#[test]
fn the_first_piece_of_a_long_sentence_comes_at_a_comma() {
    let answer =
        "Well, that is a long story that began many years ago, when nobody thought of it, and it goes on. End.";
    check(
        answer,
        &[
            "Well, that is a long story that began many years ago,",
            "when nobody thought of it, and it goes on.",
            "End.",
        ],
    );
}

#[test]
fn a_sentence_without_an_end_is_cut_somewhere() {
    let answer = "word ".repeat(300);
    for sentence in split(&answer, 5) {
        assert!(sentence.spoken.len() <= 401, "{}", sentence.spoken.len());
    }
    let wall = "あ".repeat(1_000);
    assert!(split(&wall, 10).iter().all(|sentence| sentence.spoken.chars().count() <= 201));
}

#[test]
fn a_sentence_comes_out_as_soon_as_it_is_over() {
    let mut splitter = Splitter::new("");
    assert!(splitter.push("One two three.").is_empty(), "it may go on: three.14");
    assert_eq!(splitter.push(" F").len(), 1);
    assert!(splitter.push("our [a link. ").is_empty());
    assert_eq!(
        splitter.push("Still](https://x.y/z). Next").first().map(|it| it.spoken.as_str()),
        Some("Four a link. Still. ")
    );
}

#[test]
fn markdown_is_not_spoken() {
    check(
        "# The *title*\n\nSome **bold. Text** with `code.rs` and [a link](https://example.com/a.b?c=d).\n\n\
         1. First item\n2. Second item. With more\n- [x] Third ✅\n> quoted\n\n---\n***\nhttps://www.example.org/very/long. Done.",
        &[
            "The title.",
            "Some bold.",
            "Text with code.rs and a link.",
            "1. First item.",
            "2. Second item.",
            "With more.",
            "Third.",
            "quoted",
            "example.org.",
            "Done.",
        ],
    );
}

#[test]
fn code_is_named_once_and_tables_are_read_by_rows() {
    check("Look:\n```rust\nfn main() {}\n// One. Two.\n```\nNice.", &["Look:", "CODE.", "Nice."]);
    check("| Name | Age |\n|------|:---:|\n| **Ann** | 5 |\nEnd.", &["Name, Age.", "Ann, 5.", "End."]);
    check("```\nnever closed", &["CODE."]);
}

#[test]
fn what_only_looks_like_a_mark_stays() {
    check(
        "2 * 3 is 6, 2*3 too, and snake_case stays. A < B.",
        &["2 * 3 is 6, 2*3 too, and snake case stays.", "A < B."],
    );
    check("Wow 🎉🎉! A <b>bold</b> tag[^1] and a source [2].", &["Wow !", "A bold tag and a source ."]);
    check("🙂 👍", &[]);
    check("*Wait*. **", &["Wait."]);
}
