use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

// Below the range from which the kernel takes the ports of connections: one of those would hold the port for a minute
// after its end, and a server that is started again could not have it.
const FIRST: u32 = 12_000;
const COUNT: u32 = 18_000;

/// A port of the loopback interface that nothing is bound to over TCP or UDP; never the same twice in one process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id() * 101;
    for _ in 0..COUNT {
        let port = (FIRST + (start + NEXT.fetch_add(7, Ordering::Relaxed)) % COUNT) as u16;
        let address = (Ipv4Addr::LOCALHOST, port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no port is free between {FIRST} and {}", FIRST + COUNT);
}
