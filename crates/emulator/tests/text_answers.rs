//! Answers in every format, streamed and whole, and the variations of the providers.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/http.rs"]
mod http;

use emulator::chat::{Answer, Fakes, Finish, Noise, Script, Usage};
use emulator::{Form, Purpose, fingerprint};
use http::{ask, get, headers, post, question};
use serde_json::{Value, json};

const USAGE: Usage = Usage { input: 100, cached: 40, cache_written: 10, output: 30, reasoning: 20 };

async fn fakes(script: Script) -> Fakes {
    Fakes::start(script).await.unwrap()
}

/// Fakes that give this answer to each of the next requests.
async fn saying(answer: Answer, times: usize) -> Fakes {
    fakes(Script { answers: vec![answer; times], ..Script::default() }).await
}

/// What the provider asks of requests and puts in its answers, read from a stream: words and thoughts.
fn read(provider: &str, answer: &http::Answer) -> (String, String) {
    match provider {
        "anthropic" => (answer.joined("/delta/text"), answer.joined("/delta/thinking")),
        "google-ai-studio" => {
            let parts = answer.data().into_iter().map(|data| data["candidates"][0]["content"]["parts"][0].clone());
            let (thoughts, words): (Vec<Value>, Vec<Value>) = parts.partition(|part| part["thought"] == true);
            let text = |parts: Vec<Value>| parts.iter().filter_map(|part| part["text"].as_str()).collect();
            (text(words), text(thoughts))
        }
        "perplexity" => {
            let of = |kind: &str| {
                let deltas = answer.data().into_iter().filter(|data| data["type"] == kind);
                deltas.filter_map(|data| data["delta"].as_str().map(str::to_owned)).collect()
            };
            (of("response.output_text.delta"), of("response.reasoning_summary_text.delta"))
        }
        _ => {
            let array = answer.joined("/choices/0/delta/content/0/text");
            let words = answer.joined("/choices/0/delta/content");
            let thoughts = ["reasoning_content", "reasoning", "content/0/thinking/0/text"];
            let thoughts = thoughts.map(|name| answer.joined(&format!("/choices/0/delta/{name}"))).concat();
            (if array.is_empty() { words } else { array + &words }, thoughts)
        }
    }
}

#[tokio::test]
async fn every_provider_streams_words_and_thoughts() {
    let text = "Grüße an alle, und ein 🎉 dazu.";
    for (provider, shows_thoughts) in [
        ("openai", false),
        ("anthropic", true),
        ("google-ai-studio", true),
        ("huggingface", true),
        ("perplexity", true),
        ("deepseek", true),
        ("groq", true),
        ("openrouter", true),
        ("xai", true),
        ("cerebras", true),
        ("workers-ai", true),
        ("ollama", true),
        ("lm-studio", true),
        ("llama-cpp", true),
        ("somebody-else", true),
    ] {
        let fakes = saying(Answer::say(text).thinking("First I think."), 1).await;
        let answer = ask(&fakes, provider, true).await;
        assert_eq!(answer.status, 200, "{provider} {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
        let thoughts = if shows_thoughts { "First I think." } else { "" };
        assert_eq!(read(provider, &answer), (text.to_owned(), thoughts.to_owned()), "{provider}");
        assert!(answer.is_complete);
        let record = fakes.record();
        assert_eq!(record.violations, [], "{provider}");
        assert_eq!((record.count(provider), record.requests[0].status), (1, 200), "{provider}");
    }
}

#[tokio::test]
async fn mistral_sends_text_and_parts_mixed() {
    let fakes = saying(Answer::say("one two three four five six seven").thinking("Hm."), 1).await;
    let answer = ask(&fakes, "mistral", true).await;
    let contents: Vec<_> = answer.data().iter().map(|data| data["choices"][0]["delta"]["content"].clone()).collect();
    assert!(contents.contains(&json!([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}])));
    assert!(contents.contains(&json!([{"type": "text", "text": "one two three "}])));
    assert!(contents.contains(&json!("four five six ")));
    assert_eq!(answer.data().last().unwrap()["usage"]["completion_tokens"], 10);
}

