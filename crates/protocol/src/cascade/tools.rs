//! Tools of the text model. A call is told when all words before it were said; what comes of it stands in the next
//! question. A model that takes no tools is asked without.

use super::interpreter::Cascade;
use crate::chat::ToolCall;
use crate::interpreter::Told;
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

impl Cascade {
    /// The calls of an answer that is whole.
    pub(super) fn tell_calls(&mut self) {
        let Some(answer) = self.answer.as_mut() else { return };
        let (response, round) = (answer.response.clone(), answer.item.clone());
        for call in std::mem::take(&mut answer.calls) {
            // Not all models name their calls apart; so many letters and digits all of them take (Mistral wants nine).
            let id = format!("tool{:05}", self.number());
            let (name, arguments) = (call.name.clone(), call.arguments.clone());
            self.memory.call(&round, ToolCall { id: id.clone(), ..call });
            self.tell(Told::ToolCall { response: response.clone(), call: id, name, arguments });
        }
    }
}
