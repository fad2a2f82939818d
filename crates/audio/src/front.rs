//! The front end of the microphone: echo, voice and barge-in, 10 ms at a time. No threads, no clock.

use std::mem::discriminant;
use std::time::Duration;

use crate::echo::Canceller;
use crate::guard::{Decision, Guard, Pass, Sight};
use crate::level::{SILENCE, decibels, power};
use crate::presence::{Echo, EchoPath, Presence};
use crate::rest::{LeftOut, Rest};
use crate::sentry::Sentry;
use crate::voice::{Narrow, Voice};

/// Rate of the pipeline's own frames, in Hz.
pub const CORE_RATE: u32 = 48_000;
/// 10 ms at the pipeline's rate, in samples.
pub const FRAME: usize = 480;

/// What is played counts as audible above this, in dBFS.
const AUDIBLE: f32 = -65.0;
/// How long an echo can follow what was played, in frames (500 ms).
const AFTERGLOW: u32 = 50;
/// A frame of which a linear filter can remove more than this is echo, even if none was known of, in dB: the headphones
/// were taken off.
const MOSTLY_ECHO: f32 = 5.0;
/// What is left of an echo is at least this far below it, in dB.
const LEFTOVER: f32 = 14.0;
/// A microphone below this is still, in dBFS: no voice and no echo worth the name is in it.
const STILL: f32 = -60.0;
/// So long it has to be still, in frames (500 ms).
const STILLNESS: u32 = 50;
/// How fast what was played dies away in the room, in dB per frame.
const SINKING: f32 = 0.3;
/// The echo's loss until it is known, in dB.
const USUAL_LOSS: f32 = 10.0;

/// What to do about the echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EchoControl {
    /// Cancel it when there is any.
    #[default]
    Automatic,
    /// Loudspeakers: always cancel.
    Speakers,
    /// Headphones: never cancel.
    Headphones,
    /// Half duplex: the microphone pauses while something is played.
    Pause,
}

/// What an earlier measurement found about a pair of devices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// From the playback callback to the microphone's frame.
    pub delay: Duration,
    /// How much weaker the echo is than what was played, in dB.
    pub echo_loss_db: f32,
    /// Noise of the room at the microphone, in dBFS.
    pub noise_dbfs: f32,
    /// How unevenly the device calls; the jitter buffer begins with so much more.
    pub jitter: Duration,
}

impl Calibration {
    /// Echoes below this cannot be told from none, in dB.
    const NONE: f32 = 45.0;

    fn echo(&self) -> Echo {
        if self.echo_loss_db >= Self::NONE {
            return Echo::Absent;
        }
        Echo::Present(EchoPath { delay: self.delay, loss_db: self.echo_loss_db })
    }
}

/// How the microphone is processed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Processing {
    /// What to do about the echo.
    pub echo: EchoControl,
    /// Less noise, 6 ms later.
    pub noise_suppression: bool,
    /// An even loudness.
    pub gain_control: bool,
    /// What is known of the devices.
    pub calibration: Option<Calibration>,
}

/// A frame of the far end that goes with one of the microphone.
#[derive(Debug, Clone, Copy)]
pub struct Far<'a> {
    /// What the speaker played.
    pub samples: &'a [f32; FRAME],
    /// How long ago, reckoned to when it was first heard of ([`Front::hear`]).
    pub held: Duration,
}

/// What came of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Whether the user speaks.
    pub is_voice: bool,
    /// The answer is to be ducked while this holds.
    pub is_ducked: bool,
    /// The user took the floor with this frame.
    pub is_barge_in: bool,
    pub(crate) pass: Pass,
}

impl Step {
    /// Whether the frame is kept from the provider for now.
    pub fn is_held(&self) -> bool {
        matches!(self.pass, Pass::Hold | Pass::Keep)
    }

    /// Whether it is kept until it is known what it is; of what is only held, the last 400 ms can go out later.
    pub fn is_kept(&self) -> bool {
        self.pass == Pass::Keep
    }

    /// Whether what was kept goes out now, before this frame.
    pub fn is_release(&self) -> bool {
        self.pass == Pass::Release
    }
}

/// Echo canceller, echo presence, voice detector and guard of one pair of devices.
pub struct Front {
    processing: Processing,
    canceller: Option<Canceller>,
    presence: Presence,
    sentry: Sentry,
    rest: Rest,
    /// Of the canceller alone, on headphones.
    left_out: LeftOut,
    narrow: Narrow,
    plain: Vec<f32>,
    voice: Voice,
    guard: Guard,
    is_guarded: bool,
    /// Frames until the last echo has died away.
    afterglow: u32,
    /// Frames for which the microphone has been still.
    still: u32,
    /// Loudness of what was played lately, in dBFS.
    played: f32,
    is_cancelling: bool,
    is_resting: bool,
    clean: [f32; FRAME],
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front")
            .field("processing", &self.processing)
            .field("echo", &self.echo())
            .finish_non_exhaustive()
    }
}

