//! `sidetone ask`

use std::io::{self, Read as _};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use engine::api::Snapshot;
use engine::gateway::{Ask, Order, Piece, Policy, Receipt, Target, Way};
use engine::wire::{Delta, Failure as Refusal, FailureKind};
use engine::{PRACTICE, Paths};
use serde_json::{Value, json};

use super::failure::{Failure, KEY, NETWORK, OTHER, PROVIDER, USAGE};
use super::print::{line, note, piece};

/// Longest question that is read from standard input, bytes.
const LIMIT: u64 = 16 << 20;

/// Ask a model in writing; the answer comes as it is written
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sidetone ask 'What is a sidetone?'
  git diff | sidetone ask - --system 'Review this change' --provider anthropic --model claude-sonnet-5-5
  sidetone ask 'Hello' --json | jq .cost_nano")]
pub(crate) struct Arguments {
    /// The question; - reads it from standard input
    #[arg(value_name = "TEXT")]
    text: String,
    /// Who is asked [default: as in the settings]
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Which model, as the provider spells it
    #[arg(long)]
    model: Option<String>,
    /// What the model is told about itself and you
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Which way the request goes
    #[arg(long)]
    route: Option<Route>,
    /// Who is asked when the settings name several
    #[arg(long)]
    policy: Option<By>,
    /// Do not take the answer from a cache, nor keep it
    #[arg(long)]
    no_cache: bool,
    /// Print one JSON object when the answer is complete
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Route {
    /// Straight to the provider
    Direct,
    /// Through Cloudflare AI Gateway
    Gateway,
    /// Through it, with the key that is stored there
    StoredKey,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// The chosen one, then the others in their order
    Chain,
    /// The cheapest first
    Cheapest,
    /// The one that answered soonest lately first
    Fastest,
    /// The one that failed least lately first
    Reliable,
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    let text = if arguments.text == "-" { read()? } else { arguments.text.clone() };
    if text.trim().is_empty() {
        return Err(Failure::usage("There is no question."));
    }
    let engine = super::engine(paths)?;
    let ask = ask(arguments, &text, &engine.snapshot().await?)?;
    // Opened before and closed after: the row of the ledger must not be lost with this process.
    let store = engine.text().shelf().store().await.ok().cloned();
    let mut pieces = engine.text().ask(ask);
    let mut answer = Answer::default();
    let outcome = loop {
        match pieces.recv().await {
            Some(Piece::Receipt(receipt)) => break Ok(receipt),
            Some(Piece::Failed(failure, _)) => break Err(failure),
            Some(one) => answer.take(one, arguments.json)?,
            None => break Err(Refusal::new(FailureKind::Broken, "the answer broke off")),
        }
    };
    engine.stop(super::FAREWELL).await;
    if let Some(store) = store {
        store.close().await;
    }
    match outcome {
        Ok(receipt) if arguments.json => super::print::json(&answer.object(&receipt)),
        Ok(_) => line(""),
        Err(failure) => {
            if !arguments.json && !answer.text.is_empty() {
                line("")?;
            }
            Err(failed(&failure))
        }
    }
}

fn read() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(LIMIT).read_to_string(&mut text);
    read.map_err(|error| Failure::other(format!("cannot read the question: {error}")))?;
    Ok(text)
}

fn ask(arguments: &Arguments, text: &str, snapshot: &Snapshot) -> Result<Ask, Failure> {
    let mut settings = snapshot.settings.clone();
    if let Some(provider) = &arguments.provider {
        let is_known = provider == PRACTICE || engine::gateway::provider(&provider.as_str().into()).is_some();
        if !is_known {
            let known = engine::gateway::providers().iter().map(|provider| provider.id).collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!("There is no provider {provider:?}. Known are: {PRACTICE}, {known}")));
        }
        let is_chosen = settings.chat.provider == *provider;
        settings.chat.provider.clone_from(provider);
        settings.chat.fallback.clear();
        if provider == PRACTICE {
            settings.chat.model = PRACTICE.into();
        } else if !is_chosen && arguments.model.is_none() {
            // Its usual one, where there is such a thing.
            settings.chat.model.clear();
            let usual = engine::gateway::provider(&provider.as_str().into()).map_or("", |known| known.usual_model);
            if usual.is_empty() {
                return Err(Failure::usage("Give a --model of this provider; sidetone models lists them."));
            }
        }
    }
    if let Some(model) = &arguments.model {
        settings.chat.model.clone_from(model);
        settings.chat.fallback.clear();
    }
    let system = arguments.system.clone().unwrap_or_else(|| settings.chat.system.clone());
    let mut ask = engine::question(&settings, &system, text);
    if arguments.provider.is_some() || arguments.model.is_some() {
        // Who is named answers, or nobody.
        ask.spares.clear();
    }
    let targets: Vec<Target> = ask.order.targets().to_vec();
    if let Some(policy) = arguments.policy {
        ask.order = match policy {
            By::Chain => Order::Chain(targets),
            By::Cheapest => Order::Policy(Policy::Cheapest, targets),
            By::Fastest => Order::Policy(Policy::Fastest, targets),
            By::Reliable => Order::Policy(Policy::MostReliable, targets),
        };
    }
    if let Some(route) = arguments.route {
        ask.route = Some(match route {
            Route::Direct => Way::Direct,
            Route::Gateway => Way::Gateway,
            Route::StoredKey => Way::StoredKey,
        });
    }
    if arguments.no_cache {
        ask.cache = Some(false);
    }
    Ok(ask)
}

