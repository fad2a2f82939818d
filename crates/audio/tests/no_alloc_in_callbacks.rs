//! The callbacks must not allocate, whatever sizes the sound system asks for.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use audio::callback::{Gauges, Heartbeat, SpeakerEnds, capture, microphone, playback, speaker};

/// Odd sizes from 1 to 4 096 without a pattern.
fn sizes() -> impl Iterator<Item = usize> {
    (0..10_000_u64).map(|n| 1 + ((n.wrapping_mul(6_364_136_223_846_793_005) >> 40) % 4_096) as usize)
}

#[test]
fn ten_thousand_captures_of_any_size_allocate_nothing() {
    let (gauges, heartbeat) = (Arc::new(Gauges::default()), Arc::new(Heartbeat::default()));
    let (mut end, mut ring) = microphone(44_100, 3, &gauges, &heartbeat, thread::current());
    let input = vec![0.25_f32; 4_096];
    let mut taken = vec![0.0_f32; 44_100];
    let mut heard = 0;
    let counted = allocation_counter::measure(|| {
        for (call, size) in sizes().enumerate() {
            capture(&input[..size], &mut end);
            if call % 3 != 0 {
                heard += ring.pop_partial_slice(&mut taken).0.len();
            }
        }
    });
    assert_eq!(counted.count_total, 0);
    assert_eq!(heartbeat.count(), 10_000);
    assert!(heard > 1_000_000, "samples must really pass: {heard}");
}

#[test]
fn ten_thousand_playbacks_of_any_size_allocate_nothing_with_flushes_and_underruns() {
    let (gauges, heartbeat) = (Arc::new(Gauges::default()), Arc::new(Heartbeat::default()));
    let (mut end, SpeakerEnds { mouth: mut ring, line, reference: _reference }) =
        speaker(48_000, &gauges, &heartbeat, thread::current());
    line.set_live(true);
    let samples = vec![0.5_f32; 3_000];
    let mut out = vec![0.0_f32; 4_096];
    let mut pushed = 0_u64;
    let counted = allocation_counter::measure(|| {
        for (call, size) in sizes().enumerate() {
            pushed += ring.push_partial_slice(&samples).0.len() as u64;
            if call % 7 == 0 {
                line.cut(pushed);
            }
            end.set_latency(Duration::from_millis(10));
            playback(&mut out[..size], &mut end);
        }
    });
    assert_eq!(counted.count_total, 0);
    assert_eq!(heartbeat.count(), 10_000);
    assert!(line.popped() > 1_000_000, "samples must really pass: {}", line.popped());
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert_eq!(counted.count_total, 1);
}
