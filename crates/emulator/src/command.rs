//! What a test can make a running emulator do.

use serde_json::Value;

/// Something to do at once on every live connection.
#[derive(Debug, Clone)]
pub enum Command {
    /// Begin a response by the server's own will and say this.
    Say(String),
    /// Send PCM16 (24 kHz, mono) as one audio delta of the running response; with none running, begin one that stays open.
    Audio(Vec<i16>),
    /// End the running response as completed.
    Finish,
    /// Act as if the voice detection had heard speech begin (interrupts a running response if the session says so).
    SpeechStarted,
    /// Act as if the voice detection had heard speech end: commit what is in the buffer and answer.
    SpeechStopped,
    /// Send this event; an `event_id` is added if missing.
    Event(Value),
    /// Send this text frame as it is.
    Raw(String),
    /// Send a binary frame.
    Binary(Vec<u8>),
    /// Close with this code and reason.
    Close(u16, String),
    /// Drop the TCP connection without a close frame.
    Cut,
    /// Send nothing more, keep reading.
    Stall,
    /// Send again what a stall held back.
    Resume,
}
