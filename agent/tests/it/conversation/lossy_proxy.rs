//! Between the agent and livekit-server: loses the server's answers to requests, as they are lost where they are quicker than
//! the SDK begins to wait for them. Everything else passes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use livekit_protocol::{SignalResponse, signal_response};
use prost::Message as _;

/// Ends with the process.
pub(crate) struct LossyProxy {
    address: SocketAddr,
    lost: Arc<AtomicUsize>,
}

impl LossyProxy {
    /// In front of a server, such as `ws://127.0.0.1:7880`.
    pub(crate) fn start(server: &str) -> Self {
        let server = server.trim_start_matches("ws://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
        let address = listener.local_addr().expect("it is bound");
        let lost = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&lost);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, counter) = (server.clone(), Arc::clone(&counter));
                std::thread::spawn(move || drop(serve(client, &server, &counter)));
            }
        });
        Self { address, lost }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

fn serve(mut client: TcpStream, server: &str, lost: &AtomicUsize) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let head = read_head(&mut client)?;
    server.write_all(&head)?;
    let is_room = head.starts_with(b"GET /rtc");
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        drop(io::copy(&mut from_client, &mut to_server));
        drop(to_server.shutdown(Shutdown::Write));
    });
    let answer = read_head(&mut server)?;
    client.write_all(&answer)?;
    if is_room && answer.starts_with(b"HTTP/1.1 101") {
        while let Some(frame) = read_frame(&mut server)? {
            if is_answer(&frame) {
                lost.fetch_add(1, Ordering::SeqCst);
            } else {
                client.write_all(&frame.bytes)?;
            }
        }
    } else {
        io::copy(&mut server, &mut client)?;
    }
    client.shutdown(Shutdown::Both)
}

fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

struct Frame {
    bytes: Vec<u8>,
    payload_at: usize,
}

/// A frame of a server's: without a mask.
fn read_frame(stream: &mut TcpStream) -> io::Result<Option<Frame>> {
    let mut bytes = vec![0; 2];
    if stream.read(&mut bytes[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut bytes[1..])?;
    let extended = match bytes[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    bytes.resize(2 + extended, 0);
    stream.read_exact(&mut bytes[2..])?;
    let length = match extended {
        0 => usize::from(bytes[1] & 0x7f),
        _ => bytes[2..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    let payload_at = bytes.len();
    bytes.resize(payload_at + length, 0);
    stream.read_exact(&mut bytes[payload_at..])?;
    Ok(Some(Frame { bytes, payload_at }))
}

fn is_answer(frame: &Frame) -> bool {
    let is_binary = frame.bytes[0] & 0x0f == 2;
    let response = SignalResponse::decode(&frame.bytes[frame.payload_at..]).ok();
    let message = response.and_then(|response| response.message);
    is_binary && matches!(message, Some(signal_response::Message::RequestResponse(_)))
}
