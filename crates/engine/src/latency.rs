//! Where the time of answered turns went, kept for statistics: one line of JSON for each, numbers only, no word of what
//! was said.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::api::{Connections, Mode, Provider, Route, Waterfall};

/// The present file and the one before it, in the data folder.
const FILES: [&str; 2] = ["latency.jsonl", "latency.1.jsonl"];
/// A file of this many bytes becomes the one before: some 25 000 turns.
const LONGEST: u64 = 5_000_000;
/// Longer lines are not ours.
const LONGEST_LINE: usize = 4_096;

/// One answered turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// When, unix ms.
    pub at: i64,
    /// Who answered.
    pub provider: Provider,
    /// Which model.
    pub model: String,
    /// Which way.
    pub route: Route,
    /// Who ended the turn.
    pub mode: Mode,
    /// Where the time went.
    #[serde(flatten)]
    pub waterfall: Waterfall,
}

/// How a question was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// Push to talk.
    Ptt,
    /// Open microphone.
    Open,
    /// In writing.
    Typed,
}

/// A step over many turns, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half of the turns took no longer.
    pub p50: u32,
    /// 95 of 100 turns took no longer.
    pub p95: u32,
}

/// All turns of one kind. Steps as in [`Waterfall`]; null where no turn had one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Who answered.
    pub provider: Provider,
    /// Which model.
    pub model: String,
    /// Which way.
    pub route: Route,
    /// How the questions were put.
    pub manner: Manner,
    /// How many.
    pub turns: usize,
    /// What those found of which it was kept.
    pub connections: Connections,
    /// End of the turn.
    pub turn_end_ms: Option<Spread>,
    /// Request on the wire.
    pub request_ms: Option<Spread>,
    /// First piece of the answer.
    pub first_delta_ms: Option<Spread>,
    /// First audible sample.
    pub first_sound_ms: Option<Spread>,
}

/// Writes turns down, away from the engine's task.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Locked while a line is written; `None`: nothing is kept.
    folder: Option<Arc<Mutex<PathBuf>>>,
    writing: Option<JoinHandle<()>>,
}

impl Journal {
    /// Keeps its files in `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder: Some(Arc::new(Mutex::new(folder))), writing: None }
    }

    /// Keeps nothing.
    pub(crate) fn none() -> Self {
        Self { folder: None, writing: None }
    }

    pub(crate) fn keep(&mut self, turn: Answered) {
        let Some(folder) = self.folder.clone() else { return };
        let before = self.writing.take();
        self.writing = Some(tokio::spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let write = move || append(&folder.lock().unwrap_or_else(PoisonError::into_inner), &turn);
            if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
                tracing::warn!(%error, "the latency of a turn could not be kept");
            }
        }));
    }

    /// Ends when everything is written.
    pub(crate) fn finish(&mut self) -> Option<JoinHandle<()>> {
        self.writing.take()
    }
}

fn append(folder: &Path, turn: &Answered) -> io::Result<()> {
    let [present, before] = FILES.map(|name| folder.join(name));
    fs::create_dir_all(folder)?;
    if fs::metadata(&present).is_ok_and(|file| file.len() >= LONGEST) {
        fs::rename(&present, before)?;
    }
    let mut line = serde_json::to_vec(turn)?;
    line.push(b'\n');
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // In one piece: another Sidetone may write at the same time.
    options.open(present)?.write_all(&line)
}

/// The turns kept in the data folder, oldest first; lines that cannot be read are left out.
#[must_use]
pub fn read(data: &Path) -> Vec<Answered> {
    FILES.iter().rev().filter_map(|name| File::open(data.join(name)).ok()).flat_map(lines).collect()
}

fn lines(file: File) -> impl Iterator<Item = Answered> {
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    lines.filter(|line| line.len() <= LONGEST_LINE).filter_map(|line| serde_json::from_slice(&line).ok())
}

/// What is usual, for each provider, model, route and manner; the most used first.
#[must_use]
pub fn summary(turns: &[Answered]) -> Vec<Row> {
    let mut kinds: BTreeMap<_, Vec<&Answered>> = BTreeMap::new();
    for turn in turns {
        let manner = match (turn.waterfall.is_typed, turn.mode) {
            (true, _) => Manner::Typed,
            (false, Mode::Ptt) => Manner::Ptt,
            (false, Mode::Open) => Manner::Open,
        };
        // The partner is on this computer, whatever the route is set to.
        let route = if turn.provider == Provider::Practice { Route::Direct } else { turn.route };
        let key = (turn.provider as u8, turn.model.as_str(), route as u8, manner);
        kinds.entry(key).or_default().push(turn);
    }
    let mut rows: Vec<Row> = kinds.into_iter().filter_map(|((.., manner), turns)| row(manner, &turns)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.turns));
    rows
}

