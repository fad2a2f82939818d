//! Where each key is.

use crate::api::{Holder, Place, Provider, Route};
use crate::config::variables;
use crate::doctor::{Check, Patient, Section, Status, advice};
use crate::outbox;

pub(super) async fn look(patient: &Patient) -> Vec<Check> {
    let mut checks = Vec::new();
    for (holder, name) in
        [(Holder::Openai, "OpenAI key"), (Holder::Gateway, "Cloudflare token"), (Holder::Endpoint, "Endpoint key")]
    {
        checks.push(one(patient, holder, name).await);
    }
    checks.push(outbox(patient).await);
    checks
}

/// Whether what has no answer can be kept beyond this run. Makes no key.
async fn outbox(patient: &Patient) -> Check {
    let waiting = outbox::count(&patient.outbox);
    let check = |status, detail: String| Check::new(Section::Keys, "Outbox", status, detail);
    match patient.credentials.known_seal().await {
        Ok(Some(_)) => check(Status::Ok, format!("{waiting} waiting, sealed with a key of the keychain")),
        Ok(None) if waiting > 0 => {
            check(Status::Warning, format!("{waiting} waiting, and their key is gone from the keychain"))
        }
        Ok(None) => check(Status::Ok, "its key is made with the first turn that needs it".into()),
        Err(problem) => {
            let detail = format!("what is not answered is kept in memory only ({})", problem.detail);
            check(Status::Warning, detail).advise(advice(&problem))
        }
    }
}

async fn one(patient: &Patient, holder: Holder, name: &str) -> Check {
    let found = patient.credentials.find(holder).await;
    let hindrance = found.hindrance.as_ref();
    let check = |status, detail: &str| Check::new(Section::Keys, name, status, detail);
    let with_advice = |check: Check| check.advise(hindrance.map_or("", advice));
    let why = hindrance.map(|problem| format!(" ({})", problem.detail)).unwrap_or_default();
    match found.place {
        Place::Stored => check(Status::Ok, "in the keychain"),
        Place::SessionOnly => check(Status::Warning, "in memory until the app ends"),
        Place::Environment => {
            let variable = found.variable.unwrap_or_default();
            check(Status::Ok, &format!("from the environment variable {variable}"))
        }
        Place::Locked => with_advice(check(Status::Failed, &format!("the keychain is locked{why}"))),
        Place::NoKeychain => with_advice(check(Status::Warning, &format!("no key, and there is no keychain{why}"))),
        Place::Missing | Place::Unknown if is_needed(patient, holder) => {
            let advice = format!("Add it in the settings, or set {}.", variables(holder).join(" or "));
            check(Status::Failed, "none").advise(advice)
        }
        Place::Missing | Place::Unknown => check(Status::Skipped, "none, and none is needed for the chosen route"),
    }
}

/// Whether a call with the present settings cannot do without it.
fn is_needed(patient: &Patient, holder: Holder) -> bool {
    let (call, gateway) = (&patient.settings.call, &patient.settings.gateway);
    call.provider == Provider::Openai
        && match call.route {
            Route::Direct => holder == Holder::Openai,
            Route::Gateway => holder == if gateway.stored_key { Holder::Gateway } else { Holder::Openai },
            Route::Endpoint => false,
        }
}
