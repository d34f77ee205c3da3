//! HTTP/2 for gRPC (RFC 9113): frames, flow control of what is sent, and header blocks that a table lookup makes one
//! byte a field after the first request, as real peers write them. Answers are not decoded beyond their frames: the
//! destination's count says whether all arrived.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Arrivals, broken};

/// Sends one call again and again.
pub struct Sender {
    connection: Connection,
    path: String,
    /// The message with gRPC's prefix.
    message: Vec<u8>,
    next_stream: u32,
    /// What the collector still takes on the connection, and on a new stream.
    window: i64,
    stream_window: i64,
}

impl Sender {
    /// Opens the connection for calls of the method at `path` with `body`.
    pub async fn new(socket: TcpStream, path: &str, body: &[u8]) -> io::Result<Sender> {
        let mut connection = Connection { socket, payload: Vec::new(), out: Vec::new() };
        connection.out.extend_from_slice(PREFACE);
        connection.greet();
        connection.flush().await?;
        let message = [&[0][..], &(body.len() as u32).to_be_bytes(), body].concat();
        let window = i64::from(INITIAL_WINDOW);
        Ok(Sender { connection, path: path.to_owned(), message, next_stream: 1, window, stream_window: window })
    }

    /// One call and its answer.
    pub async fn exchange(&mut self) -> io::Result<()> {
        let stream = self.next_stream;
        self.next_stream += 2;
        let block = self.header_block(stream == 1);
        self.connection.frame(HEADERS, END_HEADERS, stream, &block);
        let mut stream_window = self.stream_window;
        let mut sent = 0;
        loop {
            while sent < self.message.len() && self.window.min(stream_window) > 0 {
                let room = usize::try_from(self.window.min(stream_window)).unwrap_or(0).min(FRAME_BYTES);
                let part = self.message.get(sent..).unwrap_or_default();
                let part = part.get(..room).unwrap_or(part);
                sent += part.len();
                self.window -= part.len() as i64;
                stream_window -= part.len() as i64;
                let flags = if sent == self.message.len() { END_STREAM } else { 0 };
                self.connection.frame(DATA, flags, stream, part);
            }
            self.connection.flush().await?;
            let Some(frame) = self.connection.next().await? else { return Err(broken("closed before the answer")) };
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => {
                    if let Some(window) = self.connection.setting(SETTINGS_INITIAL_WINDOW_SIZE) {
                        stream_window += i64::from(window) - self.stream_window;
                        self.stream_window = i64::from(window);
                    }
                }
                WINDOW_UPDATE if frame.stream == 0 => self.window += i64::from(self.connection.increment()),
                WINDOW_UPDATE if frame.stream == stream => stream_window += i64::from(self.connection.increment()),
                RST_STREAM | GOAWAY => return Err(broken(format!("refused with frame type {}", frame.kind))),
                HEADERS | DATA if frame.stream == stream && frame.flags & END_STREAM != 0 => {
                    return if sent == self.message.len() { Ok(()) } else { Err(broken("answered too early")) };
                }
                _ => {}
            }
        }
    }

    fn header_block(&self, first: bool) -> Vec<u8> {
        let mut block = vec![indexed(METHOD_POST), indexed(SCHEME_HTTP)];
        if first {
            literal(&mut block, NAME_PATH, &self.path);
            literal(&mut block, NAME_AUTHORITY, "localhost:4317");
            literal(&mut block, NAME_CONTENT_TYPE, "application/grpc");
            literal(&mut block, NAME_USER_AGENT, "grpc-go/1.75.0");
            literal_with_name(&mut block, "te", "trailers");
        } else {
            // The youngest entry of the table comes first.
            block.extend((0..5).rev().map(|age| indexed(FIRST_DYNAMIC + age)));
        }
        block
    }
}

/// Answers every call on the connection.
pub async fn receive(socket: TcpStream, arrivals: &Arrivals) -> io::Result<()> {
    let mut connection = Connection { socket, payload: Vec::new(), out: Vec::new() };
    let mut preface = [0; PREFACE.len()];
    connection.socket.read_exact(&mut preface).await?;
    connection.greet();
    let (mut first, mut taken) = (true, 0);
    loop {
        connection.flush().await?;
        let Some(frame) = connection.next().await? else { return Ok(()) };
        if frame.kind == DATA {
            taken += connection.payload.len() as u32;
        }
        if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
            connection.answer(frame.stream, first, std::mem::take(&mut taken));
            connection.flush().await?;
            first = false;
            arrivals.add();
        }
    }
}

