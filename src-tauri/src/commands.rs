//! What the page can ask for: a few lines each, all of it done by the engine.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine::api::{Code, Command, Credential, Holder, Levels, Problem, Snapshot};
use engine::{Handle, SecretString};
use tauri::ipc::Channel;
use tauri::{Runtime, State, WebviewWindow};
use tauri_plugin_dialog::{DialogExt as _, FilePath};
use tokio::sync::oneshot;

use crate::bridge::{Batch, Bridge};
use crate::link::{self, Link};

/// Everything at this moment; what happens from then on comes through `channel`.
#[tauri::command]
pub(crate) async fn subscribe(
    engine: State<'_, Handle>,
    bridge: State<'_, Bridge>,
    channel: Channel<Batch>,
) -> Result<Snapshot, Problem> {
    let events = engine.subscribe();
    let snapshot = engine.snapshot().await.map_err(internal)?;
    bridge.connect(events, snapshot.seq, channel);
    Ok(snapshot)
}

/// Everything at this moment.
#[tauri::command]
pub(crate) async fn snapshot(engine: State<'_, Handle>) -> Result<Snapshot, Problem> {
    engine.snapshot().await.map_err(internal)
}

/// Asks the engine for something; its effects come as events.
#[tauri::command]
pub(crate) async fn send(engine: State<'_, Handle>, command: Command) -> Result<(), Problem> {
    engine.send(command).await.map_err(internal)
}

/// Keeps a key. The way in is the only way: no command gives one back.
#[tauri::command]
pub(crate) async fn set_key(engine: State<'_, Handle>, holder: Holder, key: String) -> Result<Credential, Problem> {
    engine.set_key(holder, SecretString::from(key)).await
}

/// For how long one request for levels is served: asking costs the web engine more than being told.
const LEVELS: Duration = Duration::from_secs(3);
/// Least time between two levels (12 a second).
const LEVELS_STEP: Duration = Duration::from_millis(80);

/// Loudness for the meters, through `channel` for three seconds: whenever there is something else to show. Gives the
/// last one.
///
/// What is told costs the web engine some CPU and memory that it is slow to give back, so silence must not cost any.
#[tauri::command]
pub(crate) async fn levels(engine: State<'_, Handle>, channel: Channel<Levels>) -> Result<Levels, ()> {
    let begun = Instant::now();
    let mut shown = engine.levels();
    while channel.send(shown).is_ok() && begun.elapsed() < LEVELS {
        tokio::time::sleep(LEVELS_STEP).await;
        shown = engine.next_levels(shown).await;
    }
    Ok(shown)
}

/// What a file is chosen for.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// To be read.
    Open,
    /// To be written; the dialog asks before one that is there is replaced.
    Save,
}

/// Lets the user choose a file in the system's dialog: its path, or nothing. `name` is what a new one may be called.
#[tauri::command]
pub(crate) async fn choose_file<R: Runtime>(
    window: WebviewWindow<R>,
    purpose: Purpose,
    name: String,
) -> Result<Option<PathBuf>, Problem> {
    let (tell, told) = oneshot::channel();
    let chosen = move |path: Option<FilePath>| drop(tell.send(path));
    let dialog = window.dialog().file().set_parent(&window);
    match purpose {
        Purpose::Open => dialog.add_filter("Conversations", &["zip", "json"]).pick_file(chosen),
        Purpose::Save => dialog.set_file_name(name).save_file(chosen),
    }
    // Without an answer there was no dialog.
    let path = told.await.map_err(internal)?;
    path.map(FilePath::into_path).transpose().map_err(internal)
}

/// Opens one of the known places outside the app.
#[tauri::command(async)]
pub(crate) fn open_link(link: Link) -> Result<(), Problem> {
    link.open().map_err(internal)
}

/// Opens an address that an answer names, in the user's browser or mail program.
#[tauri::command(async)]
pub(crate) fn open_address(address: String) -> Result<(), Problem> {
    link::open_address(&address).map_err(internal)
}

/// Shows everything larger or smaller; 1 is normal size.
#[tauri::command]
pub(crate) fn zoom<R: Runtime>(window: WebviewWindow<R>, scale: f64) -> Result<(), Problem> {
    window.set_zoom(scale).map_err(internal)
}

/// Shows the folder of the recordings in the system's file manager.
#[tauri::command]
pub(crate) async fn open_recordings(engine: State<'_, Handle>) -> Result<(), Problem> {
    let folder = engine.snapshot().await.map_err(internal)?.recording.folder;
    tauri_plugin_opener::open_path(folder, None::<&str>).map_err(internal)
}

/// The page has painted: no white flash any more.
#[tauri::command]
pub(crate) fn show_window<R: Runtime>(window: WebviewWindow<R>) -> Result<(), Problem> {
    window.show().and_then(|()| window.set_focus()).map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> Problem {
    Problem { code: Code::Internal, detail: error.to_string() }
}
