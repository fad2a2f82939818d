//! What both sides said, in words, for the text model that works behind the voice.

use crate::Role;
use crate::chat::Message;

/// Lines and characters that are kept: what a question to the text model should carry at most.
const LINES: usize = 60;
const LONGEST: usize = 4_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: Vec<(Role, String)>,
    /// What the user said that no question was made of yet.
    fresh: String,
    /// What the user said last as a whole.
    last: String,
}

impl Log {
    /// What was said on earlier connections; once.
    pub(super) fn begin_with(&mut self, history: &[(Role, String)]) {
        if self.lines.is_empty() {
            history.iter().for_each(|(role, text)| self.write(*role, text));
        }
    }

    /// A whole message.
    pub(super) fn write(&mut self, role: Role, text: &str) {
        self.lines.push((role, text.to_owned()));
        let excess = self.lines.len().saturating_sub(LINES);
        self.lines.drain(..excess);
    }

    /// A fragment of speech, which carries its own blanks.
    pub(super) fn add(&mut self, role: Role, fragment: &str) {
        match self.lines.last_mut() {
            Some((last, text)) if *last == role && text.len() < LONGEST => text.push_str(fragment),
            _ => self.write(role, fragment.trim_start()),
        }
        if role == Role::User && self.fresh.len() < LONGEST {
            self.fresh.push_str(fragment);
        }
    }

    /// What the user wants: said since the last time, or, if a delegation takes up the same words, the last of it.
    pub(super) fn task(&mut self) -> Option<String> {
        let fresh = std::mem::take(&mut self.fresh).trim().to_owned();
        if !fresh.is_empty() {
            self.last = fresh;
        }
        Some(self.last.clone()).filter(|task| !task.is_empty())
    }

    /// The conversation, and `task` as the question at its end.
    pub(super) fn question(&self, task: &str) -> Vec<Message> {
        let lines = self.lines.iter().map(|(role, text)| (*role, text.trim())).filter(|(_, text)| !text.is_empty());
        let is_asked = lines.clone().next_back().is_some_and(|(role, text)| role == Role::User && text.ends_with(task));
        let question = (!is_asked).then_some((Role::User, task));
        lines.chain(question).map(|(role, text)| Message::of(role.into(), text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Speaker;

    #[test]
    fn a_task_is_what_was_said_since_the_last_and_stands_at_the_end() {
        let mut log = Log::default();
        assert_eq!(log.task(), None);
        log.write(Role::Assistant, "Hello.");
        log.add(Role::User, " check the");
        log.add(Role::User, " log");
        log.add(Role::Assistant, " One moment.");
        assert_eq!(log.task().as_deref(), Some("check the log"));
        let said = Message::of;
        assert_eq!(
            log.question("check the log"),
            [
                said(Speaker::Assistant, "Hello."),
                said(Speaker::User, "check the log"),
                said(Speaker::Assistant, "One moment."),
                said(Speaker::User, "check the log")
            ]
        );
        assert_eq!(log.task().as_deref(), Some("check the log"), "the same words serve a second delegation");
        log.add(Role::User, " and again");
        assert_eq!(log.task().as_deref(), Some("and again"));
    }
}
