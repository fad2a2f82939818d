//! Stage 1: whether a request makes sense at all, before anything is spent on it.

use protocol::chat::{Failure, FailureKind, Part, Request, Speaker};

use crate::{Ask, Target, provider};

/// More than any model takes.
const LARGEST: usize = 20 << 20;

/// Says what is wrong with a request: [`FailureKind::Invalid`], [`FailureKind::Model`] or, for the options of
/// Cloudflare's, [`FailureKind::Gateway`].
pub(crate) fn check(ask: &Ask) -> Result<(), Failure> {
    if ask.order.targets().is_empty() {
        return Err(Failure::new(FailureKind::Model, "No model is chosen."));
    }
    ask.order.targets().iter().try_for_each(target)?;
    conversation(&ask.request)?;
    match ask.options.fault() {
        Some(fault) => Err(Failure::new(FailureKind::Gateway, fault)),
        None => Ok(()),
    }
}

fn target(target: &Target) -> Result<(), Failure> {
    if provider(&target.provider).is_none() {
        return Err(Failure::new(FailureKind::Model, format!("There is no provider called {}.", target.provider)));
    }
    // It becomes part of an address.
    let is_strange = |char: char| char.is_whitespace() || char.is_control() || "?#%\\".contains(char);
    if target.model.is_empty() || target.model.contains(is_strange) || target.model.contains("..") {
        return Err(Failure::new(FailureKind::Model, format!("“{}” cannot be the name of a model.", target.model)));
    }
    Ok(())
}

fn conversation(request: &Request) -> Result<(), Failure> {
    // What another program wrote is the provider's to judge.
    if request.raw.is_some() {
        return Ok(());
    }
    let invalid = |message: &str| Err(Failure::new(FailureKind::Invalid, message));
    let parts = || request.messages.iter().flat_map(|message| &message.parts);
    let size: usize = parts().map(length).sum();
    if size > LARGEST {
        return Err(Failure::new(FailureKind::TooLong, "The conversation is larger than 20 MB."));
    }
    if !request.messages.iter().any(|message| message.role != Speaker::System && message.parts.iter().any(says)) {
        return invalid("There is nothing to answer.");
    }
    if request.messages.iter().skip(1).any(|message| message.role == Speaker::System) {
        return invalid("Instructions may only come first.");
    }
    if parts().any(|part| matches!(part, Part::Image { mime, .. } if !mime.starts_with("image/"))) {
        return invalid("An attached picture is not a picture.");
    }
    if request.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return invalid("The temperature must be 0 to 2.");
    }
    if request.max_output == Some(0) {
        return invalid("The longest answer must have at least one token.");
    }
    Ok(())
}

fn length(part: &Part) -> usize {
    match part {
        Part::Text { text } => text.len(),
        Part::Image { data, .. } => data.len(),
        Part::Call(call) => call.arguments.len(),
        Part::Output { output, .. } => output.len(),
    }
}

fn says(part: &Part) -> bool {
    length(part) > 0
}
