//! The agent says on `/readyz` which of its services does not work, why, and what to do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use test_servers::free_port;

use crate::providers::Providers;
use crate::servers::{Agent, start_livekit, wait_for};

#[test]
fn what_is_wrong_with_each_service_is_said_before_anybody_calls() {
    let (livekit, providers) = (start_livekit(), Providers::canned());
    let nobody = format!("http://127.0.0.1:{}/v1", free_port());
    let elsewhere = format!("http://127.0.0.1:{}/other/v1", providers.port());
    let environment = [("STT_BASE_URL", &*nobody), ("LLM_API_KEY", "wrong"), ("TTS_BASE_URL", &*elsewhere)];
    let agent = Agent::spawn_with(&livekit, &providers, &[], &environment);
    let text = wait_for("all three were tried", || {
        let text = complaints(&agent);
        (!text.contains("being tried") && text.lines().count() == 3).then_some(text)
    });
    let lines: Vec<_> = text.lines().collect();
    for (line, parts) in lines.iter().zip([
        ["speech to text: cannot connect", "STT_BASE_URL"],
        ["the language model: status 401", "LLM_API_KEY"],
        ["text to speech: status 404", "TTS_BASE_URL"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{text}");
    }
    // That is no reason to start it again, nor to leave callers alone.
    assert_eq!(agent.status("/healthz"), Some(200));
    wait_for("registration", || (agent.status("/") == Some(200)).then_some(()));
    let metrics = agent.metrics();
    for service in ["speech_to_text", "language_model", "text_to_speech"] {
        let line = format!("postcall_agent_service_up{{service=\"{service}\"}} 0");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[test]
fn a_voice_that_cannot_be_used_is_told() {
    let livekit = start_livekit();
    let providers = Providers::canned();
    let compressed = server_of(b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let agent = Agent::spawn_with(&livekit, &providers, &[], &[("TTS_BASE_URL", &compressed)]);
    // Nothing else is wrong once all was tried and the worker is registered.
    let text = wait_for("the voice alone is missed", || {
        let text = complaints(&agent);
        (!text.contains("being tried") && text.lines().count() == 1).then_some(text)
    });
    assert!(text.contains("Ogg") && text.contains("TTS_FORMAT"), "{text}");
}

#[test]
fn a_service_that_goes_and_comes_back_is_noticed_without_a_call() {
    let livekit = start_livekit();
    let providers = Providers::canned();
    let port = providers.port();
    let agent = Agent::start_with(&livekit, &providers, &[], &[("PROVIDER_CHECK_INTERVAL", "500ms")]);
    drop(providers);
    let text = wait_for("all three are missed", || {
        let text = complaints(&agent);
        (text.lines().count() == 3).then_some(text)
    });
    assert!(text.contains("cannot connect") || text.contains("lost"), "{text}");
    let _providers = Providers::canned_at(port);
    agent.readiness(200);
}

/// What is said of the services; these agents have no NATS, and say that as well.
fn complaints(agent: &Agent) -> String {
    let text = agent.readiness(503);
    text.split_inclusive('\n').filter(|line| !line.contains("NATS")).collect()
}

/// Answers every request with this body; ends with the process.
fn server_of(body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            drop(stream.read(&mut [0; 64 * 1024]));
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            drop(stream.write_all(&[head.as_bytes(), body].concat()));
        }
    });
    format!("http://{address}/v1")
}
