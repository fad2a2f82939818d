use std::f64::consts::TAU;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use super::reader::Stream;
use super::*;

const PATIENCE: Duration = Duration::from_secs(10);
const ALL: std::ops::Range<Duration> = Duration::ZERO..Duration::MAX;

fn tags() -> Tags {
    Tags { title: "A talk".into(), date: "2026-11-21T10:43:05Z".into() }
}

fn tone(hertz: f64, samples: usize) -> Vec<f32> {
    (0..samples).map(|n| (n as f64 * hertz * TAU / f64::from(RATE)).sin() as f32 * 0.5).collect()
}

/// What one frequency contributes, as an amplitude.
fn amplitude(sound: &[f32], hertz: f64, rate: u32) -> f64 {
    let turn = |n: usize| n as f64 * hertz * TAU / f64::from(rate);
    let sum = |wave: fn(f64) -> f64| sound.iter().enumerate().map(|(n, s)| f64::from(*s) * wave(turn(n))).sum::<f64>();
    2.0 * sum(f64::sin).hypot(sum(f64::cos)) / sound.len().max(1) as f64
}

fn rms(sound: &[f32]) -> f64 {
    (sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / sound.len().max(1) as f64).sqrt()
}

fn decibel(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-9).log10()
}

/// A recording of the two sounds in 10 ms frames, kept in a file.
fn recorded(left: &[f32], right: &[f32]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.opus");
    let (tell, news) = sync_channel(64);
    let (recorder, mut inlet) = Recorder::start(&file, &tags(), move |word| drop(tell.send(word))).unwrap();
    for (left, right) in left.chunks(480).zip(right.chunks(480)) {
        // Faster than real time: the ring may be full. A sync would end a page before its second is over.
        while inlet.ring.slots() < 960 {
            thread::yield_now();
        }
        inlet.frame(left, right);
    }
    assert_eq!(recorder.position(), samples(left.len() as u64));
    recorder.finish();
    assert_eq!(news.try_recv().ok(), None);
    (folder, file)
}

/// Pages as (granule position, flags, size), read without the library that wrote them.
fn pages(bytes: &[u8]) -> Vec<(u64, u8, usize)> {
    let mut pages = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + 27) {
        assert_eq!(&head[..4], b"OggS");
        let lacing = &bytes[at + 27..at + 27 + usize::from(head[26])];
        let size = 27 + lacing.len() + lacing.iter().map(|length| usize::from(*length)).sum::<usize>();
        pages.push((u64::from_le_bytes(head[6..14].try_into().unwrap()), head[5], size));
        at += size;
    }
    assert_eq!(at, bytes.len());
    pages
}

#[test]
fn each_side_comes_back_on_its_channel_with_its_length() {
    let count = 48_000 * 3 + 777;
    let (_folder, file) = recorded(&tone(440.0, count), &tone(1_500.0, count));
    assert_eq!(duration(&file).unwrap(), samples(count as u64));
    for rate in [48_000, 24_000, 16_000] {
        let sound = read(&file, rate, ALL).unwrap();
        let wanted = count / (48_000 / rate) as usize;
        assert!(sound.left.len().abs_diff(wanted) <= 1, "{} for {wanted}", sound.left.len());
        assert_eq!(sound.left.len(), sound.right.len());
        for (side, own, other) in [(&sound.left, 440.0, 1_500.0), (&sound.right, 1_500.0, 440.0)] {
            assert!((amplitude(side, own, rate) - 0.5).abs() < 0.05);
            let leak = decibel(amplitude(side, other, rate) / 0.5);
            assert!(leak < -35.0, "{leak:.1} dB of the other side");
        }
    }
}

#[test]
fn the_sound_begins_at_its_first_sample() {
    let mut burst = vec![0.0; 9_600];
    burst[4_800..].copy_from_slice(&tone(1_000.0, 4_800));
    let (_folder, file) = recorded(&burst, &[0.0; 9_600]);
    let sound = read(&file, RATE, ALL).unwrap();
    let start = sound.left.iter().position(|sample| sample.abs() > 0.2).unwrap();
    assert!(start.abs_diff(4_800) < 240, "{start}");
}

#[test]
fn one_who_is_silent_stays_so_while_the_other_speaks() {
    // Broad like speech: harmonics of 150 Hz that swell and fade.
    let voice: Vec<f32> = (0..96_000)
        .map(|n| {
            let t = n as f64 / f64::from(RATE);
            let wave: f64 = (1..40).map(|k| (TAU * 150.0 * f64::from(k) * t).sin() / f64::from(k)).sum();
            (0.15 * wave * (1.0 + (TAU * 4.0 * t).sin())) as f32
        })
        .collect();
    let (_folder, file) = recorded(&voice, &vec![0.0; voice.len()]);
    let sound = read(&file, RATE, ALL).unwrap();
    let leak = decibel(rms(&sound.right) / rms(&sound.left));
    assert!(leak < -30.0, "{leak:.1} dB");
}

#[test]
fn a_part_is_found_by_its_time() {
    // A step of pitch each second.
    let sound: Vec<f32> = (1..=8).flat_map(|second| tone(300.0 * f64::from(second), 48_000)).collect();
    let (_folder, file) = recorded(&sound, &sound);
    for second in 1..=8_u32 {
        let start = Duration::from_secs(u64::from(second) - 1);
        let part = read(&file, 24_000, start..start + Duration::from_secs(1)).unwrap();
        assert_eq!(part.left.len(), 24_000);
        assert!(amplitude(&part.left[1_200..22_800], 300.0 * f64::from(second), 24_000) > 0.4, "second {second}");
    }
    let beyond = read(&file, 24_000, Duration::from_secs(9)..Duration::from_secs(10)).unwrap();
    assert!(beyond.left.is_empty());
}

