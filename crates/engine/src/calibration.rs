//! What sound checks found out, kept for each pair of microphone and speaker in one readable file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::api::Finding;
use crate::config;

/// Pairs that are kept; the oldest goes first.
const PAIRS: usize = 32;
const HEADER: &str = "\
    # What Sidetone's sound checks found, for each pair of microphone and speaker. Delete a part, or the file, to forget it.\n\n";
/// Loss that stands for no echo at all, in dB.
const NO_ECHO: f64 = 60.0;

/// The outcome of a sound check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// When, in seconds since 1970.
    pub(crate) measured_at: u64,
    /// What to do about the echo.
    pub(crate) finding: Finding,
    /// From speaker to microphone; 0 without an echo.
    pub(crate) delay_ms: f64,
    /// How much weaker the echo is than what was played; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) echo_loss_db: Option<f64>,
    /// Noise of the room.
    pub(crate) noise_dbfs: f64,
    /// How unevenly sound arrives from the microphone.
    pub(crate) jitter_ms: f64,
}

impl Kept {
    fn calibration(&self) -> audio::Calibration {
        audio::Calibration {
            delay: Duration::from_secs_f64(self.delay_ms / 1e3),
            echo_loss_db: self.echo_loss_db.unwrap_or(NO_ECHO) as f32,
            noise_dbfs: self.noise_dbfs as f32,
            jitter: Duration::from_secs_f64(self.jitter_ms / 1e3),
        }
    }

    /// Numbers that somebody typed may be anything.
    fn is_sane(&self) -> bool {
        (0.0..=2_000.0).contains(&self.delay_ms)
            && self.echo_loss_db.is_none_or(|loss| (-100.0..=100.0).contains(&loss))
            && (-90.0..=0.0).contains(&self.noise_dbfs)
            && (0.0..=10_000.0).contains(&self.jitter_ms)
    }
}

/// All that is kept. Clones are the same file.
#[derive(Debug, Clone)]
pub(crate) struct Calibrations {
    file: PathBuf,
    pairs: Arc<Mutex<BTreeMap<String, Kept>>>,
}

impl Calibrations {
    /// Reads `calibrations.toml` in the data folder; what is unreadable in it is left out.
    pub(crate) fn load(data: &Path) -> Self {
        let file = data.join("calibrations.toml");
        let text = fs::read(&file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let (table, mut damage) = config::read_table(&text);
        let mut pairs = BTreeMap::new();
        for (pair, value) in table {
            match value.try_into::<Kept>() {
                Ok(kept) if kept.is_sane() => drop(pairs.insert(pair, kept)),
                Ok(_) | Err(_) => damage.push(format!("{pair} was left out")),
            }
        }
        if !damage.is_empty() {
            tracing::warn!(?damage, "kept sound checks are damaged");
        }
        Self { file, pairs: Arc::new(Mutex::new(pairs)) }
    }

    /// What is known of a microphone and a speaker, by their ids.
    pub(crate) fn of(&self, input: &str, output: &str) -> Option<audio::Calibration> {
        self.kept(input, output).map(|kept| kept.calibration())
    }

    /// The whole outcome of their last sound check.
    pub(crate) fn kept(&self, input: &str, output: &str) -> Option<Kept> {
        self.pairs().get(&name(input, output)).cloned()
    }

    /// Keeps an outcome in place of an earlier one.
    ///
    /// # Errors
    /// When the file cannot be written; it is known until the app ends all the same.
    pub(crate) fn keep(&self, input: &str, output: &str, kept: Kept) -> io::Result<()> {
        let mut pairs = self.pairs();
        pairs.insert(name(input, output), kept);
        while pairs.len() > PAIRS {
            let oldest = pairs.iter().min_by_key(|(_, kept)| kept.measured_at).map(|(pair, _)| pair.clone());
            oldest.and_then(|pair| pairs.remove(&pair));
        }
        let mut table = Table::new();
        for (pair, kept) in pairs.iter() {
            table.insert(pair.clone(), Value::try_from(kept).map_err(io::Error::other)?);
        }
        let text = toml::to_string_pretty(&table).map_err(io::Error::other)?;
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        config::write_private(&self.file, format!("{HEADER}{text}").as_bytes())
    }

    fn pairs(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(input: &str, output: &str) -> String {
    format!("{input} -> {output}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const MIC: &str = "pulseaudio:alsa_input.pci.\"odd\"";
    const SPEAKER: &str = "pulseaudio:alsa_output.pci";

    fn kept(measured_at: u64) -> Kept {
        Kept {
            measured_at,
            finding: Finding::Speakers,
            delay_ms: 72.5,
            echo_loss_db: Some(11.3),
            noise_dbfs: -58.0,
            jitter_ms: 4.0,
        }
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_only_for_its_pair() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("not there yet");
        Calibrations::load(&data).keep(MIC, SPEAKER, kept(1)).unwrap();
        let again = Calibrations::load(&data);
        let found = again.of(MIC, SPEAKER).unwrap();
        assert_eq!((found.delay.as_micros(), found.echo_loss_db, found.noise_dbfs), (72_500, 11.3, -58.0));
        assert_eq!(again.of(SPEAKER, MIC), None);
        assert_eq!(again.kept(MIC, SPEAKER), Some(kept(1)));
    }

    #[test]
    fn no_echo_is_a_calibration_too() {
        let folder = tempfile::tempdir().unwrap();
        let known = Calibrations::load(folder.path());
        let headphones = Kept { finding: Finding::Headphones, delay_ms: 0.0, echo_loss_db: None, ..kept(1) };
        known.keep(MIC, SPEAKER, headphones.clone()).unwrap();
        assert_eq!(Calibrations::load(folder.path()).kept(MIC, SPEAKER), Some(headphones));
        assert!(known.of(MIC, SPEAKER).unwrap().echo_loss_db > 45.0);
    }

    #[test]
    fn a_damaged_file_costs_only_what_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let known = Calibrations::load(folder.path());
        for (pair, at) in [("a", 1), ("b", 2), ("c", 3)] {
            known.keep(pair, "x", kept(at)).unwrap();
        }
        let file = folder.path().join("calibrations.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, after) = text.split_once("[\"b -> x\"]").unwrap();
        let after = after.replacen("-58.0", "nan", 1);
        fs::write(&file, format!("{before}= = broken\n[\"b -> x\"]{after}\0")).unwrap();
        let salvaged = Calibrations::load(folder.path());
        assert!(salvaged.of("a", "x").is_some());
        assert_eq!(salvaged.of("b", "x"), None, "its noise is not a number");
        assert!(salvaged.of("c", "x").is_some());
        for text in ["", "\0\0\0", "[[[", "a = 1"] {
            fs::write(&file, text).unwrap();
            assert_eq!(Calibrations::load(folder.path()).of("a", "x"), None, "{text:?}");
        }
    }

    #[test]
    fn only_the_latest_pairs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let known = Calibrations::load(folder.path());
        for n in 0..40_u64 {
            known.keep(&format!("mic {n}"), SPEAKER, kept(n)).unwrap();
        }
        let again = Calibrations::load(folder.path());
        assert_eq!(again.pairs().len(), PAIRS);
        assert!(again.of("mic 7", SPEAKER).is_none() && again.of("mic 8", SPEAKER).is_some());
    }

    #[cfg(unix)]
    #[test]
    fn it_is_known_even_when_it_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("file");
        fs::write(&in_the_way, "").unwrap();
        let known = Calibrations::load(&in_the_way);
        assert!(known.keep(MIC, SPEAKER, kept(1)).is_err());
        assert!(known.of(MIC, SPEAKER).is_some());
    }
}
