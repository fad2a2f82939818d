//! Tools: what the model may ask the app to do while it answers. A tool is data; who calls the session carries it out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tool that is offered to the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name: letters, digits and `_`, at most 64.
    pub name: String,
    /// What it does and when it is of use, for the model.
    pub description: String,
    /// Its parameters as JSON schema (`type: object`), in the part of it that all providers take: `type`, `properties`,
    /// `description`, `enum`, `required`.
    pub parameters: Value,
}