#[test]
fn granule_positions_tell_each_page_and_trim_the_end() {
    for count in [0, 1, 480, 960 - 312, 960, 48_000 * 2 - 312, 48_000 * 2, 48_000 * 5 + 123] {
        let (_folder, file) = recorded(&vec![0.1; count], &vec![0.1; count]);
        let bytes = std::fs::read(&file).unwrap();
        let pages = pages(&bytes);
        let pre_skip = u64::from(u16::from_le_bytes(bytes[28 + 10..28 + 12].try_into().unwrap()));
        assert_eq!(pre_skip, 312);
        assert_eq!((pages[0].1, pages[0].0, pages[1].0), (2, 0, 0), "the headers stand first, alone");
        let (last, sound) = pages[2..].split_last().unwrap();
        assert_eq!((last.0, last.1), (pre_skip + count as u64, 4), "{count} samples");
        for (number, page) in sound.iter().enumerate() {
            assert_eq!((page.0, page.1), (48_000 * (number as u64 + 1), 0), "{count} samples");
        }
        assert_eq!(duration(&file).unwrap(), samples(count as u64));
    }
}

#[test]
fn a_file_that_broke_off_loses_less_than_a_second_and_is_read_to_there() {
    let count = 48_000 * 5;
    let (_folder, file) = recorded(&tone(440.0, count), &tone(440.0, count));
    let bytes = std::fs::read(&file).unwrap();
    let sizes: Vec<_> = pages(&bytes).iter().map(|page| page.2).collect();
    let four_pages: usize = sizes[..6].iter().sum();
    for end in [four_pages, four_pages + 20, four_pages + sizes[6] - 1] {
        let stream = Stream::open(Cursor::new(&bytes[..end])).unwrap();
        let part = stream.part(RATE, &ALL).unwrap();
        assert_eq!(part.left.len(), 4 * 48_000 - 312);
        assert!((amplitude(&part.left, 440.0, RATE) - 0.5).abs() < 0.05);
    }
    let mut broken = bytes;
    let half = broken.len() / 2;
    broken[half] ^= 0xff;
    let part = Stream::open(Cursor::new(&broken)).unwrap().part(RATE, &ALL).unwrap();
    assert!(part.left.len() >= 48_000);
}

#[test]
fn what_is_no_recording_is_refused() {
    for bytes in [&b""[..], b"OggS", b"RIFF....WAVE", &[0; 5_000]] {
        assert!(Stream::open(Cursor::new(bytes)).is_err());
    }
    assert!(duration(Path::new("/nowhere/a.opus")).is_err());
    let (_folder, file) = recorded(&[0.0; 960], &[0.0; 960]);
    assert!(read(&file, 44_100, ALL).is_err());
    assert!(read(&file, 0, ALL).is_err());
}

#[test]
fn after_a_sync_the_sound_can_be_read_while_the_recording_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.opus");
    let (recorder, mut inlet) = Recorder::start(&file, &tags(), |_| {}).unwrap();
    for _ in 0..30 {
        inlet.frame(&[0.1; 480], &[0.1; 480]);
    }
    recorder.sync(PATIENCE);
    let there = duration(&file).unwrap();
    assert!(there >= Duration::from_millis(250) && there <= recorder.position(), "{there:?}");
    recorder.finish();
    assert_eq!(duration(&file).unwrap(), Duration::from_millis(300));
}

/// A disk that is full after so many bytes.
struct Disk {
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_once_and_holds_nobody_up() {
    let (tell, news) = sync_channel(64);
    let (recorder, mut inlet) =
        Recorder::record(Disk { room: 6_000 }, &tags(), move |word| drop(tell.send(word))).unwrap();
    // More than the ring holds: nobody empties it any more.
    for _ in 0..600 {
        inlet.frame(&tone(440.0, 480), &tone(660.0, 480));
    }
    let told = std::iter::from_fn(|| news.recv_timeout(PATIENCE).ok()).find(|word| matches!(word, News::Failed(_)));
    assert!(told.is_some());
    recorder.sync(PATIENCE);
    for _ in 0..600 {
        inlet.frame(&[0.0; 480], &[0.0; 480]);
    }
    recorder.finish();
    assert_eq!(news.try_recv().ok(), None);
    assert!(Recorder::record(Disk { room: 10 }, &tags(), |_| {}).is_err());
}

/// A disk that takes nothing until it is let.
struct Stuck(Arc<Mutex<()>>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_hesitates_too_long_costs_sound_that_is_told() {
    let door = Arc::new(Mutex::new(()));
    let (tell, news) = sync_channel(64);
    let sink = Stuck(Arc::clone(&door));
    let (recorder, mut inlet) = Recorder::record(sink, &tags(), move |word| drop(tell.send(word))).unwrap();
    let closed = door.lock().unwrap();
    // A page is due after the first second, and four may be in hand by then; the ring holds four more.
    for _ in 0..(100 * 12) {
        inlet.frame(&[0.0; 480], &[0.0; 480]);
    }
    drop(closed);
    let lost: Duration = match news.recv_timeout(PATIENCE).unwrap() {
        News::Lost(lost) => lost,
        News::Failed(error) => panic!("{error}"),
    };
    assert!(lost >= Duration::from_secs(1), "{lost:?}");
    assert_eq!(recorder.position() + lost, Duration::from_secs(12));
    recorder.finish();
}
