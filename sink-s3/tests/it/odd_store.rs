//! A server that is no store, or an odd one: it lists an empty bucket, keeps nothing, and answers a put as a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use chrono::NaiveDate;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::seaweedfs::{ACCESS_KEY, SECRET_KEY};

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

struct Seen {
    line: String,
    well_signed: bool,
}

pub(crate) struct OddStore {
    pub(crate) address: SocketAddr,
    puts: Arc<Mutex<Puts>>,
    seen: Arc<Mutex<Vec<Seen>>>,
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
        self.seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect()
    }

    /// First lines of requests that their signature does not fit.
    pub(crate) fn wrongly_signed(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| !seen.well_signed).map(|seen| seen.line.clone()).collect()
    }
}

impl Drop for OddStore {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, puts: &Mutex<Puts>, seen: &Mutex<Vec<Seen>>) -> std::io::Result<()> {
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
    let (line_seen, well_signed) =
        (line.trim_end_matches(" HTTP/1.1").to_owned(), is_well_signed(&head, &body));
    seen.lock().unwrap().push(Seen { line: line_seen, well_signed });
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

/// AWS's signature, version 4, of a request as it came over the wire.
fn is_well_signed(head: &str, body: &[u8]) -> bool {
    let (line, headers) = head.split_once("\r\n").unwrap();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut query: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let header = |name: &str| {
        let mut pairs = headers.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    };
    let part = |name: &str| {
        let mut parts = header("authorization").split([' ', ',']);
        parts.find_map(|part| part.strip_prefix(name)).unwrap_or_default()
    };
    let (names, hash) = (part("SignedHeaders="), header("x-amz-content-sha256"));
    let signed: String = names.split(';').map(|name| format!("{name}:{}\n", header(name))).collect();
    let request = format!("{method}\n{path}\n{}\n{signed}\n{names}\n{hash}", query.join("&"));
    let (key_id, scope) = part("Credential=").split_once('/').unwrap_or_default();
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", header("x-amz-date"), sha256(request.as_bytes()));
    let Ok(day) = NaiveDate::parse_from_str(scope.get(..8).unwrap_or_default(), "%Y%m%d") else {
        return false;
    };
    let time = day.and_time(chrono::NaiveTime::MIN).and_utc().into();
    let key = generate_signing_key(SECRET_KEY, time, "us-east-1", "s3");
    let hash_fits = hash == sha256(body);
    key_id == ACCESS_KEY && hash_fits && part("Signature=") == calculate_signature(key, to_sign.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    <Sha256 as sha2::Digest>::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
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
    if line.starts_with("HEAD ") {
        return (200, XML.to_owned(), String::new());
    }
    if line.contains("list-type=2") {
        let list = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        return (200, XML.to_owned(), list.to_owned());
    }
    (404, XML.to_owned(), "<Error><Code>NoSuchKey</Code></Error>".to_owned())
}
