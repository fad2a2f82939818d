//! The history: conversations, drafts, presets, what was spent, and files in and out.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use gateway::Purpose;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{ConversationId, Entry, Filter, Format, Selection, Store, title_from};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::aside::Aside;
use super::{Desk, Done};
use crate::api::{Change, ChatMessage, Enclosed, ExportFormat, Fragment, HistoryEntry, Preset, Transfer};
use crate::call::unix_ms;
use crate::config::Settings;
use crate::net;
use crate::text::Text;

/// Most conversations in a list; the search finds the others.
const LISTED: u32 = 300;
/// Most tokens of a title.
const TITLE_TOKENS: u64 = 200;
/// Words of each message that a title is made from, characters.
const TITLE_WORDS: usize = 1000;

impl Desk {
    pub(super) async fn tell_history(&self) -> Result<(), store::Error> {
        let Some(query) = self.query.clone() else { return Ok(()) };
        let entries = self.store()?.list(Filter { query, limit: LISTED, ..Filter::default() }).await?;
        self.tell(Change::History(entries.into_iter().map(entry).collect())).await;
        Ok(())
    }

    /// Deletes what is too old, if it is time to; what is in use stays.
    pub(super) async fn forget_old(&mut self) -> Result<(), store::Error> {
        if !self.is_set_up {
            return Ok(());
        }
        let keep_days = self.settings.borrow().history.keep_days;
        let Some(before_ms) = self.retention.before(keep_days, Instant::now(), unix_ms()) else { return Ok(()) };
        let answering = self.answer.as_ref().map(|answer| answer.conversation);
        let drawing = self.making.as_ref().map(|making| making.conversation());
        let speaking = self.voice.conversation().map(|(conversation, _)| conversation);
        let in_use = [self.chat.conversation, answering, drawing, speaking].into_iter().flatten();
        let forgotten = self.store()?.forget(before_ms, in_use.map(ConversationId).collect()).await?;
        if forgotten > 0 { self.tell_history().await } else { Ok(()) }
    }

    pub(super) async fn rename(&mut self, id: i64, title: String) -> Result<(), store::Error> {
        self.voice.named(id);
        self.store()?.rename(ConversationId(id), title).await?;
        if self.chat.conversation == Some(id) {
            self.reload().await?;
        }
        self.tell_history().await
    }

    pub(super) async fn pin(&self, id: i64, is_pinned: bool) -> Result<(), store::Error> {
        self.store()?.pin(ConversationId(id), is_pinned).await?;
        self.tell_history().await
    }

    pub(super) async fn delete(&mut self, id: i64) -> Result<(), store::Error> {
        if self.answer.as_ref().is_some_and(|answer| answer.conversation == id) {
            self.stop_answer().await?;
        }
        if self.making.as_ref().is_some_and(|making| making.conversation() == id) {
            self.stop_picture().await?;
        }
        self.store()?.delete(vec![ConversationId(id)]).await?;
        self.voice.forget(id);
        if self.chat.conversation == Some(id) {
            self.new_chat().await?;
        }
        self.tell_history().await
    }

    pub(super) async fn save_draft(&mut self, text: String, files: Enclosed) -> Result<(), store::Error> {
        self.chat.draft.clone_from(&text);
        self.enclosed = files;
        self.estimate();
        self.tell_chat().await;
        self.store()?.set_draft(self.chat.conversation.map(ConversationId), text).await
    }

    pub(super) async fn set_system(&mut self, text: String) -> Result<(), store::Error> {
        self.chat.system.clone_from(&text);
        self.tell_chat().await;
        match self.chat.conversation {
            Some(id) => self.store()?.set_system(ConversationId(id), text).await,
            None => Ok(()),
        }
    }

    pub(super) async fn save_preset(&mut self, name: String) -> Result<(), store::Error> {
        let target = self.chat.target.clone();
        let preset = store::Preset {
            name,
            system: self.chat.system.clone(),
            provider: Some(target.provider),
            model: Some(target.model),
            temperature: None,
        };
        self.store()?.save_preset(preset).await?;
        self.tell_presets().await
    }

