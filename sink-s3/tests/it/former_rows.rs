//! A day's file keeps the sessions whose objects are gone, whatever else became of the day.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::compaction::{COMPACT, DAY, FILE, column};
use crate::program::{Stage, event};
use crate::proxy::{Mode, Proxy};

const PLAIN: [&str; 3] = ["compact", "--day", "2025-10-29"];
const FORCE: [&str; 4] = ["compact", "--day", "2025-10-29", "--force"];

impl Stage {
    async fn remove(&self, name: &str) {
        self.store.delete(&self.bucket, &format!("{DAY}/{name}.json.gz")).await;
    }

    async fn sessions(&self) -> BTreeSet<String> {
        let sessions = column(self.file().await, "session_id");
        let set: BTreeSet<_> = sessions.iter().flatten().cloned().collect();
        assert_eq!(set.len(), sessions.len(), "each session has one row: {sessions:?}");
        set
    }

    async fn holds(&self, sessions: &[&str]) {
        assert_eq!(self.sessions().await, sessions.iter().map(|session| (*session).to_owned()).collect());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_gone_and_one_new_is_not_nothing_gone() {
    let stage = Stage::set_up().await;
    for name in ["a", "b", "c"] {
        stage.put(name, &event(name)).await;
    }
    stage.compact();
    stage.remove("a").await;
    let day = stage.compact();
    assert_eq!((&day["sessions"], &day["kept"]), (&json!(3), &json!(1)));
    stage.holds(&["a", "b", "c"]).await;

    stage.put("late", &event("late")).await;
    let said = stage.succeed(&PLAIN);
    assert!(said.contains("4 sessions") && said.contains("1 of the sessions are kept"), "{said}");
    stage.holds(&["a", "b", "c", "late"]).await;
    let payloads = column(stage.file().await, "payload");
    assert!(payloads.contains(&Some(event("a"))), "byte for byte");
    let keys = column(stage.file().await, "object_key");
    assert!(keys.contains(&Some(format!("{DAY}/a.json.gz"))));

    // As many gone as new.
    for (gone, new) in [("b", "d"), ("c", "e")] {
        stage.remove(gone).await;
        stage.put(new, &event(new)).await;
    }
    assert_eq!(stage.compact()["kept"], 3);
    stage.holds(&["a", "b", "c", "d", "e", "late"]).await;
    let unchanged = stage.compact();
    assert_eq!((&unchanged["outcome"], &unchanged["sessions"]), (&json!("unchanged"), &json!(6)));
    assert_eq!((&unchanged["kept"], &unchanged["skipped"]), (&json!(3), &json!(0)));

    // One that comes back has one row.
    stage.put("a", &event("a")).await;
    assert_eq!(stage.compact()["kept"], 2);
    stage.holds(&["a", "b", "c", "d", "e", "late"]).await;

    stage.succeed(&FORCE);
    stage.holds(&["a", "d", "e", "late"]).await;
    assert_eq!(stage.compact()["kept"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_objects_keeps_its_file_until_it_is_forced() {
    let stage = Stage::set_up().await;
    for name in ["a", "b"] {
        stage.put(name, &event(name)).await;
    }
    stage.compact();
    for name in ["a", "b"] {
        stage.remove(name).await;
    }
    let day = stage.compact();
    assert_eq!(
        (&day["outcome"], &day["sessions"], &day["kept"]),
        (&json!("unchanged"), &json!(2), &json!(2))
    );
    stage.holds(&["a", "b"]).await;
    // After an erasure of the day's only sessions.
    stage.succeed(&FORCE);
    stage.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_became_unreadable_keeps_its_row_and_one_that_was_written_again_has_a_new_one() {
    let stage = Stage::set_up().await;
    for name in ["a", "b", "c"] {
        stage.put(name, &event(name)).await;
    }
    stage.compact();
    stage.store.put(&stage.bucket, &format!("{DAY}/a.json.gz"), b"<html>".to_vec()).await;
    stage.put("b", &event("another")).await;
    let output = stage.execute(&COMPACT);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("a.json.gz") && log.contains("it is not gzip"), "{log}");
    let day: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&day["sessions"], &day["kept"], &day["skipped"]), (&json!(3), &json!(1), &json!(1)));
    stage.holds(&["a", "another", "c"]).await;
    // To write it anew would lose one, so nobody is told to.
    let output = stage.execute(&PLAIN);
    assert_eq!(output.status.code(), Some(1));
    assert!(!String::from_utf8(output.stdout).unwrap().contains("--force"));
    stage.holds(&["a", "another", "c"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_program_or_an_older_version_wrote_keeps_its_rows() {
    let stage = Stage::set_up().await;
    for name in ["a", "b", "c"] {
        stage.put(name, &event(name)).await;
    }
    stage.compact();
    // The same bytes, without what the object was marked with.
    stage.store.put(&stage.bucket, FILE, stage.file().await).await;
    for (gone, new) in [("a", "d"), ("b", "e")] {
        stage.remove(gone).await;
        stage.put(new, &event(new)).await;
    }
    assert_eq!(stage.compact()["kept"], 2);
    stage.holds(&["a", "b", "c", "d", "e"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_left_and_does_not_keep_other_days_from_their_turn() {
    let stage = Stage::set_up().await;
    for name in ["a", "b"] {
        stage.put(name, &event(name)).await;
    }
    stage.compact();
    stage.remove("a").await;
    let file = stage.file().await;
    let mut torn = file.clone();
    let footer = u32::from_le_bytes(*file[..file.len() - 4].last_chunk().unwrap()) as usize;
    torn[4..file.len() - 8 - footer].fill(0xff);
    for damaged in
        [Vec::new(), b"PAR1".to_vec(), b"<html>moved</html>".to_vec(), file[..file.len() / 2].to_vec(), torn]
    {
        stage.store.put(&stage.bucket, FILE, damaged.clone()).await;
        let next = format!("{}/next.json.gz", DAY.replace("day=29", "day=30"));
        stage.store.put_gzipped(&stage.bucket, &next, &event("next")).await;
        let output = stage.execute(&["compact", "--from", "2025-10-29", "--to", "2025-10-30"]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<_> = said.lines().collect();
        assert!(lines[0].contains("left as it is: the file there cannot be read"), "{said}");
        assert!(lines[1].starts_with("2025-10-30: "), "{said}");
        assert!(stage.file().await == damaged);
    }
    stage.succeed(&FORCE);
    stage.holds(&["b"]).await;
}

/// The former file is large: it is read and written in parts.
#[tokio::test(flavor = "multi_thread")]
async fn large_sessions_are_kept_as_well() {
    let stage = Stage::set_up().await;
    let mut state = 1_u64;
    let mut noise = |bytes| -> String {
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + 3 + (state >> 33) as u8 % 57)
        })
        .take(bytes)
        .collect()
    };
    let payloads: Vec<_> =
        (0..5).map(|name| format!(r#"{{"session_id":"{name}","noise":"{}"}}"#, noise(5_000_000))).collect();
    for (name, payload) in payloads.iter().enumerate() {
        stage.put(&name.to_string(), payload).await;
    }
    stage.compact();
    for name in ["1", "3"] {
        stage.remove(name).await;
    }
    let day = stage.compact();
    assert_eq!((&day["sessions"], &day["kept"]), (&json!(5), &json!(2)));
    let kept: BTreeSet<_> = column(stage.file().await, "payload").into_iter().flatten().collect();
    assert!(kept == payloads.into_iter().collect());
}

/// Two compactions of a day: the one that ends later knows what the other one wrote.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_compaction_wrote_meanwhile_is_not_lost() {
    for objects in [0, 2] {
        let mut stage = Stage::set_up().await;
        for name in ["a", "b", "c"].iter().take(objects) {
            stage.put(name, &event(name)).await;
        }
        stage.execute(&COMPACT);
        stage.put("slow", &event("slow")).await;
        let proxy = Proxy::start(stage.store.port, Mode::Pass).await;
        let direct = std::mem::replace(&mut stage.endpoint, proxy.address);
        proxy.hold("PUT ", "sessions.parquet").await;
        let slow = stage.start(&COMPACT);
        proxy.is_holding().await;

        // Meanwhile a session comes, is compacted, and its object is removed.
        stage.endpoint = direct;
        stage.put("quick", &event("quick")).await;
        stage.succeed(&COMPACT);
        stage.remove("quick").await;
        proxy.release();
        let output = slow.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let sessions = stage.sessions().await;
        assert!(sessions.contains("quick") && sessions.contains("slow"), "{sessions:?}");
        assert_eq!(sessions.len(), objects + 2);
    }
}

/// The store removes an object after it was listed.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_goes_while_the_day_is_compacted_keeps_its_row() {
    let mut stage = Stage::set_up().await;
    for name in ["a", "b"] {
        stage.put(name, &event(name)).await;
    }
    stage.compact();
    stage.put("c", &event("c")).await;
    let proxy = Proxy::start(stage.store.port, Mode::Pass).await;
    let direct = std::mem::replace(&mut stage.endpoint, proxy.address);
    proxy.hold("GET ", "a.json.gz").await;
    let compacting = stage.start(&COMPACT);
    proxy.is_holding().await;
    stage.endpoint = direct;
    stage.remove("a").await;
    proxy.release();
    let output = compacting.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stage.holds(&["a", "b", "c"]).await;
}
