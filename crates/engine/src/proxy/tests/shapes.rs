//! What answers look like whatever goes wrong, and what they say of themselves.

use super::*;

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_router_refuses_has_the_shape_of_its_address() {
    let rig = Rig::new(Script::default()).await;
    let large = || vec![b' '; (32 << 20) + 1];
    let table = [
        (Method::Post, "/v1/chat/completions", large(), 413, "request_too_large"),
        (Method::Post, "/v1/ask", large(), 413, "request_too_large"),
        (Method::Get, "/v1/chat/completions", Vec::new(), 405, "method_not_allowed"),
        (Method::Get, "/v1/ask", Vec::new(), 405, "method_not_allowed"),
        (Method::Post, "/v1/models", Vec::new(), 405, "method_not_allowed"),
        (Method::Get, "/v1/realtime", Vec::new(), 426, "upgrade_required"),
        (Method::Get, "/v1/realtime?model=a&model=b", Vec::new(), 400, "invalid_request_error"),
        (Method::Get, "/v1/models/%FF", Vec::new(), 400, "invalid_request_error"),
    ];
    for (method, path, body, wanted, kind) in table {
        let (status, headers, body) = rig.exchange(method, path, rig.bearer(), body).await;
        let told: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body:?}"));
        assert_eq!((status, told["error"]["type"].as_str()), (wanted, Some(kind)), "{path}: {body}");
        assert!(!told["error"]["message"].as_str().unwrap().is_empty(), "{path}: {body}");
        let is_envelope = told["success"] == false && told["metadata"]["requestId"].is_string();
        assert_eq!(is_envelope, path == "/v1/ask", "{path}: {body}");
        assert_eq!(header(&headers, "allow").is_some(), wanted == 405, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_come_in_is_told_in_the_envelope_too() {
    let rig = Rig::new(Script::default()).await;
    let origin = vec![("origin", "https://evil.test".to_owned())];
    for (headers, wanted) in [(Vec::new(), 401), (origin, 403)] {
        let (status, body) = rig.send(Method::Post, "/v1/ask", headers, &json!({})).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["success"], &body["error"]["code"]), (wanted, &json!(false), &json!(wanted)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_first_who_answers_and_whether_the_cache_does() {
    let rig = Rig::new(Script::default()).await;
    let prompt =
        json!({ "prompt": "good day", "provider": "groq", "model": "fake-model", "temperature": 0, "stream": true });
    let chat = question(&json!({ "temperature": 0, "stream": true }));
    for (path, body) in [("/v1/chat/completions", chat), ("/v1/ask", prompt)] {
        for cache in ["miss", "hit"] {
            let body = body.to_string().into_bytes();
            let (status, headers, body) = rig.exchange(Method::Post, path, rig.bearer(), body).await;
            assert_eq!(status, 200, "{body}");
            let told = ["x-sidetone-provider", "x-sidetone-cache"].map(|name| header(&headers, name));
            assert_eq!(told, [Some("groq"), Some(cache)], "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_envelope_obeys_the_header_of_the_cache_and_its_stream_has_a_status() {
    let rig = Rig::new(Script::default()).await;
    let ask = json!({ "prompt": "hello", "provider": "groq", "model": "fake-model" });
    for (wish, told) in [("off", "off"), ("on", "miss"), ("on", "hit")] {
        let headers = [rig.bearer(), vec![("x-sidetone-cache", wish.to_owned())]].concat();
        let (_, headers, body) = rig.exchange(Method::Post, "/v1/ask", headers, ask.to_string().into_bytes()).await;
        assert_eq!(header(&headers, "x-sidetone-cache"), Some(told), "{body}");
    }
    let rig = Rig::new(Script::default().fault(Fault::new(FaultKind::NoCredit).at("groq"))).await;
    let mut streamed = ask;
    streamed["stream"] = json!(true);
    let (status, body) = rig.post("/v1/ask", streamed).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["error"]["type"]), (402, &json!("insufficient_quota")), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_anew_goes_out_as_json_whatever_the_client_called_it() {
    let rig = Rig::new(Script::default()).await;
    for path in ["/v1/embeddings", "/v1/responses"] {
        let headers = [rig.bearer(), vec![("content-type", "application/x-www-form-urlencoded".to_owned())]].concat();
        let body = json!({ "model": "openai/gpt-6.1-sol", "input": "hello" });
        let (status, body) = rig.send(Method::Post, path, headers, &body).await;
        assert_eq!(status, 200, "{path}: {body}");
        let sent = rig.fakes.record().requests.pop().unwrap();
        assert_eq!(sent.header("content-type"), Some("application/json"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_and_a_wrong_address_say_what_they_are() {
    let redirect = || Script::default().fault(Fault::new(FaultKind::Redirect));
    let passage = json!({ "model": "openai/gpt-6.1-sol", "input": "hello" });
    for (path, body) in [("/v1/chat/completions", question(&json!({}))), ("/v1/responses", passage)] {
        let rig = Rig::with(redirect(), &json!({ "limits": { "attempts": 3 } })).await;
        let (status, headers, body) =
            rig.exchange(Method::Post, path, rig.bearer(), body.to_string().into_bytes()).await;
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &told["error"]["type"]), (502, &json!("not_found")), "{path}: {body}");
        assert!(body.contains("another address"), "{path}: {body}");
        assert_eq!((header(&headers, "location"), rig.fakes.record().requests.len()), (None, 1), "{path}");
    }
    let rig = Rig::new(Script::default()).await;
    let nowhere = format!("{}/nowhere", rig.fakes.base_url("groq"));
    let rig = Rig::with(Script::default(), &json!({ "custom": { "base_url": nowhere } })).await;
    let messages = json!([{ "role": "user", "content": "hello" }]);
    let (status, body) = rig.post("/v1/chat/completions", json!({ "model": "custom/m", "messages": messages })).await;
    assert_eq!((status, body.contains("did not find this address or this model")), (404, true), "{body}");
}
