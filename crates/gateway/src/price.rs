//! What things cost: the price list of the program, the user's own prices, and the sums.

use std::collections::HashMap;
use std::sync::LazyLock;

use protocol::chat::{self, Part, Tokens};
use serde::{Deserialize, Serialize};

use crate::{Nanodollars, Settings, Target, provider};

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

/// What the price list says about a model.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Listed {
    #[serde(flatten)]
    pub(crate) price: Price,
    /// Tokens of prompt and answer.
    pub(crate) context: Option<u64>,
    /// Tokens of the longest answer.
    pub(crate) most: Option<u64>,
    /// Whether it takes pictures, where that is known.
    pub(crate) images: Option<bool>,
    /// Whether it answers in text.
    #[serde(default)]
    pub(crate) text: bool,
}

#[derive(Deserialize)]
struct List {
    prices: HashMap<String, HashMap<String, Listed>>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    // A test proves that it can be read.
    serde_json::from_str(include_str!("../data/prices.json")).unwrap_or_else(|_| List { prices: HashMap::new() })
});

/// All listed models of a provider.
pub(crate) fn listed_models(provider: &str) -> impl Iterator<Item = (&'static str, &'static Listed)> {
    LIST.prices.get(provider).into_iter().flatten().map(|(model, listed)| (model.as_str(), listed))
}

/// The listed model, also under the name with a date, a variant or a vendor that providers add.
pub(crate) fn listed(provider: &str, model: &str) -> Option<&'static Listed> {
    let find = |provider: &str, model: &str| LIST.prices.get(provider)?.get(model);
    if let Some(listed) = find(provider, model) {
        return Some(listed);
    }
    if let Some((plain, variant)) = model.rsplit_once(':') {
        // Such as `:fastest`; a variant called free is not charged like the plain one.
        return if variant == "free" { None } else { find(provider, plain) };
    }
    if let Some(listed) = undated(model).and_then(|plain| find(provider, plain)) {
        return Some(listed);
    }
    // Resellers at list price, and models of several vendors at one provider.
    let (vendor, plain) = model.split_once('/')?;
    match provider {
        "google-vertex" => find(provider, plain).or_else(|| find("google-ai-studio", plain)),
        "perplexity" | "cloudflare-route" => {
            let vendor = match vendor {
                "google" => "google-ai-studio",
                "grok" => "xai",
                other => other,
            };
            listed(vendor, plain)
        }
        _ => None,
    }
}

/// The name without `-2026-03-05` or `-20260305`.
fn undated(model: &str) -> Option<&str> {
    let at = model.len().checked_sub(11).filter(|at| {
        model.get(*at..).is_some_and(|end| {
            let mut parts = end.strip_prefix('-').into_iter().flat_map(|end| end.split('-'));
            [4, 2, 2].iter().all(|length| parts.next().is_some_and(|part| is_number(part, *length)))
        })
    });
    let at = at.or_else(|| {
        let at = model.len().checked_sub(9)?;
        model.get(at..)?.strip_prefix('-').filter(|end| is_number(end, 8)).map(|_| at)
    })?;
    model.get(..at)
}

fn is_number(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
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

/// Tokens of a picture: what the dearest providers count for a large one.
const IMAGE_TOKENS: u64 = 1600;

/// Tokens of a prompt, before anybody counts them: three bytes each, so that other languages than English and code
/// are not counted too low.
pub(crate) fn input_tokens(request: &chat::Request) -> u64 {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let tokens = parts.map(|part| match part {
        Part::Text { text } => text_tokens(text.len()),
        Part::Image { .. } => IMAGE_TOKENS,
    });
    tokens.sum::<u64>() + 4 * request.messages.len() as u64
}

/// Tokens of so many bytes of text.
pub(crate) fn text_tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(3)
}
