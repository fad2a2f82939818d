//! Schemas of providers that name their messages' definitions, with keys that they do not name refused.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The definitions of one schema, compiled.
#[derive(Debug)]
pub(crate) struct Definitions(BTreeMap<String, Validator>);

impl Definitions {
    /// Of a schema's text, those of these names.
    pub(crate) fn new(text: &str, names: &[&str]) -> Self {
        let mut schema: Value = serde_json::from_str(text).unwrap_or_default();
        let mut definitions = schema.get_mut("$defs").map(Value::take).unwrap_or_default();
        close(&mut definitions);
        let compile = |name: &&str| {
            let one = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("#/$defs/{name}"),
                "$defs": definitions,
            });
            jsonschema::validator_for(&one).ok().map(|validator| ((*name).to_owned(), validator))
        };
        Self(names.iter().filter_map(compile).collect())
    }

    /// What is wrong with a message of this kind.
    pub(crate) fn breach(&self, name: &str, message: &Value) -> Option<String> {
        let Some(validator) = self.0.get(name) else { return Some(format!("no definition of {name}")) };
        validator
            .validate(message)
            .err()
            .map(|error| format!("{name}: {} at {}", error.masked(), error.instance_path()))
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("properties").is_some_and(Value::is_object) {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(array) => array.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
