//! `sidetone models`

use std::time::Duration;

use engine::Paths;
use engine::api::{Change, ChatProvider, Command, ModelChoice};
use engine::gateway::Nanodollars;

use super::failure::Failure;
use super::print::{json, line, note};
use super::table;

/// Time for all providers to answer.
const LIMIT: Duration = Duration::from_secs(60);

/// List the models that can be asked, with their prices
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only models with these letters in their name, or in their provider's
    #[arg(value_name = "LETTERS")]
    letters: Option<String>,
    /// Print one JSON object for each model
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments, paths: Paths) -> Result<(), Failure> {
    let engine = super::engine(paths)?;
    let mut events = engine.subscribe();
    engine.send(Command::FindModels).await?;
    let found = tokio::time::timeout(LIMIT, async {
        let mut providers = Vec::new();
        while let Ok(event) = events.recv().await {
            if let Change::Providers(found) = event.change {
                providers = found;
            } else if let Change::Models(models) = event.change {
                return Some((providers, models));
            } else if let Change::Problem(Some(problem)) = event.change {
                note(&problem.to_string());
                return None;
            }
        }
        None
    });
    let (providers, models) =
        found.await.ok().flatten().ok_or_else(|| Failure::other("There was no answer in time."))?;
    let letters = arguments.letters.as_deref().unwrap_or_default().to_lowercase();
    let is_meant =
        |model: &&ModelChoice| format!("{} {}", model.provider, model.model).to_lowercase().contains(&letters);
    let models: Vec<&ModelChoice> = models.iter().filter(is_meant).collect();
    if arguments.json {
        return models.iter().try_for_each(json);
    }
    line(table::aligned(&["provider", "model", "context", "in", "out"], models.iter().map(|model| cells(model))))?;
    note("Prices in US dollars for a million tokens.");
    providers.iter().filter_map(trouble).for_each(|words| note(&words));
    Ok(())
}

fn cells(model: &ModelChoice) -> Vec<String> {
    let price = |nano: Option<i64>| nano.map(|nano| Nanodollars(nano).to_string()).unwrap_or_default();
    vec![
        model.provider.clone(),
        model.model.clone(),
        model.context.map(|tokens| tokens.to_string()).unwrap_or_default(),
        price(model.input_nano),
        price(model.output_nano),
    ]
}

fn trouble(provider: &ChatProvider) -> Option<String> {
    let failure = provider.failure.as_ref()?;
    Some(format!("{}: {}", provider.name, failure.message))
}
