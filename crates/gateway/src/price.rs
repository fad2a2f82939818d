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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATES: Price = Price {
        input: 2_000_000_000,
        cached: Some(200_000_000),
        written: Some(2_500_000_000),
        input_audio: Some(32_000_000_000),
        output: 10_000_000_000,
        reasoning: None,
        output_audio: Some(64_000_000_000),
        input_second: None,
        output_second: None,
        character: None,
        tier: None,
    };

    fn cost(price: &Price, tokens: Tokens) -> i64 {
        price.cost(&Quantity::from(tokens)).0
    }

    fn target(provider: &str, model: &str) -> Target {
        Target { provider: provider.into(), model: model.to_owned() }
    }

    #[test]
    fn the_price_list_can_be_read_and_knows_the_usual_models() {
        assert!(LIST.prices.len() >= 12 && LIST.prices.values().map(HashMap::len).sum::<usize>() > 800);
        let known = [
            ("openai", "gpt-6.1-sol", 2_000_000_000, 10_000_000_000),
            ("openai", "gpt-6.1-sol-2026-10-01", 2_000_000_000, 10_000_000_000),
            ("anthropic", "claude-sonnet-5-5-20261001", 2_000_000_000, 10_000_000_000),
            ("google-vertex", "google/gemini-3.8-flash", 750_000_000, 3_750_000_000),
            ("perplexity", "perplexity/sonar", 250_000_000, 2_500_000_000),
            ("groq", "openai/gpt-oss-120b", 150_000_000, 600_000_000),
            ("cloudflare-route", "anthropic/claude-sonnet-5-5", 2_000_000_000, 10_000_000_000),
            ("ollama", "anything", 0, 0),
        ];
        for (provider, model, input, output) in known {
            let price = price(&target(provider, model)).unwrap_or_else(|| panic!("{provider} {model}"));
            assert_eq!((price.input, price.output), (input, output), "{provider} {model}");
        }
        for (provider, model) in
            [("openai", "brand-new"), ("openrouter", "x/y:free"), ("openai", "żółć-2026"), ("openai", "")]
        {
            assert_eq!(price(&target(provider, model)), None, "{provider} {model}");
        }
    }

    #[test]
    fn parts_are_charged_once_at_their_own_rate() {
        let tokens =
            Tokens { input: 1000, cached: 600, cache_written: 100, input_audio: 200, output: 500, ..Tokens::default() };
        let expected = 600 * 200 + 100 * 2_500 + 200 * 32_000 + 100 * 2_000 + 500 * 10_000;
        assert_eq!(cost(&RATES, tokens), expected);
        let spoken = Tokens { output: 500, output_audio: 400, reasoning: 50, ..Tokens::default() };
        assert_eq!(cost(&RATES, spoken), 400 * 64_000 + 100 * 10_000);
    }

    #[test]
    fn a_long_prompt_is_charged_at_its_own_rates_altogether() {
        let tier = Tier { above: 200_000, input: Some(4_000_000_000), output: Some(15_000_000_000), ..Tier::default() };
        let price = Price { tier: Some(tier), ..RATES };
        let at = |input| cost(&price, Tokens { input, output: 1000, ..Tokens::default() });
        assert_eq!(at(200_000), 200_000 * 2_000 + 1000 * 10_000);
        assert_eq!(at(200_001), 200_001 * 4_000 + 1000 * 15_000);
    }

    #[test]
    fn seconds_and_characters_are_charged_too() {
        // Nova at $0.0043 a minute, and speech at $15 per million characters.
        let heard = Price { input_second: Some(71_670_000_000), ..Price::default() };
        assert_eq!(heard.cost(&Quantity { input_ms: 60_500, ..Quantity::default() }).0, 4_336_035);
        let spoken = Price { character: Some(15_000_000_000), output_second: Some(1), ..Price::default() };
        assert_eq!(spoken.cost(&Quantity { characters: 20, output_ms: 1, ..Quantity::default() }).0, 300_000);
    }

    #[test]
    fn custom_costs_are_exact() {
        let price = Price { cached: Some(1), ..Price::dollars(0.15, None, 1000.0) };
        let json = r#"{"per_token_in":0.00000015,"per_token_out":0.001,"per_cache_read_token":0.000000000000001}"#;
        assert_eq!(price.custom_cost(), json);
        assert_eq!((decimal(0), decimal(2_000_000_000_000_000)), ("0".to_owned(), "2".to_owned()));
    }

    #[test]
    fn small_and_large_amounts_can_be_read() {
        let told = [
            (0, "$0.00"),
            (4_200_000, "$0.0042"),
            (62_400, "$0.000062"),
            (1_234_567_890, "$1.23"),
            (-50_000_000, "-$0.050"),
        ];
        for (amount, text) in told {
            assert_eq!(Nanodollars(amount).to_string(), text);
        }
    }

    fn some_tokens() -> impl Strategy<Value = Tokens> {
        (
            0..2_000_000_u64,
            0..2_000_000_u64,
            0..2_000_000_u64,
            0..2_000_000_u64,
            0..500_000_u64,
            0..500_000_u64,
            0..500_000_u64,
        )
            .prop_map(|(input, cached, cache_written, input_audio, output, reasoning, output_audio)| Tokens {
                input,
                cached,
                cache_written,
                output,
                reasoning,
                input_audio,
                output_audio,
            })
    }

    fn some_price() -> impl Strategy<Value = Price> {
        let rate = || 0..100_000_000_000_u64;
        let maybe = || proptest::option::of(0..100_000_000_000_u64);
        (rate(), maybe(), maybe(), maybe(), rate(), maybe(), maybe()).prop_map(
            |(input, cached, written, input_audio, output, reasoning, output_audio)| Price {
                input,
                cached,
                written,
                input_audio,
                output,
                reasoning,
                output_audio,
                ..Price::default()
            },
        )
    }

    proptest! {
        #[test]
        fn no_token_is_counted_twice(tokens in some_tokens(), rate in 0..100_000_000_000_u64) {
            // With one rate for everything only the whole counts, however it is divided.
            let price = Price { input: rate, output: rate, ..Price::default() };
            let whole = Tokens { input: tokens.input, output: tokens.output, ..Tokens::default() };
            prop_assert_eq!(cost(&price, tokens), cost(&price, whole));
        }

        #[test]
        fn a_cost_lies_between_its_cheapest_and_its_dearest_rate(price in some_price(), tokens in some_tokens()) {
            let inputs = [Some(price.input), price.cached, price.written, price.input_audio];
            let outputs = [Some(price.output), price.reasoning, price.output_audio];
            let at = |input: Option<u64>, output: Option<u64>| {
                let nano = u128::from(input.unwrap()) * u128::from(tokens.input)
                    + u128::from(output.unwrap()) * u128::from(tokens.output);
                i64::try_from(nano / 1_000_000).unwrap()
            };
            let least = at(inputs.iter().flatten().min().copied(), outputs.iter().flatten().min().copied());
            let most = at(inputs.iter().flatten().max().copied(), outputs.iter().flatten().max().copied());
            prop_assert!((least..=most + 1).contains(&cost(&price, tokens)));
        }

        #[test]
        fn more_from_the_cache_never_costs_more(tokens in some_tokens(), more in 0..1_000_000_u64) {
            let tokens = Tokens { cache_written: 0, input_audio: 0, ..tokens };
            let warmer = Tokens { cached: tokens.cached + more, ..tokens };
            prop_assert!(cost(&RATES, warmer) <= cost(&RATES, tokens));
        }

        #[test]
        fn no_count_overflows(count: u64, rate: u64) {
            let price = Price { input: rate, output: rate, character: Some(rate), input_second: Some(rate), ..Price::default() };
            let tokens = Tokens { input: count, output: count, cached: count, reasoning: count, ..Tokens::default() };
            let quantity = Quantity { tokens, input_ms: count, output_ms: count, characters: count };
            prop_assert!(price.cost(&quantity).0 >= 0);
        }

        #[test]
        fn any_name_of_a_model_can_be_looked_up(provider in "[a-z-]{0,12}|perplexity", model in ".{0,40}") {
            let _ = price(&target(&provider, &model));
        }
    }
}
