//! Errors of all providers and of the gateway, in all their shapes.

use serde_json::Value;

use super::answer::word;
use super::verdict::Complaint;
use super::{Failure, FailureKind, limits, moment};

/// Of servers that do not say what is not there.
const NOT_FOUND: &str = "The server did not find this address or this model (404).";

/// Reads an error answer of any provider, of Cloudflare's AI gateway, or of something in between.
///
/// `retry_after` comes from `retry-after-ms`, `retry-after`, Google's `retryDelay`, the words ("try again in 7.6s"), or
/// the limits in the headers, in this order.
pub fn refusal(status: u16, headers: &[(String, String)], body: &[u8]) -> Failure {
    let complaint = match serde_json::from_slice::<Value>(body) {
        Ok(body) => of_body(&body),
        Err(_) => Complaint { message: plain(&String::from_utf8_lossy(body)), ..Complaint::default() },
    };
    let told = limits::retry_after(headers).or(complaint.wait).or_else(|| wait_in_words(&complaint.message));
    let mut failure = into_failure(complaint, Some(status));
    failure.retry_after = told;
    if failure.kind == FailureKind::RateLimited && told.is_none() {
        let limit = limits::rate_limit(headers).filter(limits::RateLimit::is_used_up);
        failure.retry_after = limit.and_then(|limit| limit.resets_in);
    }
    failure
}

