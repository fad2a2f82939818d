//! What is asked: a branch of the conversation as a request.

use std::collections::BTreeMap;

use gateway::{Ask, GatewayOptions, Order, Policy, ProviderId, Purpose};
use protocol::chat::{Effort, Message, Part, Request, Speaker};

use super::{Desk, LONGEST};
use crate::api::{Attachment, ChatMessage, ChatPolicy, Enclosed, Role, Target};
use crate::config::Settings;
use crate::text::PRACTICE;

/// More pictures than any message takes.
const MOST_PICTURES: u32 = 100;

/// Who is asked by these settings.
pub(super) fn target(settings: &Settings) -> Target {
    let (provider, model) = (settings.chat.provider.trim(), settings.chat.model.trim());
    if let Some(gateway) = gateway::provider_of(model) {
        return Target { provider: gateway.0, model: model.to_owned() };
    }
    Target { provider: provider.to_owned(), model: if model.is_empty() { usual(provider) } else { model.to_owned() } }
}

/// A provider's model for those who name none.
pub(crate) fn usual(provider: &str) -> String {
    gateway::provider(&ProviderId::from(provider)).map_or("", |provider| provider.usual_model).to_owned()
}

/// Who else may be asked where the user names nobody: everybody with a key. Who chose a server of his own wants his words
/// to stay there, and a route of the gateway's has others of its own.
pub(crate) fn spares(settings: &Settings) -> Vec<gateway::Target> {
    let chosen = target(settings).provider;
    let known = gateway::provider(&ProviderId::from(chosen.as_str()));
    let is_open = known.is_some_and(|known| !known.is_local && !known.base_url.is_empty());
    if !is_open || !settings.chat.stand_in || !settings.chat.fallback.is_empty() {
        return Vec::new();
    }
    let others = gateway::providers().iter().filter(|other| other.id != chosen && !other.usual_model.is_empty());
    others.map(|other| gateway::Target { provider: other.id.into(), model: other.usual_model.to_owned() }).collect()
}

/// The request for an answer to these messages.
pub(super) fn ask(settings: &Settings, system: &str, messages: Vec<Message>, conversation: Option<i64>) -> Ask {
    let chat = &settings.chat;
    let mut all = Vec::with_capacity(messages.len() + 1);
    if !system.trim().is_empty() {
        all.push(message(Speaker::System, vec![Part::Text { text: system.to_owned() }]));
    }
    all.extend(messages);
    Ask {
        request: Request {
            model: chat.model.clone(),
            messages: all,
            temperature: Some(chat.temperature).filter(|temperature| *temperature >= 0.0),
            max_output: Some(u64::from(chat.max_output)).filter(|tokens| *tokens > 0),
            effort: match chat.effort.as_str() {
                "low" => Some(Effort::Low),
                "medium" => Some(Effort::Medium),
                "high" => Some(Effort::High),
                _ => None,
            },
            tools: Vec::new(),
            raw: None,
        },
        order: order(settings),
        spares: spares(settings),
        purpose: Purpose::Chat,
        profile: "default".into(),
        conversation,
        is_stream: true,
        cache: if settings.cache.even_random { Some(true) } else { None },
        // As the settings say, for each provider.
        route: None,
        options: GatewayOptions { metadata: BTreeMap::new(), ..GatewayOptions::default() },
    }
}

/// The request for an answer that a voice will speak.
pub(crate) fn spoken_ask(settings: &Settings, question: protocol::Question) -> Ask {
    let mut settings = settings.clone();
    if let Some((provider, model)) = settings.cascade.brain.split_once('/') {
        (settings.chat.provider, settings.chat.model) = (provider.trim().to_owned(), model.trim().to_owned());
    }
    let mut ask = ask(&settings, &question.instructions, question.messages, None);
    if !question.tools.is_empty() {
        // A tool is called anew for each question, at Cloudflare's gateway too.
        ask.options.skip_cache = Some(true);
    }
    ask.request.tools = question.tools;
    Ask { purpose: Purpose::Voice, ..ask }
}

