//! Token counts of every provider in one meaning: cached ones are part of the input, reasoning ones part of the output.

use serde_json::Value;

use super::answer::Answer;
use super::{Delta, Tokens};

/// The first of these that is a number, 0 without one. Providers write null for what they do not count.
fn count(usage: &Value, paths: &[&str]) -> u64 {
    paths.iter().find_map(|path| usage.pointer(path).and_then(Value::as_u64)).unwrap_or_default()
}

impl Tokens {
    /// No part is more than the whole, whatever a server says.
    fn consistent(self) -> Self {
        let cached = self.cached.min(self.input);
        Self {
            cached,
            cache_written: self.cache_written.min(self.input - cached),
            reasoning: self.reasoning.min(self.output),
            input_audio: self.input_audio.min(self.input),
            output_audio: self.output_audio.min(self.output),
            ..self
        }
    }
}

/// `usage` of chat completions and of Responses, with what others added to it.
pub(super) fn openai(answer: &mut Answer, usage: &Value, out: &mut Vec<Delta>) {
    if !usage.is_object() {
        return;
    }
    let mut tokens = Tokens {
        input: count(usage, &["/prompt_tokens", "/input_tokens"]),
        cached: count(
            usage,
            &[
                "/prompt_tokens_details/cached_tokens",
                "/input_tokens_details/cached_tokens",
                "/input_tokens_details/cache_read_input_tokens", // Perplexity
                "/prompt_cache_hit_tokens",                      // DeepSeek
            ],
        ),
        cache_written: count(
            usage,
            &["/prompt_tokens_details/cache_write_tokens", "/input_tokens_details/cache_creation_input_tokens"],
        ),
        output: count(usage, &["/completion_tokens", "/output_tokens"]),
        reasoning: count(
            usage,
            &["/completion_tokens_details/reasoning_tokens", "/output_tokens_details/reasoning_tokens"],
        ),
        input_audio: count(usage, &["/prompt_tokens_details/audio_tokens", "/input_tokens_details/audio_tokens"]),
        output_audio: count(usage, &["/completion_tokens_details/audio_tokens", "/output_tokens_details/audio_tokens"]),
    };
    // xAI and Google's chat form leave the reasoning out of the completion, but not out of the total.
    let told = tokens.input.saturating_add(tokens.output);
    let rest = count(usage, &["/total_tokens"]).saturating_sub(told);
    if rest > 0 && (rest == tokens.reasoning || (tokens.reasoning == 0 && tokens.cached == 0)) {
        tokens.output = tokens.output.saturating_add(rest);
        tokens.reasoning = rest;
    }
    answer.usage(tokens.consistent(), out);
    if let Some(nanodollars) = charged(usage) {
        answer.charge(nanodollars, out);
    }
}

/// The price that some providers name, in nano-dollars: OpenRouter `cost` in dollars, Perplexity `cost.total_cost` in
/// dollars, xAI `cost_in_usd_ticks` of 10⁻¹⁰ dollars.
fn charged(usage: &Value) -> Option<u64> {
    if let Some(ticks) = usage["cost_in_usd_ticks"].as_u64() {
        return Some(ticks / 10);
    }
    let cost = &usage["cost"];
    let dollars = cost.as_f64().or_else(|| cost["total_cost"].as_f64())?;
    // More than a million dollars is no price.
    (0.0..1e6).contains(&dollars).then(|| (dollars * 1e9).round() as u64)
}

/// Anthropic's `usage`: at the start the prompt, at the end the answer. What is missing or null stays as it was.
pub(super) fn anthropic(answer: &mut Answer, usage: &Value, out: &mut Vec<Delta>) {
    if !usage.is_object() {
        return;
    }
    let before = answer.tokens();
    let told = |name: &str, before: u64| usage.pointer(name).and_then(Value::as_u64).unwrap_or(before);
    let cached = told("/cache_read_input_tokens", before.cached);
    let cache_written = told("/cache_creation_input_tokens", before.cache_written);
    // The cached parts come on top of `input_tokens`.
    let fresh = told("/input_tokens", before.input.saturating_sub(before.cached).saturating_sub(before.cache_written));
    let tokens = Tokens {
        input: fresh.saturating_add(cached).saturating_add(cache_written),
        cached,
        cache_written,
        output: told("/output_tokens", before.output),
        reasoning: told("/output_tokens_details/thinking_tokens", before.reasoning),
        ..before
    };
    answer.usage(tokens.consistent(), out);
}

/// Google's `usageMetadata`: thoughts and the results of tools are counted apart, and belong to the answer and the prompt.
pub(super) fn google(answer: &mut Answer, usage: &Value, out: &mut Vec<Delta>) {
    if !usage.is_object() {
        return;
    }
    let thoughts = count(usage, &["/thoughtsTokenCount"]);
    let prompt = count(usage, &["/promptTokenCount"]);
    let tokens = Tokens {
        input: prompt.saturating_add(count(usage, &["/toolUsePromptTokenCount"])),
        cached: count(usage, &["/cachedContentTokenCount"]),
        cache_written: 0,
        output: count(usage, &["/candidatesTokenCount"]).saturating_add(thoughts),
        reasoning: thoughts,
        input_audio: audio(&usage["promptTokensDetails"]),
        output_audio: audio(&usage["candidatesTokensDetails"]),
    };
    answer.usage(tokens.consistent(), out);
}

fn audio(details: &Value) -> u64 {
    let details = details.as_array().into_iter().flatten();
    details
        .filter(|detail| detail["modality"] == "AUDIO")
        .fold(0, |sum: u64, detail| sum.saturating_add(count(detail, &["/tokenCount"])))
}
