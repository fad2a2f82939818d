//! Looks at everything a call needs and says what is wrong, in plain words.

use serde::Serialize;

use crate::handle::Paths;

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Microphone and speaker.
    Audio,
    /// Where the keys are.
    Keys,
    /// The way to the provider.
    Network,
    /// Cloudflare AI Gateway.
    Gateway,
    /// All of it.
    All,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Good.
    Ok,
    /// Works, but not as it should.
    Warning,
    /// Does not work.
    Failed,
    /// Not looked at: something it needs is missing.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its section.
    pub section: Section,
    /// What was looked at.
    pub name: String,
    /// How it went.
    pub status: Status,
    /// What was found; never a key.
    pub detail: String,
    /// What to do; empty when nothing.
    pub advice: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// In the order of the sections.
    pub checks: Vec<Check>,
}

/// Looks at a section. `practice_url` is the practice partner's base URL, empty when there is none.
pub async fn examine(_section: Section, _paths: &Paths, _practice_url: &str) -> Report {
    Report::default()
}
