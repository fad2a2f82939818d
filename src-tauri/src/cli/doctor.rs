//! `sidetone doctor`

use std::time::Duration;

use clap::ValueEnum;
use engine::Paths;
use engine::doctor::{Check, Report, Section, Status, examine};

use super::failure::{self, DEVICE, Failure, KEY, NETWORK, OTHER, PROVIDER};
use super::print::{is_colourful, json, line};
use crate::practice;

/// Time for the practice partner to start.
const LIMIT: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to look at
    #[arg(value_enum, default_value_t = Part::All)]
    section: Part,
    /// Play a chirp of 3 seconds and measure the room with it (audio)
    #[arg(long)]
    chirp: bool,
    /// Print the whole report as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Microphone and speaker
    Audio,
    /// Where the keys are
    Keys,
    /// The way to the provider
    Network,
    /// Cloudflare AI Gateway
    Gateway,
    /// All of it
    All,
}

pub(crate) async fn run(arguments: &Arguments, paths: &Paths) -> Result<(), Failure> {
    let mut practice = practice::start();
    let url = tokio::time::timeout(LIMIT, practice.wait_for(|url| !url.is_empty())).await;
    let url = url.ok().and_then(Result::ok).map(|url| url.clone()).unwrap_or_default();
    let section = match arguments.section {
        Part::Audio => Section::Audio,
        Part::Keys => Section::Keys,
        Part::Network => Section::Network,
        Part::Gateway => Section::Gateway,
        Part::All => Section::All,
    };
    let report = examine(section, paths, &url, arguments.chirp).await;
    if arguments.json {
        json(&report)?;
    } else {
        line(table(&report, is_colourful()))?;
    }
    match status(&report) {
        0 => Ok(()),
        status => Err(Failure::new(status, "")),
    }
}

/// The exit code of the first check that failed: the later ones often follow from it.
fn status(report: &Report) -> u8 {
    let failed = report.checks.iter().find(|check| check.status == Status::Failed);
    failed.map_or(0, |check| check.code.map_or_else(|| usual(check.section), failure::status))
}

/// The exit code of a check that does not know what kind of problem it met.
fn usual(section: Section) -> u8 {
    match section {
        Section::Audio => DEVICE,
        Section::Keys => KEY,
        Section::Network => NETWORK,
        Section::Gateway => PROVIDER,
        Section::All => OTHER,
    }
}

fn table(report: &Report, is_colourful: bool) -> String {
    let width = report.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut rows = Vec::new();
    let mut section = None;
    for check in &report.checks {
        if section.replace(check.section) != Some(check.section) {
            rows.push(title(check.section).to_owned());
        }
        rows.push(row(check, width, is_colourful));
        if !check.advice.is_empty() {
            rows.push(format!("  {:8}  {:width$}  → {}", "", "", check.advice));
        }
    }
    rows.push(summary(report));
    rows.join("\n")
}

fn title(section: Section) -> &'static str {
    match section {
        Section::Audio => "Audio",
        Section::Keys => "Keys",
        Section::Network => "Network",
        Section::Gateway => "Gateway",
        Section::All => "General",
    }
}

fn row(check: &Check, width: usize, is_colourful: bool) -> String {
    let (sign, colour, word) = match check.status {
        Status::Ok => ("✓", 32, "ok"),
        Status::Warning => ("!", 33, "warning"),
        Status::Failed => ("✗", 31, "failed"),
        Status::Skipped => ("·", 90, "skipped"),
    };
    let mark = if is_colourful { format!("\u{1b}[{colour}m{sign}\u{1b}[0m {word:7}") } else { format!("{word:9}") };
    format!("  {mark} {:width$}  {}", check.name, check.detail).trim_end().to_owned()
}

fn summary(report: &Report) -> String {
    let count = |status| report.checks.iter().filter(|check| check.status == status).count();
    match (count(Status::Failed), count(Status::Warning)) {
        (0, 0) => "Everything that was looked at is fine.".into(),
        (failed, warnings) => format!("Failed: {failed}. Warnings: {warnings}."),
    }
}

#[cfg(test)]
mod tests {
    use engine::api::Code;

    use super::*;

    fn check(section: Section, name: &str, status: Status, advice: &str) -> Check {
        Check { section, name: name.into(), status, detail: "detail".into(), advice: advice.into(), code: None }
    }

    #[test]
    fn a_report_without_a_failure_is_fine() {
        let report = Report { checks: vec![check(Section::Audio, "speaker", Status::Warning, "")] };
        assert_eq!(status(&report), 0);
    }

    #[test]
    fn the_first_failure_decides_the_exit_code() {
        let failed = |section| check(section, "x", Status::Failed, "");
        let table =
            [(Section::Audio, DEVICE), (Section::Keys, KEY), (Section::Network, NETWORK), (Section::Gateway, PROVIDER)];
        for (section, expected) in table {
            assert_eq!(status(&Report { checks: vec![failed(section), failed(Section::Gateway)] }), expected);
        }
    }

    #[test]
    fn a_gateway_that_is_not_there_is_the_networks_fault() {
        let gateway = Check { code: Some(Code::Offline), ..check(Section::Gateway, "x", Status::Failed, "") };
        assert_eq!(status(&Report { checks: vec![gateway] }), NETWORK);
    }

    #[test]
    fn a_plain_table_has_words_and_no_colours() {
        let report = Report {
            checks: vec![
                check(Section::Audio, "microphone", Status::Ok, ""),
                check(Section::Audio, "speaker", Status::Failed, "connect one"),
                check(Section::Keys, "openai", Status::Skipped, ""),
            ],
        };
        let plain = [
            "Audio",
            "  ok        microphone  detail",
            "  failed    speaker     detail",
            "                        → connect one",
            "Keys",
            "  skipped   openai      detail",
            "Failed: 1. Warnings: 0.",
        ];
        assert_eq!(table(&report, false), plain.join("\n"));
        assert!(table(&report, true).contains("\u{1b}[31m✗\u{1b}[0m failed"));
    }
}
