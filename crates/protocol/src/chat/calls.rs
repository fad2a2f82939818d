//! Calls of tools in an answer, put together of their pieces.

use serde_json::Value;

use super::answer::word;
use super::{Delta, ToolCall};

/// More than any model calls at once, and more than arguments are long, in bytes: an endless stream must not fill the
/// memory.
const MOST: usize = 64;
const LONGEST: usize = 1 << 20;

/// The calls so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<(String, ToolCall)>,
}

/// A piece of a call, by the name that it has within the answer.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    pub(super) key: &'a str,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) seal: Option<&'a str>,
    /// It is the first of its call, whatever its key.
    pub(super) is_first: bool,
}

impl Calls {
    /// More of a call. A piece with another id than that of its key begins another call: not all servers count.
    pub(super) fn add(&mut self, piece: &Piece<'_>, arguments: &str) {
        if let Some(call) = self.find(piece)
            && call.arguments.len() + arguments.len() <= LONGEST
        {
            call.arguments.push_str(arguments);
        }
    }

    /// A call as a whole, in the place of what came of it.
    pub(super) fn put(&mut self, piece: &Piece<'_>, arguments: &str) {
        if let Some(call) = self.find(piece).filter(|_| !arguments.is_empty() && arguments.len() <= LONGEST) {
            arguments.clone_into(&mut call.arguments);
        }
    }

    fn find(&mut self, piece: &Piece<'_>) -> Option<&mut ToolCall> {
        let is_same = |(key, call): &(String, ToolCall)| {
            !piece.is_first && key == piece.key && (piece.id.is_empty() || call.id.is_empty() || call.id == piece.id)
        };
        let at = match self.calls.iter().rposition(is_same) {
            Some(at) => at,
            None if self.calls.len() >= MOST => return None,
            None => {
                let call = ToolCall { id: String::new(), name: String::new(), arguments: String::new(), seal: None };
                self.calls.push((piece.key.to_owned(), call));
                self.calls.len() - 1
            }
        };
        let (_, call) = self.calls.get_mut(at)?;
        for (new, own) in [(piece.id, &mut call.id), (piece.name, &mut call.name)] {
            if !new.is_empty() && own.is_empty() {
                new.clone_into(own);
            }
        }
        call.seal = call.seal.take().or_else(|| piece.seal.map(str::to_owned));
        Some(call)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.calls.len()
    }

    /// Tells them, at the end of the answer.
    pub(super) fn tell(&mut self, out: &mut Vec<Delta>) {
        let named = std::mem::take(&mut self.calls).into_iter().filter(|(_, call)| !call.name.is_empty());
        for (index, (_, mut call)) in named.enumerate() {
            if call.id.is_empty() {
                call.id = format!("call_{index}");
            }
            if call.arguments.trim().is_empty() {
                "{}".clone_into(&mut call.arguments);
            }
            out.push(Delta::Call(call));
        }
    }
}

/// Arguments as text; some servers write them as an object.
pub(super) fn arguments(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(object) if !object.is_empty() => value.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// OpenAI's `tool_calls`, whole or in pieces. Where a server tells neither ids nor positions, each name begins a call.
pub(super) fn openai(calls: &mut Calls, list: &Value) {
    for (position, call) in list.as_array().into_iter().flatten().enumerate() {
        let index = call["index"].as_u64();
        let key = index.unwrap_or(position as u64).to_string();
        let function = &call["function"];
        let (id, name) = (word(call, "id"), word(function, "name"));
        let is_first = index.is_none() && id.is_empty() && !name.is_empty();
        let piece = Piece { key: &key, id, name, seal: None, is_first };
        calls.add(&piece, &arguments(&function["arguments"]));
    }
}