    pub(super) async fn delete_preset(&mut self, name: String) -> Result<(), store::Error> {
        self.store()?.delete_preset(name).await?;
        self.tell_presets().await
    }

    pub(super) async fn tell_presets(&mut self) -> Result<(), store::Error> {
        let preset = |preset: store::Preset| {
            let target = preset.provider.zip(preset.model);
            let target = target.map(|(provider, model)| crate::api::Target { provider, model });
            Preset { name: preset.name, system: preset.system, target }
        };
        self.chat.presets = self.store()?.presets().await?.into_iter().map(preset).collect();
        self.tell_chat().await;
        Ok(())
    }

    pub(super) async fn tell_budget(&mut self) -> Result<(), store::Error> {
        let spent = self.store()?.spent(self.chat.conversation.map(ConversationId), unix_ms()).await?;
        let budget = &mut self.chat.budget;
        budget.conversation_nano = if self.chat.conversation.is_some() { spent.conversation_nano } else { 0 };
        budget.day_nano = spent.day_nano;
        budget.month_nano = spent.month_nano;
        self.tell_chat().await;
        Ok(())
    }

    pub(super) fn export(&mut self, ids: Vec<i64>, format: ExportFormat, path: String, replaces: bool) {
        let (shelf, tell, folder) = (self.text.shelf().clone(), self.tell.clone(), self.exports.clone());
        self.jobs.spawn(async move {
            let total = u32::try_from(ids.len()).ok().filter(|count| *count > 0);
            let mut transfer =
                Transfer { is_import: false, done: 0, total, is_over: false, path, failure: String::new() };
            let _ = tell.send(Change::Transfer(transfer.clone())).await;
            let exported = async {
                let store = shelf.store().await?;
                let path = if transfer.path.trim().is_empty() {
                    new_file(&folder, format)?
                } else {
                    absolute(&transfer.path)?
                };
                transfer.path = path.display().to_string();
                export(store, &ids, format, &path, replaces).await
            };
            let exported = exported.await;
            transfer.is_over = true;
            transfer.done = if exported.is_ok() { total.unwrap_or_default() } else { 0 };
            transfer.failure = exported.err().map(|error| error.to_string()).unwrap_or_default();
            let _ = tell.send(Change::Transfer(transfer)).await;
            Done::Nothing
        });
    }

    pub(super) fn import(&mut self, path: String) {
        let (shelf, tell) = (self.text.shelf().clone(), self.tell.clone());
        self.jobs.spawn(async move {
            let mut transfer =
                Transfer { is_import: true, done: 0, total: None, is_over: false, path, failure: String::new() };
            let _ = tell.send(Change::Transfer(transfer.clone())).await;
            let imported = import(shelf.store().await, &transfer, &tell).await;
            transfer.is_over = true;
            match imported {
                Ok(count) => transfer.done = count,
                Err(error) => transfer.failure = error.to_string(),
            }
            let _ = tell.send(Change::Transfer(transfer)).await;
            Done::Imported
        });
    }
}

async fn import(
    store: Result<&Store, store::Error>,
    begun: &Transfer,
    tell: &mpsc::Sender<Change>,
) -> Result<u32, store::Error> {
    let path = absolute(&begun.path)?;
    let file = tokio::task::spawn_blocking(move || File::open(path)).await.map_err(io::Error::other)??;
    let (tell, begun) = (tell.clone(), begun.clone());
    let mut told = 0;
    let progress = move |progress: store::Progress| {
        let done = count(&progress.so_far);
        // Every conversation would be too much for a page.
        if done >= told + 20 {
            told = done;
            let _ = tell.try_send(Change::Transfer(Transfer { done, ..begun.clone() }));
        }
    };
    let imported = store?.import(BufReader::new(file), progress).await?;
    Ok(count(&imported))
}

fn count(imported: &store::Imported) -> u32 {
    u32::try_from(imported.conversations + imported.known).unwrap_or(u32::MAX)
}

