//! Loading and saving the settings file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::Settings;

const HEADER: &str = "# Settings of Sidetone. May be edited while the app is closed; a broken line costs that line only.\n\
                      # Keys (API keys, tokens) are never in here: they are in the keychain.\n\n";

/// What a settings file gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// Settings, with defaults for what was missing or broken.
    pub settings: Settings,
    /// What was dropped and why, one readable line each; empty when all was well.
    pub damage: Vec<String>,
    /// Fields that mean nothing here: misspelt, or of a newer version.
    pub unknown: Vec<String>,
}

/// Reads the settings; a missing file gives the defaults. A broken file is copied to `settings.toml.bak` beside it and
/// salvaged field by field: a bad value costs that field, a bad line that line.
#[must_use]
pub fn load(path: &Path) -> Loaded {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Loaded::default(),
        Err(error) => {
            let damage = vec![format!("the file cannot be read: {error}")];
            return Loaded { damage, ..Loaded::default() };
        }
    };
    let mut loaded = parse(&String::from_utf8_lossy(&bytes));
    if !loaded.damage.is_empty()
        && let Err(error) = keep_copy(&with_suffix(path, ".bak"), &bytes)
    {
        loaded.damage.push(format!("no copy of the broken file could be made: {error}"));
    }
    loaded
}

/// Each start reads the same broken file until somebody mends it: one copy is enough.
fn keep_copy(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) { Ok(()) } else { write_private(path, bytes) }
}

/// Writes the settings, readable by this user only, in one step: after a crash the file is either the old or the new one.
/// Keys of the present file that are unknown here (of a newer version, say) survive.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn save(path: &Path, settings: &Settings) -> io::Result<()> {
    let mut table = fs::read(path).map(|bytes| read_table(&String::from_utf8_lossy(&bytes)).0).unwrap_or_default();
    let mut new = Table::try_from(settings).map_err(io::Error::other)?;
    new.iter_mut().for_each(|(_, value)| shorten(value));
    overlay(&mut table, new);
    let text = toml::to_string_pretty(&table).map_err(io::Error::other)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A link (to a folder under version control, say) stays a link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    write_private(&target, format!("{HEADER}{text}").as_bytes())
}

