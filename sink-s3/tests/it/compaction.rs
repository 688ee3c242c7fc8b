//! A day becomes one Parquet file, whatever is among its objects.

use arrow_array::cast::AsArray as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::program::{Stage, event};
use crate::proxy::{Mode, Proxy};

pub(crate) const DAY: &str = "sessions/year=2025/month=10/day=29";
pub(crate) const FILE: &str = "sessions-parquet/year=2025/month=10/day=29/sessions.parquet";
pub(crate) const COMPACT: [&str; 4] = ["compact", "--day", "2025-10-29", "--json"];

impl Stage {
    pub(crate) async fn put(&self, name: &str, payload: &str) {
        self.store.put_gzipped(&self.bucket, &format!("{DAY}/{name}.json.gz"), payload).await;
    }

    pub(crate) async fn file(&self) -> Vec<u8> {
        self.store.object(&self.bucket, FILE).await.1
    }

    pub(crate) fn compact(&self) -> Value {
        serde_json::from_str(&self.succeed(&COMPACT)).unwrap()
    }
}

/// The texts of a column, row by row.
pub(crate) fn column(file: Vec<u8>, name: &str) -> Vec<Option<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap().build().unwrap();
    let texts = |batch: arrow_array::RecordBatch| {
        batch[name].as_string::<i32>().iter().map(|it| it.map(str::to_owned)).collect::<Vec<_>>()
    };
    reader.map(Result::unwrap).flat_map(texts).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_objects_do_not_keep_the_others_out() {
    let stage = Stage::set_up().await;
    let program = stage.run();
    stage.publish("1", &event("b-room")).await;
    stage.publish("2", include_str!("../../../schemas/golden/v1/agent-0.2.json")).await;
    stage.all_settled().await;
    drop(program);
    let huge = format!(r#"{{"session_id":"huge","transcript":"{}"}}"#, "blah ".repeat(2_000_000));
    stage.put("a-huge", &huge).await;
    let odd = "{ \"session_id\": [1],\n \"end_time\": 7, \"tool_calls\": {}, \"new\": {\"deep\": [[[]]]} }";
    stage.put("c-odd", odd).await;
    stage.put("d-no-object", "[]").await;
    stage.put("e-no-json", "{").await;
    stage.store.put(&stage.bucket, &format!("{DAY}/f-no-gzip.json.gz"), b"{}".to_vec()).await;
    stage.store.put(&stage.bucket, &format!("{DAY}/notes.txt"), b"ours".to_vec()).await;

    let output = stage.execute(&COMPACT);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    for (key, reason) in [
        ("d-no-object", "it is JSON, but not an object"),
        ("e-no-json", "it is not JSON at line 1, column 1"),
        ("f-no-gzip", "it is not gzip"),
    ] {
        let named =
            log.lines().any(|line| line.contains(&format!("{DAY}/{key}.json.gz")) && line.contains(reason));
        assert!(named, "{key}: {log}");
    }
    assert!(log.contains("objects that hold no session and are in no file: 3"), "{log}");
    let day: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&day["outcome"], &day["sessions"], &day["skipped"]),
        (&json!("written"), &json!(3), &json!(3))
    );
    let payloads = column(stage.file().await, "payload");
    assert_eq!(payloads.len(), 3);
    assert!(payloads[0].as_deref() == Some(&huge) && payloads[1].as_deref() == Some(&event("b-room")));
    assert_eq!(payloads[2].as_deref(), Some(odd));
    assert_eq!(
        column(stage.file().await, "session_id"),
        [Some("huge".to_owned()), Some("b-room".to_owned()), None]
    );
    assert_eq!(day["bytes_out"], stage.file().await.len());
    let golden = stage.succeed(&["compact", "--day", "2025-11-23"]);
    assert!(golden.starts_with("2025-11-23: 1 sessions, "), "{golden}");

    let output = stage.execute(&["compact", "--day", "2025-10-29"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("2025-10-29: unchanged; 3 sessions, "), "{said}");
    assert!(said.ends_with("; 3 objects hold no session; --force names them\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_session_is_in_the_next_file_and_nothing_new_writes_nothing() {
    let stage = Stage::set_up().await;
    stage.put("b", &event("b")).await;
    stage.put("c", &event("c")).await;
    let first = stage.compact();
    assert_eq!((&first["outcome"], &first["sessions"]), (&json!("written"), &json!(2)));
    let (object, file) = stage.store.object(&stage.bucket, FILE).await;
    assert_eq!(object.content_type(), Some("application/vnd.apache.parquet"));

    // Written again it would have another time, whose unit is a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let again = stage.compact();
    assert_eq!((&again["unchanged"], &again["sessions"]), (&json!(true), &json!(2)));
    assert_eq!((&again["bytes_in"], &again["bytes_out"]), (&first["bytes_in"], &first["bytes_out"]));
    let (unchanged, _) = stage.store.object(&stage.bucket, FILE).await;
    assert_eq!(unchanged.last_modified(), object.last_modified());
    stage.succeed(&["compact", "--day", "2025-10-29", "--force"]);
    assert!(stage.file().await == file, "the same sessions make the same bytes");

    stage.put("a-late", &event("a-late")).await;
    assert_eq!(stage.compact()["sessions"], 3);
    let sessions = column(stage.file().await, "session_id");
    assert_eq!(sessions, ["a-late", "b", "c"].map(|session| Some(session.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_never_see_half_a_day() {
    let mut stage = Stage::set_up().await;
    let mut state = 1_u64;
    for name in ["a", "b", "c", "d"] {
        let noise: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + 3 + (state >> 33) as u8 % 57)
        })
        .take(8_000_000)
        .collect();
        stage.put(name, &format!(r#"{{"session_id":"{name}","noise":"{noise}"}}"#)).await;
    }
    let day = stage.compact();
    assert!(day["bytes_out"].as_u64().unwrap() > 16 * 1024 * 1024, "in parts: {day}");
    let (object, file) = stage.store.object(&stage.bucket, FILE).await;
    assert!(object.e_tag().unwrap().contains('-'), "in parts: {object:?}");
    stage.put("e", &event("e")).await;

    for denied in ["e.json.gz", "partNumber=1", "partNumber=2", "POST /archive"] {
        let proxy = Proxy::start(stage.store.port, Mode::Deny(denied)).await;
        stage.endpoint = proxy.address;
        let log = stage.fail(&COMPACT);
        assert!(log.contains("compact 2025-10-29: "), "{log}");
        assert!(log.contains("the store answered 403 AccessDenied"), "{log}");
        assert!(stage.file().await == file, "{denied}");
        assert_eq!(stage.store.unfinished_uploads(&stage.bucket).await, 0, "{denied}");
    }
    // S3 answers 200 when it begins to put the parts together, and says later whether it could.
    let proxy =
        Proxy::start(stage.store.port, Mode::AnswerTo("parquet?uploadId=", 200, "InternalError")).await;
    stage.endpoint = proxy.address;
    let log = stage.fail(&COMPACT);
    assert!(log.contains("the store answered 200 InternalError"), "{log}");
    assert!(stage.file().await == file);
    stage.endpoint.set_port(stage.store.port);
    assert_eq!(stage.compact()["sessions"], 5);
    assert_eq!(column(stage.file().await, "session_id").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_many_sessions_and_of_none_below_a_prefix() {
    let stage = Stage::set_up().await;
    let mut sessions = Vec::new();
    for session in 0..2_100 {
        let name = format!("{session:04}");
        stage.store.put_gzipped(&stage.bucket, &format!("voice/{DAY}/{name}.json.gz"), &event(&name)).await;
        sessions.push(Some(name));
    }
    stage.put("elsewhere", &event("elsewhere")).await;
    let said = stage.succeed(&[
        "compact",
        "--from",
        "2025-10-28",
        "--to",
        "2025-10-30",
        "--prefix",
        "voice",
        "--max-concurrent-reads",
        "7",
    ]);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "2025-10-28: no sessions, nothing written");
    assert!(lines[1].starts_with("2025-10-29: 2100 sessions, "), "{said}");
    assert_eq!(lines[2..], ["2025-10-30: no sessions, nothing written"]);
    assert_eq!(stage.store.keys(&stage.bucket, "sessions-parquet/").await, Vec::<String>::new());
    let file = stage.store.object(&stage.bucket, &format!("voice/{FILE}")).await.1;
    assert_eq!(column(file, "session_id"), sessions);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compacted_says_why() {
    let stage = Stage::bare().await;
    let log = stage.fail(&["compact", "--day", "2025-10-29"]);
    assert!(
        log.contains(&format!("compact 2025-10-29: list bucket {}: it does not exist", stage.bucket)),
        "{log}"
    );
    let log = stage.fail(&["compact", "--from", "2025-10-29", "--to", "2025-10-28"]);
    assert!(log.contains("--from 2025-10-29 is after --to 2025-10-28"), "{log}");
    for wrong in [&["compact"][..], &["compact", "--day", "29.10.2025"], &["compact", "--from", "2025-10-29"]]
    {
        assert_eq!(stage.execute(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
