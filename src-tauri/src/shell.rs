//! The window: builds it, starts the engine behind it, ends both.

use std::time::Duration;

use anyhow::{Context as _, bail};
use engine::config::Theme as Colours;
use engine::{Engine, Handle, Options, Paths};
use tauri::webview::Color;
use tauri::{App, AppHandle, Builder, Manager as _, RunEvent, Runtime, Theme, WebviewWindowBuilder};

use crate::bridge::Bridge;
use crate::{commands, departure, practice};

/// Label of the one window, in `tauri.conf.json` and the capabilities.
const WINDOW: &str = "main";

/// The window appears after this time even when the page has not said that it has painted.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Time to end a call and close the devices.
const FAREWELL: Duration = Duration::from_secs(2);

/// The page's background (`ui/style.css`), shown until the page has painted.
const PAPER: Color = Color(0xfb, 0xfa, 0xf7, 0xff);
const DARK_PAPER: Color = Color(0x16, 0x17, 0x1a, 0xff);

/// Opens the window and returns when the user has closed it.
pub(crate) fn run(paths: Paths) -> anyhow::Result<()> {
    let _log = engine::log::start(&paths.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads")?;
    let _inside = runtime.enter();
    tauri::async_runtime::set(runtime.handle().clone());
    let data = paths.clone();
    let app = configure(Builder::default())
        // First of all: a second start only brings the first window to the front.
        .plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| bring_to_front(app)))
        // For the commands only: the page has no permission for it.
        .plugin(tauri_plugin_dialog::init())
        .on_window_event(departure::window_event)
        .setup(move |app| Ok(open(app, paths)?))
        .build(tauri::generate_context!())
        .context("no window")?;
    // Without a session bus nobody tells the first window.
    let _place = match data.claim_window() {
        Ok(Some(place)) => Some(place),
        Ok(None) => bail!("it is open already, in another window. Use that one, or close it first"),
        Err(error) => {
            tracing::warn!(%error, "cannot see whether there is another window");
            None
        }
    };
    app.run_return(|app, event| {
        if matches!(event, RunEvent::Exit) {
            farewell(app);
        }
    });
    // What hangs in the system (a keychain that waits for a password) does not hold up the end.
    runtime.shutdown_background();
    Ok(())
}

/// What a window and a test have in common.
pub(crate) fn configure<R: Runtime>(builder: Builder<R>) -> Builder<R> {
    builder.manage(Bridge::default()).invoke_handler(tauri::generate_handler![
        commands::subscribe,
        commands::snapshot,
        commands::send,
        commands::set_key,
        commands::levels,
        commands::open_link,
        commands::open_address,
        commands::open_recordings,
        commands::choose_file,
        commands::show_window,
        commands::zoom,
    ])
}

fn open<R: Runtime>(app: &App<R>, paths: Paths) -> anyhow::Result<()> {
    let page_cache = paths.cache.join("page");
    let engine = Engine::start(paths, Options { practice: practice::start(), card: None, overrides: None })?;
    let chosen = tauri::async_runtime::block_on(engine.snapshot())?.settings.appearance.theme;
    #[cfg(target_os = "linux")]
    departure::watch(&engine);
    app.manage(engine);
    let config = app.config().app.windows.iter().find(|window| window.label == WINDOW);
    let window = WebviewWindowBuilder::from_config(app, config.context("no window in tauri.conf.json")?)?
        .data_directory(page_cache)
        .theme(match chosen {
            Colours::System => None,
            Colours::Light => Some(Theme::Light),
            Colours::Dark => Some(Theme::Dark),
        })
        .build()?;
    let is_dark = matches!(window.theme(), Ok(Theme::Dark));
    window.set_background_color(Some(if is_dark { DARK_PAPER } else { PAPER }))?;
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(PATIENCE).await;
        if !window.is_visible().unwrap_or(true) {
            tracing::warn!("the page did not report that it has painted");
            let _ = window.show();
        }
    });
    Ok(())
}

fn bring_to_front<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(WINDOW) else { return };
    let result = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    if let Err(error) = result {
        tracing::warn!(%error, "the window does not come to the front");
    }
}

fn farewell<R: Runtime>(app: &AppHandle<R>) {
    if let Some(engine) = app.try_state::<Handle>() {
        tauri::async_runtime::block_on(engine.stop(FAREWELL));
    }
}

#[cfg(test)]
mod tests;
