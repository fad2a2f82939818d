//! JSON: whole conversations in an array, or messages in lines.

use std::io::Write;

use serde::Serialize;

use crate::conversation::ConversationId;
use crate::desk::Desk;
use crate::message::Message;
use crate::{Error, conversation, portable, tree};

/// Puts an array around what `write` writes, and commas between.
pub(super) fn array<W: Write>(
    sink: &mut W,
    write: impl FnOnce(&mut Separated<'_, W>) -> Result<(), Error>,
) -> Result<(), Error> {
    sink.write_all(b"[")?;
    write(&mut Separated { sink, is_first: true })?;
    sink.write_all(b"\n]\n")?;
    Ok(())
}

/// Elements of an array.
pub(super) struct Separated<'a, W> {
    sink: &'a mut W,
    is_first: bool,
}

pub(super) fn conversation<W: Write>(
    desk: &Desk,
    id: ConversationId,
    array: &mut Separated<'_, W>,
) -> Result<(), Error> {
    let conversation = desk.run_blocking(move |connection| portable::take_out(connection, id))?;
    array.sink.write_all(if array.is_first { b"\n" } else { b",\n" })?;
    array.is_first = false;
    json(array.sink, &conversation)
}

/// A message with the title of its conversation.
#[derive(Serialize)]
struct Line<'a> {
    title: &'a str,
    #[serde(flatten)]
    message: &'a Message,
}

pub(super) fn messages(desk: &Desk, id: ConversationId, sink: &mut impl Write) -> Result<(), Error> {
    let (title, messages) = desk
        .run_blocking(move |connection| Ok((conversation::find(connection, id)?.title, tree::all(connection, id)?)))?;
    for message in &messages {
        json(sink, &Line { title: &title, message })?;
        sink.write_all(b"\n")?;
    }
    Ok(())
}

fn json(sink: &mut impl Write, value: &impl Serialize) -> Result<(), Error> {
    serde_json::to_writer(sink, value).map_err(|error| Error::Io(error.into()))
}
