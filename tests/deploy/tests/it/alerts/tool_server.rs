//! The server of a persona's tool.

use std::io;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\
    Connection: close\r\n\r\non time";

/// Answers all that it is asked. It ends with its owner.
pub(super) struct ToolServer(JoinHandle<()>);

impl ToolServer {
    pub(super) async fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.context("listen as a tool's server")?;
        Ok(Self(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(answer(client));
            }
        })))
    }
}

impl Drop for ToolServer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// When the request has come to its end, which is that of an object: a client whose connection is closed before loses the answer.
async fn answer(mut client: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"}") && client.read_buf(&mut request).await? > 0 {}
    client.write_all(ANSWER).await?;
    client.shutdown().await
}
