//! Figures and how they are shown.

use crate::trial::Figures;

/// Measured values; what never arrived is counted apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    values: Vec<f64>,
    lost: usize,
}

impl Samples {
    pub(crate) fn of(values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut samples = Self::default();
        for value in values {
            match value {
                Some(value) => samples.values.push(value),
                None => samples.lost += 1,
            }
        }
        samples.values.sort_by(f64::total_cmp);
        samples
    }

    /// The same, with the median of `floor` taken away.
    pub(crate) fn above(&self, floor: &Self) -> Self {
        let base = floor.median();
        Self { values: self.values.iter().map(|value| value - base).collect(), lost: self.lost }
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5).unwrap_or(f64::INFINITY)
    }

    fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        self.values.get(((last as f64) * share).round() as usize).copied()
    }

    /// "p50 / p95"; a single value alone.
    fn text(&self) -> String {
        match (self.quantile(0.5), self.quantile(0.95), self.lost) {
            (None, _, 0) => "–".into(),
            (None, ..) => "never".into(),
            (Some(value), ..) if self.values.len() == 1 => format!("{value:.1}"),
            (Some(p50), p95, lost) => {
                let lost = if lost > 0 { format!(", {lost} lost") } else { String::new() };
                format!("{p50:.1} / {:.1}{lost}", p95.unwrap_or(p50))
            }
        }
    }
}

/// What one client did, or why it could not be measured.
#[derive(Debug)]
pub(crate) struct Column {
    name: String,
    /// The column it is compared with.
    like: Option<&'static str>,
    pub(crate) result: Result<Figures, String>,
}

impl Column {
    pub(crate) fn ours(name: &str, result: Result<Figures, String>) -> Self {
        Self { name: name.into(), like: None, result }
    }

    pub(crate) fn peer(name: &str, like: &'static str, result: Result<Figures, String>) -> Self {
        Self { name: name.into(), like: Some(like), result }
    }

    fn heading(&self) -> String {
        match self.like {
            None => format!("Sidetone, {}", self.name),
            Some(like) => format!("{} (× {like})", self.name),
        }
    }

    fn cell(&self, columns: &[Self], samples: Row, is_compared: bool) -> String {
        let Ok(figures) = &self.result else { return "not measured".into() };
        let mine = samples(figures);
        let like = columns.iter().find(|column| Some(column.name.as_str()) == self.like);
        let base = like.and_then(|column| column.result.as_ref().ok()).map_or(0.0, |figures| samples(figures).median());
        match mine.quantile(0.5) {
            // Below half a unit a share says nothing; nor does one of counts, or of what is not the client's doing.
            Some(median) if is_compared && base.is_finite() && base >= 0.5 => {
                format!("{} (×{:.1})", mine.text(), median / base)
            }
            Some(_) | None => mine.text(),
        }
    }
}

type Row = fn(&Figures) -> &Samples;

/// What is shown, its goal, where it is, and whether peers' shares are shown.
const ROWS: [(&str, &str, Row, bool); 11] = [
    ("mouth to wire, ms above floor", "≤ 12 / 20", |figures| &figures.mouth_to_wire, true),
    ("wire to ear on a steady link, ms above floor", "≤ 20 /", |figures| &figures.wire_to_ear, true),
    ("barge-in to silence, ms above floor", "≤ 50", |figures| &figures.silence, true),
    ("gaps in 20 s of ±80 ms jitter, once adapted", "0", |figures| &figures.gaps, false),
    ("start to first paint, ms", "≤ 700", |figures| &figures.first_paint, true),
    ("CPU in a call, listening, % of one core", "< 5", |figures| &figures.cpu_listening, true),
    ("CPU in a call, an answer playing, % of one core", "< 5", |figures| &figures.cpu_answering, true),
    ("memory in a call, MB (PSS)", "", |figures| &figures.memory, true),
    ("audio in one message, ms", "", |figures| &figures.append, true),
    ("the floor at the microphone, ms", "", |figures| &figures.floor_mouth, false),
    ("the floor at the speaker, ms", "", |figures| &figures.floor_ear, false),
];

/// A Markdown table, "p50 / p95", and under it what could not be measured and why.
pub(crate) fn draw(columns: &[Column]) -> String {
    let headings: Vec<String> = columns.iter().map(Column::heading).collect();
    let mut lines = vec![
        format!("| p50 / p95 | goal | {} |", headings.join(" | ")),
        format!("|---|---|{}", "--:|".repeat(columns.len())),
    ];
    for (what, goal, samples, is_compared) in ROWS {
        let cells: Vec<String> = columns.iter().map(|column| column.cell(columns, samples, is_compared)).collect();
        lines.push(format!("| {what} | {goal} | {} |", cells.join(" | ")));
    }
    let failed = columns.iter().filter_map(|column| Some((&column.name, column.result.as_ref().err()?)));
    lines.extend(failed.map(|(name, why)| format!("\n{name} was not measured: {why}")));
    lines.join("\n")
}