/// The error in a chunk or body that came with a good status, if it is one.
pub(super) fn of_chunk(name: &str, chunk: &Value) -> Option<Failure> {
    let has_error = |value: &Value| match &value["error"] {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(error) => !error.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    let is_error = name == "error"
        || has_error(chunk)
        || has_error(&chunk["x_groq"])
        || chunk[0]["error"].is_object()
        || [word(chunk, "type"), word(chunk, "object")].contains(&"error")
        || chunk["success"] == false;
    is_error.then(|| {
        let body = if has_error(&chunk["x_groq"]) { &chunk["x_groq"] } else { chunk };
        in_answer(of_body(body))
    })
}

/// A response of the Responses form that failed.
pub(super) fn of_response(response: &Value) -> Failure {
    let mut complaint = of_body(response);
    if complaint.message.is_empty() {
        complaint.message = format!("The answer ended as \"{}\".", word(response, "status"));
    }
    in_answer(complaint)
}

/// An error event whose data is no JSON.
pub(super) fn of_text(text: &str) -> Failure {
    in_answer(Complaint { message: plain(text), ..Complaint::default() })
}

fn in_answer(mut complaint: Complaint) -> Failure {
    let wait = complaint.wait.take().or_else(|| wait_in_words(&complaint.message));
    Failure { retry_after: wait, ..into_failure(complaint, None) }
}

fn into_failure(complaint: Complaint, status: Option<u16>) -> Failure {
    let kind = complaint.verdict(status);
    let message = match (complaint.message.trim(), status) {
        (_, Some(status @ 300..400)) if kind == FailureKind::Address => format!(
            "The server points to another address ({status}), and your key goes to no place that you did not choose. If it \
             is right, set that address."
        ),
        ("", Some(_)) if kind == FailureKind::Address => NOT_FOUND.to_owned(),
        (message, Some(_)) if kind == FailureKind::Address => format!("{NOT_FOUND} It says: {message}"),
        ("", Some(status)) => format!("The server answered with status {status}."),
        ("", None) => "The provider reported an error without words.".to_owned(),
        (message, _) => message.to_owned(),
    };
    let code = complaint.code.or(complaint.kind).map(|code| Failure::new(kind, code).message);
    Failure { code, status, ..Failure::new(kind, message) }
}

/// Finds the error in a body. Cloudflare's gateway has four shapes of its own; the order tells them from the providers'.
fn of_body(body: &Value) -> Complaint {
    let (error, errors) = (&body["error"], &body["errors"]);
    let gateway = [&error[0], &errors[0], &body[0]].into_iter().find(|item| item["code"].is_number());
    if let Some(internal) = number(&body["internalCode"]) {
        let words = gateway.map(|item| word(item, "message")).filter(|words| !words.is_empty());
        return of_gateway(internal, words.unwrap_or_else(|| word(body, "message")));
    }
    if let Some(item) = gateway {
        return of_gateway(number(&item["code"]).unwrap_or_default(), word(item, "message"));
    }
    if body[0]["error"].is_object() {
        return of_object(&body[0]["error"]); // Google
    }
    match error {
        Value::Object(_) if error["bucket"].is_string() || error["spent"].is_number() => {
            of_gateway("2041".to_owned(), word(error, "message"))
        }
        Value::Object(_) => Complaint { is_gateway: body["success"] == false, ..of_object(error) },
        // Hugging Face, xAI, Ollama.
        Value::String(text) => Complaint { message: text.clone(), ..of_object(body) },
        Value::Array(list) => {
            let words: Vec<_> = list.iter().filter_map(Value::as_str).collect();
            Complaint { message: words.join(" "), ..of_object(body) }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => of_object(body),
    }
}

fn of_gateway(code: String, message: &str) -> Complaint {
    Complaint { message: message.to_owned(), code: Some(code), is_gateway: true, ..Complaint::default() }
}

/// A code that may be a number or a text of digits or words.
fn number(code: &Value) -> Option<String> {
    match code {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An error object, or a body that is one itself (Mistral).
fn of_object(error: &Value) -> Complaint {
    let named = |name: &str| Some(word(error, name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut complaint = Complaint {
        message: named("message")
            .or_else(|| validation(&error["detail"]))
            .or_else(|| validation(&error["message"]["detail"]))
            .unwrap_or_default(),
        code: number(&error["code"]),
        kind: named("status").or_else(|| named("type")).filter(|kind| kind != "error"),
        status: error["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())
            .filter(|code| (400..600).contains(code)),
        ..Complaint::default()
    };
    // Beside a word, such a number says nothing new.
    if complaint.status.is_some() && complaint.kind.is_some() {
        complaint.code = None;
    }
    read_details(&mut complaint, &error["details"]);
    read_metadata(&mut complaint, &error["metadata"]);
    complaint
}

/// FastAPI's complaint about fields (Mistral, status 422): a sentence, or `[{loc, msg}]`.
fn validation(detail: &Value) -> Option<String> {
    if let Some(text) = detail.as_str() {
        return Some(text.to_owned());
    }
    let items = detail.as_array()?.iter().map(|item| {
        let place = item["loc"].as_array().into_iter().flatten().filter_map(number).collect::<Vec<_>>().join(".");
        [place.as_str(), word(item, "msg")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    });
    Some(items.collect::<Vec<_>>().join("; "))
}

/// Google's details: the reason, when to try again, and which limit it was.
fn read_details(complaint: &mut Complaint, details: &Value) {
    for detail in details.as_array().into_iter().flatten() {
        if let Some(reason) = detail["reason"].as_str() {
            complaint.code = Some(reason.to_owned());
        }
        if let Some(delay) = detail["retryDelay"].as_str() {
            complaint.wait = moment::span(delay);
        }
        let violations = detail["violations"].as_array().into_iter().flatten();
        complaint.is_daily |= violations.into_iter().any(|violation| word(violation, "quotaId").contains("PerDay"));
    }
}

/// OpenRouter's: what the provider behind it said, and why a text was flagged.
fn read_metadata(complaint: &mut Complaint, metadata: &Value) {
    complaint.is_flagged |= metadata["flagged_input"].is_string() || metadata["reasons"].is_array();
    // An object, or a text that may be one.
    let raw = &metadata["raw"];
    let parsed = raw.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).filter(Value::is_object);
    let raw = match (raw.as_str(), parsed.as_ref().unwrap_or(raw)) {
        (Some(text), Value::String(_)) => plain(text),
        (_, inner) if inner["error"].is_object() => word(&inner["error"], "message").to_owned(),
        (_, inner) => word(inner, "message").to_owned(),
    };
    if !raw.is_empty() {
        let provider = word(metadata, "provider_name");
        complaint.message = if provider.is_empty() { raw } else { format!("{provider}: {raw}") };
    }
}

/// A body without JSON: the title of a page, or the text.
fn plain(text: &str) -> String {
    let text = text.trim();
    if !text.starts_with('<') {
        return text.to_owned();
    }
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map(|(title, _)| title.trim().to_owned()).unwrap_or_default()
}

/// The wait in "Please try again in 7.66s." (OpenAI, Groq), "Retry after 5 seconds" and the like.
pub(crate) fn wait_in_words(message: &str) -> Option<std::time::Duration> {
    let message = message.to_lowercase();
    let leads = ["try again in ", "try again after ", "retry after ", "retry in "];
    let (_, rest) = leads.iter().find_map(|lead| message.split_once(lead))?;
    let mut words = rest.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ';', ')']));
    let span = words.next()?;
    let Ok(number) = span.parse::<f64>() else { return moment::span(span) };
    let unit = match words.next() {
        Some("ms" | "milliseconds") => 1e-3,
        Some("m" | "min" | "minute" | "minutes") => 60.0,
        Some("h" | "hour" | "hours") => 3600.0,
        Some(_) | None => 1.0,
    };
    moment::seconds(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_out_of_the_words() {
        let cases = [
            ("Please try again in 7.66s. Visit …", Some(7_660)),
            ("Rate limit reached (try again in 20ms)", Some(20)),
            ("Retry after 12 seconds.", Some(12_000)),
            ("Please retry in 500 ms, thank you", Some(500)),
            ("Try again in 2 minutes.", Some(120_000)),
            ("Try again in 6m0s", Some(360_000)),
            ("Too many. (Try again in 3 s.)", Some(3_000)),
            ("Please try again later.", None),
            ("Try again in a moment.", None),
            ("Retry after -5 s", None),
        ];
        for (words, ms) in cases {
            assert_eq!(wait_in_words(words).map(|wait| wait.as_millis()), ms, "{words}");
        }
    }
}
