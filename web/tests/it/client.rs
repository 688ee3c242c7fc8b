//! A client without a library, which chooses the address that it comes from.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// One connection, which is kept.
pub(crate) struct Client(BufReader<TcpStream>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: String,
}

impl Client {
    /// From 127.0.0.`last`.
    pub(crate) async fn connect(last: u8, to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
        Self(BufReader::new(timeout(PATIENCE, socket.connect(to)).await.unwrap().unwrap()))
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }

    /// Asks for connection details.
    pub(crate) async fn token(&mut self, more_headers: &str) -> Answer {
        self.token_with(more_headers, "{}").await
    }

    /// The same with a body.
    pub(crate) async fn token_with(&mut self, more_headers: &str, body: &str) -> Answer {
        self.ask(&format!(
            "POST /api/connection-details HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             {more_headers}\r\n{body}",
            body.len()
        ))
        .await
    }

    pub(crate) async fn ask(&mut self, request: &str) -> Answer {
        timeout(PATIENCE, async {
            // The server may answer, and be done, before it has all of it.
            drop(self.0.write_all(request.as_bytes()).await);
            self.answer().await
        })
        .await
        .expect("an answer comes")
    }

    async fn answer(&mut self) -> Answer {
        let mut answer =
            Answer { status: 0, content_type: String::new(), retry_after: None, body: String::new() };
        let mut length = 0;
        for number in 0.. {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if number == 0 {
                answer.status = line.split(' ').nth(1).unwrap().parse().unwrap();
            }
            match line.split_once(": ") {
                Some(("content-type", media_type)) => media_type.clone_into(&mut answer.content_type),
                Some(("retry-after", seconds)) => answer.retry_after = Some(seconds.parse().unwrap()),
                Some(("content-length", bytes)) => length = bytes.parse().unwrap(),
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }
}
