//! Error answers of every provider and of the gateway.

use super::FailureKind::*;
use super::*;

fn check(cases: &[(u16, &str, FailureKind, Option<&str>)]) {
    for (status, body, kind, code) in cases {
        let failure = refusal(*status, &[], body.as_bytes());
        assert_eq!((failure.kind, failure.code.as_deref()), (*kind, *code), "{status} {body}");
        assert_eq!(failure.status, Some(*status));
        assert!(!failure.message.is_empty() && !failure.message.starts_with('{'), "{}", failure.message);
    }
}

#[test]
fn openai_and_its_kin() {
    check(&[
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided: sk-abcd1234*****efgh.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            Credential,
            Some("invalid_api_key"),
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            Quota,
            Some("insufficient_quota"),
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit reached for gpt-6-luna","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            RateLimited,
            Some("rate_limit_exceeded"),
        ),
        (
            429,
            r#"{"error":{"message":"Request too large for gpt-6-luna on tokens per min (TPM): Limit 30000, Requested 50000.","type":"tokens","code":"rate_limit_exceeded"}}"#,
            TooLong,
            Some("rate_limit_exceeded"),
        ),
        (
            404,
            r#"{"error":{"message":"The model `gpt-9` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            Model,
            Some("model_not_found"),
        ),
        (
            404,
            r#"{"error":{"message":"Invalid URL (POST /v1/chat/completion)","type":"invalid_request_error","param":null,"code":null}}"#,
            Address,
            Some("invalid_request_error"),
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 128000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            TooLong,
            Some("context_length_exceeded"),
        ),
        (
            400,
            r#"{"error":{"message":"Unsupported value: 'temperature'","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#,
            Invalid,
            Some("unsupported_value"),
        ),
        (
            400,
            r#"{"error":{"message":"Your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","code":"invalid_prompt"}}"#,
            Refused,
            Some("invalid_prompt"),
        ),
        (
            500,
            r#"{"error":{"message":"The server had an error","type":"server_error","code":null}}"#,
            Unavailable,
            Some("server_error"),
        ),
        (
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            Quota,
            Some("invalid_request_error"),
        ),
        (
            413,
            r#"{"error":{"message":"Request Entity Too Large","type":"invalid_request_error","code":"request_too_large"}}"#,
            TooLong,
            Some("request_too_large"),
        ),
        (
            400,
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***zz. You can obtain an API key from https://console.x.ai."}"#,
            Credential,
            Some("Client specified an invalid argument"),
        ),
        (
            403,
            r#"{"code":"The caller does not have permission to execute the specified operation","error":"Your team has either used all available credits or reached its monthly spending limit."}"#,
            Quota,
            Some("The caller does not have permission to execute the specified operation"),
        ),
        (
            429,
            r#"{"message":"Tokens per minute limit exceeded - too many tokens processed.","type":"too_many_tokens_error","param":"quota","code":"token_quota_exceeded"}"#,
            RateLimited,
            Some("token_quota_exceeded"),
        ),
        (401, r#"{"error":"Invalid username or password."}"#, Credential, None),
        (402, r#"{"error":"You have exceeded your monthly included credits for Inference Providers."}"#, Quota, None),
        (
            400,
            r#"{"error":{"message":"The requested model 'x/y' is not supported by any provider you have enabled.","type":"invalid_request_error","param":"model","code":"model_not_supported"}}"#,
            Model,
            Some("model_not_supported"),
        ),
        (400, r#"{"error":["Error in `parameters`: wrong"]}"#, Invalid, None),
    ]);
}

#[test]
fn local_servers() {
    check(&[
        (
            404,
            r#"{"error":{"message":"model 'llama9' not found","type":"not_found_error","param":null,"code":null}}"#,
            Model,
            Some("not_found_error"),
        ),
        (404, r#"{"error":"model \"llama9\" not found, try pulling it first"}"#, Model, None),
        (
            503,
            r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
            Unavailable,
            Some("unavailable_error"),
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}"#,
            TooLong,
            Some("exceed_context_size_error"),
        ),
        (404, "404 page not found", Address, None),
    ]);
}

#[test]
fn openrouter() {
    check(&[
        (
            402,
            r#"{"error":{"code":402,"message":"Insufficient credits. Add more using https://openrouter.ai/credits"}}"#,
            Quota,
            Some("402"),
        ),
        (404, r#"{"error":{"code":404,"message":"No endpoints found for x/y."}}"#, Model, Some("404")),
        (
            403,
            r#"{"error":{"code":403,"message":"x requires moderation. Your input was flagged","metadata":{"reasons":["violence"],"flagged_input":"…","provider_name":"X"}}}"#,
            Refused,
            Some("403"),
        ),
        (502, r#"{"error":{"code":502,"message":"Provider returned error"}}"#, Unavailable, Some("502")),
        (401, r#"{"error":{"message":"No auth credentials found","code":401}}"#, Credential, Some("401")),
    ]);
    let raw = r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"provider_name":"Novita","raw":"{\"error\":{\"message\":\"Slow down\"}}"}}}"#;
    assert_eq!(refusal(429, &[], raw.as_bytes()).message, "Novita: Slow down");
    let raw = r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"provider_name":"Novita","raw":"qwen is rate-limited upstream"}}}"#;
    assert_eq!(refusal(429, &[], raw.as_bytes()).message, "Novita: qwen is rate-limited upstream");
}

