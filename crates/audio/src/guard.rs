//! Who has the floor while an answer is audible (open microphone). Counted in frames of 10 ms, no clock.
//!
//! A voice over an answer ducks it at once; only when the voice goes on is the answer given up. Meanwhile the provider
//! hears silence, so that neither a cough nor the echo of its own voice ends the answer; what was said in that time
//! follows as soon as it is known to be speech.

use std::collections::VecDeque;

use crate::level::SILENCE;

/// Speech that stops an answer, in frames: longer than a hum of agreement.
const CONFIRMED: u32 = 46;
/// Longest that it takes, however late the echo is, in frames.
const CONFIRMED_MOST: u32 = 50;
/// While it is not known how late the echo is, that of what was played before the ducking may still come for so long, in
/// frames: nothing heard until then counts.
const UNSURE: u32 = 30;
/// The answer comes back after this long without speech, in frames.
const RESUMED: u32 = 50;
/// And after this long if what was heard did not become speech, in frames: the detector needs up to so long for a voice that
/// begins with a hiss.
const DOUBTED: u32 = 25;
/// After such a mistake only a voice ducks the answer, for so long, in frames: keys go on. After any, a voice is held against
/// the echo for as long: a canceller out of step goes on too.
const WARY: u32 = 100;
/// And after this long in any case, if no speech was confirmed, in frames.
const GIVEN_UP: u32 = 200;
/// A voice that follows the ducking down is an echo: only speech within this of the loudest counts, in dB. The duck is
/// 24 dB deep.
const STEADY: f32 = 15.0;
/// How long the room still rings when the answer is over, in frames.
const RINGING: u32 = 25;
/// Frames from before a voice was noticed that go out with it: it takes a tenth of a second to notice one.
const BEFORE: usize = 40;

/// What becomes of a microphone frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It goes out.
    Through,
    /// It is held back for a moment; silence goes out instead.
    Hold,
    /// It is held back until it is known what it is; silence goes out instead.
    Keep,
    /// What was held goes out, then this one.
    Release,
}

/// What the guard decided at a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) pass: Pass,
    pub(crate) is_ducked: bool,
    /// The user took the floor with this frame: the answer is to be stopped.
    pub(crate) is_barge_in: bool,
}

