//! The simulated speech and language services, in this process.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use simulators::inference::token::KeyPair;
use simulators::openai::settings::Settings;
use simulators::openai::{Answers, Config, OpenAi};
use test_servers::SECRET;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

/// The key that the agent has to send.
const KEY: &str = "key-of-the-test";

/// How an agent speaks to the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpokenTo {
    /// OpenAI's HTTP.
    Http,
    /// LiveKit Inference.
    Gateway,
    /// Speech to text as a stream, in OpenAI's form; the others by HTTP.
    Realtime,
    /// The same in that of speaches.
    Speaches,
    /// As a list of services says; nothing else does.
    List,
}

/// Speech and language services, served by this process. They end on drop.
pub(crate) struct Providers {
    address: SocketAddr,
    spoken_to: SpokenTo,
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
            let keys = KeyPair { key: test_servers::KEY.to_owned(), secret: SECRET.into() };
            let openai = OpenAi::new(config, Some(keys), Settings::default());
            ready_tx.send(()).expect("the test waits");
            drop(stopped.run_until_cancelled(openai.serve(listener, stopped.clone())).await);
        };
        let thread = std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve());
        });
        // An agent that asked earlier would count the wait as a failure.
        ready_rx.recv().expect("the services start");
        Self { address, spoken_to: SpokenTo::Http, stop, thread: Some(thread) }
    }

    pub(crate) fn spoken_to(mut self, spoken_to: SpokenTo) -> Self {
        self.spoken_to = spoken_to;
        self
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How an agent finds them.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let url = format!("http://{}/v1", self.address);
        if self.spoken_to == SpokenTo::Gateway {
            let settings = [
                ("LIVEKIT_INFERENCE_URL", url.as_str()),
                ("LIVEKIT_INFERENCE_API_KEY", test_servers::KEY),
                ("LIVEKIT_INFERENCE_API_SECRET", SECRET),
            ];
            return settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        }
        let settings = |prefix: &str| {
            [(format!("{prefix}_BASE_URL"), url.clone()), (format!("{prefix}_API_KEY"), KEY.to_owned())]
        };
        let stream = match self.spoken_to {
            SpokenTo::List => return vec![("TEST_SERVICE_KEY".to_owned(), KEY.to_owned())],
            SpokenTo::Http | SpokenTo::Gateway => None,
            SpokenTo::Realtime => Some("openai-realtime"),
            SpokenTo::Speaches => Some("speaches"),
        };
        let stream = stream.map(|protocol| ("STT_PROTOCOL".to_owned(), protocol.to_owned()));
        ["STT", "LLM", "TTS"].iter().flat_map(|prefix| settings(prefix)).chain(stream).collect()
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