/// 0.3 as `f32` is 0.30000001192092896 as `f64`; people write 0.3.
fn shorten(value: &mut Value) {
    match value {
        Value::Float(number) => *number = (*number as f32).to_string().parse().unwrap_or(*number),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| shorten(value)),
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::String(_) | Value::Integer(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = with_suffix(path, &format!(".{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    // The rename itself; not every system lets folders be synced.
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        let _ = folder.sync_all();
    }
    written
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Settings out of any text.
fn parse(text: &str) -> Loaded {
    let (table, mut damage) = read_table(text);
    let (mut settings, mut unknown) = (Settings::default(), Vec::new());
    if let Ok(fields) = Table::try_from(&settings) {
        salvage(&table, &fields, &mut Vec::new(), &mut settings, &mut damage);
        seek_unknown(&table, &fields, "", &mut unknown);
    }
    Loaded { settings: settings.in_range(), damage, unknown }
}

/// The text as a table; when it does not parse, whatever the statements before and after the bad ones say.
pub(crate) fn read_table(text: &str) -> (Table, Vec<String>) {
    if let Ok(table) = text.parse() {
        return (table, Vec::new());
    }
    let (mut table, mut damage) = (Table::new(), Vec::new());
    let lines: Vec<&str> = text.lines().collect();
    let (mut section, mut at) = (String::new(), 0);
    while let Some(line) = lines.get(at) {
        let length = statement(&lines, at, &section);
        if line.trim_start().starts_with('[') {
            section = if length.is_some() { (*line).to_owned() } else { "[unreadable]".into() };
        } else if let Some(Ok(part)) = length.map(|length| statement_text(&lines, at, length, &section).parse()) {
            overlay(&mut table, part);
        }
        if length.is_none() {
            damage.push(format!("line {} is unreadable and was left out", at + 1));
        }
        at += length.unwrap_or(1);
    }
    table.remove("unreadable");
    (table, damage)
}

/// How many lines from `at` on make one statement of their own; `None` when the line belongs to none.
fn statement(lines: &[&str], at: usize, section: &str) -> Option<usize> {
    let line = lines.get(at)?;
    let spans_lines = line.contains("\"\"\"") || line.contains("'''") || line.trim_end().ends_with(['[', ',', '{']);
    let longest = if spans_lines { lines.len() - at } else { 1 };
    let section = if line.trim_start().starts_with('[') { "" } else { section };
    (1..=longest).find(|length| statement_text(lines, at, *length, section).parse::<Table>().is_ok())
}

fn statement_text(lines: &[&str], at: usize, length: usize, section: &str) -> String {
    let lines = lines.get(at..at + length).unwrap_or_default();
    format!("{section}\n{}", lines.join("\n"))
}

/// Takes over each field of `table` that fits into the settings.
fn salvage(table: &Table, fields: &Table, path: &mut Vec<String>, settings: &mut Settings, damage: &mut Vec<String>) {
    for (name, field) in fields {
        let Some(value) = table.get(name) else { continue };
        path.push(name.clone());
        match (field, value) {
            (Value::Table(fields), Value::Table(table)) => salvage(table, fields, path, settings, damage),
            (Value::Table(_), _) => damage.push(format!("{} is not a section", path.join("."))),
            (_, value) => match with_field(settings, path, &without_bad_rows(settings, path, value, damage)) {
                Ok(changed) => *settings = changed,
                Err(why) => damage.push(format!("{} was left out: {why}", path.join("."))),
            },
        }
        path.pop();
    }
}

/// Finds the fields of `table` that no settings have.
fn seek_unknown(table: &Table, fields: &Table, section: &str, unknown: &mut Vec<String>) {
    for (name, value) in table {
        match (value, fields.get(name)) {
            (_, None) => unknown.push(format!("{section}{name}")),
            (Value::Table(table), Some(Value::Table(fields))) => {
                seek_unknown(table, fields, &format!("{section}{name}."), unknown);
            }
            (_, Some(_)) => {}
        }
    }
}

/// A list without the rows that do not fit into it; anything else as it is.
fn without_bad_rows(settings: &Settings, path: &[String], value: &Value, damage: &mut Vec<String>) -> Value {
    let Value::Array(rows) = value else { return value.clone() };
    let (mut kept, mut complaints) = (Vec::new(), Vec::new());
    for (row, number) in rows.iter().zip(1..) {
        match with_field(settings, path, &Value::Array(vec![row.clone()])) {
            Ok(_) => kept.push(row.clone()),
            Err(why) => complaints.push(format!("row {number} of {} was left out: {why}", path.join("."))),
        }
    }
    // A list of which nothing fits is told as a whole.
    if kept.is_empty() {
        return value.clone();
    }
    damage.append(&mut complaints);
    Value::Array(kept)
}

/// The settings with one field changed.
fn with_field(settings: &Settings, path: &[String], value: &Value) -> Result<Settings, String> {
    let alone =
        path.iter().rev().fold(value.clone(), |inner, name| Value::Table(Table::from_iter([(name.clone(), inner)])));
    let mut table = Table::try_from(settings).map_err(|error| error.to_string())?;
    if let Value::Table(alone) = alone {
        overlay(&mut table, alone);
    }
    // The first line of the error says it; the others point into a text that the user does not see.
    let first_line = |error: toml::de::Error| error.message().lines().next().unwrap_or_default().to_owned();
    table.try_into().map_err(first_line)
}

/// Puts `new` over `table`, section by section.
fn overlay(table: &mut Table, new: Table) {
    for (name, value) in new {
        match (table.get_mut(&name), value) {
            (Some(Value::Table(old)), Value::Table(new)) => overlay(old, new),
            (_, value) => {
                table.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
