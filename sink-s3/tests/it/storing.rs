//! How objects are stored: what is done where there is one already, and what the operator wants of each.

use test_servers::eventually;
use test_servers::http::metric;

use crate::program::{Stage, event};

const KEY: &str = "sessions/year=2025/month=10/day=29/room-AJ_1.json.gz";

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_there_is_left_alone_if_it_is_this_events() {
    let stage = Stage::set_up().await;
    // Compressed by another program: other bytes, the same payload.
    stage.store.put_gzipped(&stage.bucket, KEY, &event("room")).await;
    let (before, _) = stage.store.object(&stage.bucket, KEY).await;
    let _program = stage.run_with(&["--if-exists", "skip"]);
    stage.publish("1", &event("room")).await;
    stage.publish("2", &event("new")).await;
    stage.all_settled().await;
    let counted = |outcome| format!("postcall_sink_messages_total{{outcome=\"{outcome}\",sink=\"sink-s3\"}}");
    assert_eq!(metric(stage.http, &counted("already_archived")).await, 1.0);
    assert_eq!(metric(stage.http, &counted("archived")).await, 1.0);
    let (after, _) = stage.store.object(&stage.bucket, KEY).await;
    assert_eq!((before.e_tag(), before.last_modified()), (after.e_tag(), after.last_modified()));
    assert_eq!(stage.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_payload_under_the_same_key_is_kept_as_a_dead_letter() {
    let stage = Stage::set_up().await;
    let _program = stage.run_with(&["--if-exists", "skip"]);
    stage.publish("1", &event("room")).await;
    stage.all_settled().await;
    stage.publish("2", &event("room").replace("a@x.org", "b@x.org")).await;
    eventually("one dead letter", async || stage.dead_letters().await == 1).await;
    let listed = stage.succeed(&["dead-letters", "list"]);
    assert!(listed.ends_with("\tan object with this key holds another payload\n"), "{listed}");
    assert!(stage.store.objects(&stage.bucket).await.values().eq([&event("room")]));
    // Whoever wants the later one says so.
    stage.succeed(&["dead-letters", "replay", "--all", "--if-exists", "overwrite"]);
    assert!(stage.store.objects(&stage.bucket).await.values().all(|text| text.contains("b@x.org")));
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix_tags_and_storage_class_are_those_of_the_operator() {
    let stage = Stage::set_up().await;
    let flags = ["--prefix", "voice/eu", "--tag", "team=sales ops", "--storage-class", "STANDARD_IA"];
    let _program = stage.run_with(&flags);
    stage.publish("1", &event("room")).await;
    stage.all_settled().await;
    let objects = stage.store.objects(&stage.bucket).await;
    let key = format!("voice/eu/{KEY}");
    assert_eq!(objects.into_keys().collect::<Vec<_>>(), [key.as_str()]);
    let (object, _) = stage.store.object(&stage.bucket, &key).await;
    assert_eq!(object.storage_class().map(|class| class.as_str()), Some("STANDARD_IA"));
    assert_eq!(stage.store.tags(&stage.bucket, &key).await, [("team".to_owned(), "sales ops".to_owned())]);
    let verified =
        stage.succeed(&["verify", "--prefix", "voice/eu", "--from", "2025-10-29", "--to", "2025-10-29"]);
    assert!(verified.starts_with("1 events, 1 objects: 0 missing"), "{verified}");
}
