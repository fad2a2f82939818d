//! Opens one device and connects it with the callback functions: any sample format, any number of channels.

use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{
    BufferSize, Data, ErrorKind, FromSample, I24, InputCallbackInfo, OutputCallbackInfo, Sample, SampleFormat,
    SizedSample, StreamConfig, SupportedBufferSize, SupportedStreamConfig, U24,
};

use crate::callback::{
    CaptureEnd, Gauges, Heartbeat, PlaybackEnd, SpeakerEnds, capture, microphone, playback, speaker,
};
use crate::intake::Ear;
use crate::playout::Mouth;
use crate::reference::FarEnd;
use crate::{DeviceId, Direction, Error, device};

/// Frames converted at a time.
const BATCH: usize = 2_048;

/// A running stream with its proof of life. Dropping it may take long when the sound server hangs.
pub(crate) struct Opened {
    pub(crate) stream: cpal::Stream,
    pub(crate) side: Side,
    pub(crate) heartbeat: Arc<Heartbeat>,
    /// Set by the sound system when the stream is dead.
    pub(crate) trouble: Arc<OnceLock<Error>>,
}

/// The pipeline's end of a stream.
pub(crate) enum Side {
    Ear(Ear),
    Mouth(Mouth, FarEnd),
}

impl Side {
    /// Frames per second of the device, in Hz.
    pub(crate) fn rate(&self) -> u32 {
        match self {
            Self::Ear(ear) => ear.rate,
            Self::Mouth(mouth, _) => mouth.rate,
        }
    }
}

/// Opens a device and starts it. May block for ever (a source without data never starts): only on a thread of its own.
pub(crate) fn open(
    direction: Direction,
    id: &DeviceId,
    period: Duration,
    gauges: &Arc<Gauges>,
    pipeline: &Thread,
) -> Result<Opened, Error> {
    let device = device::find(direction, id)?;
    let supported = match direction {
        Direction::Input => device.default_input_config(),
        Direction::Output => device.default_output_config(),
    }
    .map_err(|error| refusal(direction, &error))?;
    let mut refused = Error::NoDevice(direction);
    for size in buffer_sizes(&supported, period, device::is_pulse(id)) {
        let config =
            StreamConfig { channels: supported.channels(), sample_rate: supported.sample_rate(), buffer_size: size };
        match start(direction, &device, config, supported.sample_format(), gauges, pipeline) {
            Ok(opened) => return Ok(opened),
            Err(error) => refused = refusal(direction, &error),
        }
    }
    Err(refused)
}

/// The wanted period, then twice that, then what the system likes; but never the latter on PulseAudio, where it means 2 s.
fn buffer_sizes(supported: &SupportedStreamConfig, period: Duration, is_pulse: bool) -> Vec<BufferSize> {
    let fixed = |frames: u32| match supported.buffer_size() {
        SupportedBufferSize::Range { min, max } => BufferSize::Fixed(frames.max(*min).min(*max)),
        SupportedBufferSize::Unknown => BufferSize::Fixed(frames),
    };
    let frame = (f64::from(supported.sample_rate()) * period.as_secs_f64()).ceil() as u32;
    let mut sizes = vec![fixed(frame), fixed(2 * frame)];
    if !is_pulse {
        sizes.push(BufferSize::Default);
    }
    sizes
}

fn start(
    direction: Direction,
    device: &cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    gauges: &Arc<Gauges>,
    pipeline: &Thread,
) -> Result<Opened, cpal::Error> {
    let heartbeat = Arc::new(Heartbeat::default());
    let trouble = Arc::new(OnceLock::new());
    let (rate, channels) = (config.sample_rate, config.channels);
    let report = watch(direction, Arc::clone(&trouble));
    let (stream, side) = match direction {
        Direction::Input => {
            let (end, ring) = microphone(rate, channels, gauges, &heartbeat, pipeline.clone());
            (
                device.build_input_stream_raw(config, format, listener(format, channels, end)?, report, None)?,
                Side::Ear(Ear { ring, rate }),
            )
        }
        Direction::Output => {
            let (end, SpeakerEnds { mouth, reference, line }) = speaker(rate, gauges, &heartbeat, pipeline.clone());
            (
                device.build_output_stream_raw(config, format, talker(format, channels, end)?, report, None)?,
                Side::Mouth(Mouth { ring: mouth, line, rate }, FarEnd { ring: reference, rate }),
            )
        }
    };
    stream.play()?;
    Ok(Opened { stream, side, heartbeat, trouble })
}

