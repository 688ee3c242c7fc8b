//! A client without a library.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::under_test::PATIENCE;

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends a byte every tenth of a second, until the server ends the connection.
    pub(crate) async fn trickle(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.0.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// All until the server ends the connection, however it does.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut read = Vec::new();
        // A reset ends it as well.
        drop(timeout(PATIENCE, self.0.read_to_end(&mut read)).await.expect("the connection ends"));
        String::from_utf8_lossy(&read).into_owned()
    }

    /// As many bytes as this text has, which they are.
    pub(crate) async fn expect(&mut self, text: &str) {
        let mut read = vec![0; text.len()];
        timeout(PATIENCE, self.0.read_exact(&mut read)).await.expect("an answer comes").unwrap();
        assert_eq!(String::from_utf8_lossy(&read), text);
    }
}

/// One request on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let mut client = Client::connect(address).await;
    client.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    client.read_to_end().await
}