impl Front {
    /// A front end that has heard nothing.
    pub fn new(processing: Processing) -> Self {
        let known = processing.calibration.map(|calibration| calibration.echo());
        Self {
            canceller: canceller(&processing),
            presence: Presence::new(known),
            sentry: Sentry::new(),
            rest: Rest::default(),
            left_out: LeftOut::default(),
            narrow: Narrow::new(),
            plain: Vec::new(),
            voice: Voice::new(processing.calibration.map(|calibration| calibration.noise_dbfs)),
            guard: guard(&processing, known.unwrap_or(Echo::Unknown)),
            is_guarded: false,
            afterglow: 0,
            still: 0,
            played: SILENCE,
            is_cancelling: false,
            is_resting: false,
            clean: [0.0; FRAME],
            processing,
        }
    }

    /// Changes the processing; what was learnt stays where it can.
    pub fn process(&mut self, processing: Processing) {
        if processing == self.processing {
            return;
        }
        let is_guarded = self.is_guarded;
        let is_same_path = processing.calibration == self.processing.calibration;
        let echo = self.presence.echo();
        *self = Self::new(processing);
        self.is_guarded = is_guarded;
        if is_same_path {
            self.presence = Presence::new(Some(echo));
        }
    }

    /// Open microphone: an answer is only given up for speech that is confirmed here.
    pub fn set_guard(&mut self, is_guarded: bool) {
        if self.is_guarded != is_guarded {
            self.is_guarded = is_guarded;
            self.guard = guard(&self.processing, self.presence.echo());
        }
    }

    /// What is known of the echo.
    pub fn echo(&self) -> Echo {
        self.presence.echo()
    }

    /// Takes 10 ms of what the speaker plays, as soon as that is known: before its echo can be in the microphone.
    pub fn hear(&mut self, far: &[f32; FRAME]) {
        if !self.is_always_wanted() && self.rest.skips_far(far) {
            return;
        }
        let is_idle = self.left_out.far(self.is_canceller_idle());
        if let Some(canceller) = self.canceller.as_mut().filter(|_| !is_idle) {
            canceller.render(far);
        }
        self.sentry.render(far, self.is_sentry_idle());
    }

    /// Takes 10 ms of the microphone, and of the speaker in step with it; `is_playing` while an answer comes out of it. What goes on
    /// is in [`clean`](Self::clean) afterwards. While muted that is silence, but the echo is still learnt.
    pub fn frame(&mut self, near: &[f32; FRAME], far: Far<'_>, is_playing: bool, is_muted: bool) -> Step {
        self.cancel(near, far);
        if is_muted {
            self.clean.fill(0.0);
        }
        let is_voice = self.hears_voice(is_muted);
        let decision = if self.is_guarded {
            let delay = self.presence.is_certain().then(|| frames(self.presence.echo()));
            self.guard.expect(delay.flatten());
            let is_strong = is_voice && self.voice.is_strong();
            let is_stir = !is_muted && self.is_stirred();
            let (level, echo) = (self.voice.loudness(), if self.has_echo() { self.echo_level() } else { SILENCE });
            self.guard.frame(Sight { is_playing, is_voice, is_strong, is_stir, level, echo })
        } else {
            Decision { pass: Pass::Through, is_ducked: false, is_barge_in: false }
        };
        let Decision { pass, is_ducked, is_barge_in } = decision;
        Step { is_voice, is_ducked, is_barge_in, pass }
    }

    /// Whether the user speaks, and not the speaker.
    fn hears_voice(&mut self, is_muted: bool) -> bool {
        self.plain.clear();
        self.narrow.push(&self.clean, &mut self.plain);
        let is_doubtful = self.processing.echo == EchoControl::Automatic && !self.presence.is_certain();
        let may_be_echo = self.has_echo() || is_doubtful && self.afterglow > 0;
        if may_be_echo && !is_muted {
            return self.voice.frame(self.sentry.heard(), self.echo_level() - LEFTOVER);
        }
        let is_echo = self.afterglow > 0 && self.sentry.removed_db() > MOSTLY_ECHO;
        self.voice.frame(&self.plain, SILENCE) && !is_echo
    }

    /// Whether something near begins to sound. As long as nothing is known of the echo, anything may be one.
    fn is_stirred(&self) -> bool {
        let is_known = self.processing.echo == EchoControl::Headphones || self.presence.echo() != Echo::Unknown;
        is_known && !self.is_resting && self.sentry.is_stirred()
    }

