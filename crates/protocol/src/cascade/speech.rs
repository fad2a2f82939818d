//! A mouth over OpenAI's `audio/speech`, and servers that speak like it: one request for each group of sentences, the
//! next one under way while the first is said.

mod sound;

use std::collections::VecDeque;
use std::time::Instant;

use serde::Serialize;
use sound::Sound;

use super::complaint::{complaint_of, trouble};
use super::mouth::{Context, Mouth, MouthDeed, Said};
use crate::openai::limit::wait_of;
use crate::{Config, Errand, Fault, Post, Received, Reply};

/// Requests under way at a time: the one that is said, and the next.
const AHEAD: usize = 2;
/// Sentences that wait go together up to so many characters (the service takes 4096).
const GROUP: usize = 400;
const LONGEST: usize = 4_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Speech {
    model: String,
    voice: String,
    speed: Option<f32>,
    /// Errands of mouths are odd numbers.
    last: u64,
    context: Option<Context>,
    /// Sentences that were not asked for yet.
    text: VecDeque<String>,
    requests: VecDeque<Request>,
    /// Characters of this answer that were asked for.
    asked: usize,
    is_finished: bool,
    deeds: VecDeque<MouthDeed>,
}

/// A group of sentences that is being made.
#[derive(Debug)]
struct Request {
    errand: Errand,
    /// Where it begins in the answer, in characters.
    at: usize,
    sound: Sound,
    /// Made before its turn.
    waiting: Vec<i16>,
    is_whole: bool,
    post: Post,
    /// It was refused, and is made again then.
    again_at: Option<Instant>,
    has_waited: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f32>,
}

impl Speech {
    pub(super) fn new(model: &str, voice: &str) -> Self {
        Self {
            model: model.to_owned(),
            voice: voice.to_owned(),
            speed: None,
            last: 1,
            context: None,
            text: VecDeque::new(),
            requests: VecDeque::new(),
            asked: 0,
            is_finished: false,
            deeds: VecDeque::new(),
        }
    }

    fn say(&mut self, said: Said) {
        self.deeds.push_back(MouthDeed::Said(said));
    }

    /// Asks for what may be asked for now.
    fn pump(&mut self) {
        while self.requests.len() < AHEAD
            && let Some(group) = self.group()
        {
            let body = Body {
                model: &self.model,
                input: group.trim(),
                voice: &self.voice,
                response_format: "pcm",
                speed: self.speed,
            };
            let Ok(body) = serde_json::to_vec(&body) else { continue };
            let post = Post { path: "audio/speech".into(), content_type: "application/json".into(), body };
            let errand = self.fetch(post.clone());
            let request = Request {
                errand,
                at: self.asked,
                sound: Sound::default(),
                waiting: Vec::new(),
                is_whole: false,
                post,
                again_at: None,
                has_waited: false,
            };
            self.asked += group.chars().count();
            self.requests.push_back(request);
            if self.requests.len() == 1 {
                self.announce();
            }
        }
        if self.is_finished && self.requests.is_empty() {
            self.is_finished = false;
            if let Some(context) = self.context.take() {
                self.say(Said::Done(context));
            }
        }
    }

    /// Asks the service, as an errand of its own.
    fn fetch(&mut self, post: Post) -> Errand {
        let errand = Errand(self.last);
        self.last += 2;
        self.deeds.push_back(MouthDeed::Fetch { errand, post });
        errand
    }

    /// The first sentence alone, so that it is heard soon; then as many as go together.
    fn group(&mut self) -> Option<String> {
        let mut group = self.text.pop_front()?;
        if self.asked > 0 {
            while let Some(next) = self.text.front()
                && group.len() + next.len() <= GROUP
            {
                group.extend(self.text.pop_front());
            }
        }
        Some(group)
    }

    /// The sound that comes next is that of the first request.
    fn announce(&mut self) {
        let (Some(context), Some(request)) = (self.context, self.requests.front_mut()) else { return };
        let (characters, pcm) = (request.at, std::mem::take(&mut request.waiting));
        self.say(Said::Reached { context, characters });
        if !pcm.is_empty() {
            self.say(Said::Audio { context, pcm });
        }
    }

