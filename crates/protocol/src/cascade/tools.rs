//! Tools of the text model. A call is told when all words before it were said; what comes of it stands in the next
//! question.

use super::interpreter::Cascade;
use crate::chat::ToolCall;
use crate::interpreter::Told;
use crate::toolbox::call_id;

impl Cascade {
    /// The calls of an answer that is whole.
    pub(super) fn tell_calls(&mut self) {
        let Some(answer) = self.answer.as_mut() else { return };
        let (response, round) = (answer.response.clone(), answer.item.clone());
        for call in std::mem::take(&mut answer.calls) {
            let id = call_id(self.number());
            let (name, arguments) = (call.name.clone(), call.arguments.clone());
            self.memory.call(&round, ToolCall { id: id.clone(), ..call });
            self.tell(Told::ToolCall { response: response.clone(), call: id, name, arguments });
        }
    }
}
