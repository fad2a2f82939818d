//! The devices of a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use audio::{Calibration, Captured, Card, Choice, Cue, DeviceId, Duplex, Heard, ItemKey, Notice, Tap};
use protocol::ItemId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::{EchoControl, Settings};
use crate::handle;

use super::view::is_provider_paced;

/// Kept before the talk key, so that the first word is whole.
const PRE_ROLL: Duration = Duration::from_millis(500);
/// Captured after the talk key, so that the last word is whole.
const TAIL: Duration = Duration::from_millis(150);
/// Microphone frames that may wait for the call: 5 s. The call's loop never blocks, so more means a bug.
const CAPTURED_FRAMES: usize = 512;
const NOTICES: usize = 256;

/// What the devices report.
#[derive(Debug)]
pub(crate) enum SoundEvent {
    /// The devices run.
    Opened,
    /// They could not be opened.
    Failed(audio::Error),
    /// From the microphone.
    Captured(Captured),
    /// About devices and playout.
    Notice(Notice),
}

/// Microphone and speaker, opened when first needed.
pub(crate) struct Sound {
    card: Option<Card>,
    duplex: Option<Arc<Duplex>>,
    opens: JoinSet<Result<Open, audio::Error>>,
    captured: Option<mpsc::Receiver<Captured>>,
    notices: Option<mpsc::Receiver<Notice>>,
    overflowed: Arc<AtomicBool>,
    published: watch::Sender<handle::Sound>,
    /// What a sound check found of the devices in use.
    calibration: Option<Calibration>,
}

struct Open {
    duplex: Duplex,
    captured: mpsc::Receiver<Captured>,
    notices: mpsc::Receiver<Notice>,
}

impl Sound {
    pub(crate) fn new(card: Option<Card>, published: watch::Sender<handle::Sound>) -> Self {
        Self {
            card,
            duplex: None,
            opens: JoinSet::new(),
            captured: None,
            notices: None,
            overflowed: Arc::default(),
            published,
            calibration: None,
        }
    }

    /// Starts to open the devices, if they are not.
    pub(crate) fn open(&mut self, settings: &Settings) {
        if self.duplex.is_some() || !self.opens.is_empty() {
            return;
        }
        let config = config(self.card(settings));
        let processing = self.processing(settings);
        let tune = tuning(settings);
        let overflowed = Arc::clone(&self.overflowed);
        self.opens.spawn_blocking(move || {
            let (frames, captured) = mpsc::channel(CAPTURED_FRAMES);
            let (words, notices) = mpsc::channel(NOTICES);
            let sink = move |frame| {
                if frames.try_send(frame).is_err() {
                    overflowed.store(true, Ordering::Relaxed);
                }
            };
            let notice = move |notice| {
                let _ = words.try_send(notice);
            };
            let duplex = Duplex::open(config, sink, notice)?;
            duplex.process(processing);
            tune(&duplex);
            Ok(Open { duplex, captured, notices })
        });
    }

    /// The next thing that happens; safe to drop and call again.
    pub(crate) async fn next(&mut self) -> SoundEvent {
        let opening = !self.opens.is_empty();
        tokio::select! {
            biased;
            Some(notice) = receive(&mut self.notices) => SoundEvent::Notice(notice),
            Some(captured) = receive(&mut self.captured) => SoundEvent::Captured(captured),
            Some(done) = self.opens.join_next(), if opening => match done {
                Ok(Ok(open)) => {
                    self.take(open);
                    SoundEvent::Opened
                }
                Ok(Err(error)) => SoundEvent::Failed(error),
                Err(error) => SoundEvent::Failed(audio::Error::Lost {
                    direction: audio::Direction::Input,
                    detail: error.to_string(),
                }),
            },
            else => std::future::pending().await,
        }
    }

    fn take(&mut self, open: Open) {
        let duplex = Arc::new(open.duplex);
        self.captured = Some(open.captured);
        self.notices = Some(open.notices);
        self.published.send_replace(handle::Sound(Some(Arc::clone(&duplex))));
        self.duplex = Some(duplex);
    }

    /// Closes the devices; files are finished when the returned task ends.
    pub(crate) fn close(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        self.opens.abort_all();
        self.opens = JoinSet::new();
        self.captured = None;
        self.notices = None;
        self.published.send_replace(handle::Sound(None));
        // Closing a device can block for long on some systems.
        self.duplex.take().map(|duplex| tokio::task::spawn_blocking(move || drop(duplex)))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.duplex.is_some()
    }

