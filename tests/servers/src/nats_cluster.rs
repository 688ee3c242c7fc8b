//! Three nats-servers that keep the same streams.

use async_nats::{ServerAddr, jetstream};

use crate::eventually;
use crate::nats::NatsServer;
use crate::ports::free_port;

/// A cluster: any one of its servers may be away.
#[derive(Debug)]
pub struct NatsCluster([NatsServer; 3]);

impl NatsCluster {
    /// Starts one, and waits until JetStream answers at each server.
    pub async fn start() -> Self {
        let ports: [u16; 3] = std::array::from_fn(|_| free_port());
        let routes = ports.map(|port| format!("nats://127.0.0.1:{port}")).join(", ");
        let mut servers = [0, 1, 2].map(|number: usize| {
            let server = NatsServer::stopped();
            server.configure(&format!(
                "server_name: {}\ncluster {{ name: test, listen: \"127.0.0.1:{}\", routes: [{routes}] }}\n",
                name(number),
                ports[number],
            ));
            server
        });
        // None answers without another one.
        servers.iter_mut().for_each(NatsServer::spawn);
        for server in &servers {
            server.answering().await;
        }
        Self(servers)
    }

    /// Of all of them.
    pub fn url(&self) -> String {
        self.0.each_ref().map(NatsServer::url).join(",")
    }

    /// A connection of its own, to whichever is there.
    pub async fn jetstream(&self) -> jetstream::Context {
        let addresses: Vec<ServerAddr> =
            self.0.iter().map(|server| server.url().parse().expect("an address")).collect();
        jetstream::new(async_nats::connect(addresses).await.expect("connect to the cluster"))
    }

    /// `kill -9` of the server that leads a stream, until another one does.
    pub async fn kill_leader(&mut self, stream: &str) -> usize {
        let leader = self.leader(stream).await;
        self.0[leader].kill();
        eventually("another server leads the stream", async || {
            self.leader_now(stream).await.is_some_and(|now| now != leader)
        })
        .await;
        leader
    }

    /// Starts one again that was killed, and waits until it has all of a stream: until then another one that dies is one too many.
    pub async fn start_again(&mut self, number: usize, stream: &str) {
        self.0[number].start_again().await;
        eventually("each server has the whole stream", async || {
            let Ok(stream) = self.jetstream().await.get_stream(stream).await else { return false };
            let cluster = stream.cached_info().cluster.as_ref();
            cluster.is_some_and(|cluster| cluster.replicas.iter().filter(|peer| peer.current).count() == 2)
        })
        .await;
    }

    async fn leader(&self, stream: &str) -> usize {
        eventually("a server leads the stream", async || self.leader_now(stream).await.is_some()).await;
        self.leader_now(stream).await.expect("a leader")
    }

    /// None while the servers choose one.
    async fn leader_now(&self, stream: &str) -> Option<usize> {
        let jetstream = self.jetstream().await;
        let stream = jetstream.get_stream(stream).await.ok()?;
        let leader = stream.cached_info().cluster.as_ref()?.leader.clone()?;
        (0..self.0.len()).find(|number| name(*number) == leader)
    }
}

fn name(number: usize) -> String {
    format!("nats-{number}")
}
