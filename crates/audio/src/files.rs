//! Files in place of devices: a thread that calls the callbacks every 10 ms, as a sound card would.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::Error;
use crate::callback::{CaptureEnd, Heartbeat, PlaybackEnd, SpeakerEnds, capture, microphone, playback, speaker};
use crate::intake::Ear;
use crate::pipeline::Shared;
use crate::playout::Mouth;
use crate::reference::FarEnd;
use crate::resample::to_i16;

/// Period of the thread.
const TICK: Duration = Duration::from_millis(10);
/// The thread was stopped for longer than this (a sleeping machine): time is not made up for.
const LAPSE: Duration = Duration::from_millis(500);
/// Rate of the output file, and of silence as input, in Hz.
const RATE: u32 = 48_000;
/// Samples of the output per tick.
const PERIOD: usize = 480;
/// Ticks of silence after the last sample until the end is told: as long as the resamplers hold samples back.
const RUN_OUT: u32 = 3;

/// The running thread.
pub(crate) struct Tape {
    is_stopped: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Tape {
    /// Opens the files and starts the clock.
    pub(crate) fn start(
        input: Option<PathBuf>,
        output: Option<PathBuf>,
        shared: &Arc<Shared>,
        pipeline: &Thread,
    ) -> Result<(Self, Ear, Mouth, FarEnd), Error> {
        let speech = input.as_deref().map(Speech::open).transpose()?;
        let record = output.as_deref().map(create).transpose()?;
        let (rate, channels) = speech.as_ref().map_or((RATE, 1), |speech| (speech.rate, speech.channels));
        let heartbeat = Arc::new(Heartbeat::default());
        let (capture, ring) = microphone(rate, channels, &shared.gauges, &heartbeat, pipeline.clone());
        let (playback, SpeakerEnds { mouth, reference, line }) =
            speaker(RATE, &shared.gauges, &heartbeat, pipeline.clone());
        let is_stopped = Arc::new(AtomicBool::new(false));
        let reel = Reel {
            shared: Arc::clone(shared),
            is_stopped: Arc::clone(&is_stopped),
            capture,
            playback,
            rate,
            channels,
            speech,
            record,
            run_out: None,
        };
        let thread = thread::Builder::new()
            .name("audio-files".into())
            .spawn(move || reel.run())
            .map_err(|error| Error::File(error.to_string()))?;
        let tape = Self { is_stopped, thread };
        Ok((tape, Ear { ring, rate }, Mouth { ring: mouth, line, rate: RATE }, FarEnd { ring: reference, rate: RATE }))
    }

    /// Ends the thread and completes the output file.
    pub(crate) fn stop(self) -> Result<(), Error> {
        self.is_stopped.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_else(|_| Err(Error::File("the audio file thread failed".into())))
    }
}

/// What the thread owns.
struct Reel {
    shared: Arc<Shared>,
    is_stopped: Arc<AtomicBool>,
    capture: CaptureEnd,
    playback: PlaybackEnd,
    rate: u32,
    channels: u16,
    speech: Option<Speech>,
    record: Option<WavWriter<BufWriter<File>>>,
    run_out: Option<u32>,
}

impl Reel {
    fn run(mut self) -> Result<(), Error> {
        let mut due = Instant::now();
        let mut outcome = Ok(());
        let mut tick = 0_u64;
        while !self.is_stopped.load(Ordering::Acquire) {
            let now = Instant::now();
            if now < due {
                thread::park_timeout(due - now);
                continue;
            }
            if now - due > LAPSE {
                due = now;
            }
            due += TICK;
            self.speak(tick);
            let heard = self.listen();
            outcome = outcome.and(heard);
            tick += 1;
        }
        let finished = self.record.map_or(Ok(()), WavWriter::finalize);
        outcome.and(finished).map_err(|error| Error::File(format!("the output file cannot be written: {error}")))
    }

    /// 10 ms of the input: silence before the gate was opened first and after the end.
    fn speak(&mut self, tick: u64) {
        let rate = u64::from(self.rate);
        let frames = (tick + 1) * rate / 100 - tick * rate / 100;
        let mut samples = vec![0.0; frames as usize * usize::from(self.channels)];
        if self.shared.has_begun.load(Ordering::Acquire) {
            if let Some(speech) = &mut self.speech
                && speech.read(&mut samples) < samples.len()
            {
                self.speech = None;
                self.run_out = Some(RUN_OUT);
            } else if let Some(left) = &mut self.run_out {
                *left -= 1;
            }
        }
        capture(&samples, &mut self.capture);
        if self.run_out == Some(0) {
            self.run_out = None;
            self.shared.input_ended.store(true, Ordering::Release);
        }
    }

    fn listen(&mut self) -> Result<(), hound::Error> {
        let mut heard = [0.0; PERIOD];
        playback(&mut heard, &mut self.playback);
        if let Some(record) = &mut self.record {
            for sample in heard {
                record.write_sample(to_i16(sample))?;
            }
        }
        Ok(())
    }
}

fn create(path: &Path) -> Result<WavWriter<BufWriter<File>>, Error> {
    let spec = WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    WavWriter::create(path, spec).map_err(|error| Error::File(format!("{} cannot be written: {error}", path.display())))
}

/// An input file, read as it is spoken.
struct Speech {
    samples: Box<dyn Iterator<Item = f32> + Send>,
    rate: u32,
    channels: u16,
}

impl Speech {
    fn open(path: &Path) -> Result<Self, Error> {
        let unreadable =
            |error: &dyn std::fmt::Display| Error::File(format!("{} cannot be read: {error}", path.display()));
        let reader = WavReader::open(path).map_err(|error| unreadable(&error))?;
        let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
        if channels == 0 || !(1_000..=768_000).contains(&sample_rate) {
            return Err(unreadable(&format!("{channels} channels at {sample_rate} Hz are not supported")));
        }
        Ok(Self { samples: decode(reader, bits_per_sample, sample_format), rate: sample_rate, channels })
    }

    /// Fills `samples` as far as the file goes; returns how far.
    fn read(&mut self, samples: &mut [f32]) -> usize {
        let mut count = 0;
        for (slot, sample) in samples.iter_mut().zip(&mut self.samples) {
            *slot = sample;
            count += 1;
        }
        count
    }
}

/// -1.0…1.0 from any WAV. A file that breaks off ends there.
fn decode(reader: WavReader<BufReader<File>>, bits: u16, format: SampleFormat) -> Box<dyn Iterator<Item = f32> + Send> {
    match format {
        SampleFormat::Float => Box::new(reader.into_samples::<f32>().map_while(Result::ok)),
        SampleFormat::Int => {
            let scale = 1.0 / 2.0_f32.powi(i32::from(bits.clamp(1, 32)) - 1);
            Box::new(reader.into_samples::<i32>().map_while(Result::ok).map(move |sample| sample as f32 * scale))
        }
    }
}
