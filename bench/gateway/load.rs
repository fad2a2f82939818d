//! A small load generator: keeps connections busy and looks at the clock.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::histogram;
use crate::upstream::{content_length, find};

/// Where a question is still to be numbered.
const NUMBER: &str = "0000000000";

/// Where to, and what has to be said there.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) port: u16,
    /// Lines of the head, such as the token; each with its end.
    pub(crate) headers: String,
}

/// What came of it.
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    pub(crate) time: Duration,
    /// Each answer, nanoseconds.
    pub(crate) whole: Histogram<u64>,
    /// Its first bytes.
    pub(crate) first: Histogram<u64>,
}

impl Figures {
    pub(crate) fn new() -> Self {
        Self { requests: 0, failures: 0, time: Duration::ZERO, whole: histogram(), first: histogram() }
    }

    /// What came of another client at the same time.
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.whole.add(&other.whole).expect("the same bounds");
        self.first.add(&other.first).expect("the same bounds");
    }

    /// What came of a later turn.
    pub(crate) fn follow(&mut self, later: &Self) {
        self.add(later);
        self.time += later.time;
    }

    /// Per second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }
}

/// Asks over so many connections, each as soon as it has its answer, until the time is up; at least once each.
pub(crate) async fn run(door: &Door, connections: usize, is_stream: bool, time: Duration) -> Figures {
    let started = Instant::now();
    let clients: Vec<_> =
        (0..connections).map(|number| tokio::spawn(client(door.clone(), number, is_stream, started + time))).collect();
    let mut figures = Figures::new();
    for client in clients {
        figures.add(&client.await.expect("a client"));
    }
    figures.time = started.elapsed();
    figures
}

/// Whether one question is answered.
pub(crate) async fn is_open(door: &Door) -> bool {
    match TcpStream::connect(("127.0.0.1", door.port)).await {
        Ok(mut stream) => exchange(&mut stream, &request(door, false)).await.is_some(),
        Err(_) => false,
    }
}

fn request(Door { port, headers }: &Door, is_stream: bool) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"custom/m","messages":[{{"role":"user","content":"Say hello, take {NUMBER}."}}],"stream":{is_stream}}}"#
    );
    let length = body.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    (head + &body).into_bytes()
}

/// No two questions are the same, so that no cache answers.
async fn client(door: Door, number: usize, is_stream: bool, until: Instant) -> Figures {
    let mut figures = Figures::new();
    let mut request = request(&door, is_stream);
    let hole = find(&request, NUMBER.as_bytes()).expect("a number");
    let port = door.port;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    for take in number * 1_000_000.. {
        request[hole..hole + NUMBER.len()].copy_from_slice(format!("{take:0width$}", width = NUMBER.len()).as_bytes());
        let begun = Instant::now();
        match exchange(&mut stream, &request).await {
            Some(first) => {
                figures.requests += 1;
                figures.first.saturating_record((first - begun).as_nanos() as u64);
                figures.whole.saturating_record(begun.elapsed().as_nanos() as u64);
            }
            None => {
                figures.failures += 1;
                stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
            }
        }
        if Instant::now() >= until {
            break;
        }
    }
    figures
}

/// One answer to its end; when its first bytes came. Nothing for anything but a whole 200.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Option<Instant> {
    stream.write_all(request).await.ok()?;
    let (mut held, mut buffer, mut first) = (Vec::with_capacity(4096), [0; 8192], None);
    loop {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        first.get_or_insert_with(Instant::now);
        held.extend_from_slice(&buffer[..count]);
        let Some(head) = find(&held, b"\r\n\r\n") else { continue };
        let is_over = match content_length(&held[..head]) {
            Some(length) => held.len() >= head + 4 + length,
            None => held.ends_with(b"0\r\n\r\n"),
        };
        if is_over {
            let is_good = held.starts_with(b"HTTP/1.1 200") && find(&held, b"Hello").is_some();
            return first.filter(|_| is_good);
        }
    }
}
