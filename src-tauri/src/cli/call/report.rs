//! What a call tells its terminal.

use std::collections::HashSet;
use std::path::Path;

use engine::api::{Change, Code, Delivery, Event, Item, Kind, Link, Note, Problem, Provider, Role, Talk};
use engine::gateway::Nanodollars;
use serde_json::json;

use crate::cli::failure::{Failure, words};
use crate::cli::print::{self, line, note};
use crate::cli::turn::Turn;

/// Tells each thing once, in words or as JSON.
#[derive(Debug)]
pub(super) struct Report {
    is_json: bool,
    told: HashSet<u64>,
    /// What was said last of the call's state and of a problem.
    state: String,
    problem: String,
}

impl Report {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, told: HashSet::new(), state: String::new(), problem: String::new() }
    }

    pub(super) fn event(&mut self, event: &Event, turn: &Turn) -> Result<(), Failure> {
        if self.is_json {
            return print::json(event);
        }
        match &event.change {
            Change::Call(_) => self.state(turn),
            Change::Item { item, .. } if is_done(item) => self.up_to(item.id, turn)?,
            Change::Problem(Some(problem)) => {
                self.problem = turn.explain(problem).words;
                note(&self.problem);
            }
            Change::Note(passing) => note(&passing_words(passing)),
            Change::Item { .. }
            | Change::Removed(_)
            | Change::Cleared
            | Change::Problem(None)
            | Change::Settings(_)
            | Change::Credentials(_)
            | Change::Devices(_)
            | Change::SoundCheck(_)
            | Change::Chat(_)
            | Change::ChatMessage(_)
            | Change::History(_)
            | Change::Models(_)
            | Change::Providers(_)
            | Change::Transfer(_)
            | Change::LocalApi(_)
            | Change::VoiceServers(_)
            | Change::Recording(_) => {}
        }
        Ok(())
    }

    /// Events were lost on the way.
    pub(super) fn missed(&self, count: u64) -> Result<(), Failure> {
        if self.is_json { print::json(&json!({ "type": "missed", "data": count })) } else { Ok(()) }
    }

    /// What earlier calls left without an answer.
    pub(super) fn unanswered(&self, count: usize) {
        let what = match count {
            0 => return,
            1 => "One question of an earlier call is".to_owned(),
            _ => format!("{count} questions of earlier calls are"),
        };
        if !self.is_json {
            note(&format!("{what} kept without an answer: Sidetone's window lists them, to be sent or removed."));
        }
    }

    /// What was not told yet, at the end; `unkept` tells why what has no answer could not be kept.
    pub(super) fn rest(&mut self, turn: &Turn, unkept: Option<&Problem>) -> Result<(), Failure> {
        if self.is_json {
            return unkept.map_or(Ok(()), |problem| print::json(&json!({ "type": "not_kept", "data": problem })));
        }
        let fate = fate(turn.call.provider, unkept);
        turn.items.iter().try_for_each(|item| self.item(item, &fate))
    }

    /// An item and what stands before it: a question is told before its answer, whatever came first.
    fn up_to(&mut self, id: u64, turn: &Turn) -> Result<(), Failure> {
        let end = turn.items.iter().position(|item| item.id == id).map_or(0, |at| at + 1);
        let is_clear = |item: &&Item| (item.is_final || !item.text.is_empty()) && item.delivery != Delivery::Kept;
        turn.items.iter().take(end).filter(is_clear).try_for_each(|item| self.item(item, ""))
    }

    /// Where the sound of the answer is.
    pub(super) fn sound(&self, file: &Path) -> Result<(), Failure> {
        if self.is_json { Ok(()) } else { line(format!("Sound   {}", file.display())) }
    }

    /// The same without words that were told already.
    pub(super) fn once(&self, failure: Failure) -> Failure {
        let words = if failure.words == self.problem { String::new() } else { failure.words };
        Failure { words, ..failure }
    }

    fn state(&mut self, turn: &Turn) {
        let state = match &turn.call.link {
            Link::Connecting => "connecting".to_owned(),
            Link::Reconnecting { attempt, of, problem } => {
                format!("reconnecting ({attempt} of {of}): {}", turn.explain(problem).words.replace("\n  ", " "))
            }
            Link::Idle | Link::Live => talk(turn.call.talk).to_owned(),
        };
        if state != self.state {
            note(&format!("· {state}"));
            self.state = state;
        }
    }

    fn item(&mut self, item: &Item, fate: &str) -> Result<(), Failure> {
        if !self.told.insert(item.id) {
            return Ok(());
        }
        row(item, fate).map_or(Ok(()), line)
    }
}

