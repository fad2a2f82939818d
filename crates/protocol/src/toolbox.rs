//! The tools of a text model that stands behind a voice. A model that takes none is asked without.

use crate::{Fault, Tool};

/// A model that refused tools so often on a connection is not offered any more: some fail at them once in a while.
const MOST_REFUSALS: u8 = 2;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Toolbox {
    pub(crate) tools: Vec<Tool>,
    refusals: u8,
}

impl Toolbox {
    /// What the model is offered.
    pub(crate) fn offered(&self) -> &[Tool] {
        if self.refusals < MOST_REFUSALS { &self.tools } else { &[] }
    }

    /// Whether a question failed because of the tools that it offered: the same without them may be answered.
    pub(crate) fn is_refused(&mut self, fault: &Fault) -> bool {
        let words = fault.message.to_lowercase();
        let is_refused = ["tool", "function call", "functions"].iter().any(|word| words.contains(word));
        self.refusals = self.refusals.saturating_add(u8::from(is_refused));
        is_refused
    }
}

/// Our own name for a call: not all models name theirs apart. So many letters and digits all of them take (Mistral wants
/// nine).
pub(crate) fn call_id(number: u64) -> String {
    format!("tool{number:05}")
}
