//! One answer being read: which wire reads it, and what is the same for all of them.

use serde_json::Value;

use super::answer::Answer;
use super::{Delta, Failure, Wire, anthropic, google, openai, raw, refusal, responses};

/// Reads one answer. After [`Delta::Finished`] or a failure nothing more is read, and the connection can be left.
#[derive(Debug)]
pub struct Decoder {
    wire: Wire,
    answer: Answer,
    /// The answer is told as it is.
    is_raw: bool,
    has_failed: bool,
}

impl Decoder {
    /// A decoder for one answer.
    pub fn new(wire: Wire) -> Self {
        Self { wire, answer: Answer::default(), is_raw: false, has_failed: false }
    }

    /// A decoder for the answer to a request that is [`Raw`](super::Raw).
    pub fn raw() -> Self {
        Self { is_raw: true, ..Self::new(Wire::OpenaiChat) }
    }

    /// Reads one server-sent event; `name` may be empty. Appends what it means. What makes no sense is skipped with a trace.
    ///
    /// # Errors
    /// The provider's error, which may come in the stream although the status was 200.
    pub fn event(&mut self, name: &str, data: &str, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let data = data.trim();
        if self.answer.is_over || self.has_failed || data.is_empty() {
            return Ok(());
        }
        let read = self.data(name, data, out);
        self.has_failed = read.is_err();
        self.keep_raw(out);
        read
    }

    /// Reads a whole body that was not streamed.
    ///
    /// # Errors
    /// The error that the body holds; [`FailureKind::Broken`](super::FailureKind::Broken) if it is no answer.
    pub fn whole(&mut self, body: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
        // Google's stream without `alt=sse` is an array of chunks.
        if let (Value::Array(chunks), Wire::GoogleGenerate) = (body, self.wire) {
            chunks.iter().try_for_each(|chunk| self.chunk("", chunk, out))?;
            return self.end(out);
        }
        if let Some(failure) = refusal::of_chunk("", body) {
            return Err(failure);
        }
        if self.is_raw {
            out.push(raw::piece(body, &body.to_string()));
        }
        match self.wire {
            Wire::OpenaiChat => openai::read(&mut self.answer, body, out)?,
            Wire::OpenaiResponses => responses::whole(&mut self.answer, body, out)?,
            Wire::AnthropicMessages => anthropic::whole(&mut self.answer, body, out),
            Wire::GoogleGenerate => google::read(&mut self.answer, body, out)?,
        }
        self.end(out)
    }

    /// The stream is over.
    ///
    /// # Errors
    /// [`FailureKind::Broken`](super::FailureKind::Broken) when the answer is not complete.
    pub fn end(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if !self.has_failed && (self.answer.is_over || self.answer.is_complete()) {
            self.answer.close(out);
            self.keep_raw(out);
            return Ok(());
        }
        Err(Failure::broken_off())
    }

    /// Of an answer that is told as it is, nothing is told twice.
    fn keep_raw(&self, out: &mut Vec<Delta>) {
        if self.is_raw {
            out.retain(raw::is_told);
        }
    }

    fn data(&mut self, name: &str, data: &str, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if data == "[DONE]" {
            // Some servers never say why they stopped.
            if self.answer.is_complete() || self.answer.has_text || self.answer.wants_tool {
                self.answer.close(out);
            }
            return Ok(());
        }
        match serde_json::from_str(data) {
            Ok(chunk) => {
                if self.is_raw {
                    out.push(raw::piece(&chunk, data));
                }
                self.chunk(name, &chunk, out)
            }
            Err(_) if name == "error" => Err(refusal::of_text(data)),
            Err(_) => {
                tracing::trace!(bytes = data.len(), "an event that makes no sense");
                Ok(())
            }
        }
    }

    fn chunk(&mut self, name: &str, chunk: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if let Some(failure) = refusal::of_chunk(name, chunk) {
            return Err(failure);
        }
        match self.wire {
            Wire::OpenaiChat => openai::read(&mut self.answer, chunk, out)?,
            Wire::OpenaiResponses => responses::read(&mut self.answer, name, chunk, out)?,
            Wire::AnthropicMessages => anthropic::read(&mut self.answer, name, chunk, out),
            Wire::GoogleGenerate => google::read(&mut self.answer, chunk, out)?,
        }
        Ok(())
    }
}
