//! OpenAI Realtime over WebSocket.
pub(crate) mod config;
