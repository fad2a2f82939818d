#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;

use super::list::LIST;
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
