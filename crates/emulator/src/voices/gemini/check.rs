//! Whether a client message is what the service takes: one of the known messages, by schema, in either spelling of names.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::super::Message;

/// The schema with what it leaves open closed: the service refuses fields that it does not know.
static CLIENT: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let mut schema: Value =
        serde_json::from_str(include_str!("../../../schemas/google-live.client.schema.json")).ok()?;
    for definition in schema.get_mut("$defs")?.as_object_mut()?.values_mut() {
        if definition.get("properties").is_some() && definition.get("additionalProperties").is_none() {
            definition["additionalProperties"] = json!(false);
        }
    }
    schema["additionalProperties"] = json!(false);
    jsonschema::validator_for(&schema).ok()
});

/// Objects whose keys are the user's.
const FREE: [&str; 4] = ["args", "response", "labels", "parametersJsonSchema"];

/// The name and the body of a client message, names in camelCase; or what is wrong with it.
pub(super) fn message(message: &Message) -> Result<(String, Value), String> {
    let Message::Text(text) = message else { return Err("a binary frame".into()) };
    let value: Value = serde_json::from_str(text).map_err(|_| "Invalid JSON payload received.".to_owned())?;
    let value = renamed(&value, &camel_name);
    let Some(validator) = CLIENT.as_ref() else { return Err("no schema".into()) };
    if let Err(error) = validator.validate(&value) {
        return Err(format!("Invalid JSON payload received: {} at {}", error.masked(), error.instance_path()));
    }
    let Value::Object(fields) = value else { return Err("no object".into()) };
    let mut fields = fields.into_iter();
    match (fields.next(), fields.next()) {
        (Some((name, body)), None) => {
            let is_single = name != "realtimeInput" || body.as_object().is_some_and(|fields| fields.len() == 1);
            if is_single { Ok((name, body)) } else { Err("one kind of input for each message".into()) }
        }
        _ => Err("exactly one kind of message".into()),
    }
}

/// The bytes of live sound.
pub(super) fn audio(audio: &Value) -> Result<Vec<u8>, &'static str> {
    if audio["mimeType"] != "audio/pcm;rate=16000" {
        return Err("sound of another kind than audio/pcm;rate=16000");
    }
    let data = audio["data"].as_str().unwrap_or_default();
    let bytes = BASE64_STANDARD.decode(data).map_err(|_| "sound that is not base64")?;
    if bytes.is_empty() || !bytes.len().is_multiple_of(2) {
        return Err("half a sample");
    }
    Ok(bytes)
}

/// Each turn of content needs an explicit role.
pub(super) fn roles(turns: &[Value]) -> Result<(), &'static str> {
    let has_role = |turn: &Value| matches!(turn["role"].as_str(), Some("user" | "model"));
    if turns.iter().all(has_role) { Ok(()) } else { Err("Please use a valid role: user, model.") }
}

/// The same with names in `snake_case`.
pub(super) fn snake(value: &Value) -> Value {
    renamed(value, &|name| {
        let mut snake = String::new();
        for character in name.chars() {
            if character.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        snake
    })
}

fn camel_name(name: &str) -> String {
    let mut camel = String::new();
    let mut is_start = false;
    for character in name.chars() {
        match character {
            '_' => is_start = true,
            _ if std::mem::take(&mut is_start) => camel.push(character.to_ascii_uppercase()),
            _ => camel.push(character),
        }
    }
    camel
}

fn renamed(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            let rename_field = |(name, value): (&String, &Value)| {
                let is_free = FREE.contains(&name.as_str());
                (rename(name), if is_free { value.clone() } else { renamed(value, rename) })
            };
            Value::Object(fields.iter().map(rename_field).collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(|value| renamed(value, rename)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(value: &Value) -> Result<(String, Value), String> {
        message(&Message::Text(value.to_string()))
    }

    #[test]
    fn both_spellings_are_read_and_unknown_names_refused() {
        let (name, body) = read(&json!({ "realtime_input": { "activityStart": {} } })).unwrap();
        assert_eq!((name.as_str(), body), ("realtimeInput", json!({ "activityStart": {} })));
        let (_, setup) =
            read(&json!({ "setup": { "generation_config": { "responseModalities": ["AUDIO"] } } })).unwrap();
        assert_eq!(setup["generationConfig"]["responseModalities"], json!(["AUDIO"]));
        for wrong in [
            json!({ "setup": { "speed": 2 } }),
            json!({ "hello": {} }),
            json!({}),
            json!({ "setup": {}, "realtimeInput": {} }),
            json!({ "realtimeInput": { "activityStart": {}, "activityEnd": {} } }),
            json!([]),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        assert!(message(&Message::Binary(b"{}".to_vec())).is_err());
    }

    #[test]
    fn names_go_there_and_back() {
        let told = json!({ "serverContent": { "modelTurn": { "parts": [{ "inlineData": { "mimeType": "x" } }] } } });
        assert!(snake(&told)["server_content"]["model_turn"]["parts"][0]["inline_data"]["mime_type"].is_string());
        assert_eq!(renamed(&snake(&told), &camel_name), told);
    }
}