/// Who may answer by these settings.
pub(crate) fn order(settings: &Settings) -> Order {
    let of = |target: &Target| gateway::Target {
        provider: ProviderId::from(target.provider.as_str()),
        model: target.model.clone(),
    };
    let first = target(settings);
    let mut targets = vec![of(&first)];
    if first.provider != PRACTICE {
        for other in settings.chat.fallback.iter().filter(|other| other.provider != PRACTICE).map(of) {
            if !targets.contains(&other) {
                targets.push(other);
            }
        }
    }
    match settings.chat.policy {
        ChatPolicy::Chain => Order::Chain(targets),
        ChatPolicy::Cheapest => Order::Policy(Policy::Cheapest, targets),
        ChatPolicy::Fastest => Order::Policy(Policy::Fastest, targets),
        ChatPolicy::MostReliable => Order::Policy(Policy::MostReliable, targets),
    }
}

/// Messages of the branch in the words of the request; what has neither words nor files is left out.
pub(super) fn messages(branch: &[ChatMessage]) -> Vec<Message> {
    let mut asked: Vec<Message> = Vec::with_capacity(branch.len());
    for one in branch {
        let speaker = match one.role {
            // No provider takes a picture as its model's own words: it is told of one, like by the user.
            Role::Assistant if one.picture.is_none() => Speaker::Assistant,
            Role::User | Role::Assistant => Speaker::User,
        };
        let parts = match one.picture {
            Some(_) if one.attachments.is_empty() => Vec::new(),
            Some(_) => parts(&format!("[A picture was made and shown: {}]", one.text), &[]),
            None => parts(&one.text, &one.attachments),
        };
        if parts.is_empty() {
            continue;
        }
        match asked.last_mut() {
            // An answer that never came leaves two questions: some providers want them to take turns.
            Some(last) if last.role == speaker => last.parts.extend(parts),
            Some(_) | None => asked.push(message(speaker, parts)),
        }
    }
    asked
}

pub(super) fn parts(text: &str, attachments: &[Attachment]) -> Vec<Part> {
    let file = |file: &Attachment| {
        if file.mime.starts_with("image/") {
            Part::Image { mime: file.mime.clone(), data: file.data.clone() }
        } else {
            Part::Text { text: format!("File {}:\n{}", file.name, file.data) }
        }
    };
    let mut parts: Vec<Part> = attachments.iter().map(file).collect();
    if !text.is_empty() {
        parts.push(Part::Text { text: text.to_owned() });
    }
    parts
}

/// As much as these, to be counted.
fn enclosed(Enclosed { pictures, text_bytes }: Enclosed) -> Vec<Part> {
    let picture = || Part::Image { mime: "image/png".to_owned(), data: String::new() };
    let text = "x".repeat((text_bytes as usize).min(LONGEST));
    let pictures = (0..pictures.min(MOST_PICTURES)).map(|_| picture());
    pictures.chain((!text.is_empty()).then_some(Part::Text { text })).collect()
}

pub(super) fn message(role: Speaker, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

impl Desk {
    /// What sending the draft would cost about.
    pub(super) fn estimate(&mut self) {
        let draft = self.chat.draft.trim();
        let is_nothing = draft.is_empty() && self.enclosed == Enclosed::default();
        if is_nothing || self.chat.target.provider == PRACTICE {
            self.chat.estimate_nano = None;
            return;
        }
        let mut messages = messages(&self.open.messages);
        let mut all = enclosed(self.enclosed);
        all.extend(parts(draft, &[]));
        messages.push(message(Speaker::User, all));
        let settings = self.settings.borrow();
        let ask = ask(&settings, &self.chat.system, messages, self.chat.conversation);
        self.chat.estimate_nano = self.text.gateway().estimate(&ask).map(|cost| cost.0);
    }
}
