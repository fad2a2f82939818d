//! Tools of a voice: what the model of a call is offered, and what it says when it calls one. Who carries a call out is
//! the text pane's task, owner of the conversation that shows what came of it.

use protocol::{ItemId, Tool};
use serde_json::{Value, json};

use crate::api::Shape;
use crate::config::Settings;
use crate::picture::Wish;

const MAKE_IMAGE: &str = "make_image";

/// A tool that the model of a call asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToolCall {
    pub(crate) item: ItemId,
    pub(crate) name: String,
    /// JSON, as the model wrote it.
    pub(crate) arguments: String,
}

/// What is offered: pictures to who has a key for them and wants them.
pub(crate) fn offered(settings: &Settings, has_fal_key: bool) -> Vec<Tool> {
    if !settings.tools.pictures || !has_fal_key {
        return Vec::new();
    }
    let parameters = json!({
        "type": "object",
        "properties": {
            "prompt": {
                "type": "string",
                "description": "What is to be seen, in English, in one or two sentences: subject, setting, style.",
            },
            "shape": { "type": "string", "enum": ["square", "landscape", "portrait"] },
        },
        "required": ["prompt"],
    });
    vec![Tool {
        name: MAKE_IMAGE.into(),
        description:
            "Makes a picture and shows it to the user in the window. Use it when the user asks for a picture, \
                      drawing or photo. It takes a few seconds; say so briefly before."
                .into(),
        parameters,
    }]
}

impl ToolCall {
    /// The picture that is wished for.
    ///
    /// # Errors
    /// Words for the model: it called something else, or its arguments are not to be understood.
    pub(crate) fn wish(&self) -> Result<Wish, String> {
        if self.name != MAKE_IMAGE {
            return Err(output(false, "there is no such tool"));
        }
        let arguments: Value = serde_json::from_str(&self.arguments).unwrap_or_default();
        let prompt = arguments.get("prompt").and_then(Value::as_str).unwrap_or_default().trim();
        if prompt.is_empty() {
            return Err(output(false, "the argument prompt is missing"));
        }
        let shape = match arguments.get("shape").and_then(Value::as_str) {
            Some("landscape") => Shape::Landscape,
            Some("portrait") => Shape::Portrait,
            Some(_) | None => Shape::Square,
        };
        Ok(Wish { prompt: prompt.to_owned(), shape })
    }
}

/// What the model hears of a call.
pub(crate) fn output(is_done: bool, words: &str) -> String {
    json!({ "ok": is_done, "output": words }).to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { item: ItemId(1), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn pictures_are_offered_to_who_has_a_key_and_wants_them() {
        let mut settings = Settings::default();
        assert_eq!(offered(&settings, true).len(), 1);
        assert!(offered(&settings, false).is_empty());
        settings.tools.pictures = false;
        assert!(offered(&settings, true).is_empty());
    }

    #[test]
    fn arguments_are_read_leniently() {
        let wish = call("make_image", r#"{"prompt":" a fox ","shape":"portrait","more":1}"#).wish().unwrap();
        assert_eq!(wish, Wish { prompt: "a fox".into(), shape: Shape::Portrait });
        assert_eq!(call("make_image", r#"{"prompt":"a fox","shape":9}"#).wish().unwrap().shape, Shape::Square);
        for (name, arguments) in
            [("make_image", "{"), ("make_image", r#"{"prompt":7}"#), ("other", r#"{"prompt":"x"}"#)]
        {
            assert!(call(name, arguments).wish().unwrap_err().contains("\"ok\":false"));
        }
    }
}
