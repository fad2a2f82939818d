//! `sidetone ask`

use std::io::{self, Read as _};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use engine::api::Snapshot;
use engine::gateway::{Ask, CacheState, Order, Piece, Policy, Progress, ProviderId, Receipt, Retry, Target, Way};
use engine::wire::{Delta, Failure as Refusal, FailureKind, Finish};
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
    let store = super::history(&engine).await.cloned();
    if let Err(failure) = &store {
        note(&format!("It goes on without a history. {}", failure.words));
    }
    let mut pieces = engine.text().ask(ask);
    let mut answer = Answer::default();
    let (failure, receipt) = loop {
        match pieces.recv().await {
            Some(Piece::Receipt(receipt)) => break (None, Some(receipt)),
            Some(Piece::Failed(failure, receipt)) => break (Some(failure), Some(receipt)),
            Some(one) => answer.take(one, arguments.json)?,
            None => break (Some(Refusal::broken_off()), None),
        }
    };
    engine.stop(super::FAREWELL).await;
    if let Ok(store) = store {
        store.close().await;
    }
    if arguments.json {
        super::print::json(&answer.object(receipt.as_ref(), failure.as_ref()))?;
    } else {
        if failure.is_none() || !answer.text.is_empty() {
            line("")?;
        }
        if let Some(words) = receipt.as_ref().and_then(summary) {
            note(&words);
        }
    }
    failure.map_or(Ok(()), |failure| Err(failed(&failure)))
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
        let provider = &own_name(provider)?;
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

/// The name of a provider, whichever of its names is given.
fn own_name(provider: &str) -> Result<String, Failure> {
    if provider == PRACTICE {
        return Ok(PRACTICE.to_owned());
    }
    engine::gateway::named(provider).map(|id| id.0).ok_or_else(|| {
        let known = engine::gateway::providers().iter().map(|provider| provider.id).collect::<Vec<_>>().join(", ");
        Failure::usage(format!("There is no provider {provider:?}. Known are: {PRACTICE}, {known}"))
    })
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
            Piece::Progress(Progress::Waiting { provider, until_ms, retry }) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let left = u128::from(until_ms).saturating_sub(now).div_ceil(1000);
                note(&wait(provider.as_ref(), retry, left));
            }
            Piece::Progress(Progress::FellBack { from, to, why }) => {
                let why = why.message.trim_end_matches('.');
                note(&format!("{} {}: {why}. Asking {} {} instead.", from.provider, from.model, to.provider, to.model));
            }
            Piece::Delta(_) | Piece::Progress(_) | Piece::Receipt(_) | Piece::Failed(..) => {}
        }
        Ok(())
    }

    fn object(&self, receipt: Option<&Receipt>, failure: Option<&Refusal>) -> Value {
        let model = |receipt: &Receipt| receipt.answered_by.clone().unwrap_or_else(|| receipt.target.model.clone());
        json!({
            "text": self.text,
            "reasoning": self.reasoning,
            "citations": self.citations,
            "provider": receipt.map(|receipt| &receipt.target.provider),
            "model": receipt.map(model),
            "cost_nano": receipt.map(|receipt| receipt.cost),
            "receipt": receipt,
            "failure": failure,
        })
    }
}

/// What holds the request up, and for how long.
fn wait(provider: Option<&ProviderId>, retry: Option<Retry>, left: u128) -> String {
    let Some(Retry { attempt, attempts, why }) = retry else {
        return format!("A limit is reached; asking in {left} s.");
    };
    let name = provider.map_or_else(|| "The provider".to_owned(), name);
    let happened = match why {
        FailureKind::RateLimited => "is limiting requests",
        FailureKind::TimedOut => "did not answer in time",
        FailureKind::Unreachable => "cannot be reached",
        FailureKind::Gateway => "was not asked: the gateway refused the request",
        FailureKind::Credential
        | FailureKind::Quota
        | FailureKind::Model
        | FailureKind::Address
        | FailureKind::TooLong
        | FailureKind::Invalid
        | FailureKind::Refused
        | FailureKind::Unavailable
        | FailureKind::Broken
        | FailureKind::Budget
        | FailureKind::Cancelled => "had a problem",
    };
    format!("{name} {happened}. Trying again in {left} s ({attempt} of {attempts}).")
}

fn name(id: &ProviderId) -> String {
    engine::gateway::provider(id).map_or_else(|| id.to_string(), |provider| provider.name.to_owned())
}

/// What is worth knowing of an answer in one line: whether it is an old one, what it cost, whether the budget cut it short.
fn summary(receipt: &Receipt) -> Option<String> {
    let cost = match receipt.cache {
        CacheState::Hit => Some("From the cache, for nothing.".to_owned()),
        CacheState::Coalesced => Some("Answered together with an equal request, for nothing.".to_owned()),
        CacheState::Off | CacheState::Miss | CacheState::Remote => {
            let about = if receipt.is_estimate { "about " } else { "" };
            receipt.cost.filter(|cost| cost.0 > 0).map(|cost| format!("It cost {about}{cost}."))
        }
    };
    let remote = (receipt.cache == CacheState::Remote).then(|| "From the gateway's cache.".to_owned());
    let is_cut = receipt.is_capped && receipt.finish == Some(Finish::Length);
    let cut = is_cut.then(|| "Your budget cut it short.".to_owned());
    let words: Vec<_> = remote.into_iter().chain(cost).chain(cut).collect();
    Some(words.join(" ")).filter(|words| !words.is_empty())
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
    use engine::gateway::{Nanodollars, Times};
    use engine::wire::Tokens;

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

    #[test]
    fn what_an_answer_cost_and_where_it_came_from_is_told_in_one_line() {
        let receipt = Receipt {
            target: Target { provider: "openai".into(), model: "m".into() },
            answered_by: None,
            way: Way::Direct,
            cache: CacheState::Off,
            attempts: 1,
            tokens: Tokens::default(),
            is_estimate: false,
            cost: Some(Nanodollars(1_250_000_000)),
            list_cost: None,
            is_capped: true,
            times: Times::default(),
            gateway: None,
            finish: Some(Finish::Length),
        };
        assert_eq!(summary(&receipt).as_deref(), Some("It cost $1.25. Your budget cut it short."));
        let hit = Receipt { cache: CacheState::Hit, finish: Some(Finish::Stop), ..receipt.clone() };
        assert_eq!(summary(&hit).as_deref(), Some("From the cache, for nothing."));
        let free = Receipt { cost: Some(Nanodollars::ZERO), is_capped: false, ..receipt };
        assert_eq!(summary(&free), None, "nothing to tell");
    }

    #[test]
    fn a_provider_has_all_its_names_here_too() {
        let name = |name| own_name(name).map_err(|failure| failure.status);
        assert_eq!((name("grok"), name("openai")), (Ok("xai".to_owned()), Ok("openai".to_owned())));
        assert_eq!((name("practice"), name("nobody")), (Ok("practice".to_owned()), Err(USAGE)));
    }

    #[test]
    fn another_try_says_what_became_of_the_last_one() {
        let retry = |why| Some(Retry { attempt: 2, attempts: 6, why });
        let openai = "openai".into();
        let words = |why| wait(Some(&openai), retry(why), 2);
        assert_eq!(words(FailureKind::Unavailable), "OpenAI had a problem. Trying again in 2 s (2 of 6).");
        assert_eq!(words(FailureKind::RateLimited), "OpenAI is limiting requests. Trying again in 2 s (2 of 6).");
        assert_eq!(wait(Some(&openai), None, 2), "A limit is reached; asking in 2 s.");
    }
}
