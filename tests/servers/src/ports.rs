//! Ports that nothing else uses.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

// Below the range from which the kernel takes the ports of connections: one of those would hold the port for a minute
// after its end, and a server that is started again could not have it.
const FIRST: u32 = 12_000;
const COUNT: u32 = 18_000;
/// Where the kernel's range begins.
const FIRST_OF_CONNECTIONS: u16 = 32_768;

/// A port of the loopback interface that nothing is bound to over TCP or UDP; never the same twice in one process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id() * 101;
    for _ in 0..COUNT {
        let port = (FIRST + (start + NEXT.fetch_add(7, Ordering::Relaxed)) % COUNT) as u16;
        if is_free(port) {
            return port;
        }
    }
    panic!("no port is free between {FIRST} and {}", FIRST + COUNT);
}

/// A free port for a server that takes others as well without being asked: those at these distances are free, too.
pub fn free_port_with(distances: &[u16]) -> u16 {
    for _ in 0..COUNT {
        let port = free_port();
        let others = distances.iter().map(|distance| port + distance);
        if others.into_iter().all(|other| other < FIRST_OF_CONNECTIONS && is_free(other)) {
            return port;
        }
    }
    panic!("no port is free together with those at {distances:?}");
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}
