//! The auto router of Cloudflare AI Gateway (`cloudflare/auto`): what it is told of the conversation, so that it stays with
//! a model within one, and within all requests that one answer takes.

use protocol::chat::{Part, Request, Speaker};
use serde::Serialize;

use crate::Ask;

/// The model that stands for it.
pub(crate) const AUTO: &str = "cloudflare/auto";

/// Names conversation and turn, where the caller does not and the router is asked.
pub(crate) fn place(ask: &mut Ask) {
    if !ask.order.targets().iter().any(|target| target.model == AUTO) {
        return;
    }
    let Ask { options, conversation, request, .. } = ask;
    options.session_id = options.session_id.take().or_else(|| Some(format!("sidetone-{}", (*conversation)?)));
    options.turn_id = options.turn_id.take().or_else(|| turn(request));
}

/// A name for the question: what came of tools since belongs to the same one.
fn turn(request: &Request) -> Option<String> {
    if let Some(raw) = &request.raw {
        let messages = raw.body["messages"].as_array()?;
        return name(messages.get(..=messages.iter().rposition(|message| message["role"] == "user")?)?);
    }
    let messages = &request.messages;
    let is_output = |part: &Part| matches!(part, Part::Output { .. });
    let is_question =
        |message: &protocol::chat::Message| message.role == Speaker::User && !message.parts.iter().any(is_output);
    name(messages.get(..=messages.iter().rposition(is_question)?)?)
}

fn name(said: &[impl Serialize]) -> Option<String> {
    let hash = blake3::hash(&serde_json::to_vec(said).ok()?).to_hex();
    hash.get(..32).map(str::to_owned)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use protocol::chat::{Message, Raw, ToolCall};
    use serde_json::json;

    use super::*;

    fn request(messages: Vec<Message>) -> Request {
        let model = AUTO.to_owned();
        Request { model, messages, temperature: None, max_output: None, effort: None, tools: Vec::new(), raw: None }
    }

    #[test]
    fn a_turn_has_one_name_until_the_next_question() {
        let mut messages = vec![Message::of(Speaker::User, "Light!")];
        let first = turn(&request(messages.clone())).unwrap();
        let call = ToolCall { id: "c".into(), name: "light".into(), arguments: "{}".into(), seal: None };
        let output = Part::Output { id: "c".into(), name: "light".into(), output: "done".into() };
        messages.push(Message { role: Speaker::Assistant, parts: vec![Part::Call(call)] });
        messages.push(Message { role: Speaker::User, parts: vec![output] });
        assert_eq!(turn(&request(messages.clone())), Some(first.clone()), "tools belong to it");
        messages.push(Message::of(Speaker::Assistant, "It is on."));
        messages.push(Message::of(Speaker::User, "Light!"));
        let second = turn(&request(messages)).unwrap();
        assert!(second != first && second.len() == 32, "{second}");
    }

    #[test]
    fn so_has_one_that_another_program_wrote() {
        let raw = |messages| {
            let raw = Some(Raw { body: json!({ "messages": messages }), beyond: String::new() });
            turn(&Request { raw, ..request(Vec::new()) })
        };
        let user = json!({ "role": "user", "content": "Light!" });
        let first = raw(json!([user]));
        assert_eq!(first, raw(json!([user, { "role": "assistant" }, { "role": "tool", "content": "done" }])));
        assert!(first.is_some() && first != raw(json!([user, user])));
    }
}
