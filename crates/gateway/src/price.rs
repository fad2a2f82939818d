//! What things cost: the price list of the program, the user's own prices, and the sums.

mod list;
#[cfg(test)]
mod tests;

use protocol::chat::{self, Part, Tokens};
use serde::{Deserialize, Serialize};

use crate::meter::prompt_tokens;
use crate::{Nanodollars, Settings, Target, provider};

pub(crate) use list::{Listed, listed, listed_models};

/// What a model charges. All rates are nano-dollars per million units: a million tokens, seconds or characters.
/// `None`: charged like the plain ones, or not at all when there are no plain ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Price {
    /// Tokens of the prompt.
    pub input: u64,
    /// Those read from the provider's cache.
    pub cached: Option<u64>,
    /// Those written to the provider's cache.
    pub written: Option<u64>,
    /// Those of audio.
    pub input_audio: Option<u64>,
    /// Tokens of the answer.
    pub output: u64,
    /// Those of reasoning.
    pub reasoning: Option<u64>,
    /// Those of audio.
    pub output_audio: Option<u64>,
    /// Seconds of audio heard.
    pub input_second: Option<u64>,
    /// Seconds of audio made.
    pub output_second: Option<u64>,
    /// Characters spoken.
    pub character: Option<u64>,
    /// Other rates for long prompts.
    pub tier: Option<Tier>,
}

/// Rates for the whole request when its prompt is long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tier {
    /// For prompts of more tokens than this.
    pub above: u64,
    /// As in [`Price`].
    pub input: Option<u64>,
    /// As in [`Price`].
    pub cached: Option<u64>,
    /// As in [`Price`].
    pub written: Option<u64>,
    /// As in [`Price`].
    pub output: Option<u64>,
}

/// What was consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantity {
    /// Tokens of all kinds.
    pub tokens: Tokens,
    /// Audio heard, ms.
    pub input_ms: u64,
    /// Audio made, ms.
    pub output_ms: u64,
    /// Characters spoken.
    pub characters: u64,
}

impl From<Tokens> for Quantity {
    fn from(tokens: Tokens) -> Self {
        Self { tokens, ..Self::default() }
    }
}

impl Price {
    /// A price of text as providers print it: dollars per million tokens.
    pub fn dollars(input: f64, cached: Option<f64>, output: f64) -> Self {
        let rate = |dollars: f64| Nanodollars::from_dollars(dollars).0.unsigned_abs();
        Self { input: rate(input), cached: cached.map(rate), output: rate(output), ..Self::default() }
    }

    /// The cost, rounded once to the nearest nano-dollar. Parts (cached, audio, reasoning) are charged once, at their
    /// own rate; a count of parts that exceeds the whole is cut to it.
    pub fn cost(&self, quantity: &Quantity) -> Nanodollars {
        let rates = self.at(quantity.tokens.input);
        let tokens = &quantity.tokens;
        let mut input = tokens.input;
        let mut output = tokens.output;
        let micro = [
            (part(&mut input, tokens.cached), rates.cached.unwrap_or(rates.input)),
            (part(&mut input, tokens.cache_written), rates.written.unwrap_or(rates.input)),
            (part(&mut input, tokens.input_audio), rates.input_audio.unwrap_or(rates.input)),
            (input, rates.input),
            (part(&mut output, tokens.output_audio), rates.output_audio.unwrap_or(rates.output)),
            (part(&mut output, tokens.reasoning), rates.reasoning.unwrap_or(rates.output)),
            (output, rates.output),
            (quantity.characters, rates.character.unwrap_or(0)),
        ];
        let nano = [
            (quantity.input_ms, rates.input_second.unwrap_or(0)),
            (quantity.output_ms, rates.output_second.unwrap_or(0)),
        ];
        let sum = |parts: &[(u64, u64)]| {
            let products = parts.iter().map(|(count, rate)| u128::from(*count) * u128::from(*rate));
            products.fold(0_u128, u128::saturating_add)
        };
        // Milliseconds are a thousandth of the unit.
        let total = sum(&micro).saturating_mul(1000).saturating_add(sum(&nano));
        Nanodollars(i64::try_from(total.saturating_add(500_000_000) / 1_000_000_000).unwrap_or(i64::MAX))
    }