fn is_done(item: &Item) -> bool {
    let is_whole = match item.delivery {
        Delivery::Answered | Delivery::Complete | Delivery::Interrupted | Delivery::Failed => true,
        Delivery::Recording | Delivery::Sent | Delivery::Kept | Delivery::Arriving => false,
    };
    item.is_final && is_whole
}

/// What becomes of a question that has no answer.
fn fate(provider: Provider, unkept: Option<&Problem>) -> String {
    match unkept {
        _ if provider == Provider::Practice => "not kept: the practice partner can be asked again at any time".into(),
        None => "kept: Sidetone's window sends or removes it".into(),
        Some(Problem { code: Code::NoKeychain, .. }) => "not kept: no keychain".into(),
        Some(Problem { code: Code::KeychainLocked, .. }) => "not kept: the keychain is locked".into(),
        Some(problem) => format!("not kept: {}", problem.detail),
    }
}

fn is_unanswered(item: &Item) -> bool {
    item.role == Role::User && matches!(item.delivery, Delivery::Recording | Delivery::Sent | Delivery::Kept)
}

/// What has no words: how long it was, and what becomes of it.
fn remark(item: &Item, fate: &str) -> String {
    let is_speech = item.role == Role::User && item.kind == Kind::Spoken && item.text.trim().is_empty();
    let seconds = f64::from(item.duration_ms) / 1000.0;
    let speech = (is_speech && item.duration_ms > 0).then(|| format!("{seconds:.1} s of speech"));
    let fate = Some(fate).filter(|fate| is_unanswered(item) && !fate.is_empty()).map(str::to_owned);
    let remarks: Vec<String> = speech.into_iter().chain(fate).collect();
    if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) }
}

/// One line about an item; none about an empty one. `fate`: what becomes of it if it has no answer.
fn row(item: &Item, fate: &str) -> Option<String> {
    let who = match item.role {
        Role::User => "You",
        Role::Assistant => "Answer",
    };
    let mut text = match &item.kind {
        Kind::ToolCall(name) => format!("(asked for the tool {name})"),
        Kind::Spoken | Kind::Typed => item.text.trim().replace('\n', "\n        "),
    };
    text.push_str(&remark(item, fate));
    if !item.unheard.is_empty() {
        text.push_str(&format!(" [not heard: {}]", item.unheard.trim()));
    }
    if let Some(latency) = item.first_sound_ms {
        text.push_str(&format!(" (first sound after {latency} ms)"));
    }
    if let Some(problem) = &item.problem {
        text.push_str(&format!(" [{}]", words(problem)));
    } else if item.delivery == Delivery::Failed {
        text.push_str(" [broken off]");
    }
    (!text.is_empty()).then(|| format!("{who:7} {}", text.trim_start()))
}

fn talk(talk: Talk) -> &'static str {
    match talk {
        Talk::Ready => "ready",
        Talk::Listening => "listening",
        Talk::Thinking => "thinking",
        Talk::Speaking => "speaking",
        Talk::Muted => "muted",
        Talk::Blocked => "blocked",
    }
}

