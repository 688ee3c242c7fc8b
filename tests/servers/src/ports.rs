//! Ports that nothing else uses.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// These, and those 10,000 above them, are below the range from which the kernel takes the ports of connections: one of those
/// would hold the port for a minute after its end, and a server that is started again could not have it.
const PORTS: Range<u16> = 12_000..22_000;
/// The next three ports belong to whoever is given the first: some servers take them, too.
const STEP: usize = 4;
/// Ports that one process takes for itself at a time.
const BLOCK: usize = 400;

/// What this process has taken for itself.
struct Blocks {
    /// Ports of the last block that were not given yet.
    left: Vec<u16>,
    /// Held until the process ends, so that no other takes the same.
    locks: Vec<File>,
}

static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks { left: Vec::new(), locks: Vec::new() });

/// A port of the loopback interface that nothing is bound to over TCP or UDP; never the same twice, in whichever process.
///
/// # Panics
/// None is free.
pub fn free_port() -> u16 {
    free_port_with(&[])
}

/// A free port for a server that takes others as well without being asked: those at these distances, 1 to 3 or 10,000 to
/// 10,003, are free, too.
///
/// # Panics
/// None is free.
pub fn free_port_with(distances: &[u16]) -> u16 {
    let mut blocks = BLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(port) = blocks.left.pop() else {
            blocks.take_one();
            continue;
        };
        if is_free(port) && distances.iter().all(|distance| is_free(port + distance)) {
            return port;
        }
    }
}

impl Blocks {
    fn take_one(&mut self) {
        let folder = std::env::temp_dir().join("test-ports");
        std::fs::create_dir_all(&folder).expect("make a folder for the locks of ports");
        let (first, lock) = PORTS
            .step_by(BLOCK)
            .find_map(|first| {
                let lock = File::create(folder.join(first.to_string())).ok()?;
                lock.try_lock().ok()?;
                Some((first, lock))
            })
            .expect("all ports are taken by tests: end those that run beside these");
        self.left = (first..first + BLOCK as u16).step_by(STEP).rev().collect();
        self.locks.push(lock);
    }
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: Vec<u16> = (0..2 * BLOCK / STEP).map(|_| free_port()).collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len());
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }
}
