//! The chosen branch of a conversation, to be read.

use std::io::Write;

use rusqlite::Connection;

use crate::Error;
use crate::conversation::{ConversationId, one_line};
use crate::desk::Desk;
use crate::message::{Message, Role, State};
use crate::tree::{self, Thread};

pub(super) fn write(desk: &Desk, id: ConversationId, sink: &mut impl Write) -> Result<(), Error> {
    let (thread, times) = desk.run_blocking(move |connection| {
        let thread = tree::thread(connection, id)?;
        let times = thread.messages.iter().map(|message| local(connection, message.created_ms));
        let times = times.collect::<Result<Vec<_>, _>>()?;
        Ok((thread, times))
    })?;
    head(&thread, sink)?;
    for (message, time) in thread.messages.iter().zip(times) {
        body(message, &time, sink)?;
    }
    Ok(())
}

/// Local time as people write it.
fn local(connection: &Connection, ms: i64) -> Result<String, Error> {
    let mut statement =
        connection.prepare_cached("SELECT strftime('%Y-%m-%d %H:%M', ?1 / 1000, 'unixepoch', 'localtime')")?;
    Ok(statement.query_row([ms], |row| row.get::<_, Option<String>>(0))?.unwrap_or_default())
}

fn head(thread: &Thread, sink: &mut impl Write) -> Result<(), Error> {
    let title = one_line(&thread.conversation.title, usize::MAX);
    writeln!(sink, "# {}\n", if title.is_empty() { "Conversation" } else { &title })?;
    quoted(&thread.conversation.system, sink)
}

fn body(message: &Message, time: &str, sink: &mut impl Write) -> Result<(), Error> {
    match message.role {
        Role::User => writeln!(sink, "## You · {time}\n")?,
        Role::Assistant if message.model.is_empty() => writeln!(sink, "## Assistant · {time}\n")?,
        Role::Assistant => writeln!(sink, "## Assistant · {} · {time}\n", one_line(&message.model, 200))?,
    }
    quoted(&message.reasoning, sink)?;
    if !message.text.trim().is_empty() {
        writeln!(sink, "{}\n", message.text.trim_end())?;
    }
    for file in &message.attachments {
        writeln!(sink, "- {} ({}, {} bytes)", one_line(&file.name, 200), one_line(&file.mime, 100), file.size)?;
    }
    for (number, source) in message.citations.iter().enumerate() {
        let title = if source.title.is_empty() { &source.url } else { &source.title };
        writeln!(sink, "{}. [{}](<{}>)", number + 1, label(title), address(&source.url))?;
    }
    if !message.attachments.is_empty() || !message.citations.is_empty() {
        writeln!(sink)?;
    }
    match (message.state, &message.failure) {
        (State::Failed, Some(failure)) => writeln!(sink, "*Failed: {}*\n", one_line(&failure.message, 500))?,
        (State::Failed, None) => writeln!(sink, "*Failed*\n")?,
        (State::Stopped, _) => writeln!(sink, "*Stopped*\n")?,
        (State::Streaming | State::Done, _) => {}
    }
    Ok(())
}

fn quoted(text: &str, sink: &mut impl Write) -> Result<(), Error> {
    for line in text.trim().lines() {
        writeln!(sink, "> {line}")?;
    }
    if !text.trim().is_empty() {
        writeln!(sink)?;
    }
    Ok(())
}

fn label(text: &str) -> String {
    one_line(text, 300).replace('[', "\\[").replace(']', "\\]")
}

fn address(url: &str) -> String {
    url.chars().filter(|c| !c.is_whitespace() && !matches!(c, '<' | '>')).collect()
}