#[test]
fn anthropic() {
    let error = |kind: &str, message: &str| {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#)
    };
    let cases = [
        (400, "invalid_request_error", "messages: field required", Invalid),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", TooLong),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", Quota),
        (401, "authentication_error", "invalid x-api-key", Credential),
        (402, "billing_error", "Payment failed", Quota),
        (403, "permission_error", "Not allowed", Credential),
        (404, "not_found_error", "model: claude-9", Model),
        (413, "request_too_large", "Request exceeds the maximum size", TooLong),
        (
            429,
            "rate_limit_error",
            "This request would exceed your limit of 40,000 input tokens per minute",
            RateLimited,
        ),
        (500, "api_error", "Internal server error", Unavailable),
        (504, "timeout_error", "Timed out", TimedOut),
        (529, "overloaded_error", "Overloaded", Unavailable),
    ];
    for (status, kind, message, expected) in cases {
        check(&[(status, &error(kind, message), expected, Some(kind))]);
    }
}

#[test]
fn google() {
    check(&[
        (
            400,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#,
            Credential,
            Some("API_KEY_INVALID"),
        ),
        (
            400,
            r#"[{"error":{"code":400,"message":"Please pass a valid API key","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            Credential,
            Some("API_KEY_INVALID"),
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed","status":"INVALID_ARGUMENT"}}"#,
            TooLong,
            Some("INVALID_ARGUMENT"),
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}"#,
            Credential,
            Some("PERMISSION_DENIED"),
        ),
        (
            404,
            r#"{"error":{"code":404,"message":"models/gemini-9 is not found for API version v1beta","status":"NOT_FOUND"}}"#,
            Model,
            Some("NOT_FOUND"),
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},{"retryDelay":"34.5s"}]}}"#,
            RateLimited,
            Some("RESOURCE_EXHAUSTED"),
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}"#,
            Quota,
            Some("RESOURCE_EXHAUSTED"),
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            Unavailable,
            Some("UNAVAILABLE"),
        ),
        (
            504,
            r#"{"error":{"code":504,"message":"Deadline expired","status":"DEADLINE_EXCEEDED"}}"#,
            TimedOut,
            Some("DEADLINE_EXCEEDED"),
        ),
    ]);
}