#[tokio::test]
async fn every_format_counts_tokens_in_its_own_way() {
    let answer = Answer::say("Yes.").thinking("Well.").costing(USAGE);
    for (provider, pointer, numbers) in [
        ("groq", "/usage", json!({"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130})),
        ("deepseek", "/usage", json!({"prompt_cache_hit_tokens": 40, "prompt_cache_miss_tokens": 60})),
        (
            "anthropic",
            "/usage",
            json!({"input_tokens": 50, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 10, "output_tokens": 30}),
        ),
        (
            "google-ai-studio",
            "/usageMetadata",
            json!({"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 10,
                "thoughtsTokenCount": 20, "totalTokenCount": 130}),
        ),
        ("perplexity", "/usage", json!({"input_tokens": 100, "output_tokens": 30, "output_tokens_details": null})),
    ] {
        let fakes = saying(answer.clone(), 1).await;
        let whole = ask(&fakes, provider, false).await.json();
        let usage = whole.pointer(pointer).unwrap();
        for (name, number) in numbers.as_object().unwrap() {
            assert_eq!(&usage[name], number, "{provider} {name}");
        }
    }
}

#[tokio::test]
async fn openai_tells_usage_in_a_stream_only_when_asked() {
    for is_asked in [false, true] {
        let fakes = saying(Answer::say("Yes.").costing(USAGE), 1).await;
        let (url, mut body) = question(&fakes, "openai", true);
        if is_asked {
            body["stream_options"] = json!({"include_usage": true});
        }
        let answer = post(&url, &headers("openai"), &body).await;
        let last = answer.data().pop().unwrap();
        let choices = last["choices"].as_array().unwrap().len();
        assert_eq!(last["usage"]["prompt_tokens"] == 100 && choices == 0, is_asked);
        assert_eq!(answer.events().last().unwrap().1, "[DONE]");
    }
}

#[tokio::test]
async fn every_format_ends_for_its_reasons() {
    for (provider, pointer, reasons) in [
        ("openai", "/choices/0/finish_reason", ["stop", "length", "content_filter", "tool_calls"]),
        ("anthropic", "/stop_reason", ["end_turn", "max_tokens", "refusal", "tool_use"]),
        ("google-ai-studio", "/candidates/0/finishReason", ["STOP", "MAX_TOKENS", "SAFETY", "STOP"]),
        ("perplexity", "/status", ["completed", "incomplete", "incomplete", "completed"]),
    ] {
        let finishes = [Finish::Stop, Finish::Length, Finish::Filtered, Finish::Tool];
        let answers = finishes.map(|finish| Answer::say("Well").ending(finish));
        let fakes = fakes(Script { answers: answers.to_vec(), ..Script::default() }).await;
        for reason in reasons {
            let body = ask(&fakes, provider, false).await.json();
            assert_eq!(body.pointer(pointer), Some(&json!(reason)), "{provider} {body}");
        }
    }
}

#[tokio::test]
async fn tools_are_called_in_every_format() {
    let tool = ("weather".to_owned(), "{\"city\":\"Köln\"}".to_owned());
    let answer = Answer { tools: vec![tool], ..Answer::default() }.ending(Finish::Tool);
    for (provider, pointer) in [
        ("openai", "/choices/0/delta/tool_calls/0/function/arguments"),
        ("anthropic", "/delta/partial_json"),
        ("perplexity", "/delta"),
    ] {
        let fakes = saying(answer.clone(), 1).await;
        let answer = ask(&fakes, provider, true).await;
        assert_eq!(answer.joined(pointer), "{\"city\":\"Köln\"}", "{provider} {}", answer.text());
    }
    let fakes = saying(answer, 1).await;
    let part = ask(&fakes, "google-ai-studio", false).await.json()["candidates"][0]["content"]["parts"][0].clone();
    assert_eq!(part["functionCall"], json!({"name": "weather", "args": {"city": "Köln"}}));
}

#[tokio::test]
async fn sources_come_where_each_provider_puts_them() {
    let answer = Answer::say("So it is [1].").citing("https://example.org/a", "A");
    for (provider, is_stream, pointer) in [
        ("openai", false, "/choices/0/message/annotations/0/url_citation/url"),
        ("xai", false, "/citations/0"),
        ("anthropic", true, "/delta/citation/url"),
        ("google-ai-studio", true, "/candidates/0/groundingMetadata/groundingChunks/0/web/uri"),
        ("perplexity", true, "/response/output/0/results/0/url"),
    ] {
        let fakes = saying(answer.clone(), 1).await;
        let answer = ask(&fakes, provider, is_stream).await;
        let found = if is_stream {
            answer.joined(pointer)
        } else {
            answer.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        assert_eq!(found, "https://example.org/a", "{provider}");
    }
}

#[tokio::test]
async fn responses_are_numbered_and_end_with_the_whole() {
    let fakes = saying(Answer::say("one two three four"), 1).await;
    let url = format!("{}/responses", fakes.base_url("openai"));
    let body = json!({"model": "m", "input": [{"role": "user", "content": "Hello?"}], "stream": true});
    let answer = post(&url, &headers("openai"), &body).await;
    for (number, (event, data)) in answer.events().iter().zip(answer.data()).enumerate() {
        assert_eq!(
            (data["type"].as_str(), data["sequence_number"].as_u64()),
            (Some(event.0.as_str()), Some(number as u64))
        );
    }
    let last = answer.data().pop().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "one two three four");
}

#[tokio::test]
async fn google_without_alt_sse_sends_an_array() {
    let fakes = saying(Answer::say("one two three four"), 1).await;
    let (url, body) = question(&fakes, "google-ai-studio", true);
    let answer = post(url.strip_suffix("?alt=sse").unwrap(), &headers("google-ai-studio"), &body).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn noise_changes_nothing_that_is_said() {
    let text = "Ein Gruß, 你好你好你好你好, 🎉 und Schluss.";
    for provider in ["openai", "anthropic", "google-ai-studio", "perplexity", "openrouter"] {
        let answers = vec![Answer::say(text)];
        let noise = Noise { no_space: false, ..Noise::all() };
        let fakes = fakes(Script { answers, noise, ..Script::default() }).await;
        let answer = ask(&fakes, provider, true).await;
        assert_eq!(read(provider, &answer).0, text, "{provider} {}", answer.text());
        assert!(answer.text().contains(": OPENROUTER PROCESSING\r\n\r\n"));
        assert!(answer.chunks.iter().all(|chunk| chunk.len() <= 5));
        assert!(answer.chunks.iter().any(|chunk| std::str::from_utf8(chunk).is_err()), "no character is torn");
    }
}

#[tokio::test]
async fn lists_of_models_have_their_shapes() {
    let fakes = fakes(Script::default().model("mistral", "only-this")).await;
    for (provider, pointer, first) in [
        ("openai", "/data/0/id", "gpt-6.1-sol"),
        ("anthropic", "/data/0/id", "claude-sonnet-5-5"),
        ("google-ai-studio", "/models/0/name", "models/gemini-3.8-flash"),
        ("openrouter", "/data/0/pricing/prompt", "0.000002"),
        ("mistral", "/data/0/id", "only-this"),
        ("ollama", "/data/0/id", "llama3.2:3b"),
    ] {
        let answer = get(&format!("{}/models", fakes.base_url(provider)), &headers(provider)).await;
        assert_eq!(answer.json().pointer(pointer), Some(&json!(first)), "{provider} {}", answer.text());
    }
    let tags = get(&format!("http://{}/ollama/api/tags", fakes.addr()), &[]).await.json();
    assert_eq!(tags["models"][0]["name"], "llama3.2:3b");
    assert_eq!(fakes.record().violations, []);
}

#[tokio::test]
async fn embeddings_are_the_same_for_the_same_text() {
    let fakes = fakes(Script::default()).await;
    let url = format!("{}/embeddings", fakes.base_url("openai"));
    let body = json!({"model": "m", "input": ["a", "b", "a"], "dimensions": 4});
    let answer = post(&url, &headers("openai"), &body).await.json();
    let vector = |index: usize| answer["data"][index]["embedding"].clone();
    assert_eq!((vector(0), vector(0).as_array().unwrap().len()), (vector(2), 4));
    assert_ne!(vector(0), vector(1));
    assert_eq!(post(&url, &headers("openai"), &json!({"model": "m", "input": []})).await.status, 400);
}

#[tokio::test]
async fn a_token_is_exchanged_and_taken_until_it_is_old() {
    use base64::Engine as _;
    let part = |value: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value);
    let claims = json!({"iss": "a@b.test", "aud": "http://127.0.0.1/token", "iat": 1, "exp": 3601,
        "scope": "https://www.googleapis.com/auth/cloud-platform"});
    let assertion =
        format!("{}.{}.{}", part(b"{\"alg\":\"RS256\"}"), part(claims.to_string().as_bytes()), part(&[1; 256]));
    let fakes = fakes(Script::default()).await;
    let form = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = http::post_text(&fakes.token_url(), &kind, &form).await.json();
    let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let (url, body) = question(&fakes, "google-vertex", true);
    assert_eq!(post(&url, &[("authorization", &token)], &body).await.status, 200);
    assert_eq!(post(&url, &[("authorization", "Bearer made-up")], &body).await.status, 401);
    assert!(!format!("{:?}", fakes.record()).contains(&assertion));
    assert_eq!(fakes.record().violations, []);
}

#[tokio::test]
async fn the_record_holds_requests_without_their_keys() {
    let fakes = fakes(Script::default()).await;
    ask(&fakes, "groq", true).await;
    ask(&fakes, "anthropic", false).await;
    let record = fakes.record();
    let [first, second] = record.requests.as_slice() else { panic!("{record:?}") };
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/groq/openai/v1/chat/completions"));
    assert_eq!(first.body["messages"][0]["content"], "Hello?");
    let credential = first.credential(Purpose::Provider).unwrap();
    assert_eq!((credential.form, credential.fingerprint.clone()), (Form::Bearer, fingerprint("good")));
    assert_eq!(second.header("x-api-key"), Some(fingerprint("good").as_str()));
    assert_eq!(second.header("anthropic-version"), Some("2023-06-01"));
    assert!(!format!("{record:?}").contains("good"));
}

#[tokio::test]
async fn the_practice_partner_answers_in_writing_beside_the_voice() {
    let partner = emulator::Emulator::start(emulator::Script::practice()).await.unwrap();
    let body = json!({"model": "practice", "messages": [{"role": "user", "content": "Good day"}], "stream": true});
    let answer = post(&format!("{}/chat/completions", partner.base_url()), &[], &body).await;
    assert!(answer.joined("/choices/0/delta/content").starts_with("You wrote: “Good day”."), "{}", answer.text());
}
