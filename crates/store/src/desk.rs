//! The thread that owns the connection, and its queue.

use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::file::File;
use crate::{Error, Row, ledger};

/// Calls that may wait; rows of the ledger come in bursts.
const QUEUE: usize = 4096;
/// Rows of the ledger that are written together.
const BATCH: usize = 512;

/// What is to be done; true: the file turned out to be damaged.
type Task = Box<dyn FnOnce(&mut Connection) -> bool + Send>;

enum Job {
    Task(Task),
    Row(Box<Row>),
    Close(oneshot::Sender<()>),
}

/// Sends work to the thread.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    inbox: mpsc::Sender<Job>,
}

impl Desk {
    pub(crate) fn start(file: File) -> Result<Self, Error> {
        let (inbox, jobs) = mpsc::channel(QUEUE);
        thread::Builder::new().name("store".into()).spawn(move || work(file, jobs))?;
        Ok(Self { inbox })
    }

    pub(crate) async fn run<T, F>(&self, task: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    {
        let (job, answer) = job(task);
        self.inbox.send(job).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// As [`Desk::run`], for threads of our own.
    pub(crate) fn run_blocking<T, F>(&self, task: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    {
        let (job, answer) = job(task);
        self.inbox.blocking_send(job).map_err(|_| Error::Closed)?;
        answer.blocking_recv().map_err(|_| Error::Closed)?
    }

    /// Does it some time, if the queue is not full; nobody is told.
    pub(crate) fn later<F>(&self, task: F)
    where
        F: FnOnce(&mut Connection) -> Result<(), Error> + Send + 'static,
    {
        // An error means that it is full or closed.
        let _ = self.inbox.try_send(job(task).0);
    }

    pub(crate) fn record(&self, row: Row) -> Result<(), Error> {
        self.inbox.try_send(Job::Row(Box::new(row))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })
    }

    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.inbox.send(Job::Close(done)).await.is_ok() {
            // An error means that it is closed as well.
            let _ = closed.await;
        }
    }
}

/// Does long work on a thread of its own, which can ask whether somebody still waits for it.
pub(crate) async fn aside<T, F>(name: &str, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(&dyn Fn() -> bool) -> Result<T, Error> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    thread::Builder::new().name(name.into()).spawn(move || {
        let result = work(&|| !reply.is_closed());
        // Nobody may want to know any more.
        let _ = reply.send(result);
    })?;
    answer.await.map_err(|_| Error::Closed)?
}

fn job<T, F>(task: F) -> (Job, oneshot::Receiver<Result<T, Error>>)
where
    T: Send + 'static,
    F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let task = Job::Task(Box::new(move |connection| {
        let result = task(connection);
        let is_damaged = matches!(result, Err(Error::Damaged));
        // Nobody may want to know any more.
        let _ = reply.send(result);
        is_damaged
    }));
    (task, answer)
}

fn work(mut file: File, mut jobs: mpsc::Receiver<Job>) {
    let mut closers = Vec::new();
    let mut next = None;
    while let Some(job) = next.take().or_else(|| jobs.blocking_recv()) {
        match job {
            Job::Task(task) => {
                if task(&mut file.connection) {
                    file.suspect();
                }
            }
            Job::Row(row) => next = write_rows(&mut file.connection, row, &mut jobs),
            Job::Close(done) => {
                jobs.close();
                closers.push(done);
            }
        }
    }
    file.close();
    for done in closers {
        // Nobody may want to know any more.
        let _ = done.send(());
    }
}

/// Writes this row and those right behind it; gives the job that came after them.
fn write_rows(connection: &mut Connection, first: Box<Row>, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
    let mut rows = vec![first];
    let mut next = None;
    while rows.len() < BATCH {
        match jobs.try_recv() {
            Ok(Job::Row(row)) => rows.push(row),
            Ok(other @ (Job::Task(_) | Job::Close(_))) => {
                next = Some(other);
                break;
            }
            Err(_) => break,
        }
    }
    if let Err(error) = ledger::record(connection, &rows) {
        tracing::warn!(rows = rows.len(), %error, "cannot write the ledger");
    }
    next
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::{ConversationId, Error, Filter, NewConversation, NewMessage, Role, Store};

    async fn store(folder: &tempfile::TempDir) -> (Store, ConversationId) {
        let store = Store::open(&folder.path().join("history.sqlite")).unwrap();
        let new = NewConversation { title: "before".into(), ..NewConversation::default() };
        let id = store.create(new).await.unwrap();
        (store, id)
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_what_was_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id) = store(&folder).await;
        // SQLite answers the same when the file may not grow as when the disk is full.
        let limit = |connection: &mut rusqlite::Connection| {
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            Ok(connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        };
        store.desk.run(limit).await.unwrap();
        let message = NewMessage::text(id, None, Role::User, "x".repeat(1 << 20), 0);
        assert!(matches!(store.append(message).await, Err(Error::DiskFull)));
        let thread = store.thread(id).await.unwrap();
        assert_eq!((thread.conversation.title.as_str(), thread.messages.len()), ("before", 0));
    }

    #[tokio::test]
    async fn a_file_that_may_not_be_written_is_told_and_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id) = store(&folder).await;
        // The superuser, as whom tests may run, may write every file.
        store.desk.run(|connection| Ok(connection.execute_batch("PRAGMA query_only = ON")?)).await.unwrap();
        assert!(matches!(store.rename(id, "after".into()).await, Err(Error::ReadOnly)));
        assert_eq!(store.list(Filter::default()).await.unwrap()[0].title, "before");
    }
}
