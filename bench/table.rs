//! Figures and how they are shown.

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
}

#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    samples: Samples,
    unit: &'static str,
    goal: &'static str,
}

impl Row {
    pub(crate) fn new(what: &str, samples: Samples, unit: &'static str, goal: &'static str) -> Self {
        Self { what: what.into(), samples, unit, goal }
    }
}

/// A Markdown table.
pub(crate) fn draw(rows: &[Row]) -> String {
    let mut lines = vec!["| what | p50 | p95 | unit | goal | n |".to_owned(), "|---|--:|--:|---|---|--:|".to_owned()];
    for Row { what, samples, unit, goal } in rows {
        let show = |share| samples.quantile(share).map_or("–".to_owned(), |value| format!("{value:.1}"));
        let lost = if samples.lost > 0 { format!(", {} lost", samples.lost) } else { String::new() };
        let (p50, p95) = (show(0.5), if samples.values.len() > 1 { show(0.95) } else { String::new() });
        lines.push(format!("| {what} | {p50} | {p95} | {unit} | {goal} | {}{lost} |", samples.values.len()));
    }
    lines.join("\n")
}
