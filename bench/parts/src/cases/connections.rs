//! One small request over loopback: on a connection that the client's pool kept, on a new one each time, and on a bare
//! blocking socket, which is what the kernel alone costs.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;

use bytes::Bytes;
use http::{HeaderMap, Method};
use teleferric_net::client::{Client, ClientConfig, ClientRequest, HttpUrl};
use teleferric_wire::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use super::{Built, Entry, Plan, same};
use crate::measure::{Case, Clock, Contender};
use crate::payload;

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const RESPONSE_BYTES_MAX: usize = 1 << 10;

pub(super) fn entries(_: &Plan) -> Vec<Entry> {
    vec![Entry::new("connections/http1", build)]
}

fn build() -> Built {
    let body = payload::bytes(Signal::Traces, 1, 1);
    let address = start_server(body.len())?;
    let mut kept = Caller::new(address, body.clone(), false)?;
    let mut anew = Caller::new(address, body.clone(), true)?;
    let mut bare = Bare::connect(address, &body)?;
    for _ in 0..3 {
        same("status of a kept and a new connection", kept.call(), anew.call())?;
        same("status of a kept connection", kept.call(), Some(200))?;
        bare.call()?;
    }
    let contenders = vec![
        Contender::waiting("kept", move || kept.call().expect("the server answers")),
        Contender::waiting("new", move || anew.call().expect("the server answers")),
        Contender::waiting("bare socket", move || bare.call().expect("the server answers")),
    ];
    Ok(Case { clock: Clock::Wall, unit: "request", units_per_operation: 1, contenders })
}

/// The product's client with a runtime of its own, as on a data-plane thread.
struct Caller {
    runtime: Runtime,
    tasks: LocalSet,
    client: Rc<Client>,
    request: ClientRequest,
}

impl Caller {
    fn new(address: SocketAddr, body: Bytes, disable_keep_alives: bool) -> Result<Caller, Box<dyn Error>> {
        let url = HttpUrl::parse(&format!("http://{address}/v1/traces"))?;
        Ok(Caller {
            runtime: Builder::new_current_thread().enable_all().build()?,
            tasks: LocalSet::new(),
            client: Rc::new(Client::new(ClientConfig { disable_keep_alives, ..ClientConfig::default() })),
            request: ClientRequest { method: Method::POST, url, headers: HeaderMap::new(), body: vec![body] },
        })
    }

    /// The status, if there was a whole answer.
    fn call(&mut self) -> Option<u16> {
        let (client, request) = (Rc::clone(&self.client), self.request.clone());
        let answer = async move { client.request(request, None, RESPONSE_BYTES_MAX).await };
        self.tasks.block_on(&self.runtime, answer).ok().map(|response| response.status.as_u16())
    }
}

/// Writes the bytes of a request and reads those of the response.
struct Bare {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Bare {
    fn connect(address: SocketAddr, body: &[u8]) -> io::Result<Bare> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let head = format!("POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n", body.len());
        Ok(Bare { stream, request: [head.as_bytes(), body].concat() })
    }

    fn call(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.request)?;
        self.stream.read_exact(&mut [0; RESPONSE.len()])
    }
}

/// A server on a thread of its own that reads heads and bodies of `body_bytes` and answers each alike. It ends with the
/// process.
fn start_server(body_bytes: usize) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        LocalSet::new().block_on(&runtime, async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::task::spawn_local(serve(stream, body_bytes));
            }
            #[expect(unreachable_code, reason = "says what the loop's errors are")]
            io::Result::Ok(())
        })
    });
    Ok(address)
}

/// Answers requests until the client hangs up.
async fn serve(mut stream: tokio::net::TcpStream, body_bytes: usize) -> io::Result<()> {
    let mut pending = Vec::with_capacity(16 << 10);
    loop {
        while let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let whole = end + 4 + body_bytes;
            if pending.len() < whole {
                break;
            }
            pending.drain(..whole);
            stream.write_all(RESPONSE).await?;
        }
        if stream.read_buf(&mut pending).await? == 0 {
            return Ok(());
        }
    }
}