    /// The last frame as it goes on.
    pub fn clean(&self) -> &[f32; FRAME] {
        &self.clean
    }

    fn cancel(&mut self, near: &[f32; FRAME], far: Far<'_>) {
        let loudness = decibels(power(far.samples));
        self.played = loudness.max(self.played - SINKING);
        let is_audible = loudness > AUDIBLE;
        self.afterglow = if is_audible { AFTERGLOW } else { self.afterglow.saturating_sub(1) };
        self.still = if decibels(power(near)) < STILL { self.still.saturating_add(1) } else { 0 };
        self.is_resting = self.rest.skips_near();
        if self.is_resting {
            self.is_cancelling = false;
            return self.clean.copy_from_slice(near);
        }
        let before = self.presence.echo();
        self.presence.frame(near, far, self.is_sentry_idle());
        if discriminant(&self.presence.echo()) != discriminant(&before) {
            tracing::debug!(echo = ?self.presence.echo(), "echo path");
        }
        self.sentry.capture(near, self.voice.is_heard());
        let is_idle = self.left_out.near();
        let Some(canceller) = self.canceller.as_mut().filter(|_| !is_idle) else {
            self.is_cancelling = false;
            return self.clean.copy_from_slice(near);
        };
        canceller.capture(near, &mut self.clean);
        let is_wanted = self.wants_cancelling();
        let was_cancelling = std::mem::replace(&mut self.is_cancelling, is_wanted);
        match (was_cancelling, self.is_cancelling) {
            (true, true) => {}
            (false, false) => self.clean.copy_from_slice(near),
            (true, false) => fade(&mut self.clean, near, |share| share),
            (false, true) => fade(&mut self.clean, near, |share| 1.0 - share),
        }
    }

    /// How loud the echo of what was played lately is at the microphone, in dBFS.
    fn echo_level(&self) -> f32 {
        self.played - loss(self.presence.echo())
    }

    /// Whether there is an echo in the microphone now, as far as is known.
    fn has_echo(&self) -> bool {
        let is_present = match self.processing.echo {
            EchoControl::Automatic => self.presence.echo() != Echo::Absent,
            EchoControl::Speakers | EchoControl::Pause => true,
            EchoControl::Headphones => false,
        };
        is_present && self.afterglow > 0
    }

    /// The canceller costs 9 ms; it is listened to only while there is something to cancel.
    fn wants_cancelling(&self) -> bool {
        self.is_always_wanted() || self.has_echo()
    }

    /// Surely headphones: half of what the front end costs is saved. When they are taken off, the sentry awakes, and
    /// the guard keeps what the microphone hears of an answer from the provider while the canceller learns.
    fn is_canceller_idle(&self) -> bool {
        !self.is_always_wanted() && self.is_surely_absent()
    }

    /// Surely headphones, and they are still worn: an echo would be heard.
    fn is_sentry_idle(&self) -> bool {
        self.is_surely_absent() && self.still >= STILLNESS
    }

    fn is_surely_absent(&self) -> bool {
        self.processing.echo == EchoControl::Automatic
            && self.presence.echo() == Echo::Absent
            && self.presence.is_certain()
    }

    /// Whether the canceller's library does more than to cancel.
    fn is_always_wanted(&self) -> bool {
        self.processing.noise_suppression || self.processing.gain_control
    }
}

/// Mixes `other` into `frame`; `share` of `other` by place in the frame (0 to 1).
fn fade(frame: &mut [f32; FRAME], other: &[f32; FRAME], share: impl Fn(f32) -> f32) {
    for (n, (sample, other)) in frame.iter_mut().zip(other).enumerate() {
        let share = share(n as f32 / FRAME as f32);
        *sample += (other - *sample) * share;
    }
}

fn canceller(processing: &Processing) -> Option<Canceller> {
    let is_needed =
        processing.echo != EchoControl::Headphones || processing.noise_suppression || processing.gain_control;
    is_needed.then(|| Canceller::new(processing.noise_suppression, processing.gain_control))
}

fn guard(processing: &Processing, echo: Echo) -> Guard {
    Guard::new(frames(echo), processing.echo == EchoControl::Pause)
}

/// How late the echo is, in frames, if that is known.
fn frames(echo: Echo) -> Option<u32> {
    match echo {
        Echo::Present(path) => Some((path.delay.as_millis() / 10) as u32),
        Echo::Absent => Some(0),
        Echo::Unknown => None,
    }
}

/// How much weaker the echo is than what was played, in dB.
fn loss(echo: Echo) -> f32 {
    match echo {
        Echo::Present(path) => path.loss_db,
        Echo::Absent | Echo::Unknown => USUAL_LOSS,
    }
}
