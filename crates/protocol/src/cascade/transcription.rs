//! An ear over OpenAI's `audio/transcriptions`, and servers that speak like it: a whole turn at a time, as a WAV file.
//! With an open microphone turns are found here, by their loudness.

mod detector;
mod form;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use detector::{Detector, Turn};

use super::complaint::{complaint_of, trouble};
use super::ear::{Ear, EarDeed, Heard};
use crate::openai::refusal::Complaint;
use crate::{Cause, Config, Errand, Post, Received, Reply, SAMPLE_RATE, TurnTaking};

/// Words of one turn, at most, in bytes of the answer.
const LONGEST_ANSWER: usize = 1 << 20;
/// Ten minutes: what is said beyond is not taken down.
const LONGEST_TURN: usize = 600 * SAMPLE_RATE as usize;
/// What is kept from before a turn was noticed: half a second.
const BEFORE: usize = SAMPLE_RATE as usize / 2;

/// See the module.
#[derive(Debug)]
pub(super) struct Transcriber {
    model: String,
    language: Option<String>,
    is_hands_free: bool,
    detector: Detector,
    pcm: Vec<i16>,
    /// Push to talk: something in `pcm` may be speech.
    has_sound: bool,
    /// Errands of ears are even numbers.
    last: u64,
    requests: VecDeque<Request>,
    deeds: VecDeque<EarDeed>,
}

/// A turn that is being taken down.
#[derive(Debug)]
struct Request {
    /// `None`: there was nothing to take down.
    errand: Option<Errand>,
    /// How long the turn was.
    length: Duration,
    body: Vec<u8>,
    /// What came of it; a refusal concerns this turn alone.
    words: Option<Result<String, Complaint>>,
}

impl Transcriber {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            language: None,
            is_hands_free: false,
            detector: Detector::default(),
            pcm: Vec::new(),
            has_sound: false,
            last: 0,
            requests: VecDeque::new(),
            deeds: VecDeque::new(),
        }
    }

    fn tell(&mut self, heard: Heard) {
        self.deeds.push_back(EarDeed::Heard(heard));
    }

    fn keep(&mut self, pcm: &[i16]) {
        let room = LONGEST_TURN.saturating_sub(self.pcm.len());
        self.pcm.extend(pcm.iter().take(room));
    }

    /// Has the turn taken down.
    fn ask(&mut self) {
        let pcm = std::mem::take(&mut self.pcm);
        let has_sound = std::mem::take(&mut self.has_sound);
        let errand = has_sound.then_some(Errand(self.last));
        if let Some(errand) = errand {
            self.last += 2;
            let form = form::transcription(&self.model, self.language.as_deref(), &pcm);
            let post = Post { path: "audio/transcriptions".into(), content_type: form.content_type, body: form.body };
            self.deeds.push_back(EarDeed::Fetch { errand, post });
        }
        let words = errand.is_none().then(|| Ok(String::new()));
        let length = Duration::from_secs_f64(pcm.len() as f64 / f64::from(SAMPLE_RATE));
        self.requests.push_back(Request { errand, length, body: Vec::new(), words });
        self.tell_whole();
    }

    /// Turns are told in their order.
    fn tell_whole(&mut self) {
        while let Some(words) = self.requests.front_mut().and_then(|request| request.words.take()) {
            self.requests.pop_front();
            self.tell(words.map_or_else(Heard::Missed, Heard::Ended));
        }
    }

    fn fail(&mut self, complaint: Complaint) {
        self.drop_all();
        self.tell(Heard::Failed(complaint));
    }

    fn drop_all(&mut self) {
        for request in std::mem::take(&mut self.requests).into_iter().filter(|request| request.words.is_none()) {
            self.deeds.extend(request.errand.map(EarDeed::CallOff));
        }
    }

    fn hear_hands_free(&mut self, pcm: &[i16]) {
        for piece in pcm.chunks(detector::FRAME) {
            self.keep(piece);
            match self.detector.hear(piece) {
                Some(Turn::Began) => self.tell(Heard::Started),
                Some(Turn::Ended) => {
                    self.has_sound = true;
                    self.tell(Heard::Stopped);
                    self.ask();
                }
                None => {}
            }
        }
        if !self.detector.is_speaking() {
            let excess = self.pcm.len().saturating_sub(BEFORE);
            self.pcm.drain(..excess);
        }
    }
}

impl Ear for Transcriber {
    fn open(&mut self, config: &Config, now: Instant) {
        self.configure(config, now);
        self.tell(Heard::Ready);
    }

    fn configure(&mut self, config: &Config, now: Instant) {
        self.language = config.transcription.as_ref().and_then(|wanted| wanted.language.clone());
        let (is_hands_free, patience) = match config.turn_taking {
            TurnTaking::PushToTalk => (false, 0.0),
            TurnTaking::Open { patience, .. } => (true, patience),
        };
        self.detector.wait(patience);
        if std::mem::replace(&mut self.is_hands_free, is_hands_free) != is_hands_free {
            self.clear(now);
        }
    }

    fn hear(&mut self, pcm: &[i16], _now: Instant) {
        if self.is_hands_free {
            return self.hear_hands_free(pcm);
        }
        self.keep(pcm);
        self.has_sound |= pcm.chunks(detector::FRAME).any(detector::is_audible);
    }

    fn end_turn(&mut self, _now: Instant) {
        self.ask();
    }

    /// A server on a slow computer may need twice as long as a turn took, and takes down one after the other.
    fn limit(&self) -> Duration {
        Duration::from_secs(35) + self.requests.iter().map(|request| request.length * 2).sum::<Duration>()
    }

    fn forgo(&mut self) -> bool {
        let request = self.requests.pop_front();
        self.deeds.extend(request.and_then(|request| request.errand).map(EarDeed::CallOff));
        self.tell_whole();
        true
    }

    fn clear(&mut self, _now: Instant) {
        self.pcm.clear();
        self.has_sound = false;
        self.detector.reset();
    }

    fn receive(&mut self, _received: Received<'_>, _now: Instant) {
        tracing::debug!("a frame for an ear without a socket");
    }

    fn reply(&mut self, errand: Errand, reply: Reply<'_>, _now: Instant) {
        let Some(request) = self.requests.iter_mut().find(|request| request.errand == Some(errand)) else { return };
        if request.words.is_some() {
            return;
        }
        match reply {
            Reply::Body(bytes) if request.body.len() + bytes.len() > LONGEST_ANSWER => {
                self.fail(trouble("The transcription is far too long."));
            }
            Reply::Body(bytes) => request.body.extend_from_slice(bytes),
            Reply::Done => match form::words(&request.body) {
                Some(words) => {
                    request.words = Some(Ok(words));
                    self.tell_whole();
                }
                None => self.fail(trouble("The answer of the transcription service is not readable.")),
            },
            Reply::Failed(fault) if fault.cause == Cause::RateLimited => {
                request.words = Some(Err(complaint_of(fault)));
                self.tell_whole();
            }
            Reply::Failed(fault) => {
                request.words = Some(Ok(String::new()));
                self.fail(complaint_of(fault));
            }
        }
    }

    fn poll(&mut self) -> Option<EarDeed> {
        self.deeds.pop_front()
    }
}
