//! How every fake is reached: a port of 127.0.0.1.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// Takes a port; 0 = any that is free.
///
/// # Errors
/// The port is taken.
pub(crate) async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.with_context(|| format!("cannot listen on port {port} of 127.0.0.1"))
}

/// Serves until the task is dropped; the log names `who` ends earlier.
pub(crate) async fn serve(listener: TcpListener, router: Router, who: &'static str) {
    // What is sent is small and must not wait for the next piece.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::warn!(%error, "{who} stopped serving");
    }
}
