//! Cloudflare AI Gateway: what is set, and each rung of the connect ladder.

use crate::api::{Code, Holder, Provider, Route};
use crate::doctor::{Check, LIMIT, Patient, Section, Status};
use crate::route::probe::{self, walk};
use crate::route::{Form, Ladder, Rung};

pub(super) async fn look(patient: &Patient) -> Vec<Check> {
    let gateway = &patient.settings.gateway;
    let (account, name) = (gateway.account_id.trim(), gateway.gateway_id.trim());
    if account.is_empty() && name.is_empty() && patient.settings.call.route != Route::Gateway {
        return vec![Check::new(Section::Gateway, "Gateway", Status::Skipped, "none is set")];
    }
    let mut checks = vec![account_check(account), name_check(name), token_check(patient).await];
    checks.extend(ladder(patient).await);
    checks
}

fn account_check(account: &str) -> Check {
    let check = |status, detail: String| Check::new(Section::Gateway, "Account id", status, detail);
    if account.is_empty() {
        return check(Status::Failed, "not set".into()).advise("Copy it from the Cloudflare dashboard.");
    }
    if account.len() == 32 && account.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return check(Status::Ok, account.into());
    }
    check(Status::Warning, format!("{account} does not look like 32 hex digits"))
        .advise("Copy it again from the Cloudflare dashboard.")
}

fn name_check(name: &str) -> Check {
    match name.is_empty() {
        true => Check::new(Section::Gateway, "Gateway name", Status::Failed, "not set")
            .advise("Enter the gateway's name; every account has \"default\"."),
        false => Check::new(Section::Gateway, "Gateway name", Status::Ok, name),
    }
}

async fn token_check(patient: &Patient) -> Check {
    let has_token = patient.credentials.find(Holder::Gateway).await.key.is_some();
    match has_token {
        true => Check::new(Section::Gateway, "Gateway token", Status::Ok, "there is one"),
        false => Check::new(Section::Gateway, "Gateway token", Status::Warning, "none")
            .advise("Fine if the gateway does not ask for authentication; \"default\" does."),
    }
}

async fn ladder(patient: &Patient) -> Vec<Check> {
    let mut settings = patient.settings.clone();
    (settings.call.provider, settings.call.route) = (Provider::Openai, Route::Gateway);
    let mut ladder = match Ladder::new(&settings, "", &patient.keys().await, None) {
        Ok(ladder) => ladder,
        Err(problem) => {
            let status = if problem.code == Code::NoCredential { Status::Skipped } else { Status::Failed };
            return vec![Check::new(Section::Gateway, "Session", status, &*problem.detail).because(&problem)];
        }
    };
    let walk = walk(&patient.net, &mut ladder, LIMIT).await;
    let (last, before) = match (&walk.end, ladder.trace()) {
        (Err(_), [before @ .., _last]) => (&walk.end, before),
        (end, trace) => (end, trace),
    };
    let mut checks: Vec<Check> = before.iter().map(rung).collect();
    let name = format!("Session, {}", walk.form.name());
    checks.push(match last {
        Ok(created) => won(&name, walk.form, created.as_millis()),
        Err(stop) => {
            let problem = probe::problem(stop, Route::Gateway);
            let no_credit = stop.is_out_of_credit();
            let status = if no_credit { Status::Warning } else { Status::Failed };
            Check::new(Section::Gateway, &name, status, &*problem.detail).because(&problem)
        }
    });
    checks
}

/// A rung that another one followed.
fn rung(rung: &Rung) -> Check {
    Check::new(Section::Gateway, &format!("Session, {}", rung.form.name()), Status::Warning, &*rung.outcome)
        .advise("Tried the next form.")
}

fn won(name: &str, form: Form, millis: u128) -> Check {
    let detail = format!("session after {millis} ms");
    match form {
        Form::Subprotocol => Check::new(Section::Gateway, name, Status::Warning, detail + "; only this form works")
            .advise("Proxies on the way may log the key in this form. Prefer a key stored at the gateway, or the direct route."),
        Form::Header | Form::HeaderBare | Form::StoredKey | Form::PastGateway => Check::new(Section::Gateway, name, Status::Ok, detail),
    }
}
