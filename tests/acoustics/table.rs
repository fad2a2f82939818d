//! Figures for people: printed, and kept for `docs/acoustics.md` when `ACOUSTICS_ROWS` names a folder.

use std::fmt::Write as _;

/// Whether the long runs are wanted: three to six times as many calls.
pub(crate) fn is_long() -> bool {
    std::env::var_os("ACOUSTICS_LONG").is_some()
}

/// One table.
pub(crate) struct Table {
    name: &'static str,
    text: String,
}

impl Table {
    /// `name` is the file's, and sorts them; `about` says what the rows mean.
    pub(crate) fn new(name: &'static str, title: &str, about: &str, columns: &[&str]) -> Self {
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        let rule = vec!["---"; columns.len()].join(" | ");
        Self { name, text: format!("## {title}\n\n{about}\n\n| {} |\n| {rule} |\n", columns.join(" | ")) }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }
}

impl Drop for Table {
    /// Also when an assertion failed: the figures tell why.
    fn drop(&mut self) {
        println!("\n{}", self.text);
        if let Some(folder) = std::env::var_os("ACOUSTICS_ROWS") {
            let file = std::path::Path::new(&folder).join(self.name).with_extension("md");
            std::fs::write(file, &self.text).unwrap();
        }
    }
}

/// The value below which a share of them lies; they are sorted. Nothing gives not-a-number.
pub(crate) fn percentile(values: &mut [f32], share: f32) -> f32 {
    values.sort_by(f32::total_cmp);
    let at = ((values.len() as f32 * share) as usize).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(f32::NAN)
}

pub(crate) fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}
