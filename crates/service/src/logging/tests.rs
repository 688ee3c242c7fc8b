//! What a log shows, in both forms, and what it never shows.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lock what was written").write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, log: impl FnOnce()) -> String {
    logged_by(&default_filter(&["agent"]), format, log)
}

/// With that `RUST_LOG`.
fn logged_by(filter: &str, format: LogFormat, log: impl FnOnce()) -> String {
    let written = Written::default();
    let writer = written.clone();
    let own = ["agent"];
    let filter = EnvFilter::new(filter);
    let lines = subscriber(&own, format, filter, move || writer.clone());
    tracing::subscriber::with_default(lines, log);
    String::from_utf8(written.0.lock().expect("lock what was written").clone()).expect("read")
}

#[test]
fn a_strangers_datagrams_do_not_fill_the_log_of_a_program() {
    let text = logged(LogFormat::Json, || {
        for number in 0..50_000 {
            tracing::warn!(target: "str0m::session", number, "Failed to decrypt SRTCP");
            tracing::info!(target: "str0m::session", "not logged at all");
            if number % 10_000 == 0 {
                tracing::info!(target: "agent::session", number, "session began");
            }
        }
    });
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!((count("SRTCP"), count("session began"), count("not logged")), (30, 5, 0));
}

/// What somebody may have sent: a line of its own, colours, an address, other marks for lines, and no end.
const FOREIGN: &str = "x\n2026-11-29T01:00:00Z ERROR agent::publisher: forged\u{1b}[2J\r\u{85}\u{2028}\u{202e} of \
                       secret.person@victim.example, \"Secret Person\"@victim.example, secret.person%40victim.example";

fn log_foreign() {
    let foreign = format!("{FOREIGN} {}", "y".repeat(60_000));
    let error = std::io::Error::other(foreign.clone());
    tracing::warn!(target: "agent::session", "left out: {foreign}");
    tracing::warn!(target: "agent::session", reason = foreign, "left out");
    tracing::warn!(target: "agent::session", error = &error as &dyn std::error::Error, "left out");
    tracing::warn!(target: "livekit_data_stream", id = ?foreign, "left out");
    let span = tracing::info_span!(target: "agent::session", "session", session.id = %foreign);
    span.in_scope(|| tracing::info!(target: "agent::session", "joined"));
    let record = tracing_log::format_trace(
        &log::Record::builder()
            .args(format_args!("Dropping a part of '{foreign}'"))
            .level(log::Level::Warn)
            .target("livekit_data_stream::incoming")
            .build(),
    );
    record.expect("log");
}

#[test]
fn what_others_sent_is_one_line_of_bounded_length_without_addresses() {
    for format in [LogFormat::Plain, LogFormat::Json] {
        let text = logged(format, log_foreign);
        assert_eq!(text.lines().count(), 6, "{format:?}: {}", &text[..text.len().min(2_000)]);
        for line in text.split_terminator('\n') {
            assert!(line.len() <= 4 * 1024, "{format:?}: {} bytes", line.len());
            assert!(!line.contains(|letter: char| letter.is_control()), "{format:?}: {line:?}");
            assert!(!line.contains(['\u{2028}', '\u{202e}']), "{format:?}: {line:?}");
            assert!(!line.to_lowercase().contains("secret"), "{format:?}: {line}");
            assert!(line.contains("@victim.example"), "{format:?}: {line}");
            assert!(line.contains('…'), "the cut is marked, {format:?}: {line}");
        }
    }
}

#[test]
fn a_line_of_json_stays_json_whatever_is_in_it() {
    let text = logged(LogFormat::Json, log_foreign);
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["target"].is_string() && line["level"].is_string(), "{line}");
    }
}

#[test]
fn an_ordinary_line_is_as_it_was_written() {
    let text = logged(LogFormat::Plain, || {
        tracing::info!(target: "agent::session", number = 7, "«Zoë»: 't***@company.com' of nats://127.0.0.1:4222");
    });
    assert!(
        text.ends_with(" INFO agent::session: «Zoë»: 't***@company.com' of nats://127.0.0.1:4222 number=7\n"),
        "{text}"
    );
}

#[test]
fn who_asks_for_everything_is_still_not_shown_secrets_and_bodies() {
    let text = logged_by("trace", LogFormat::Plain, || {
        tracing::trace!(target: "agent::session", "shown");
        tracing::trace!(target: "aws_config::credential_process", command = "vault --token secret");
        tracing::debug!(target: "aws_smithy_runtime::client", "authorization: secret");
        tracing::trace!(target: "async_nats::connector", "PUB secret");
        tracing::debug!(target: "livekit_api::signal_client", "secret");
        tracing::trace!(target: "tungstenite::handshake", "secret");
    });
    assert!(text.contains("shown") && !text.contains("secret"), "{text}");
}
