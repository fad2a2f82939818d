//! Which models a provider has: its live list, merged with the price list.

use serde::Serialize;

use crate::Price;

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// As the provider spells it.
    pub id: String,
    /// For people; the id where the provider has no name for it.
    pub name: String,
    /// Tokens of the conversation.
    pub context: Option<u64>,
    /// Tokens of the longest answer.
    pub max_output: Option<u64>,
    /// Whether it takes pictures; `None`: not known.
    pub takes_images: Option<bool>,
    /// Its price; `None`: not known.
    pub price: Option<Price>,
}
