//! What needs the devices for itself for a while: sound checks, and hearing a voice.

use audio::Card;
use tokio::sync::{mpsc, watch};

use super::{Core, Done};
use crate::api::{CheckPhase, Code, Command, Problem, SoundCheck};
use crate::call::{Sound as CallSound, system_card};
use crate::handle::Sound;
use crate::sound_check::Keep;
use crate::{preview, sound_check};

const CHECK_STEPS: usize = 16;

/// A sound check under way.
pub(super) struct Check {
    steps: mpsc::Receiver<SoundCheck>,
    task: tokio::task::AbortHandle,
}

impl Core {
    pub(super) fn preview(&mut self) {
        let (card, meters, _) = self.prepare_check();
        let sound = CallSound::new(Some(card), meters);
        let hearing = preview::hear(self.board.settings().clone(), self.call.exchange(), sound);
        self.jobs.spawn(async move { Done::Previewed(hearing.await) });
    }

    pub(super) fn start_check(&mut self) {
        let (card, meters, (tell, steps)) = self.prepare_check();
        let check = sound_check::run(card, meters, tell);
        let task = self.jobs.spawn(async move { Done::Checked(check.await.map(|check| (check, None))) });
        self.check = Some(Check { steps, task });
    }

    pub(super) fn start_measuring(&mut self) {
        let spoken = self.board.sound_check().filter(|check| check.phase == CheckPhase::Done).cloned();
        let volume = self.board.settings().audio.volume;
        let (card, meters, (tell, steps)) = self.prepare_check();
        let check = sound_check::run_room(card, volume, spoken, meters, tell);
        let task = self.jobs.spawn(async move { Done::Checked(check.await) });
        self.check = Some(Check { steps, task });
    }

    /// Frees the devices for a check.
    fn prepare_check(
        &mut self,
    ) -> (Card, watch::Sender<Sound>, (mpsc::Sender<SoundCheck>, mpsc::Receiver<SoundCheck>)) {
        self.end_check();
        self.hang_up();
        let card = self.options.card.clone().unwrap_or_else(|| system_card(self.board.settings()));
        (card, self.meters.clone(), mpsc::channel(CHECK_STEPS))
    }

    pub(super) fn keep(&mut self, keep: Keep) {
        if let Err(error) = self.calibrations.keep(&keep.input, &keep.output, keep.kept) {
            let detail = format!("the sound check could not be saved: {error}");
            self.board.set_problem(Some(Problem { code: Code::Internal, detail }));
        }
        self.command(Command::FindDevices);
    }

    pub(super) fn end_check(&mut self) {
        if let Some(check) = self.check.take() {
            check.task.abort();
            self.meters.send_replace(Sound::default());
        }
        self.board.set_sound_check(None);
    }
}

/// The next step of the check, if there is one.
pub(super) async fn check_step(check: &mut Option<Check>) -> Option<SoundCheck> {
    match check {
        Some(check) => check.steps.recv().await,
        None => None,
    }
}