/// The error callback: keeps the first error that ends a stream.
fn watch(direction: Direction, trouble: Arc<OnceLock<Error>>) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| {
        // Lost samples, a lower priority, or a route that the system already changed: the stream goes on.
        let is_harmless =
            matches!(error.kind(), ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged);
        if !is_harmless {
            trouble.set(Error::Lost { direction, detail: error.to_string() }).ok();
        }
    }
}

fn refusal(direction: Direction, error: &cpal::Error) -> Error {
    let kind = error.kind();
    if kind == ErrorKind::PermissionDenied {
        Error::Refused(direction)
    } else if kind == ErrorKind::HostUnavailable {
        Error::NoHost
    } else if kind == ErrorKind::DeviceNotAvailable {
        Error::NoDevice(direction)
    } else {
        Error::Lost { direction, detail: error.to_string() }
    }
}

type Listener = Box<dyn FnMut(&Data, &InputCallbackInfo) + Send>;
type Talker = Box<dyn FnMut(&mut Data, &OutputCallbackInfo) + Send>;

/// Calls a generic function with the Rust type of a sample format.
macro_rules! by_format {
    ($format:expr, $function:ident($($argument:expr),*)) => {
        match $format {
            SampleFormat::I8 => Ok($function::<i8>($($argument),*)),
            SampleFormat::I16 => Ok($function::<i16>($($argument),*)),
            SampleFormat::I24 => Ok($function::<I24>($($argument),*)),
            SampleFormat::I32 => Ok($function::<i32>($($argument),*)),
            SampleFormat::I64 => Ok($function::<i64>($($argument),*)),
            SampleFormat::U8 => Ok($function::<u8>($($argument),*)),
            SampleFormat::U16 => Ok($function::<u16>($($argument),*)),
            SampleFormat::U24 => Ok($function::<U24>($($argument),*)),
            SampleFormat::U32 => Ok($function::<u32>($($argument),*)),
            SampleFormat::U64 => Ok($function::<u64>($($argument),*)),
            SampleFormat::F32 => Ok($function::<f32>($($argument),*)),
            SampleFormat::F64 => Ok($function::<f64>($($argument),*)),
            _ => Err(cpal::Error::new(ErrorKind::UnsupportedConfig)),
        }
    };
}

fn listener(format: SampleFormat, channels: u16, end: CaptureEnd) -> Result<Listener, cpal::Error> {
    by_format!(format, listen(channels, end))
}

fn talker(format: SampleFormat, channels: u16, end: PlaybackEnd) -> Result<Talker, cpal::Error> {
    by_format!(format, talk(channels, end))
}

fn listen<T: SizedSample>(channels: u16, mut end: CaptureEnd) -> Listener
where
    f32: FromSample<T>,
{
    let mut scratch = vec![0.0_f32; usize::from(channels).max(1) * BATCH];
    Box::new(move |data, _| {
        for part in data.as_slice::<T>().unwrap_or_default().chunks(scratch.len()) {
            for (to, from) in scratch.iter_mut().zip(part) {
                *to = f32::from_sample(*from);
            }
            capture(scratch.get(..part.len()).unwrap_or_default(), &mut end);
        }
    })
}

fn talk<T: SizedSample + FromSample<f32>>(channels: u16, mut end: PlaybackEnd) -> Talker {
    let channels = usize::from(channels).max(1);
    let mut scratch = vec![0.0_f32; BATCH];
    Box::new(move |data, info| {
        let time = info.timestamp();
        end.set_latency(time.playback.saturating_duration_since(time.callback));
        for part in data.as_slice_mut::<T>().unwrap_or_default().chunks_mut(channels * BATCH) {
            let mono = scratch.get_mut(..part.len() / channels).unwrap_or_default();
            playback(mono, &mut end);
            for (frame, sample) in part.chunks_exact_mut(channels).zip(mono) {
                frame.fill(T::from_sample(*sample));
            }
        }
    })
}
