//! ChatGPT's data export: `conversations.json`, an array of conversations. Each has a `mapping` from ids to nodes with a
//! `message`, a `parent` and `children`, and a `current_node`. As seen in exports of 2023 to 2026; there is no
//! published description.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::Foreign;
use crate::message::{Citation, Kind, Role, State};
use crate::portable::{Portable, PortableMessage, VERSION};

/// A conversation; `None`: it makes no sense, or nobody says anything in it.
pub(super) fn conversation(value: &Value) -> Option<Foreign> {
    let nodes = value.get("mapping")?.as_object()?;
    let created_ms = ms(value.get("create_time")).unwrap_or(0);
    let mut walk = Walk { nodes, created_ms, messages: Vec::new(), places: HashMap::new(), skipped: 0 };
    walk.all();
    let Walk { messages, places, mut skipped, .. } = walk;
    // Nodes that go round in a circle.
    skipped += (nodes.len() as u64).saturating_sub(places.len() as u64);
    if messages.is_empty() {
        return None;
    }
    let id = text(value, "conversation_id").or_else(|| text(value, "id"));
    let leaf = text(value, "current_node").and_then(|node| places.get(node).copied().flatten());
    let conversation = Portable {
        sidetone: VERSION,
        origin: id.map(|id| format!("chatgpt:{id}")),
        title: text(value, "title").unwrap_or_default().to_owned(),
        is_pinned: false,
        system: String::new(),
        created_ms,
        updated_ms: ms(value.get("update_time")).unwrap_or(created_ms),
        leaf,
        messages: messages.iter().filter_map(|message| serde_json::to_value(message).ok()).collect(),
    };
    Some(Foreign { conversation, skipped })
}

/// Goes through the tree from its roots, and leaves out what people do not see.
struct Walk<'a> {
    nodes: &'a Map<String, Value>,
    created_ms: i64,
    messages: Vec<PortableMessage>,
    /// Of each node that was visited: its message, or the nearest one before it.
    places: HashMap<&'a str, Option<i64>>,
    skipped: u64,
}