/// Writes conversations into a new file, readable by this user only. One that is replaced stays as it is until the new one
/// is complete.
///
/// # Errors
/// When the file is there already and may not be replaced, or cannot be written.
pub(crate) async fn export(
    store: &Store,
    ids: &[i64],
    format: ExportFormat,
    path: &Path,
    replaces: bool,
) -> Result<(), store::Error> {
    if !replaces {
        return write(store, ids, format, path).await;
    }
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", net::random()));
    let part = PathBuf::from(part);
    write(store, ids, format, &part).await?;
    std::fs::rename(&part, path).map_err(|error| {
        let _ = std::fs::remove_file(&part);
        error.into()
    })
}

/// Into a new file; what could not be finished is taken away.
async fn write(store: &Store, ids: &[i64], format: ExportFormat, path: &Path) -> Result<(), store::Error> {
    let sink = BufWriter::new(private_file(path)?);
    let selection = match ids {
        [] => Selection::All,
        ids => Selection::These(ids.iter().copied().map(ConversationId).collect()),
    };
    let written = store.export(selection, store_format(format), sink).await;
    let finished = written.and_then(|mut sink| Ok(sink.flush()?));
    if finished.is_err() {
        let _ = std::fs::remove_file(path);
    }
    finished
}

/// The store's name of a format.
pub(crate) fn store_format(format: ExportFormat) -> Format {
    match format {
        ExportFormat::Markdown => Format::Markdown,
        ExportFormat::Json => Format::Json,
        ExportFormat::JsonLines => Format::JsonLines,
        ExportFormat::Srt => Format::Srt,
        ExportFormat::Vtt => Format::Vtt,
        ExportFormat::UsageCsv => Format::Csv,
    }
}

fn new_file(folder: &Path, format: ExportFormat) -> io::Result<PathBuf> {
    let name = if format == ExportFormat::UsageCsv { "usage" } else { "conversations" };
    dated(folder, name, store_format(format).extension())
}

/// A path in the folder, which is made, with the time in its name.
fn dated(folder: &Path, name: &str, ending: &str) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let now = Timestamp::now().to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H.%M.%S").to_string();
    Ok(folder.join(format!("{name} {now}.{ending}")))
}

/// A new file that only this user may read.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a new file, readable by this user only, and says where; the time is put before the ending of its name.
pub(super) fn save_file(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (name, ending) = name.rsplit_once('.').unwrap_or((name, "bin"));
    let path = dated(folder, name, ending)?;
    private_file(&path)?.write_all(bytes)?;
    Ok(path)
}

/// Where a relative path would begin is nothing a user of a window knows.
fn absolute(path: &str) -> io::Result<PathBuf> {
    let path = PathBuf::from(path.trim());
    let path = match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    };
    if path.is_absolute() { Ok(path) } else { Err(io::Error::other("give the whole path of the file")) }
}

fn entry(entry: Entry) -> HistoryEntry {
    let fragment = |piece: store::Piece| Fragment { text: piece.text, is_hit: piece.is_match };
    HistoryEntry {
        id: entry.id.0,
        title: entry.title,
        is_pinned: entry.is_pinned,
        at: entry.updated_ms,
        preview: entry.preview,
        count: entry.count,
        found: entry.snippet.into_iter().map(fragment).collect(),
    }
}

/// Asks for a title.
pub(super) fn title(
    text: Text,
    settings: Settings,
    messages: &[ChatMessage],
    conversation: i64,
) -> impl Future<Output = Done> + Send + use<> {
    let words = messages.iter().map(|message| message.text.chars().take(TITLE_WORDS).collect::<String>());
    let talk = words.collect::<Vec<_>>().join("\n\n");
    async move {
        let task = format!(
            "Give this conversation a title of at most six words, in its language. Answer with the title only.\n\n{talk}"
        );
        let aside = Aside { task, purpose: Purpose::Title, most: TITLE_TOKENS, conversation: Some(conversation) };
        let words = aside.ask(&text, &settings).await.unwrap_or_default();
        let title = title_from(words.trim_matches('"'));
        if title.is_empty() { Done::Nothing } else { Done::Title { conversation, title } }
    }
}
