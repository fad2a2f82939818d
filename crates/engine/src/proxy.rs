//! The API for other programs of this computer: HTTP on 127.0.0.1 with a token. They ask through Sidetone (its keys, cache,
//! limits, fallback and ledger) without ever seeing a key.

mod ask;
mod asked;
mod chat;
mod door;
mod models;
mod outcome;
mod passage;
mod realtime;
mod tab;
mod target;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::api::{Change, LocalApi};
use crate::config::{LocalApiSettings, Settings, write_private};
use crate::net::{self, Net};
use crate::text::{Keyring, Text};

/// Largest request that is taken, bytes: a conversation with pictures.
const LARGEST: usize = 32 << 20;
/// Longest token that is read from the file.
const LONGEST_TOKEN: usize = 1024;
/// As many may knock at the same moment; of more the system lets each wait for a second.
const KNOCKING: u32 = 4096;

/// What a request needs.
pub(crate) struct Hall {
    text: Text,
    net: Net,
    keyring: Keyring,
    settings: watch::Receiver<Settings>,
    token: String,
    port: u16,
    models: models::Shown,
}

/// The server, while it runs.
#[derive(Debug)]
pub(crate) struct Proxy {
    text: Text,
    net: Net,
    keyring: Keyring,
    settings: watch::Receiver<Settings>,
    token_file: PathBuf,
    tell: mpsc::Sender<Change>,
    runtime: Handle,
    running: Option<(LocalApiSettings, AbortHandle)>,
}

impl Proxy {
    /// Nothing runs before [`Self::configure`]; then it does on the present runtime, whoever configures.
    pub(crate) fn new(
        text: Text,
        net: Net,
        keyring: Keyring,
        settings: watch::Receiver<Settings>,
        data: &Path,
    ) -> (Self, mpsc::Receiver<Change>) {
        let (tell, told) = mpsc::channel(8);
        let token_file = data.join("local-api.token");
        (Self { text, net, keyring, settings, token_file, tell, runtime: Handle::current(), running: None }, told)
    }

    /// Starts, stops or moves the server as the settings say.
    pub(crate) fn configure(&mut self) {
        let wanted = self.settings.borrow().local_api.clone();
        let is_so = match &self.running {
            Some((running, task)) => *running == wanted && !task.is_finished(),
            None => !wanted.enabled,
        };
        if is_so {
            return;
        }
        if let Some((_, task)) = self.running.take() {
            task.abort();
        }
        let token_file = self.token_file.display().to_string();
        if !wanted.enabled {
            let _ = self.tell.try_send(Change::LocalApi(LocalApi { token_file, ..LocalApi::default() }));
            return;
        }
        let serving = serve(
            self.text.clone(),
            self.net.clone(),
            self.keyring.clone(),
            self.settings.clone(),
            self.token_file.clone(),
            wanted.port,
            self.tell.clone(),
        );
        let tell = self.tell.clone();
        let task = self.runtime.spawn(async move {
            if let Err(failure) = serving.await {
                let _ = tell.send(Change::LocalApi(LocalApi { url: None, token_file, failure })).await;
            }
        });
        self.running = Some((wanted, task.abort_handle()));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some((_, task)) = self.running.take() {
            task.abort();
        }
    }
}

async fn serve(
    text: Text,
    net: Net,
    keyring: Keyring,
    settings: watch::Receiver<Settings>,
    token_file: PathBuf,
    port: u16,
    tell: mpsc::Sender<Change>,
) -> Result<(), String> {
    let place = token_file.display().to_string();
    let token = token(&token_file).map_err(|error| format!("its token cannot be kept in {place}: {error}"))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // The port may still belong to the server that was just stopped.
    let listener = bind(address).await.map_err(|error| format!("port {port} of this computer: {error}"))?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let hall = Hall { text, net, keyring, settings, token, port, models: models::Shown::default() };
    let running =
        LocalApi { url: Some(format!("http://127.0.0.1:{port}/v1")), token_file: place, failure: String::new() };
    let _ = tell.send(Change::LocalApi(running)).await;
    // Events are small and must not wait for the next one.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router(Arc::new(hall))).await.map_err(|error| error.to_string())
}

async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match listen(address) {
        Err(_) => {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            listen(address)
        }
        bound => bound,
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // As listeners do by themselves; on Windows it would share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(KNOCKING)
}

fn router(hall: Arc<Hall>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route(ask::PATH, post(ask::ask))
        .route("/v1/embeddings", post(passage::embeddings))
        .route("/v1/responses", post(passage::responses))
        .route("/v1/realtime", get(realtime::relay))
        .route("/api/v1/ai-gateway/providers/{provider}/{*path}", any(passage::native))
        .fallback(outcome::nowhere)
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(from_fn_with_state(Arc::clone(&hall), door::check))
        .with_state(hall)
}

/// The token in the file; made anew when there is none.
fn token(file: &Path) -> std::io::Result<String> {
    if let Ok(text) = std::fs::read_to_string(file) {
        let text = text.trim();
        if text.len() >= 16 && text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(text.to_owned());
        }
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let token = format!("st-{}{}", net::random(), net::random());
    write_private(file, token.as_bytes())?;
    Ok(token)
}
