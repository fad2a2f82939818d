//! Requests per time.

use std::time::Duration;

use gateway::{Piece, Progress, Rate, Settings};
use protocol::chat::FailureKind;
use tokio::time::Instant;

use crate::rig::{Rig, ask, openai_hello};

const OPENAI: (&str, &str) = ("openai", "gpt-6.1-sol");
const GROQ: (&str, &str) = ("groq", "openai/gpt-oss-120b");

fn rate(requests: u32, burst: u32) -> Rate {
    Rate { requests, window: Duration::from_secs(60), burst }
}

#[tokio::test(start_paused = true)]
async fn beyond_the_burst_requests_wait_and_the_end_of_the_wait_is_told() {
    let mut settings = Settings::default();
    settings.limits.providers.insert("openai".into(), rate(6, 2));
    let rig = Rig::new(settings);
    rig.script([openai_hello()]);
    let before = Instant::now();
    for _ in 0..2 {
        assert_eq!(rig.ask(ask(&[OPENAI])).await.waits(), 0);
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let outcome = rig.ask(ask(&[OPENAI])).await;
    assert_eq!((outcome.text.as_str(), before.elapsed().as_secs()), ("Hello", 10));
    assert!(outcome.receipt.times.queue_ms >= 10_000);
    let Some(Piece::Progress(Progress::Waiting { provider, until_ms, retry: None })) = outcome.pieces.first() else {
        panic!("{:?}", outcome.pieces)
    };
    assert_eq!(provider.as_ref().unwrap().as_str(), "openai");
    let ahead = u128::from(*until_ms) - unix;
    assert!((9_000..=20_000).contains(&ahead), "{ahead}");
    assert_eq!(rig.ask(ask(&[GROQ])).await.waits(), 0, "another provider has its own");
}

#[tokio::test(start_paused = true)]
async fn a_profile_has_one_limit_over_all_providers() {
    let mut settings = Settings::default();
    settings.limits.profile = rate(6, 1);
    let rig = Rig::new(settings);
    rig.script([openai_hello()]);
    let before = Instant::now();
    rig.ask(ask(&[OPENAI])).await;
    let second = rig.ask(ask(&[GROQ])).await;
    assert_eq!((second.waits(), before.elapsed().as_secs()), (1, 10));
    assert!(matches!(second.pieces.first(), Some(Piece::Progress(Progress::Waiting { provider: None, .. }))));
    let mut other = ask(&[GROQ]);
    other.profile = "other".to_owned();
    assert_eq!(rig.ask(other).await.waits(), 0);
}

#[tokio::test(start_paused = true)]
async fn too_long_a_wait_is_refused_with_its_end() {
    let mut settings = Settings::default();
    settings.limits.provider = Rate { requests: 1, window: Duration::from_secs(3600), burst: 1 };
    let rig = Rig::new(settings);
    rig.script([openai_hello()]);
    rig.ask(ask(&[OPENAI])).await;
    let refused = rig.ask(ask(&[OPENAI])).await.failure.unwrap();
    assert_eq!((refused.kind, refused.retry_after.unwrap().as_secs()), (FailureKind::RateLimited, 3600));
    assert_eq!(rig.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_used_up_limit_in_the_provider_s_headers_is_waited_for() {
    let rig = Rig::new(Settings::default());
    let last = openai_hello().with("x-ratelimit-remaining-requests", "0").with("x-ratelimit-reset-requests", "6s");
    rig.script([last, openai_hello()]);
    let before = Instant::now();
    rig.ask(ask(&[OPENAI])).await;
    assert_eq!(rig.ask(ask(&[OPENAI])).await.waits(), 1);
    assert_eq!(before.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_a_wait() {
    let mut settings = Settings::default();
    settings.limits.profile = rate(6, 1);
    let rig = Rig::new(settings);
    rig.script([openai_hello()]);
    rig.ask(ask(&[OPENAI])).await;
    let mut pieces = rig.gateway.ask(ask(&[OPENAI]));
    assert!(matches!(pieces.recv().await, Some(Piece::Progress(Progress::Waiting { .. }))));
    drop(pieces);
    let before = Instant::now();
    while rig.book.rows.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!((rig.last_row().failure, rig.sent()), (Some(FailureKind::Cancelled), 1));
}

#[tokio::test(start_paused = true)]
async fn what_goes_past_the_gateway_takes_its_turn_with_the_rest() {
    let mut settings = Settings::default();
    settings.limits.profile = rate(6, 1);
    settings.limits.providers.insert("groq".into(), Rate { window: Duration::from_secs(3600), ..rate(1, 1) });
    let rig = Rig::new(settings);
    let before = Instant::now();
    let turn = |profile, provider: &str| {
        let (gateway, provider) = (rig.gateway.clone(), provider.into());
        async move { gateway.take_turn(profile, &provider).await }
    };
    turn("a", "openai").await.unwrap();
    turn("a", "openai").await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 10, "the profile's");
    turn("b", "groq").await.unwrap();
    let refused = turn("c", "groq").await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::RateLimited);
    assert!(refused.retry_after.unwrap() > Duration::from_secs(3000));
}