#[test]
fn an_address_that_is_not_there_is_no_missing_model() {
    check(&[
        (
            404,
            r#"{"error":{"message":"File Not Found","type":"not_found_error","code":404}}"#,
            Address,
            Some("not_found_error"),
        ),
        (
            404,
            r#"{"error":{"code":404,"message":"Not Found","status":"NOT_FOUND","details":[]}}"#,
            Address,
            Some("NOT_FOUND"),
        ),
        (404, r#"{"detail":"Not Found"}"#, Address, None),
    ]);
}

#[test]
fn the_words_for_a_wrong_address_say_what_was_not_found() {
    let words = |status, body: &str| refusal(status, &[], body.as_bytes()).message;
    assert_eq!(words(404, ""), "The server did not find this address or this model (404).");
    let page = words(404, "404 page not found");
    assert_eq!(page, "The server did not find this address or this model (404). It says: 404 page not found");
    assert!(words(308, "<title>308 Permanent Redirect</title>").starts_with("The server points to another address"));
}

#[test]
fn spent_credit_is_told_from_a_limit_of_a_rate() {
    check(&[
        (
            429,
            r#"{"error":{"code":429,"message":"Your prepayment credits are depleted. Please manage your project and billing.","status":"RESOURCE_EXHAUSTED"}}"#,
            Quota,
            Some("RESOURCE_EXHAUSTED"),
        ),
        (
            402,
            r#"{"code":"resource-exhausted","error":"Insufficient credits. Add more to continue."}"#,
            Quota,
            Some("resource-exhausted"),
        ),
    ]);
}

#[test]
fn mistral() {
    check(&[
        (401, r#"{"message":"Unauthorized","request_id":"r"}"#, Credential, None),
        (
            400,
            r#"{"object":"error","message":"Invalid model: mistral-9","type":"invalid_model","param":null,"code":"1500"}"#,
            Model,
            Some("1500"),
        ),
        (
            429,
            r#"{"object":"error","message":"Service tier capacity exceeded","type":"service_tier_capacity_exceeded","code":"3505"}"#,
            RateLimited,
            Some("3505"),
        ),
        (
            422,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
            Invalid,
            None,
        ),
    ]);
    let body = r#"{"object":"error","message":{"detail":[{"loc":["body","messages",0],"msg":"Field required"}]},"type":"invalid_request_error"}"#;
    assert_eq!(refusal(422, &[], body.as_bytes()).message, "body.messages.0: Field required");
}

#[test]
fn the_gateway_in_all_its_shapes() {
    check(&[
        (
            401,
            r#"{"success":false,"result":[],"messages":[],"error":[{"code":2009,"message":"Unauthorized"}],"name":"AiGatewayError","httpCode":401,"internalCode":2009}"#,
            Gateway,
            Some("2009"),
        ),
        (401, r#"{"success":false,"error":[{"code":2009,"message":"Unauthorized"}]}"#, Gateway, Some("2009")),
        (
            401,
            r#"{"result":null,"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[]}"#,
            Gateway,
            Some("10000"),
        ),
        (401, r#"[{"code":2009,"message":"Unauthorized"}]"#, Gateway, Some("2009")),
        (403, r#"{"success":false,"error":{"message":"Access denied by policy"}}"#, Refused, None),
        (
            429,
            r#"{"error":{"message":"Spending limit exceeded","bucket":"day","spent":5.1,"limit":5}}"#,
            Quota,
            Some("2041"),
        ),
        (502, "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>", Unavailable, None),
        (520, "error code: 520", Unavailable, None),
        (524, "", TimedOut, None),
    ]);
}

#[test]
fn every_code_of_the_gateway_has_a_meaning() {
    let cases = [
        (400, 2001, Gateway),
        (429, 2003, RateLimited),
        (400, 2005, Unavailable),
        (400, 2008, Gateway),
        (400, 2009, Gateway),
        (424, 2016, Refused),
        (422, 2017, Refused),
        (429, 2018, RateLimited),
        (402, 2021, Quota),
        (400, 2029, Refused),
        (400, 2030, Refused),
        (400, 2040, Credential),
        (403, 2040, Unavailable),
        (429, 2041, Quota),
        (400, 2044, Credential),
        (503, 7013, Unavailable),
        (404, 7000, Gateway),
        (400, 7001, Invalid),
        (400, 7003, Model),
        (400, 5007, Model),
        (400, 5004, Invalid),
        (403, 5018, Credential),
        (408, 3007, TimedOut),
        (413, 3006, TooLong),
        (413, 5021, TooLong),
        (429, 3036, Quota),
        (429, 3040, Unavailable),
        (503, 9999, Unavailable),
    ];
    for (status, code, kind) in cases {
        let bodies = [
            format!(r#"{{"error":[{{"code":{code},"message":"words"}}],"internalCode":{code}}}"#),
            format!(r#"{{"errors":[{{"code":{code},"message":"words"}}],"success":false}}"#),
            format!(r#"[{{"code":{code},"message":"words"}}]"#),
        ];
        for body in bodies {
            let failure = refusal(status, &[], body.as_bytes());
            assert_eq!((failure.kind, failure.code), (kind, Some(code.to_string())), "{status} {body}");
            assert_eq!(failure.message, "words");
        }
    }
}

#[test]
fn a_status_alone_decides_when_there_are_no_words() {
    let cases = [
        (301, Address),
        (400, Invalid),
        (401, Credential),
        (402, Quota),
        (403, Credential),
        (404, Address),
        (408, TimedOut),
        (413, TooLong),
        (422, Invalid),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
        (504, TimedOut),
        (529, Unavailable),
    ];
    for (status, kind) in cases {
        for body in ["", "{}", "null", "<html></html>", "[]"] {
            let failure = refusal(status, &[], body.as_bytes());
            assert_eq!(failure.kind, kind, "{status} {body}");
            assert!(failure.message.contains(&status.to_string()), "{}", failure.message);
        }
    }
}

#[test]
fn no_key_leaves_by_an_error() {
    let body = r#"{"error":{"message":"Bad header Authorization: Bearer sk-proj-abc123DEF456ghi789","code":"AIzaSyA1234567890abcdefghij"}}"#;
    let failure = refusal(401, &[], body.as_bytes());
    let shown = format!("{failure:?} {failure}");
    assert!(!shown.contains("abc123") && !shown.contains("A1234567"), "{shown}");
    let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "very long ".repeat(5000));
    assert_eq!(refusal(400, &[], long.as_bytes()).message.chars().count(), 500);
}