fn row(manner: Manner, turns: &[&Answered]) -> Option<Row> {
    let first = turns.first()?;
    let step =
        |of: fn(&Waterfall) -> Option<u32>| spread(turns.iter().filter_map(|turn| of(&turn.waterfall)).collect());
    Some(Row {
        provider: first.provider,
        model: first.model.clone(),
        route: if first.provider == Provider::Practice { Route::Direct } else { first.route },
        manner,
        turns: turns.len(),
        connections: turns.iter().filter_map(|turn| turn.waterfall.supply).collect(),
        turn_end_ms: step(|waterfall| waterfall.turn_end_ms),
        request_ms: step(|waterfall| waterfall.request_ms),
        first_delta_ms: step(|waterfall| waterfall.first_delta_ms),
        first_sound_ms: step(|waterfall| waterfall.first_sound_ms),
    })
}

/// Nearest rank: both are times that were really measured.
fn spread(mut times: Vec<u32>) -> Option<Spread> {
    times.sort_unstable();
    let rank = |share: usize| times.get((times.len() * share).div_ceil(100).max(1) - 1).copied();
    Some(Spread { p50: rank(50)?, p95: rank(95)? })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::api::Supply;

    fn turn(at: i64, first_sound_ms: u32) -> Answered {
        let waterfall = Waterfall {
            is_typed: false,
            supply: None,
            turn_end_ms: Some(150),
            request_ms: Some(151),
            first_delta_ms: Some(400),
            first_sound_ms: Some(first_sound_ms),
        };
        Answered { at, provider: Provider::Openai, model: "m".into(), route: Route::Direct, mode: Mode::Ptt, waterfall }
    }

    #[test]
    fn what_is_kept_is_read_again_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_empty());
        for at in 0..3 {
            append(&folder.path().join("data"), &turn(at, 500)).unwrap();
        }
        let kept = read(&folder.path().join("data"));
        assert_eq!(kept, [turn(0, 500), turn(1, 500), turn(2, 500)]);
    }

    #[test]
    fn the_journal_ends_when_all_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut journal = Journal::new(folder.path().to_owned());
            for at in 0..20 {
                journal.keep(turn(at, 500));
            }
            journal.finish().unwrap().await.unwrap();
        });
        let times: Vec<i64> = read(folder.path()).iter().map(|turn| turn.at).collect();
        assert_eq!(times, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn broken_lines_cost_only_themselves() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), &turn(1, 500)).unwrap();
        let file = folder.path().join(FILES[0]);
        let mut text = fs::read(&file).unwrap();
        text.extend(b"{\"at\":\n\xff\xfe\n\n[]\n");
        text.extend(vec![b'x'; 100_000]);
        text.extend(b"\n{\"at\":2,\"provider\":\"of a newer version\"}\n");
        fs::write(&file, text).unwrap();
        append(folder.path(), &turn(3, 500)).unwrap();
        assert_eq!(read(folder.path()), [turn(1, 500), turn(3, 500)]);
    }

    #[test]
    fn the_files_do_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let full = |name: &str| fs::write(folder.path().join(name), vec![b'\n'; LONGEST as usize]).unwrap();
        full(FILES[0]);
        full(FILES[1]);
        append(folder.path(), &turn(1, 500)).unwrap();
        let sizes: Vec<u64> = FILES.iter().map(|name| fs::metadata(folder.path().join(name)).unwrap().len()).collect();
        assert!(sizes[0] < 1_000 && sizes[1] == LONGEST, "{sizes:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_eq!(read(folder.path()), [turn(1, 500)]);
    }

    #[test]
    fn a_summary_tells_how_often_a_connection_was_there() {
        let supplied = |supply| {
            let mut turn = turn(0, 500);
            turn.waterfall.supply = supply;
            turn
        };
        let supplies = [Some(Supply::Cold), Some(Supply::Warm), Some(Supply::Reused), Some(Supply::Reused), None];
        let rows = summary(&supplies.map(supplied));
        assert_eq!(rows[0].connections, Connections { turns: 4, reused: 2, warm: 1 });
    }

    #[test]
    fn turns_of_an_older_version_are_read() {
        let line = r#"{"at":1,"provider":"openai","model":"m","route":"direct","mode":"ptt","is_typed":false,"turn_end_ms":150,"request_ms":151,"first_delta_ms":400,"first_sound_ms":500}"#;
        assert_eq!(serde_json::from_str::<Answered>(line).unwrap(), turn(1, 500));
    }

    #[test]
    fn a_summary_tells_the_middle_and_the_slow_end_of_each_kind() {
        let mut turns: Vec<Answered> = (1..=100).map(|n| turn(0, n * 10)).collect();
        turns.push(Answered { route: Route::Gateway, ..turn(0, 900) });
        let mut silent = turn(0, 0);
        silent.waterfall = Waterfall { is_typed: true, turn_end_ms: None, first_sound_ms: None, ..silent.waterfall };
        turns.push(silent);
        let rows = summary(&turns);
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].turns, rows[0].manner), (100, Manner::Ptt));
        assert_eq!(rows[0].first_sound_ms, Some(Spread { p50: 500, p95: 950 }));
        let typed = rows.iter().find(|row| row.manner == Manner::Typed).unwrap();
        assert_eq!((typed.turn_end_ms, typed.first_sound_ms), (None, None));
        assert_eq!(typed.first_delta_ms, Some(Spread { p50: 400, p95: 400 }));
        assert!(rows.iter().any(|row| row.route == Route::Gateway && row.turns == 1));
    }
}
