//! Loading and saving the settings file.

use std::io;
use std::path::Path;

use crate::config::Settings;

/// What a settings file gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// Settings, with defaults for what was missing or broken.
    pub settings: Settings,
    /// What was dropped and why, one readable line each; empty when all was well.
    pub damage: Vec<String>,
}

/// Reads the settings.
#[must_use]
pub fn load(_path: &Path) -> Loaded {
    Loaded::default()
}

/// Writes the settings.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn save(_path: &Path, _settings: &Settings) -> io::Result<()> {
    Ok(())
}