    /// The rates for a prompt of so many tokens.
    fn at(&self, input: u64) -> Self {
        let Some(tier) = self.tier.filter(|tier| input > tier.above) else { return *self };
        Self {
            input: tier.input.unwrap_or(self.input),
            cached: tier.cached.or(self.cached),
            written: tier.written.or(self.written),
            output: tier.output.unwrap_or(self.output),
            ..*self
        }
    }

    /// The higher of both rates for a prompt of so many tokens.
    pub(crate) fn dearest(&self, other: &Self, input: u64) -> Self {
        let (one, other) = (self.at(input), other.at(input));
        let written = |price: &Self| price.written.unwrap_or(price.input);
        let reasoning = |price: &Self| price.reasoning.unwrap_or(price.output);
        Self {
            input: one.input.max(other.input),
            written: Some(written(&one).max(written(&other))),
            output: one.output.max(other.output),
            reasoning: Some(reasoning(&one).max(reasoning(&other))),
            ..Self::default()
        }
    }

    /// The value of `cf-aig-custom-cost`: dollars per token.
    pub(crate) fn custom_cost(&self) -> String {
        let mut json = format!(r#"{{"per_token_in":{},"per_token_out":{}"#, decimal(self.input), decimal(self.output));
        if let Some(cached) = self.cached {
            json.push_str(&format!(r#","per_cache_read_token":{}"#, decimal(cached)));
        }
        if let Some(written) = self.written {
            json.push_str(&format!(r#","per_cache_write_token":{}"#, decimal(written)));
        }
        json.push('}');
        json
    }
}

/// Takes a part out of the rest, never more than there is.
fn part(rest: &mut u64, part: u64) -> u64 {
    let taken = part.min(*rest);
    *rest -= taken;
    taken
}

/// Nano-dollars per million as dollars for one, exactly.
fn decimal(rate: u64) -> String {
    const ONE: u64 = 1_000_000_000_000_000;
    let text = format!("{}.{:015}", rate / ONE, rate % ONE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The listed price of a model; zero for local ones, `None` when it is not known.
pub fn price(target: &Target) -> Option<Price> {
    if provider(&target.provider).is_some_and(|provider| provider.is_local) {
        return Some(Price::default());
    }
    Some(listed(target.provider.as_str(), &target.model)?.price)
}

/// The user's own price of a model, if there is one.
pub(crate) fn own<'a>(settings: &'a Settings, target: &Target) -> Option<&'a Price> {
    settings.prices.iter().find(|own| own.target == *target).map(|own| &own.price)
}

/// The price that counts.
pub(crate) fn effective(settings: &Settings, target: &Target) -> Option<Price> {
    own(settings, target).copied().or_else(|| price(target))
}

/// What is assumed of a model whose price nobody knows, for the budget: as dear as the dearest listed one of the
/// provider, for a prompt of so many tokens.
pub fn assumed(target: &Target, input: u64) -> Price {
    let text = listed_models(target.provider.as_str()).filter(|(_, listed)| listed.text);
    let dearest = text.map(|(_, listed)| listed.price).reduce(|one, other| one.dearest(&other, input));
    dearest.unwrap_or_else(|| Price::dollars(15.0, None, 75.0))
}

/// Tokens of a picture: what the dearest providers count for a large one.
const IMAGE_TOKENS: u64 = 1600;

/// Tokens of a prompt, before anybody counts them.
pub(crate) fn input_tokens(request: &chat::Request) -> u64 {
    if let Some(raw) = &request.raw {
        return prompt_tokens(&raw.body);
    }
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let tokens = parts.map(|part| match part {
        Part::Text { text } => tokens_of(text),
        Part::Image { .. } => IMAGE_TOKENS,
        Part::Call(call) => tokens_of(&call.name) + tokens_of(&call.arguments),
        Part::Output { output, .. } => tokens_of(output),
    });
    let tools = request.tools.iter().map(|tool| tokens_of(&tool.description) + tokens_of(&tool.parameters.to_string()));
    tokens.chain(tools).sum::<u64>() + 4 * request.messages.len() as u64
}

/// Tokens of a text, rather too many: three characters of ASCII each, so that code is not counted too low; of any other
/// script each character is one, and what is rarer still two.
pub(crate) fn tokens_of(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let begins = text.bytes().filter(|byte| *byte >= 0xC0).count();
    let is_rare = text.bytes().filter(|byte| *byte >= 0xF0).count();
    text_tokens(ascii) + (begins + is_rare) as u64
}

/// Tokens of so many bytes of text.
pub(crate) fn text_tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(3)
}