fn passing_words(passing: &Note) -> String {
    match passing {
        Note::DeviceReplaced { name } => format!("{name} stands in for the chosen device."),
        Note::DeviceBack { name } => format!("{name} is back."),
        Note::InsecureSubprotocol => {
            "This gateway takes the key in the subprotocol only, which proxies may log.".into()
        }
        Note::SessionOnlyKey => "There is no keychain: the key is kept until the end of this call.".into(),
        Note::PastGateway => "The gateway does not carry this voice: the call goes to the provider directly.".into(),
        Note::NetworkTooSlow => "The network is too slow: some of your words were dropped.".into(),
        Note::RecordingGap { ms } => format!("The disk is too slow: {ms} ms are missing in the recording."),
        Note::Renewed => "Continued on a fresh connection.".into(),
        Note::ContinuedOn { provider } => format!("The conversation goes on with {}.", provider.name()),
        Note::StoodIn { failed, provider, .. } => {
            format!("{} cannot answer now: {} goes on.", failed.name(), provider.name())
        }
        Note::HungUp { seconds } => {
            format!("Nobody spoke for {seconds} s: the call was ended, as this voice is paid by the second.")
        }
        Note::AgentLeft => "The agent ended the call.".into(),
        Note::BudgetNear { left_nano, limit_nano } => {
            let (left, limit) = (Nanodollars(*left_nano), Nanodollars(*limit_nano));
            format!("Of your budget of {limit} only {left} are left.")
        }
        Note::MutedCosts => "Muted, this voice costs as much: it is paid by the second.".into(),
        Note::SpeakingMuted => "You speak, but the microphone is muted.".into(),
        Note::HandsFree { name, .. } => {
            format!("{name} is in its telephone mode: listen on it, and speak into another microphone.")
        }
        Note::TurnEndsSoon { seconds } => format!("This turn is long: it is sent in {seconds} s."),
        Note::NotOpenYet => "The microphone was not open yet, so none of that was heard. Say it again.".into(),
        Note::TurnEnded => "This turn was as long as one can be: it was sent.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Item {
        Item {
            id: 1,
            role: Role::Assistant,
            kind: Kind::Spoken,
            text: text.into(),
            unheard: String::new(),
            is_final: true,
            delivery: Delivery::Complete,
            at: 0,
            duration_ms: 0,
            heard_ms: None,
            first_sound_ms: Some(180),
            waterfall: None,
            usage: None,
            problem: None,
        }
    }

    #[test]
    fn an_answer_is_one_line_with_its_latency() {
        assert_eq!(
            row(&item("Good morning."), "").as_deref(),
            Some("Answer  Good morning. (first sound after 180 ms)")
        );
    }

    #[test]
    fn the_unheard_part_is_told_apart() {
        let cut = Item { unheard: " and so on".into(), first_sound_ms: None, ..item("First") };
        assert_eq!(row(&cut, "").as_deref(), Some("Answer  First [not heard: and so on]"));
    }

    #[test]
    fn an_item_without_words_is_not_told() {
        assert_eq!(row(&Item { first_sound_ms: None, ..item("") }, ""), None);
    }

    #[test]
    fn speech_without_a_caption_is_told_by_its_length() {
        let answered = Item {
            role: Role::User,
            first_sound_ms: None,
            duration_ms: 2_430,
            delivery: Delivery::Answered,
            ..item("")
        };
        assert_eq!(row(&answered, "kept").as_deref(), Some("You     (2.4 s of speech)"));
        let nothing = Item { duration_ms: 0, ..answered };
        assert_eq!(row(&nothing, "kept"), None);
    }

    #[test]
    fn what_has_no_answer_is_told_with_what_becomes_of_it() {
        let question = |text: &str| Item {
            role: Role::User,
            delivery: Delivery::Kept,
            duration_ms: 2_430,
            first_sound_ms: None,
            ..item(text)
        };
        let problem = |code| Problem { code, detail: "the disk is full".into() };
        let told =
            |unkept: Option<Code>, text| row(&question(text), &fate(Provider::Openai, unkept.map(problem).as_ref()));
        let kept = "You     (2.4 s of speech, kept: Sidetone's window sends or removes it)";
        assert_eq!(told(None, "").as_deref(), Some(kept));
        let lost = "You     (2.4 s of speech, not kept: no keychain)";
        assert_eq!(told(Some(Code::NoKeychain), "").as_deref(), Some(lost));
        assert_eq!(told(Some(Code::Internal), "hello").as_deref(), Some("You     hello (not kept: the disk is full)"));
    }
}