    /// Whether microphone frames were lost since the last question.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflowed.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn open_gate(&self) {
        if let Some(duplex) = &self.duplex {
            duplex.open_gate();
        }
    }

    pub(crate) fn close_gate(&self) {
        if let Some(duplex) = &self.duplex {
            duplex.close_gate();
        }
    }

    pub(crate) fn drop_gate(&self) {
        if let Some(duplex) = &self.duplex {
            duplex.drop_gate();
        }
    }

    /// Open microphone: only speech that was confirmed here takes the floor from an answer.
    pub(crate) fn guard(&self, is_guarded: bool) {
        if let Some(duplex) = &self.duplex {
            duplex.guard(is_guarded);
        }
    }

    /// Tells the ear something, while nothing else is heard.
    pub(crate) fn cue(&self, cue: Cue) {
        if let Some(duplex) = &self.duplex {
            duplex.cue(cue);
        }
    }

    /// Loudness of the microphone, also of a muted one, dBFS.
    pub(crate) fn level(&self) -> f32 {
        self.duplex.as_ref().map_or(f32::MIN, |duplex| duplex.levels().input)
    }

    pub(crate) fn mute(&self, is_muted: bool) {
        if let Some(duplex) = &self.duplex {
            duplex.mute(is_muted);
        }
    }

    pub(crate) fn play(&self, item: ItemId, pcm: Vec<i16>) {
        if let Some(duplex) = &self.duplex {
            duplex.play(ItemKey(item.0), pcm);
        }
    }

    /// Lets `tap` see every frame of both sides.
    pub(crate) fn tap(&self, tap: Option<Tap>) {
        if let Some(duplex) = &self.duplex {
            duplex.tap(tap);
        }
    }

    /// How much of an item was played so far.
    pub(crate) fn heard(&self, item: ItemId) -> Duration {
        self.duplex.as_ref().map_or(Duration::ZERO, |duplex| duplex.heard(ItemKey(item.0)))
    }

    /// Where sound comes from and goes to.
    pub(crate) fn card(&self, settings: &Settings) -> Card {
        self.card.clone().unwrap_or_else(|| system_card(settings))
    }

    pub(crate) fn finish(&self, item: ItemId) {
        if let Some(duplex) = &self.duplex {
            duplex.finish(ItemKey(item.0));
        }
    }

    pub(crate) fn flush(&self) -> Vec<Heard> {
        self.duplex.as_ref().map(|duplex| duplex.flush()).unwrap_or_default()
    }

    /// Loudness and speed of what is heard.
    pub(crate) fn tune(&self, settings: &Settings) {
        if let Some(duplex) = &self.duplex {
            tuning(settings)(duplex);
        }
    }

    /// How long after it was reported a first sample is audible.
    pub(crate) fn output_latency(&self) -> Duration {
        self.duplex.as_ref().map_or(Duration::ZERO, |duplex| duplex.output_latency())
    }

    /// Takes what a sound check found of the devices in use.
    pub(crate) fn calibrate(&mut self, calibration: Option<Calibration>, settings: &Settings) {
        if self.calibration == calibration {
            return;
        }
        self.calibration = calibration;
        if let Some(duplex) = &self.duplex {
            duplex.process(self.processing(settings));
        }
    }

    fn processing(&self, settings: &Settings) -> audio::Processing {
        audio::Processing {
            echo: match settings.audio.echo {
                EchoControl::Automatic => audio::EchoControl::Automatic,
                EchoControl::Speakers => audio::EchoControl::Speakers,
                EchoControl::Headphones => audio::EchoControl::Headphones,
                EchoControl::Pause => audio::EchoControl::Pause,
            },
            noise_suppression: settings.audio.noise_suppression,
            gain_control: settings.audio.gain_control,
            calibration: self.calibration,
        }
    }

    pub(crate) fn choose(&self, settings: &Settings) {
        if let Some(duplex) = &self.duplex {
            duplex.choose(choice(&settings.audio.input), choice(&settings.audio.output));
            duplex.process(self.processing(settings));
        }
    }
}

/// The devices of the settings.
pub(crate) fn system_card(settings: &Settings) -> Card {
    Card::System { input: choice(&settings.audio.input), output: choice(&settings.audio.output) }
}

/// How every duplex of the app is opened.
pub(crate) fn config(card: Card) -> audio::Config {
    audio::Config { card, wire_rate: protocol::SAMPLE_RATE, pre_roll: PRE_ROLL, tail: TAIL }
}

/// Sets a duplex to the loudness and speed of the settings.
fn tuning(settings: &Settings) -> impl FnOnce(&Duplex) + Send + 'static {
    let volume = settings.audio.volume;
    let speed = if is_provider_paced(settings) { 1.0 } else { settings.voice.speed };
    move |duplex| {
        duplex.set_volume(volume);
        duplex.set_speed(speed);
    }
}

fn choice(id: &str) -> Choice {
    if id.is_empty() { Choice::Default } else { Choice::Device(DeviceId(id.to_owned())) }
}

async fn receive<T>(channel: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match channel {
        Some(channel) => channel.recv().await,
        None => None,
    }
}