struct Connection {
    socket: TcpStream,
    /// Of the frame read last.
    payload: Vec<u8>,
    /// Frames to be written at once.
    out: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Connection {
    /// Windows that never hold the other side up.
    fn greet(&mut self) {
        let id = SETTINGS_INITIAL_WINDOW_SIZE.to_be_bytes();
        let settings = [&id[..], &LARGE_WINDOW.to_be_bytes()].concat();
        self.frame(SETTINGS, 0, 0, &settings);
        self.frame(WINDOW_UPDATE, 0, 0, &(LARGE_WINDOW - INITIAL_WINDOW).to_be_bytes());
    }

    /// Tells the sender of a call that it was taken, and gives back the connection's window that it used.
    fn answer(&mut self, stream: u32, first: bool, taken: u32) {
        if taken > 0 {
            self.frame(WINDOW_UPDATE, 0, 0, &taken.to_be_bytes());
        }
        let (mut headers, mut trailers) = (vec![indexed(STATUS_200)], Vec::new());
        if first {
            literal(&mut headers, NAME_CONTENT_TYPE, "application/grpc");
            literal_with_name(&mut trailers, "grpc-status", "0");
        } else {
            headers.push(indexed(FIRST_DYNAMIC + 1));
            trailers.push(indexed(FIRST_DYNAMIC));
        }
        self.frame(HEADERS, END_HEADERS, stream, &headers);
        self.frame(DATA, 0, stream, EMPTY_MESSAGE);
        self.frame(HEADERS, END_HEADERS | END_STREAM, stream, &trailers);
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        self.out.extend_from_slice(&length[1..]);
        self.out.extend_from_slice(&[kind, flags]);
        self.out.extend_from_slice(&stream.to_be_bytes());
        self.out.extend_from_slice(payload);
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.out).await?;
        self.out.clear();
        Ok(())
    }

    /// The next frame that is not only housekeeping; nothing when the connection ends.
    async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut head = [0; 9];
            match self.socket.read_exact(&mut head).await {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                outcome => outcome?,
            };
            let [a, b, c, kind, flags, stream @ ..] = head;
            self.payload.resize(u32::from_be_bytes([0, a, b, c]) as usize, 0);
            self.socket.read_exact(&mut self.payload).await?;
            let frame = Frame { kind, flags, stream: u32::from_be_bytes(stream) };
            match kind {
                SETTINGS if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[]),
                PING if flags & ACK == 0 => {
                    let payload = self.payload.clone();
                    self.frame(PING, ACK, 0, &payload);
                    self.flush().await?;
                    continue;
                }
                _ => {}
            }
            return Ok(Some(frame));
        }
    }

    /// A value of the settings frame read last.
    fn setting(&self, wanted: u16) -> Option<u32> {
        self.payload.chunks_exact(6).find_map(|entry| {
            let (id, value) = entry.split_at(2);
            (id == wanted.to_be_bytes()).then(|| value.try_into().map(u32::from_be_bytes).ok())?
        })
    }

    /// The increment of the window update read last.
    fn increment(&self) -> u32 {
        self.payload.as_slice().try_into().map_or(0, u32::from_be_bytes)
    }
}

/// A field that is in the table (RFC 7541 section 6.1).
fn indexed(index: u8) -> u8 {
    0x80 | index
}

/// A field whose name is in the table; it is added to the table (section 6.2.1).
fn literal(block: &mut Vec<u8>, name: u8, value: &str) {
    block.push(0x40 | name);
    string(block, value);
}

/// As [`literal`] with a name that is not in the table.
fn literal_with_name(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0x40);
    string(block, name);
    string(block, value);
}

/// All of ours are shorter than 127 bytes.
fn string(block: &mut Vec<u8>, text: &str) {
    block.push(text.len() as u8);
    block.extend_from_slice(text.as_bytes());
}

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// Flags.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 4;

/// Windows before anyone says otherwise, and ours.
const INITIAL_WINDOW: u32 = 65_535;
const LARGE_WINDOW: u32 = (1 << 31) - 1;

/// The largest frame that every peer takes.
const FRAME_BYTES: usize = 16_384;

/// Entries of the static table, and where the dynamic one begins.
const NAME_AUTHORITY: u8 = 1;
const METHOD_POST: u8 = 3;
const NAME_PATH: u8 = 4;
const SCHEME_HTTP: u8 = 6;
const STATUS_200: u8 = 8;
const NAME_CONTENT_TYPE: u8 = 31;
const NAME_USER_AGENT: u8 = 58;
const FIRST_DYNAMIC: u8 = 62;

/// gRPC's prefix of a message without bytes.
const EMPTY_MESSAGE: &[u8] = &[0; 5];
