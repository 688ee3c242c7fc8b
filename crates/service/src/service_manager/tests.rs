//! The service manager is a socket of the test's.

use std::io::ErrorKind;
use std::sync::mpsc;

use parking_lot::Mutex;
use tempfile::TempDir;

use super::*;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The watchdog's limit in these tests.
const LIMIT: Duration = Duration::from_millis(40);

/// Where the datagrams arrive.
struct Manager {
    socket: StdUnixDatagram,
    address: SocketAddr,
    _folder: TempDir,
}

impl Manager {
    fn listening() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = socket(folder.path().join("notify").as_os_str()).unwrap();
        Self { socket: StdUnixDatagram::bind_addr(&address).unwrap(), address, _folder: folder }
    }

    fn told(&self, watchdog: Option<Duration>) -> ServiceManager {
        ServiceManager { socket: self.address.clone(), watchdog, status_interval: LIMIT }
    }

    /// The next datagram; none where none comes for so long.
    fn next(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut bytes = [0; 4096];
        match self.socket.recv(&mut bytes) {
            Ok(length) => Some(String::from_utf8(bytes[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// All that comes, up to the so-manyth datagram of this text.
    fn up_to(&self, wanted: &str, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.iter().filter(|text| *text == wanted).count() < count {
            all.push(self.next(PATIENCE).unwrap_or_else(|| panic!("{wanted} did not come: {all:?}")));
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_ready_once_and_lives_all_the_time() {
    let manager = Manager::listening();
    let told = manager.told(Some(LIMIT));
    tokio::spawn(async move { told.keep_told(async || "ready\n".to_owned()).await });
    let mut all = manager.up_to("WATCHDOG=1", 5);
    assert_eq!(all.remove(0), "READY=1");
    all.retain(|text| text != "WATCHDOG=1");
    assert_eq!(all, ["STATUS=ready"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_runtime_that_stands_still_shows_no_life() {
    let manager = Manager::listening();
    let told = manager.told(Some(LIMIT));
    tokio::spawn(async move { told.keep_told(async || "ready".to_owned()).await });
    manager.up_to("WATCHDOG=1", 2);
    let (blocked_tx, blocked_rx) = mpsc::channel();
    let (go_on_tx, go_on_rx) = mpsc::channel::<()>();
    tokio::spawn(async move {
        blocked_tx.send(()).unwrap();
        go_on_rx.recv().unwrap();
    });
    blocked_rx.recv_timeout(PATIENCE).unwrap();
    while manager.next(Duration::from_millis(1)).is_some() {}
    assert_eq!(manager.next(LIMIT * 10), None);
    go_on_tx.send(()).unwrap();
    manager.up_to("WATCHDOG=1", 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_does_not_come_does_not_keep_the_signs_of_life() {
    let manager = Manager::listening();
    let told = manager.told(Some(LIMIT));
    tokio::spawn(async move { told.keep_told(std::future::pending::<String>).await });
    assert_eq!(manager.up_to("WATCHDOG=1", 3), ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_told_when_it_is_another() {
    let manager = Manager::listening();
    let told = manager.told(None);
    let states = ["queue: starting\nstore: starting\n", "ready\n", "ready\n", "degraded\n"];
    let states = Mutex::new(states.into_iter());
    let status = move || std::future::ready(states.lock().next().unwrap_or("degraded").to_owned());
    tokio::spawn(async move { told.keep_told(status).await });
    assert_eq!(
        manager.up_to("STATUS=degraded", 1),
        ["READY=1", "STATUS=queue: starting; store: starting", "STATUS=ready", "STATUS=degraded"]
    );
}

#[tokio::test]
async fn an_abstract_socket_is_named_with_an_at() {
    let name = format!("@postcall-{}-{}", std::process::id(), rand::random::<u64>());
    let address = socket(OsStr::new(&name)).unwrap();
    let listening = StdUnixDatagram::bind_addr(&address).unwrap();
    let told = ServiceManager { socket: address, watchdog: None, status_interval: LIMIT };
    told.send("STOPPING=1").await.unwrap();
    let mut bytes = [0; 64];
    let length = listening.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..length], b"STOPPING=1");
}

#[tokio::test]
async fn nobody_at_the_other_end_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let address = socket(folder.path().join("notify").as_os_str()).unwrap();
    let told = ServiceManager { socket: address, watchdog: None, status_interval: LIMIT };
    assert_eq!(told.send("READY=1").await.unwrap_err().kind(), ErrorKind::NotFound);
    told.tell("READY=1").await;
    assert!(socket(OsStr::new("vsock:2:1234")).is_err());
}

#[test]
fn a_status_is_one_line_that_fits_a_datagram() {
    assert_eq!(one_line("queue: away\n\n store: away\r\n"), "queue: away; store: away");
    assert_eq!(one_line("a\nWATCHDOG=trigger"), "a; WATCHDOG=trigger");
    let long = one_line(&"ö".repeat(MAX_STATUS_BYTES));
    assert_eq!(long.len(), MAX_STATUS_BYTES);
}