impl<'a> Walk<'a> {
    fn all(&mut self) {
        let children = self.children();
        // A node, the message before it, and what was thought since that.
        let mut stack: Vec<(&'a str, Option<i64>, String)> = Vec::new();
        stack.extend(children.get("").into_iter().flatten().rev().map(|&root| (root, None, String::new())));
        while let Some((id, parent, thought)) = stack.pop() {
            if self.places.contains_key(id) {
                continue;
            }
            let (place, thought) = self.visit(id, parent, thought);
            self.places.insert(id, place);
            let next = children.get(id).into_iter().flatten().rev();
            stack.extend(next.map(|&child| (child, place, thought.clone())));
        }
    }

    /// Nodes by their parent, in the parent's order; those without one under the empty name.
    fn children(&self) -> HashMap<&'a str, Vec<&'a str>> {
        let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
        for (id, node) in self.nodes {
            let parent = text(node, "parent").filter(|parent| self.nodes.contains_key(*parent)).unwrap_or_default();
            children.entry(parent).or_default().push(id);
        }
        for (parent, ids) in &mut children {
            let order = self.nodes.get(*parent).and_then(|node| node.get("children")).and_then(Value::as_array);
            let place = |id: &str| order.and_then(|order| order.iter().position(|child| child == id));
            ids.sort_by_key(|id| place(id).unwrap_or(usize::MAX));
        }
        children
    }

    fn visit(&mut self, id: &str, parent: Option<i64>, mut thought: String) -> (Option<i64>, String) {
        let message = self.nodes.get(id).and_then(|node| node.get("message")).filter(|message| !message.is_null());
        let Some(message) = message else {
            return (parent, thought);
        };
        match seen(message) {
            Seen::Nothing => (parent, thought),
            Seen::Nonsense => {
                self.skipped += 1;
                (parent, thought)
            }
            Seen::Thought(more) => {
                if !thought.is_empty() {
                    thought.push_str("\n\n");
                }
                thought.push_str(&more);
                (parent, thought)
            }
            Seen::Words { role, kind, words } => {
                let place = self.messages.len() as i64 + 1;
                let reasoning = if role == Role::Assistant { thought } else { String::new() };
                self.messages.push(self.message(message, place, parent, (role, kind, words, reasoning)));
                (Some(place), String::new())
            }
        }
    }

    fn message(
        &self,
        message: &Value,
        id: i64,
        parent: Option<i64>,
        (role, kind, words, reasoning): (Role, Kind, String, String),
    ) -> PortableMessage {
        let about = message.get("metadata").unwrap_or(&Value::Null);
        let is_answer = role == Role::Assistant;
        PortableMessage {
            id,
            parent,
            role,
            kind,
            text: words,
            reasoning,
            citations: citations(about),
            attachments: Vec::new(),
            provider: if is_answer { "openai".into() } else { String::new() },
            model: text(about, "model_slug").filter(|_| is_answer).unwrap_or_default().to_owned(),
            tokens: None,
            cost_nano: None,
            created_ms: ms(message.get("create_time")).unwrap_or(self.created_ms),
            state: if text(message, "status") == Some("in_progress") { State::Stopped } else { State::Done },
            failure: None,
            receipt: None,
            span: None,
        }
    }
}

/// What people see of a message.
enum Seen {
    Nothing,
    Nonsense,
    Thought(String),
    Words { role: Role, kind: Kind, words: String },
}

fn seen(message: &Value) -> Seen {
    let Some(role) = message.get("author").and_then(|author| text(author, "role")) else {
        return Seen::Nonsense;
    };
    let role = match role {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        // Instructions, and what tools answer.
        _ => return Seen::Nothing,
    };
    let about = message.get("metadata").unwrap_or(&Value::Null);
    let is_hidden = about.get("is_visually_hidden_from_conversation").and_then(Value::as_bool).unwrap_or(false);
    let is_to_all = text(message, "recipient").is_none_or(|recipient| recipient == "all");
    if is_hidden || !is_to_all {
        return Seen::Nothing;
    }
    let Some(content) = message.get("content").filter(|content| content.is_object()) else {
        return Seen::Nonsense;
    };
    let (kind, words) = match text(content, "content_type").unwrap_or("text") {
        "thoughts" => return Seen::Thought(thoughts(content)),
        "reasoning_recap" | "user_editable_context" | "model_editable_context" => return Seen::Nothing,
        "code" => (Kind::Text, format!("```\n{}\n```", text(content, "text").unwrap_or_default())),
        _ => match content.get("parts") {
            Some(Value::Array(parts)) => words(parts),
            Some(_) => return Seen::Nonsense,
            None => (Kind::Text, text(content, "text").unwrap_or_default().to_owned()),
        },
    };
    let words = unmarked(&words);
    if words.trim().is_empty() { Seen::Nothing } else { Seen::Words { role, kind, words } }
}

/// The parts of a message: words, what was said, and pictures, which are not in this file.
fn words(parts: &[Value]) -> (Kind, String) {
    let mut kind = Kind::Text;
    let mut words = Vec::new();
    for part in parts {
        match (part, text(part, "content_type")) {
            (Value::String(part), _) => words.push(part.as_str()),
            (_, Some("audio_transcription")) => {
                kind = Kind::Voice;
                words.extend(text(part, "text"));
            }
            (_, Some("image_asset_pointer")) => words.push("[image]"),
            _ => {}
        }
    }
    words.retain(|part| !part.trim().is_empty());
    (kind, words.join("\n\n"))
}

fn thoughts(content: &Value) -> String {
    let thoughts = content.get("thoughts").and_then(Value::as_array).into_iter().flatten();
    let thoughts = thoughts.filter_map(|thought| text(thought, "content").or_else(|| text(thought, "summary")));
    thoughts.collect::<Vec<_>>().join("\n\n")
}

/// Without the marks that stand for sources: `U+E200 … U+E201`.
fn unmarked(words: &str) -> String {
    let mut plain = String::with_capacity(words.len());
    let mut rest = words;
    while let Some((before, behind)) = rest.split_once('\u{E200}') {
        plain.push_str(before);
        rest = behind.split_once('\u{E201}').map_or(behind, |(_, behind)| behind);
    }
    plain.push_str(rest);
    plain
}

/// Pages that an answer refers to, each once.
fn citations(about: &Value) -> Vec<Citation> {
    let list = |value: &'_ Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut pages: Vec<Value> = Vec::new();
    for reference in list(about, "content_references") {
        pages.extend(list(&reference, "items"));
        pages.push(reference);
    }
    pages.extend(list(about, "citations").iter().filter_map(|citation| citation.get("metadata").cloned()));
    let mut known = HashSet::new();
    let pages = pages.iter().filter_map(|page| {
        let url = text(page, "url").filter(|url| url.starts_with("https://") || url.starts_with("http://"))?;
        known
            .insert(url.to_owned())
            .then(|| Citation { url: url.to_owned(), title: text(page, "title").unwrap_or_default().to_owned() })
    });
    pages.collect()
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// Unix seconds with a fraction.
fn ms(seconds: Option<&Value>) -> Option<i64> {
    seconds.and_then(Value::as_f64).map(|seconds| (seconds * 1000.0) as i64)
}