    fn body(&mut self, errand: Errand, bytes: &[u8]) {
        let Some(context) = self.context else { return };
        let Some(at) = self.requests.iter().position(|request| request.errand == errand) else { return };
        let Some(request) = self.requests.get_mut(at) else { return };
        match request.sound.push(bytes) {
            Ok(pcm) if pcm.is_empty() => {}
            Ok(pcm) if at == 0 => self.say(Said::Audio { context, pcm }),
            Ok(pcm) => request.waiting.extend(pcm),
            Err(what) => {
                let complaint = trouble(&format!("The speech service sent {what} in place of PCM."));
                self.failed(complaint);
            }
        }
    }

    fn whole(&mut self, errand: Errand) {
        if let Some(request) = self.requests.iter_mut().find(|request| request.errand == errand) {
            request.is_whole = true;
        }
        while self.requests.front().is_some_and(|request| request.is_whole) {
            self.requests.pop_front();
            self.announce();
        }
        self.pump();
    }

    /// Whether a refused request is made again when the service's limit has passed.
    fn waits_out(&mut self, errand: Errand, fault: &Fault, now: Instant) -> bool {
        let wait = wait_of(fault);
        let Some(request) = self.requests.iter_mut().find(|request| request.errand == errand) else { return false };
        request.again_at = wait.filter(|_| !request.has_waited).map(|wait| now + wait);
        request.has_waited = true;
        request.again_at.is_some()
    }

    fn failed(&mut self, complaint: crate::openai::refusal::Complaint) {
        let context = self.context;
        self.drop_all();
        self.say(Said::Failed { context, complaint });
    }

    fn drop_all(&mut self) {
        for request in std::mem::take(&mut self.requests).into_iter().filter(|request| !request.is_whole) {
            self.deeds.push_back(MouthDeed::CallOff(request.errand));
        }
        self.context = None;
        self.text.clear();
        self.asked = 0;
        self.is_finished = false;
    }
}

impl Mouth for Speech {
    fn open(&mut self, config: &Config, now: Instant) {
        self.configure(config, now);
        self.say(Said::Ready);
    }

    fn configure(&mut self, config: &Config, _now: Instant) {
        self.speed = config.speed.filter(|speed| speed.is_finite()).map(|speed| speed.clamp(0.25, 4.0));
    }

    fn speak(&mut self, context: Context, text: &str, _now: Instant) {
        if self.context != Some(context) {
            self.drop_all();
            self.context = Some(context);
        }
        let mut rest = text;
        while let Some((at, _)) = rest.char_indices().nth(LONGEST) {
            let (piece, more) = rest.split_at(at);
            self.text.push_back(piece.to_owned());
            rest = more;
        }
        self.text.push_back(rest.to_owned());
        self.pump();
    }

    fn finish(&mut self, context: Context, _now: Instant) {
        if self.context == Some(context) {
            self.is_finished = true;
            self.pump();
        }
    }

    fn cancel(&mut self, context: Context, _now: Instant) {
        if self.context == Some(context) {
            self.drop_all();
        }
    }

    fn receive(&mut self, _received: Received<'_>, _now: Instant) {
        tracing::debug!("a frame for a mouth without a socket");
    }

    fn reply(&mut self, errand: Errand, reply: Reply<'_>, now: Instant) {
        let is_wanted = self.requests.iter().any(|request| request.errand == errand);
        match reply {
            _ if !is_wanted => tracing::debug!("sound that nobody waits for"),
            Reply::Body(bytes) => self.body(errand, bytes),
            Reply::Done => self.whole(errand),
            Reply::Failed(fault) if self.waits_out(errand, fault, now) => {}
            Reply::Failed(fault) => {
                if let Some(request) = self.requests.iter_mut().find(|request| request.errand == errand) {
                    request.is_whole = true;
                }
                self.failed(complaint_of(fault));
            }
        }
    }

    fn poll(&mut self) -> Option<MouthDeed> {
        self.deeds.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let again_at = self.requests.iter().filter_map(|request| request.again_at).min();
        again_at.map(|at| (at, "the limit of the speech service to pass"))
    }

    fn timeout(&mut self, now: Instant) {
        let mut requests = std::mem::take(&mut self.requests);
        for request in &mut requests {
            if request.again_at.take_if(|at| *at <= now).is_some() {
                request.errand = self.fetch(request.post.clone());
            }
        }
        self.requests = requests;
    }
}
