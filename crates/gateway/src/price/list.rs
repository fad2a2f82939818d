//! The price list of the program, and the names that providers give to the models in it.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Price;

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
pub(super) struct List {
    pub(super) prices: HashMap<String, HashMap<String, Listed>>,
}

pub(super) static LIST: LazyLock<List> = LazyLock::new(|| {
    // A test proves that it can be read.
    serde_json::from_str(include_str!("../../data/prices.json")).unwrap_or_else(|_| List { prices: HashMap::new() })
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
