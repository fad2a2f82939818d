//! Finding conversations by words: one query over both indexes, best matches first.

use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::conversation::{self, ENTRY, Entry};

/// A piece of a text in which something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether this is what was looked for.
    pub is_match: bool,
}

/// Marks around what was found: characters that Unicode keeps for such use inside a program.
const BEGIN: char = '\u{FDD0}';
const END: char = '\u{FDD1}';
/// Words that are looked for at most.
const WORDS: usize = 32;

pub(crate) fn find(connection: &Connection, query: &str, limit: u32) -> Result<Vec<Entry>, Error> {
    let Some(expression) = expression(query) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(&sql())?;
    let entries = statement.query_map((expression, limit, BEGIN.to_string(), END.to_string()), found)?;
    Ok(entries.collect::<Result<_, _>>()?)
}

/// The best 2000 messages and titles; of each conversation the best message. A word in a title counts four times. What is
/// shown of them is cut out in one more pass (the `+` keeps SQLite from a search of its own for each).
fn sql() -> String {
    format!(
        "WITH text (id, score) AS MATERIALIZED (
             SELECT rowid, rank FROM message_words WHERE message_words MATCH ?1 ORDER BY rank LIMIT 2000
         ), title (id, score) AS MATERIALIZED (
             SELECT rowid, rank * 4 FROM title_words WHERE title_words MATCH ?1 ORDER BY rank LIMIT 2000
         ), hit (conversation, message, score) AS (
             SELECT message.conversation, message.id, min(text.score)
                 FROM text CROSS JOIN message ON message.id = text.id GROUP BY message.conversation
             UNION ALL SELECT id, NULL, score FROM title
         ), best (conversation, message, score) AS MATERIALIZED (
             SELECT conversation, max(message), sum(score) AS score FROM hit
                 GROUP BY conversation ORDER BY score, conversation DESC LIMIT ?2
         ), shown_title (id, marked) AS MATERIALIZED (
             SELECT rowid, highlight(title_words, 0, ?3, ?4) FROM title_words
                 WHERE title_words MATCH ?1 AND +rowid IN (SELECT conversation FROM best)
         ), shown_text (id, marked) AS MATERIALIZED (
             SELECT rowid, snippet(message_words, 0, ?3, ?4, '…', 16) FROM message_words
                 WHERE message_words MATCH ?1 AND +rowid IN (SELECT message FROM best)
         )
         SELECT {ENTRY}, best.message, shown_title.marked, shown_text.marked
         FROM best CROSS JOIN conversation AS c ON c.id = best.conversation
             LEFT JOIN shown_title ON shown_title.id = c.id
             LEFT JOIN shown_text ON shown_text.id = best.message
         ORDER BY best.score, c.id DESC"
    )
}

fn found(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let mut entry = conversation::entry(row)?;
    entry.hit = row.get(6)?;
    let title: Option<String> = row.get(7)?;
    entry.title_pieces = pieces(title.as_ref().unwrap_or(&entry.title));
    let snippet: Option<String> = row.get(8)?;
    entry.snippet = pieces(&snippet.unwrap_or_default());
    Ok(entry)
}

/// What the index is asked for: every word quoted, so that nothing in it is syntax; the last one may go on, unless a
/// space follows or it is a single letter, with which nearly every word begins. `None`: there are no words.
fn expression(query: &str) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c);
    let words: Vec<&str> = query.split(|c| !is_part(c)).filter(|word| !word.is_empty()).take(WORDS).collect();
    let mut expression = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" AND ");
    if query.ends_with(is_part) && words.last().is_some_and(|word| word.len() > 1) {
        expression.push('*');
    }
    (!words.is_empty()).then_some(expression)
}

/// Splits a marked text, in one line.
fn pieces(marked: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut is_match = false;
    for c in marked.chars() {
        match c {
            BEGIN => is_match = true,
            END => is_match = false,
            c => {
                let c = if c.is_whitespace() { ' ' } else { c };
                match pieces.last_mut() {
                    Some(last) if last.is_match == is_match => last.text.push(c),
                    Some(_) | None => pieces.push(Piece { text: c.into(), is_match }),
                }
            }
        }
    }
    pieces
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn among_ten_thousand_conversations_a_search_reads_only_indexes() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        connection
            .execute_batch(
                "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < 10000)
                 INSERT INTO conversation (id, title, created_ms, updated_ms, leaf)
                     SELECT n, 'Title ' || n, n, n, n FROM number;
                 WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < 10000)
                 INSERT INTO message (id, conversation, role, kind, text, created_ms, state)
                     SELECT n, n, 'user', 'text', 'common words and word' || n, n, 'done' FROM number;
                 ANALYZE;",
            )
            .unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql())).unwrap();
        let expression = expression("word4711").unwrap();
        let steps = statement.query_map((expression, 50, "", ""), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(steps.iter().any(|step| step.contains("message_words VIRTUAL TABLE INDEX")), "{steps:#?}");
        // What is gone through from beginning to end are the two indexes by their words, and what they gave.
        let given =
            ["text", "title", "hit", "best", "(subquery", "shown", "message_words VIRTUAL", "title_words VIRTUAL"];
        for step in steps.iter().filter_map(|step| step.strip_prefix("SCAN ")) {
            assert!(given.iter().any(|given| step.starts_with(given)), "{step} in {steps:#?}");
        }
        let found = find(&connection, "word4711", 50).unwrap();
        assert_eq!(found.iter().map(|entry| entry.id.0).collect::<Vec<_>>(), [4711]);
        assert_eq!(find(&connection, "common", 50).unwrap().len(), 50);
        assert_eq!(find(&connection, "title", 50).unwrap().len(), 50);
    }
}
