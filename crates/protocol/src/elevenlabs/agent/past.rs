//! What was said on earlier connections, which an agent is told as a remark.

/// An agent needs to know how the conversation went, not every word of a long one; in characters.
const MOST: usize = 12_000;

/// Messages that the conversation created and the agent has not been told.
#[derive(Debug, Default)]
pub(super) struct Past {
    messages: Vec<(bool, String)>,
    /// Something was told: this connection continues a conversation.
    has_been: bool,
}

impl Past {
    pub(super) fn add(&mut self, is_by_user: bool, text: &str) {
        self.messages.push((is_by_user, text.to_owned()));
    }

    /// There was something before this connection.
    pub(super) fn is_continued(&self) -> bool {
        self.has_been || !self.messages.is_empty()
    }

    /// The newest message, if it is the user's: a question that was not answered.
    pub(super) fn question(&mut self) -> Option<String> {
        self.messages.pop_if(|(is_by_user, _)| *is_by_user).map(|(_, text)| text)
    }

    /// The rest, once, as a remark.
    pub(super) fn remark(&mut self) -> Option<String> {
        if self.messages.is_empty() {
            return None;
        }
        self.has_been = true;
        let line = |(is_by_user, text): (bool, String)| format!("{}: {text}", if is_by_user { "User" } else { "You" });
        let lines: Vec<String> = std::mem::take(&mut self.messages).into_iter().map(line).collect();
        let mut whole = lines.join("\n");
        let excess = whole.chars().count().saturating_sub(MOST);
        if excess > 0 {
            whole = format!("…{}", whole.chars().skip(excess).collect::<String>());
        }
        Some(format!("This conversation began earlier. It went like this so far:\n{whole}"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_newest_question_is_kept_out_of_the_remark() {
        let mut past = Past::default();
        assert!(!past.is_continued() && past.remark().is_none() && past.question().is_none());
        for (is_by_user, text) in [(true, "Hi"), (false, "Hello"), (true, "How are you?")] {
            past.add(is_by_user, text);
        }
        assert_eq!(past.question().unwrap(), "How are you?");
        assert_eq!(past.question(), None);
        assert!(past.remark().unwrap().ends_with("\nUser: Hi\nYou: Hello"));
        assert!(past.is_continued() && past.remark().is_none());
    }

    #[test]
    fn of_a_long_past_the_end_is_told() {
        let mut past = Past::default();
        past.add(true, &"é".repeat(2 * MOST));
        past.add(false, "The end.");
        let remark = past.remark().unwrap();
        assert!(remark.ends_with("The end.") && remark.chars().count() < MOST + 100);
    }
}
