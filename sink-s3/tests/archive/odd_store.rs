//! A server that is no store, or an odd one: it lists an empty bucket, keeps nothing, and answers a put as a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use md5::{Digest as _, Md5};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How puts are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Puts {
    /// As a web server that answers everything, listings too, with a page.
    Page,
    WithoutETag,
    /// The ETag of the first half of the bytes.
    OfHalf,
    /// As S3 does; nothing is kept.
    Proven,
    /// A status, a code, and no page.
    Refused(u16, &'static str),
    /// A status with a page, as what is before a store answers.
    RefusedWithPage(u16),
}

pub(crate) struct OddStore {
    pub(crate) address: SocketAddr,
    puts: Arc<Mutex<Puts>>,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl OddStore {
    pub(crate) async fn start(puts: Puts) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (puts, seen) = (Arc::new(Mutex::new(puts)), Arc::<Mutex<Vec<_>>>::default());
        let task = tokio::spawn({
            let (puts, seen) = (Arc::clone(&puts), Arc::clone(&seen));
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (puts, seen) = (Arc::clone(&puts), Arc::clone(&seen));
                    // A client may go away as it likes.
                    tokio::spawn(async move { drop(serve(client, &puts, &seen).await) });
                }
            }
        });
        Self { address, puts, seen, task }
    }

    pub(crate) fn set(&self, puts: Puts) {
        *self.puts.lock().unwrap() = puts;
    }

    /// First lines of requests so far, without the version.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for OddStore {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, puts: &Mutex<Puts>, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let head_end = loop {
        if let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&request[..head_end]).into_owned();
    let length: usize = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let mut body = request.split_off(head_end);
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(());
        }
    }
    let line = head.lines().next().unwrap_or_default();
    seen.lock().unwrap().push(line.trim_end_matches(" HTTP/1.1").to_owned());
    let puts = puts.lock().unwrap().clone();
    let (status, headers, answer) = answer(line, &body, &puts);
    let answer_head = format!(
        "HTTP/1.1 {status} Test\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    client.write_all(answer_head.as_bytes()).await?;
    if !line.starts_with("HEAD ") {
        client.write_all(answer.as_bytes()).await?;
    }
    client.shutdown().await
}

/// Status, further headers, body.
fn answer(line: &str, body: &[u8], puts: &Puts) -> (u16, String, String) {
    const XML: &str = "Content-Type: application/xml\r\n";
    const HTML: &str = "Content-Type: text/html\r\n";
    let with_etag = |bytes: &[u8]| {
        let md5: String = Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        (200, format!("ETag: \"{md5}\"\r\n"), String::new())
    };
    if *puts == Puts::Page {
        return (200, HTML.to_owned(), "<html>welcome</html>".to_owned());
    }
    if line.starts_with("PUT ") {
        return match puts {
            Puts::Page | Puts::WithoutETag => (200, String::new(), String::new()),
            Puts::OfHalf => with_etag(&body[..body.len() / 2]),
            Puts::Proven => with_etag(body),
            Puts::Refused(status, code) => {
                (*status, XML.to_owned(), format!("<Error><Code>{code}</Code></Error>"))
            }
            Puts::RefusedWithPage(status) => (*status, HTML.to_owned(), "<html>no</html>".to_owned()),
        };
    }
    if line.contains("list-type=2") {
        let list = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        return (200, XML.to_owned(), list.to_owned());
    }
    (404, XML.to_owned(), "<Error><Code>NoSuchKey</Code></Error>".to_owned())
}
