//! HTTP/1.1 with bodies of declared length.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Arrivals, broken};

/// Sends one request again and again.
pub struct Sender {
    connection: Connection,
    request: Vec<u8>,
}

impl Sender {
    /// A sender of `body` to `path`.
    pub fn new(socket: TcpStream, path: &str, media_type: &str, body: &[u8]) -> Sender {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost:4318\r\nuser-agent: OTel-OTLP-Exporter/1.0\r\naccept: */*\r\n\
             content-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Sender { connection: Connection::new(socket), request: [head.as_bytes(), body].concat() }
    }

    /// One request and its answer.
    pub async fn exchange(&mut self) -> io::Result<()> {
        self.connection.socket.write_all(&self.request).await?;
        let head = self.connection.message().await?.ok_or_else(|| broken("connection closed before the answer"))?;
        if head.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(broken(head)) }
    }
}

/// Answers every request on the connection.
pub async fn receive(socket: TcpStream, arrivals: &Arrivals) -> io::Result<()> {
    let mut connection = Connection::new(socket);
    while connection.message().await?.is_some() {
        connection.socket.write_all(TAKEN).await?;
        arrivals.add();
    }
    Ok(())
}

struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(socket: TcpStream) -> Connection {
        Connection { socket, buffer: Vec::with_capacity(BUFFER_BYTES) }
    }

    /// Reads one message and returns its head; nothing when the connection ends between two.
    async fn message(&mut self) -> io::Result<Option<String>> {
        self.buffer.clear();
        let head_bytes = loop {
            if let Some(place) = self.buffer.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD) {
                break place + END_OF_HEAD.len();
            }
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(broken("a head that does not end")) };
            }
        };
        let head = String::from_utf8_lossy(self.buffer.get(..head_bytes).unwrap_or_default()).to_ascii_lowercase();
        let head = head.replacen("http/1.1", "HTTP/1.1", 1);
        let declared = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let declared = declared.ok_or_else(|| broken("a message without a length"))?;
        while self.buffer.len() < head_bytes + declared {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(broken("a body that does not end"));
            }
        }
        Ok(Some(head))
    }
}

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Room for the largest message of a scenario.
const BUFFER_BYTES: usize = 4 << 20;