/// What the guard is told of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sight {
    /// The answer is queued or audible.
    pub(crate) is_playing: bool,
    /// Somebody speaks, pauses inside of words included.
    pub(crate) is_voice: bool,
    /// This very frame is speech.
    pub(crate) is_strong: bool,
    /// A sound begins here that no echo explains, whatever it will be.
    pub(crate) is_stir: bool,
    /// Loudness of the frame in dBFS.
    pub(crate) level: f32,
    /// And of the echo in it before anything was taken away.
    pub(crate) echo: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Floor {
    /// Nothing is audible.
    Free,
    /// The answer is audible; `left` frames until the room is quiet when it is over.
    Theirs { left: u32 },
    /// Somebody spoke over it, or it may be so: how long ago, how much of that was speech, how long it is quiet since; the loudest of it
    /// in dBFS.
    Contested { since: u32, voiced: u32, quiet: u32, loudest: f32 },
    /// The user took it.
    Ours,
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct Guard {
    floor: Floor,
    /// How late the echo is, in frames, if that is known.
    delay: Option<u32>,
    /// Frames for which a ducking that was a mistake is remembered: a voice is held against the echo meanwhile.
    wary: u32,
    /// In that one nobody spoke: sounds do not count meanwhile.
    was_noise: bool,
    /// How loud the echo was before the answer was ducked, in dBFS; the loudest of it while that is remembered.
    echo: f32,
    /// The microphone pauses while the answer is audible, whatever it hears.
    is_deaf: bool,
}

impl Guard {
    /// A guard for a room whose echo comes `delay` frames late, if that is known; deaf: half duplex.
    pub(crate) fn new(delay: Option<u32>, is_deaf: bool) -> Self {
        Self { floor: Floor::Free, delay, wary: 0, was_noise: false, echo: SILENCE, is_deaf }
    }

    /// The echo comes that many frames late, if that is known.
    pub(crate) fn expect(&mut self, delay: Option<u32>) {
        self.delay = delay;
    }

    /// Frames of speech that stop an answer. What is left of an echo ends a while after the ducking; it must not be enough.
    fn confirmed(&self) -> u32 {
        CONFIRMED.max(self.delay.unwrap_or_default() + 15).min(CONFIRMED_MOST)
    }

    /// Frames until the room is quiet after an answer.
    fn ringing(&self) -> u32 {
        RINGING.max(self.delay.unwrap_or_default() + 15)
    }

    /// Takes one frame.
    pub(crate) fn frame(&mut self, sight: Sight) -> Decision {
        let Sight { is_playing, is_voice, is_strong, is_stir, level, echo } = sight;
        if self.is_deaf {
            return self.deaf(is_playing);
        }
        let mut is_barge_in = false;
        let mut pass = Pass::Hold;
        let is_stir = is_stir && (self.wary == 0 || !self.was_noise);
        self.wary = self.wary.saturating_sub(1);
        self.floor = match self.floor {
            Floor::Free if !is_playing => {
                pass = Pass::Through;
                Floor::Free
            }
            Floor::Free | Floor::Theirs { .. } if is_playing && (is_voice || is_stir) => {
                pass = Pass::Keep;
                let quiet = if is_voice { 0 } else { RESUMED - DOUBTED };
                self.echo = if self.wary == 0 { echo } else { self.echo.max(echo) };
                // What comes when the answer is or was just ducked cannot be heard to follow it: it is held against the echo.
                let loudest = if is_voice && self.wary == 0 { level } else { level.max(self.echo) };
                Floor::Contested { since: 0, voiced: u32::from(is_strong), quiet, loudest }
            }
            Floor::Free => Floor::Theirs { left: self.ringing() },
            Floor::Theirs { .. } if is_playing => Floor::Theirs { left: self.ringing() },
            Floor::Theirs { left } if left > 0 && !is_voice => Floor::Theirs { left: left - 1 },
            Floor::Theirs { .. } => {
                pass = Pass::Release;
                Floor::Free
            }
            Floor::Contested { .. } if !is_playing => {
                pass = Pass::Release;
                Floor::Free
            }
            Floor::Contested { since, voiced, quiet, loudest } => {
                let loudest = loudest.max(level);
                let is_steady = level > loudest - STEADY;
                let can_be_echo = self.delay.is_none() && since < UNSURE;
                let voiced = voiced + u32::from(is_strong && is_steady && !can_be_echo);
                let quiet = if is_voice && is_steady { 0 } else { quiet + 1 };
                if voiced >= self.confirmed() && is_strong && is_steady {
                    (pass, is_barge_in) = (Pass::Release, true);
                    Floor::Ours
                } else if quiet >= RESUMED || since >= GIVEN_UP {
                    (self.wary, self.was_noise) = (WARY, voiced == 0);
                    Floor::Theirs { left: self.ringing() }
                } else {
                    pass = Pass::Keep;
                    Floor::Contested { since: since + 1, voiced, quiet, loudest }
                }
            }
            Floor::Ours => {
                pass = Pass::Through;
                if is_playing { Floor::Ours } else { Floor::Free }
            }
        };
        Decision { pass, is_ducked: matches!(self.floor, Floor::Contested { .. }), is_barge_in }
    }

    fn deaf(&mut self, is_playing: bool) -> Decision {
        self.floor = match self.floor {
            _ if is_playing => Floor::Theirs { left: self.ringing() },
            Floor::Theirs { left } if left > 0 => Floor::Theirs { left: left - 1 },
            Floor::Free | Floor::Theirs { .. } | Floor::Contested { .. } | Floor::Ours => Floor::Free,
        };
        let pass = if self.floor == Floor::Free { Pass::Through } else { Pass::Hold };
        Decision { pass, is_ducked: false, is_barge_in: false }
    }
}

/// The frames that are held back, at the wire's rate.
#[derive(Debug, Default)]
pub(crate) struct Held(VecDeque<Vec<i16>>);

impl Held {
    /// Hands on what may go out now.
    pub(crate) fn frame(&mut self, samples: Vec<i16>, pass: Pass, mut deliver: impl FnMut(Vec<i16>)) {
        match pass {
            Pass::Through => {
                self.0.clear();
                deliver(samples);
            }
            Pass::Hold | Pass::Keep => {
                deliver(vec![0; samples.len()]);
                self.0.push_back(samples);
                if pass == Pass::Hold {
                    self.0.drain(..self.0.len().saturating_sub(BEFORE));
                }
            }
            Pass::Release => {
                self.0.drain(..).for_each(&mut deliver);
                deliver(samples);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(is_playing: bool, is_voice: bool, level: f32) -> Sight {
        Sight { is_playing, is_voice, is_strong: is_voice, is_stir: false, level, echo: -90.0 }
    }

    /// Runs frames of (playing, voice), each so many times; returns the decisions.
    fn run(guard: &mut Guard, script: &[(u32, bool, bool)]) -> Vec<Decision> {
        let frames = script.iter().flat_map(|(count, playing, voice)| (0..*count).map(move |_| (*playing, *voice)));
        frames.map(|(playing, voice)| guard.frame(sight(playing, voice, -30.0))).collect()
    }

    #[test]
    fn without_an_answer_everything_goes_out() {
        let decisions = run(&mut Guard::new(Some(6), false), &[(50, false, false), (50, false, true)]);
        assert!(decisions.iter().all(|decision| decision.pass == Pass::Through && !decision.is_ducked));
    }

    #[test]
    fn a_voice_over_an_answer_ducks_it_at_once_and_stops_it_when_it_goes_on() {
        let decisions = run(&mut Guard::new(Some(6), false), &[(100, true, false), (60, true, true)]);
        assert!(decisions[99].pass == Pass::Hold && !decisions[99].is_ducked);
        assert!(decisions[100].is_ducked);
        let at = decisions.iter().position(|decision| decision.is_barge_in);
        assert_eq!(at, Some(100 + 45));
        assert_eq!(decisions[145].pass, Pass::Release);
        assert!(decisions[146..].iter().all(|decision| decision.pass == Pass::Through && !decision.is_ducked));
    }

    #[test]
    fn while_the_echo_is_not_known_its_first_moments_do_not_count() {
        let decisions = run(&mut Guard::new(None, false), &[(10, true, false), (90, true, true)]);
        assert_eq!(decisions.iter().position(|decision| decision.is_barge_in), Some(10 + 75));
    }

    #[test]
    fn a_short_word_of_agreement_does_not_stop_the_answer() {
        let decisions =
            run(&mut Guard::new(Some(6), false), &[(100, true, false), (25, true, true), (200, true, false)]);
        let is_held = |decision: &Decision| matches!(decision.pass, Pass::Hold | Pass::Keep);
        assert!(decisions.iter().all(|decision| !decision.is_barge_in && is_held(decision)));
        assert!(decisions[125 + 40].is_ducked);
        assert!(!decisions[125 + 55].is_ducked, "the answer comes back");
    }

    #[test]
    fn a_sound_ducks_the_answer_at_once_and_gives_it_back_when_it_is_no_voice() {
        let mut guard = Guard::new(Some(6), false);
        run(&mut guard, &[(100, true, false)]);
        assert!(guard.frame(Sight { is_stir: true, ..sight(true, false, -30.0) }).is_ducked);
        let after = run(&mut guard, &[(100, true, false)]);
        assert_eq!(after.iter().position(|decision| !decision.is_ducked), Some(DOUBTED as usize - 1));
        assert!(after.iter().all(|decision| !decision.is_barge_in && decision.pass != Pass::Release));
    }

    #[test]
    fn a_sound_that_becomes_a_voice_stops_the_answer_by_its_speech_alone() {
        let mut guard = Guard::new(Some(6), false);
        run(&mut guard, &[(100, true, false)]);
        guard.frame(Sight { is_stir: true, ..sight(true, false, -30.0) });
        let decisions = run(&mut guard, &[(20, true, false), (60, true, true)]);
        assert!(decisions[..66].iter().all(|decision| decision.is_ducked || decision.is_barge_in));
        assert_eq!(decisions.iter().position(|decision| decision.is_barge_in), Some(20 + CONFIRMED as usize - 1));
    }

    #[test]
    fn an_echo_that_is_taken_for_a_sound_and_then_for_a_voice_stops_nothing() {
        const DELAY: usize = 6;
        let mut guard = Guard::new(Some(DELAY as u32), false);
        run(&mut guard, &[(100, true, false)]);
        // A canceller out of step: everything comes through, 24 dB weaker some time after a ducking.
        let mut ducked = VecDeque::from([false; DELAY]);
        for frame in 0..1_000 {
            let level = if ducked.pop_front() == Some(true) { -54.0 } else { -30.0 };
            let sight = Sight { is_stir: frame % 25 == 0, echo: level, ..sight(true, frame > 5, level) };
            let decision = guard.frame(sight);
            assert!(!decision.is_barge_in && decision.pass != Pass::Release, "frame {frame}");
            ducked.push_back(decision.is_ducked);
        }
    }

    #[test]
    fn a_voice_that_is_ducked_with_the_answer_is_its_echo() {
        let mut guard = Guard::new(Some(6), false);
        run(&mut guard, &[(100, true, false)]);
        let mut echo = (0..65).map(|frame| guard.frame(sight(true, true, if frame < 15 { -30.0 } else { -54.0 })));
        assert!(echo.all(|decision| !decision.is_barge_in));
    }

    #[test]
    fn words_with_pauses_between_them_add_up() {
        let script = [(100, true, false), (25, true, true), (20, true, false), (25, true, true)];
        assert!(run(&mut Guard::new(Some(6), false), &script).iter().any(|decision| decision.is_barge_in));
    }

    #[test]
    fn two_seconds_without_a_decision_give_the_answer_its_level_back() {
        let mut guard = Guard::new(Some(6), false);
        run(&mut guard, &[(10, true, false)]);
        let decisions: Vec<Decision> = (0..250)
            .map(|n| Sight { is_strong: n % 10 == 0, ..sight(true, true, -30.0) })
            .map(|it| guard.frame(it))
            .collect();
        assert!(decisions.iter().all(|decision| !decision.is_barge_in));
        assert!(decisions[199].is_ducked && decisions.iter().any(|decision| !decision.is_ducked));
    }

    #[test]
    fn a_slow_echo_path_needs_longer_speech() {
        let decisions = run(&mut Guard::new(Some(30), false), &[(10, true, false), (60, true, true)]);
        assert_eq!(decisions.iter().position(|decision| decision.is_barge_in), Some(10 + 45));
        let decisions = run(&mut Guard::new(Some(90), false), &[(10, true, false), (60, true, true)]);
        assert_eq!(decisions.iter().position(|decision| decision.is_barge_in), Some(10 + 49), "never more than 500 ms");
    }

    #[test]
    fn who_speaks_into_the_last_echo_is_heard_from_the_first_word_on() {
        let mut guard = Guard::new(Some(6), false);
        let decisions = run(&mut guard, &[(50, true, false), (10, false, false), (1, false, true)]);
        assert_eq!(decisions.last().map(|decision| decision.pass), Some(Pass::Release));
    }

    #[test]
    fn an_answer_that_ends_while_somebody_begins_to_speak_releases_what_was_said() {
        let mut guard = Guard::new(Some(6), false);
        let decisions = run(&mut guard, &[(50, true, false), (10, true, true), (1, false, true)]);
        assert_eq!(decisions.last().map(|decision| decision.pass), Some(Pass::Release));
    }

    #[test]
    fn half_duplex_hears_nothing_until_the_room_is_quiet() {
        let mut guard = Guard::new(Some(6), true);
        let decisions = run(&mut guard, &[(50, true, true), (RINGING, false, true), (5, false, true)]);
        assert!(decisions[..74].iter().all(|decision| decision.pass == Pass::Hold && !decision.is_barge_in));
        assert_eq!(decisions[79].pass, Pass::Through);
    }

    #[test]
    fn held_frames_are_replaced_by_silence_and_follow_in_order() {
        let mut held = Held::default();
        let mut out = Vec::new();
        for (value, pass) in [(1, Pass::Through), (2, Pass::Hold), (3, Pass::Hold), (4, Pass::Release)] {
            held.frame(vec![value], pass, |samples| out.extend(samples));
        }
        assert_eq!(out, [1, 0, 0, 2, 3, 4]);
    }

    #[test]
    fn only_the_last_moments_are_held_until_somebody_speaks() {
        let mut held = Held::default();
        (0..500).for_each(|value| held.frame(vec![value], Pass::Hold, |_| {}));
        (500..600).for_each(|value| held.frame(vec![value], Pass::Keep, |_| {}));
        let mut out = Vec::new();
        held.frame(vec![600], Pass::Release, |samples| out.extend(samples));
        assert_eq!(out.len(), BEFORE + 101);
        assert_eq!(out.first(), Some(&(500 - BEFORE as i16)));
    }

    #[test]
    fn what_is_said_when_the_room_falls_quiet_goes_out_even_if_nobody_was_noticed() {
        let decisions =
            run(&mut Guard::new(Some(6), false), &[(50, true, false), (RINGING + 1, false, false), (9, false, false)]);
        let at = decisions.iter().position(|decision| decision.pass == Pass::Release);
        assert_eq!(at, Some(50 + RINGING as usize));
        assert!(decisions[51 + RINGING as usize..].iter().all(|decision| decision.pass == Pass::Through));
    }
}
