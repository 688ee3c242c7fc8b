//! What DuckDB reads of a day in which some objects are no sessions, or are sessions that it cannot read by itself.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::bufread::GzEncoder;
use serde_json::{Value, json};
use test_servers::tool;

use crate::program::event;

const DAY: &str = "sessions/year=2025/month=10/day=29";

/// A copy of an archive.
struct Archive(tempfile::TempDir);

impl Archive {
    fn new() -> Self {
        let archive = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(archive.0.path().join(DAY)).unwrap();
        archive
    }

    fn put(&self, name: &str, object: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(format!("{DAY}/{name}.json.gz")), object).unwrap();
    }

    /// The rows of a query over the raw views.
    fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let ddl = Command::new(env!("CARGO_BIN_EXE_sink-s3"))
            .args(["ddl", "duckdb", "--raw", "--location"])
            .arg(self.0.path())
            .output()
            .unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/views.py");
        let ddl = String::from_utf8(ddl.stdout).unwrap();
        let output =
            Command::new(tool("python/bin/python")).arg(script).args([&ddl, query]).output().unwrap();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut object = Vec::new();
    GzEncoder::new(text.as_ref(), Compression::fast()).read_to_end(&mut object).unwrap();
    object
}

fn signal(session_id: &str, value: &str) -> String {
    let signals = format!(r#"{{"discovered_signals":{{"odd":{value},"qualification_tier":"hot"}},"#);
    event(session_id).replacen('{', &signals, 1)
}

#[test]
fn no_object_keeps_the_sessions_of_its_day_from_being_read() {
    let archive = Archive::new();
    archive.put("good", gzip(event("good")));
    let pretty: Value = serde_json::from_str(&event("pretty")).unwrap();
    archive.put("pretty", gzip(serde_json::to_string_pretty(&pretty).unwrap()));
    let (one, two) = (event("members"), 20);
    archive.put("members", [gzip(&one[..two]), gzip(&one[two..])].concat());
    archive.put("large", gzip(signal("large", &format!("\"{}\"", "x".repeat(20_000_000)))));
    let sessions = [
        ("half-emoji", r#""party \ud83c""#),
        ("other-half", r#""\udf89 \\ud83c \ud83c\udf89""#),
        ("huge-number", "1e400"),
        ("long-integer", &"9".repeat(400)),
        ("nul", r#""\u0000""#),
        ("deep", &format!("{}{}", "[".repeat(2_000), "]".repeat(2_000))),
    ];
    for (name, value) in sessions {
        archive.put(name, gzip(signal(name, value)));
    }
    for (name, bytes) in [
        ("latin", &b"{\"session_id\":\"Jos\xe9\"}"[..]),
        ("no-json", b"{"),
        ("array", b"[1,2]"),
        ("text", b"\"text\""),
        ("html", b"<html>\n<body>moved</body>\n</html>"),
        ("nothing", b""),
        ("blank", b"\n\n"),
    ] {
        archive.put(name, gzip(bytes));
    }
    let read =
        archive.query("SELECT session_id FROM sessions WHERE job_id = 'AJ_1' ORDER BY session_id").unwrap();
    let mut all = vec!["good", "large", "members", "pretty"];
    all.extend(sessions.map(|(name, _)| name));
    all.sort_unstable();
    assert_eq!(read, all.iter().map(|name| json!([name])).collect::<Vec<_>>());
    assert_eq!(archive.query("SELECT count(*) FROM sessions").unwrap(), [json!([all.len()])]);

    let odd = archive
        .query("SELECT session_id, value FROM signals WHERE name = 'odd' AND length(value) < 50 ORDER BY 1");
    assert_eq!(
        odd.unwrap(),
        [
            json!(["half-emoji", "party \u{fffd}"]),
            json!(["huge-number", "1e400"]),
            json!(["nul", "\0"]),
            json!(["other-half", "\u{fffd} \\ud83c 🎉"]),
        ]
    );
    let payload = archive.query("SELECT payload FROM sessions WHERE session_id = 'half-emoji'").unwrap();
    assert_eq!(payload, [json!([signal("half-emoji", r#""party \ud83c""#)])], "as it was published");
}

#[test]
fn an_object_that_is_no_gzip_is_named_and_can_be_left_out() {
    let archive = Archive::new();
    archive.put("good", gzip(event("good")));
    let cut = gzip(event("cut"));
    for (name, object) in [("a-plain", event("plain").as_bytes()), ("b-empty", b""), ("c-cut", &cut[..40])] {
        archive.put(name, object);
        let error = archive.query("SELECT count(*) FROM sessions").unwrap_err();
        assert!(error.contains(&format!("{name}.json.gz")), "{error}");
        let named = format!("SET VARIABLE unreadable = ['{name}.json.gz']; SELECT session_id FROM sessions");
        assert_eq!(archive.query(&named).unwrap(), [json!(["good"])], "{name}");
        // Other days are not disturbed.
        assert_eq!(archive.query("SELECT count(*) FROM sessions WHERE day = 28").unwrap(), [json!([0])]);
        std::fs::remove_file(archive.0.path().join(format!("{DAY}/{name}.json.gz"))).unwrap();
    }
}
