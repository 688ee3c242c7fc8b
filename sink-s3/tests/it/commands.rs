//! What an operator asks: is all there, does the bucket hold what was published, and write it again.

use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Stage, event};

const DAY: &str = "sessions/year=2025/month=10/day=29";

fn day<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--from", "2025-10-29", "--to", "2025-10-29"], more].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_missing_and_what_to_do() {
    let mut stage = Stage::bare().await;
    let failed = stage.execute(&["check"]);
    let printed = String::from_utf8(failed.stdout).unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(printed.contains("✓ NATS: nats-server "), "{printed}");
    assert!(printed.contains("✗ stream SESSIONS: "), "{printed}");
    assert!(printed.contains("    → run sink-s3 setup\n"), "{printed}");
    assert!(printed.contains("    → correct S3_BUCKET, or run sink-s3 setup --create-bucket\n"), "{printed}");

    stage.succeed(&["setup", "--create-bucket"]);
    let printed = stage.succeed(&["check"]);
    assert!(!printed.contains('✗') && printed.contains("✓ put: sessions/_check/"), "{printed}");
    assert!(printed.contains("✓ NATS_SYNC_INTERVAL: nothing is kept; right where"), "{printed}");
    let lines: Vec<Value> =
        stage.succeed(&["check", "--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() == 9 && lines.iter().all(|check| check["good"] == true), "{lines:?}");
    assert!(stage.store.objects(&stage.bucket).await.is_empty(), "the probe object is removed");

    stage.endpoint.set_port(1);
    let unreachable = String::from_utf8(stage.execute(&["check"]).stdout).unwrap();
    assert!(unreachable.contains("→ correct S3_ENDPOINT, or start the store\n"), "{unreachable}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_what_is_missing_differs_or_is_surplus() {
    let stage = Stage::set_up().await;
    let _program = stage.run();
    for room in ["same", "lost", "changed"] {
        stage.publish(room, &event(room)).await;
    }
    // Compressed by another program, so the entity tag differs; and one that ended on another day.
    stage.publish("other-gzip", &event("other-gzip")).await;
    stage.publish("later", &event("later").replace("10-29", "10-30")).await;
    stage.all_settled().await;
    let key = |room: &str| format!("{DAY}/{room}-AJ_1.json.gz");
    stage.store.put_gzipped(&stage.bucket, &key("other-gzip"), &event("other-gzip")).await;
    let printed = stage.succeed(&day("verify", &[]));
    assert_eq!(printed, "4 events, 4 objects: 0 missing, 0 differing, 0 surplus, 0 older than the stream\n");

    stage.store.delete(&stage.bucket, &key("lost")).await;
    stage.store.put_gzipped(&stage.bucket, &key("changed"), &event("another")).await;
    stage.store.put_gzipped(&stage.bucket, &key("surplus"), &event("surplus")).await;
    let output = stage.execute(&day("verify", &["--json"]));
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(
        lines[..2],
        [
            json!({"finding": "differing", "key": key("changed")}),
            json!({"finding": "missing", "key": key("lost")}),
        ]
    );
    let summary = &lines[2];
    // The stream has been made after that day, so it may have lost what is surplus there.
    assert_eq!((&summary["missing"], &summary["differing"]), (&json!(1), &json!(1)));
    assert_eq!((&summary["surplus"], &summary["older_than_the_stream"]), (&json!(0), &json!(1)));

    let replayed = stage.succeed(&day("replay", &[]));
    assert_eq!(replayed, "written: 4, not written: 0\n");
    assert!(stage.succeed(&day("verify", &[])).starts_with("4 events, 5 objects: 0 missing, 0 differing, "));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_is_replayed_for_this_sink_alone() {
    let stage = Stage::set_up().await;
    for room in ["one", "two"] {
        stage.publish(room, &event(room)).await;
    }
    assert_eq!(stage.succeed(&["replay", "--session", "two"]), "written: 1, not written: 0\n");
    let objects = stage.store.objects(&stage.bucket).await;
    assert_eq!(objects.into_keys().collect::<Vec<_>>(), [format!("{DAY}/two-AJ_1.json.gz")]);
    assert_eq!(stage.consumer().await.cached_info().num_pending, 2, "the sink's own consumer is not touched");
    assert!(stage.fail(&["replay", "--session", "three"]).contains("the stream has no such event"));
    assert!(stage.fail(&["verify", "--from", "2025-10-30", "--to", "2025-10-29"]).contains("is after --to"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_can_be_dropped() {
    let stage = Stage::set_up().await;
    let _program = stage.run();
    for id in ["1", "2"] {
        stage.publish(id, "no JSON").await;
    }
    stage.all_settled().await;
    assert_eq!(stage.succeed(&["dead-letters", "drop", "1"]), "1\tremoved\n");
    assert_eq!(stage.dead_letters().await, 1);
    assert_eq!(stage.succeed(&["dead-letters", "drop", "--all"]), "2\tremoved\n");
    assert_eq!(stage.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_lists_what_waits_and_writes_nothing() {
    let stage = Stage::set_up().await;
    stage.publish("one", &event("one")).await;
    stage.publish("broken", "no JSON").await;
    let printed = stage.succeed(&["run", "--dry-run"]);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], "event 1\tone\t2025-10-29T12:34:56.789Z");
    assert!(lines[1].starts_with("event 2\tundecodable: "), "{printed}");
    assert_eq!(lines[2..], ["nothing is written; to be written: 1, undecodable: 1"]);
    let printed = stage.succeed(&["replay", "--session", "one", "--dry-run", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&printed).unwrap(),
        json!({ "sequence": 1, "session_id": "one", "end_time": "2025-10-29T12:34:56.789Z" })
    );
    assert!(stage.store.objects(&stage.bucket).await.is_empty());
    assert_eq!(stage.consumer().await.cached_info().num_pending, 2);
}

#[test]
fn a_setting_by_its_former_name_is_refused() {
    for (before, now) in [
        ("S3_MAX_IN_FLIGHT", "S3_MAX_CONCURRENT_WRITES, and S3_MAX_CONCURRENT_READS for `compact`"),
        ("SINK_MAX_MIB_IN_HAND", "SINK_MAX_MIB_IN_FLIGHT"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sink-s3"));
        let output = command.args(["ddl", "duckdb", "--bucket", "b"]).env(before, "1").output().unwrap();
        let logged = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            logged.contains(&format!("{before} is not a setting any more: it is called {now}")),
            "{logged}"
        );
    }
}
