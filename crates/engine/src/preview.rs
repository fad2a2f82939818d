//! Hearing a voice before a conversation with it: a call of its own, with one question, of which nothing is kept but what
//! it cost.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::timeout;

use crate::api::{About, Code, Mode, Problem, Talk};
use crate::board::Board;
use crate::call::{Call, Exchange, Purse, Sound};
use crate::config::Settings;
use crate::latency::Journal;
use crate::outbox::Outbox;
use crate::recording::Recordings;

/// Long enough for a slow provider and a long sentence.
const LIMIT: Duration = Duration::from_secs(30);
const QUESTION: &str = "Say one short, friendly sentence, so that I can hear what your voice sounds like.";

/// Lets the voice of these settings say a sentence, and closes the devices again. The microphone is not listened to.
///
/// # Errors
/// What stood in the way.
pub(crate) async fn hear(settings: Settings, exchange: Exchange, sound: Sound) -> Result<(), Problem> {
    let mut settings = settings;
    settings.call.mode = Mode::Ptt;
    settings.call.stand_ins.clear();
    let (sender, _) = broadcast::channel(1);
    let about = About { version: String::new(), settings: String::new(), log: String::new() };
    let outbox = Outbox::none(exchange.credentials.clone());
    let recordings = Recordings::new(PathBuf::new());
    let purse = exchange.purse.clone();
    let mut call = Call::new(&settings, exchange, sound, recordings, outbox, Journal::none());
    let mut board = Board::new(sender, call.view(&settings, None), settings, Vec::new(), about);
    call.mute(true, &mut board);
    call.start(&mut board);
    let heard = timeout(LIMIT, question(&mut call, &mut board, &purse)).await;
    if let Some(closing) = call.hang_up(&mut board) {
        let _ = closing.await;
    }
    book(&mut call, &purse).await;
    let late = || Problem { code: Code::ProviderTrouble, detail: "the voice did not answer in time".into() };
    heard.unwrap_or_else(|_| Err(late()))
}

/// What it cost since the last time, under its own name.
async fn book(call: &mut Call, purse: &Purse) {
    let rows = call.take_toll().into_iter().map(|row| store::Row { purpose: "preview".into(), ..row }).collect();
    purse.book(rows).await;
}

async fn question(call: &mut Call, board: &mut Board, purse: &Purse) -> Result<(), Problem> {
    let (mut is_asked, mut is_answered) = (false, false);
    loop {
        let happening = call.next().await;
        call.happen(happening, board);
        book(call, purse).await;
        if let Some(problem) = board.problem() {
            return Err(problem.clone());
        }
        let view = call.view(board.settings(), None);
        if view.is_armed && !is_asked {
            is_asked = true; // aloud, as there is a speaker now
            call.say(QUESTION, board);
        }
        is_answered |= view.talk == Talk::Speaking;
        if is_answered && view.talk != Talk::Speaking && view.talk != Talk::Thinking {
            return Ok(());
        }
    }
}
