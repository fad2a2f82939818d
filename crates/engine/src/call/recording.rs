//! Recording the call, and hearing its turns again.

use std::path::PathBuf;

use audio::Notice as SoundNotice;
use protocol::ItemId;
use tokio::task::JoinHandle;

use crate::api::{Note, Recording, Talk};
use crate::board::Board;
use crate::recording::{Outcome, Part, Word, is_replay};

use super::Call;

impl Call {
    /// Opens the devices of the call.
    pub(super) fn open_sound(&mut self, board: &Board) {
        self.silence_replay();
        self.recordings.prepare();
        self.sound.open(board.settings());
    }

    /// Records this conversation from now on (with the next call, if there is none), or ends that.
    pub(crate) fn record(&mut self, is_on: bool, board: &mut Board) {
        if is_on {
            self.recordings.want(true);
            if self.sound.is_open() {
                self.recordings.prepare();
            }
        } else {
            self.stop_recording();
        }
        self.settle(board);
    }

    /// The next recording goes to this file, and begins with the next call.
    pub(crate) fn record_to(&mut self, file: PathBuf, board: &mut Board) {
        self.recordings.aim(file);
        self.record(true, board);
    }

    /// What was recorded, as shells see it.
    pub(crate) fn recording(&self) -> Recording {
        self.recordings.view()
    }

    /// Lets the sound in, once the devices run and the file is there.
    pub(super) fn begin_recording(&mut self) {
        if self.sound.is_open()
            && let Some(tap) = self.recordings.begin()
        {
            self.sound.tap(Some(tap));
            let items = self.session.items();
            items.iter().for_each(|item| self.recordings.item(item));
        }
    }

    /// The file is whole when the returned task ends.
    pub(super) fn stop_recording(&mut self) -> Option<JoinHandle<()>> {
        self.sound.tap(None);
        self.recordings.stop()
    }

    /// The call is over: all files are whole when the returned task ends.
    pub(super) fn finish_recordings(&mut self) -> JoinHandle<()> {
        let recorder = self.stop_recording();
        let lists = self.recordings.seal();
        tokio::spawn(async move {
            for task in recorder.into_iter().chain(lists) {
                let _ = task.await;
            }
        })
    }

    pub(super) fn recording_word(&mut self, word: Word, board: &mut Board) {
        match self.recordings.happen(word) {
            Outcome::Nothing => {}
            Outcome::Ready => self.begin_recording(),
            Outcome::Gap(ms) => board.note(Note::RecordingGap { ms }),
            Outcome::Broken(problem) => {
                drop(self.stop_recording());
                board.set_problem(Some(problem));
            }
            Outcome::Failed(problem) => board.set_problem(Some(problem)),
            Outcome::Play(key, pcm) => {
                self.sound.play(ItemId(key.0), pcm);
                self.sound.finish(ItemId(key.0));
            }
        }
    }

    /// An answer can be heard.
    pub(super) fn mark_answer(&mut self, id: ItemId) {
        let items = self.session.items();
        if let Some(item) = items.iter().find(|item| item.id == id) {
            self.recordings.started(item);
        }
    }

    /// A turn is heard again.
    pub(crate) fn replay(&mut self, item: u64, board: &mut Board) {
        let part = self.recordings.part_of(item);
        self.hear(part, board);
    }

    /// Ten seconds back: in what is heard again, or from the end of the recording.
    pub(crate) fn replay_back(&mut self, board: &mut Board) {
        let part = self.recordings.part_before(|key| self.sound.heard(ItemId(key.0)));
        self.hear(part, board);
    }

    /// Only while nobody speaks.
    fn hear(&mut self, part: Option<Part>, board: &mut Board) {
        let is_quiet = match self.talk(board.problem()) {
            Talk::Ready | Talk::Muted | Talk::Blocked => true,
            Talk::Listening | Talk::Thinking | Talk::Speaking => false,
        };
        if let Some(part) = part.filter(|_| is_quiet) {
            self.silence_replay();
            let card = (!self.sound.is_open()).then(|| self.sound.card(board.settings()));
            self.recordings.fetch(part, card);
        }
        self.settle(board);
    }

    /// The user has heard enough.
    pub(crate) fn stop_replay(&mut self, board: &mut Board) {
        self.silence_replay();
        self.settle(board);
    }

    /// Somebody speaks, or the devices are needed for a call.
    pub(super) fn silence_replay(&mut self) {
        if self.recordings.end_replay() {
            // Nothing else is queued while something is heard again.
            drop(self.sound.flush());
        }
    }

    /// Whether a notice was about what is heard again, and not about an answer.
    pub(super) fn takes_replay_notice(&mut self, notice: &SoundNotice) -> bool {
        match notice {
            SoundNotice::Started(key) | SoundNotice::Finished(key) if is_replay(*key) => {
                self.recordings.heard(*key, notice);
                true
            }
            SoundNotice::Started(_)
            | SoundNotice::Finished(_)
            | SoundNotice::Opened { .. }
            | SoundNotice::Lost { .. }
            | SoundNotice::Silent
            | SoundNotice::Audible => false,
        }
    }

    /// Deletes a recording; one that is under way ends first.
    pub(crate) fn delete_recording(&mut self, name: &str, board: &mut Board) {
        if self.recordings.is_heard(name) {
            self.silence_replay();
        }
        let finishing = if self.recordings.is_under_way(name) { self.stop_recording() } else { None };
        self.recordings.delete(name, finishing);
        self.settle(board);
    }
}
