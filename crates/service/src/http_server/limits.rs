//! What a server lets its clients take.

use std::time::Duration;

use crate::networks::Networks;

/// What a server lets its clients take.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Connections at a time; fewer where the limit of open files is low.
    pub connections: usize,
    /// Connections of one address (IPv6: of one /64) at a time.
    pub connections_of_an_address: usize,
    /// Addresses that the limit above does not hold for: proxies, behind which there are many clients.
    pub proxies: Networks,
    /// From a connection, or the first byte of a further request, to the end of the request's head.
    pub head: Duration,
    /// From there to the end of the request's body.
    pub body: Duration,
    /// Between two requests of a connection. Longer than the 60 s for which load balancers keep one.
    pub idle: Duration,
    /// For which a client may take nothing of an answer; one that takes more than a kilobyte a second is never too slow.
    pub write: Duration,
    /// For requests under way at the shutdown.
    pub shutdown: Duration,
}

impl HttpLimits {
    /// For health and metrics: a few clients, all of them the operator's.
    pub fn operations() -> Self {
        Self {
            connections: 128,
            connections_of_an_address: 128,
            proxies: Networks::default(),
            head: Duration::from_secs(10),
            body: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(20),
            shutdown: Duration::from_secs(3),
        }
    }
}
