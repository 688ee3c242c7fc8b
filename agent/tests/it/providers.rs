//! The simulated speech and language services, in this process.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use simulators::openai::{Answers, Config, OpenAi};
use tokio::runtime;
use tokio_util::sync::CancellationToken;

/// The key that the agent has to send.
const KEY: &str = "key-of-the-test";

/// Speech and language services, served by this process. They end on drop.
pub(crate) struct Providers {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Providers {
    /// The same answers each time, at once.
    pub(crate) fn canned() -> Self {
        Self::start(async || Answers::Canned)
    }

    /// The same, where others were.
    pub(crate) fn canned_at(port: u16) -> Self {
        Self::start_at(port, async || Answers::Canned)
    }

    pub(crate) fn start<A>(answers: impl FnOnce() -> A + Send + 'static) -> Self
    where
        A: Future<Output = Answers>,
    {
        Self::start_at(0, answers)
    }

    fn start_at<A>(port: u16, answers: impl FnOnce() -> A + Send + 'static) -> Self
    where
        A: Future<Output = Answers>,
    {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind a port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let address = listener.local_addr().expect("it is bound");
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (ready_tx, ready_rx) = std::sync::mpsc::channel();
        let serve = async move || {
            let config = Config {
                api_key: KEY.into(),
                word_delay: Duration::from_millis(10),
                answers: answers().await,
            };
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            // The agent may keep its connections open: they are not waited for.
            let openai = OpenAi::new(config);
            ready_tx.send(()).expect("the test waits");
            drop(stopped.run_until_cancelled(openai.serve(listener, stopped.clone())).await);
        };
        let thread = std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve());
        });
        // An agent that asked earlier would count the wait as a failure.
        ready_rx.recv().expect("the services start");
        Self { address, stop, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How an agent finds them.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let settings = |prefix: &str| {
            let url = format!("http://{}/v1", self.address);
            [(format!("{prefix}_BASE_URL"), url), (format!("{prefix}_API_KEY"), KEY.to_owned())]
        };
        ["STT", "LLM", "TTS"].iter().flat_map(|prefix| settings(prefix)).collect()
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // What went wrong in it, the test has noticed.
            drop(thread.join());
        }
    }
}
