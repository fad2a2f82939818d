//! A provider that always says the same: as little work as a provider can have.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Pieces of a stream, and the time between them.
const PIECES: usize = 20;
const BETWEEN: Duration = Duration::from_millis(50);
const WHOLE: &str = r#"{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hello there, how are you?"}}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
const PIECE: &str = "data: {\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello \"},\"finish_reason\":null}]}\n\n";
const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n";

/// Serves for ever; the port.
pub(crate) async fn start() -> u16 {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    // All streams begin at once.
    let listener = socket.listen(4096).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    });
    port
}

async fn serve(mut stream: TcpStream) -> Option<()> {
    let mut held = Vec::with_capacity(4096);
    let whole =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{WHOLE}", WHOLE.len());
    loop {
        let request = request(&mut stream, &mut held).await?;
        if find(&request, b"\"stream\":true").is_none() {
            stream.write_all(whole.as_bytes()).await.ok()?;
            continue;
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.ok()?;
        for _ in 0..PIECES {
            stream.write_all(format!("{:x}\r\n{PIECE}\r\n", PIECE.len()).as_bytes()).await.ok()?;
            tokio::time::sleep(BETWEEN).await;
        }
        stream.write_all(format!("{:x}\r\n{END}\r\n0\r\n\r\n", END.len()).as_bytes()).await.ok()?;
    }
}

/// Head and body of the next request.
async fn request(stream: &mut TcpStream, held: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(head) = find(held, b"\r\n\r\n") {
            let length = head + 4 + content_length(&held[..head]).unwrap_or_default();
            if held.len() >= length {
                return Some(held.drain(..length).collect());
            }
        }
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            count => held.extend_from_slice(&buffer[..count]),
        }
    }
}

pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}

pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