/// What has come of the answer.
#[derive(Debug, Default)]
struct Answer {
    text: String,
    reasoning: String,
    citations: Vec<Value>,
}

impl Answer {
    fn take(&mut self, one: Piece, is_quiet: bool) -> Result<(), Failure> {
        match one {
            Piece::Delta(Delta::Text(text)) => {
                self.text.push_str(&text);
                if !is_quiet {
                    piece(&text)?;
                }
            }
            Piece::Delta(Delta::Reasoning(text)) => self.reasoning.push_str(&text),
            Piece::Delta(Delta::Citation { url, title }) => self.citations.push(json!({ "url": url, "title": title })),
            Piece::Waiting { until_ms, .. } => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let left = u128::from(until_ms).saturating_sub(now).div_ceil(1000);
                note(&format!("A limit is reached; asking in {left} s."));
            }
            Piece::FellBack { from, to, why } => {
                let why = why.message.trim_end_matches('.');
                note(&format!("{} {}: {why}. Asking {} {} instead.", from.provider, from.model, to.provider, to.model));
            }
            Piece::Delta(_) | Piece::Trying { .. } | Piece::Answers { .. } | Piece::Receipt(_) | Piece::Failed(..) => {}
        }
        Ok(())
    }

    fn object(&self, receipt: &Receipt) -> Value {
        json!({
            "text": self.text,
            "reasoning": self.reasoning,
            "citations": self.citations,
            "provider": receipt.target.provider,
            "model": receipt.answered_by.as_deref().unwrap_or(&receipt.target.model),
            "cost_nano": receipt.cost,
            "receipt": receipt,
        })
    }
}

/// A failure of a request in the words and exit codes of the command line.
fn failed(failure: &Refusal) -> Failure {
    let (status, advice) = match failure.kind {
        FailureKind::Credential => (KEY, "Keep a key with: sidetone keys set PROVIDER"),
        FailureKind::Gateway => (KEY, "Look at the gateway's settings."),
        FailureKind::Quota => (PROVIDER, "This account has no credit left."),
        FailureKind::RateLimited => (PROVIDER, "Too many requests. Wait a moment and try again."),
        FailureKind::Model => (PROVIDER, "There is no such model; sidetone models lists them."),
        FailureKind::Address => {
            (PROVIDER, "Nothing is there. Look at the server's address in the settings, and at the model.")
        }
        FailureKind::TooLong => (PROVIDER, "This is longer than the model takes."),
        FailureKind::Invalid => (USAGE, "The request makes no sense."),
        FailureKind::Refused => (PROVIDER, "The provider will not answer this."),
        FailureKind::Unavailable | FailureKind::Broken => (PROVIDER, "The provider has trouble. Try again later."),
        FailureKind::TimedOut | FailureKind::Unreachable => {
            (NETWORK, "The server cannot be reached. Is this machine online?")
        }
        FailureKind::Budget => (OTHER, "Your own budget is spent."),
        FailureKind::Cancelled => (OTHER, "It was stopped."),
    };
    Failure::new(status, format!("{advice}\n  {failure}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_the_exit_code_of_the_manual() {
        let code = |kind| failed(&Refusal::new(kind, "why")).status;
        assert_eq!(code(FailureKind::Credential), KEY);
        assert_eq!(code(FailureKind::Unreachable), NETWORK);
        assert_eq!(code(FailureKind::Quota), PROVIDER);
        assert_eq!(code(FailureKind::Invalid), USAGE);
        assert_eq!(code(FailureKind::Budget), OTHER);
    }
}
