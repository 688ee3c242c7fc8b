//! Events that nobody should send: each is the right object or a dead letter, and the next one is archived all the same.

use serde_json::{Value, json};
use test_servers::http::readyz;

use crate::compaction::column;
use crate::program::{Stage, event};

#[tokio::test(flavor = "multi_thread")]
async fn every_session_id_is_one_object_below_the_prefix() {
    let stage = Stage::set_up().await;
    let _program = stage.run_with(&["--prefix", "voice"]);
    let ids = [
        "../../x",
        "a/b",
        "a\\b",
        "/",
        ".",
        "..",
        "-",
        "ünïcödé 会议",
        "%2e%2e%2f",
        "a?b#c",
        "year=1/x",
        " ",
        "\u{7f}\u{1}\t\n",
        "\u{202e}gpj",
        &"x".repeat(300),
        &"é".repeat(700),
        "CON",
        "a\u{0}b",
    ];
    for (index, id) in ids.iter().enumerate() {
        let payload = event("ROOM").replace("\"ROOM\"", &serde_json::to_string(id).unwrap());
        stage.publish(&index.to_string(), &payload).await;
    }
    stage.all_settled().await;
    assert_eq!(stage.dead_letters().await, 0);
    let objects = stage.store.objects(&stage.bucket).await;
    assert_eq!(objects.len(), ids.len());
    for (key, text) in &objects {
        let name = key.strip_prefix("voice/sessions/year=2025/month=10/day=29/").unwrap();
        let plain = |character: char| character.is_ascii_alphanumeric() || "._-!".contains(character);
        assert!(name.chars().all(plain) && name.len() <= 255, "{key}");
        let id = serde_json::from_str::<serde_json::Value>(text).unwrap()["session_id"].clone();
        assert!(ids.contains(&id.as_str().unwrap()), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_events_are_objects_and_impossible_ones_dead_letters() {
    let stage = Stage::set_up().await;
    let program = stage.run();
    let ended = |text: &str| event("room").replace("2025-10-29T12:34:56.789Z", text);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let odd = [
        event("unknown-field").replacen('{', r#"{"new":{"x":[1,null]},"#, 1),
        event("same-key-twice").replacen('{', r#"{"new":1,"new":2,"#, 1),
        event("deep").replacen('{', &format!(r#"{{"new":{deep},"#), 1),
        ended("2025-10-30T01:00:00+14:00").replace("room", "far-east"),
        ended("1970-01-01T00:00:00Z").replace("room", "long-ago"),
        ended("9999-12-31T23:59:59Z").replace("room", "far-future"),
        event("large").replacen('{', &format!(r#"{{"transcript":"{}","#, "blah ".repeat(180_000)), 1),
        signal("huge-number", "1e400"),
        signal("long-integer", &"9".repeat(400)),
        signal("half-emoji", r#""\ud83c""#),
        signal("nul", r#""\u0000""#),
        signal("deep-128", &format!("{}{}", "[".repeat(128), "]".repeat(128))),
        signal("deep-100000", &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        event("address-twice").replacen('{', r#"{"user_email":"b@x.org","#, 1),
        event("odd-address").replace(r#""a@x.org""#, &format!("{}1{}", "[".repeat(200), "]".repeat(200))),
    ];
    let impossible = [
        event("room").replace("end_time", "ended"),
        ended("yesterday"),
        ended("2025-10-29T12:34:56"),
        ended("2025-13-45T00:00:00Z"),
        ended("+292277026596-12-04T15:30:08Z"),
        event("room").replacen('{', r#"{"session_id":"other","#, 1),
        event("room").replace(r#""room""#, "7"),
        event(""),
        format!("[{}]", event("room")),
        deep,
        String::new(),
        "\u{feff}{}".to_owned(),
        format!("\u{feff}{}", event("room")),
        format!("{0}\n{0}", event("room")),
        event("room").replacen('{', r#"{"job_id":"AJ_2","#, 1),
    ];
    for (index, payload) in odd.iter().chain(&impossible).enumerate() {
        stage.publish(&index.to_string(), payload).await;
    }
    stage.all_settled().await;
    readyz(stage.http, 200, "ready").await;
    assert_eq!(stage.dead_letters().await, impossible.len() as u64);
    let objects = stage.store.objects(&stage.bucket).await;
    insta::assert_snapshot!(objects.keys().cloned().collect::<Vec<_>>().join("\n"), @r"
    sessions/year=1970/month=01/day=01/long-ago-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/address-twice-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/deep-100000-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/deep-128-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/deep-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/far-east-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/half-emoji-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/huge-number-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/large-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/long-integer-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/nul-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/odd-address-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/same-key-twice-AJ_1.json.gz
    sessions/year=2025/month=10/day=29/unknown-field-AJ_1.json.gz
    sessions/year=9999/month=12/day=31/far-future-AJ_1.json.gz
    ");
    for payload in &odd {
        assert!(objects.values().any(|text| text == payload), "{}", &payload[..60]);
    }
    program.terminate();

    // Each of them is in Parquet as well, with what can be read of it.
    let day = stage.compact();
    assert_eq!((&day["sessions"], &day["skipped"]), (&json!(13), &json!(0)));
    let tiers = column(stage.file().await, "qualification_tier");
    assert_eq!(tiers.iter().filter(|tier| tier.as_deref() == Some("hot")).count(), 6);
    let addresses = column(stage.file().await, "user_email");
    assert_eq!(
        addresses.iter().filter(|it| it.as_deref() == Some("a@x.org")).count(),
        12,
        "the last one counts"
    );
}

/// An event with an odd value among its signals.
fn signal(session_id: &str, value: &str) -> String {
    let signals = format!(r#"{{"discovered_signals":{{"odd":{value},"qualification_tier":"hot"}},"#);
    event(session_id).replacen('{', &signals, 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_text_in_utf_8_is_a_dead_letter_that_says_so() {
    let stage = Stage::set_up().await;
    let _program = stage.run();
    let latin = event("latin").replace("a@x.org", "NAME").into_bytes();
    let at = latin.windows(4).position(|it| it == b"NAME").unwrap();
    let latin = [&latin[..at], b"Jos\xe9", &latin[at + 4..]].concat();
    let utf_16: Vec<u8> = event("wide").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (number, (payload, reason)) in [
        (latin, "not text in UTF-8 at line 1, column"),
        // Each second byte is a zero, which JSON has no place for.
        (utf_16, "not valid JSON at line 1, column 2"),
    ]
    .into_iter()
    .enumerate()
    {
        stage.publish(&number.to_string(), payload).await;
        stage.all_settled().await;
        let letters = stage.succeed(&["dead-letters", "list", "--json"]);
        let last: Value = serde_json::from_str(letters.lines().last().unwrap()).unwrap();
        assert!(last.to_string().contains(reason), "{last}");
        assert_eq!(stage.dead_letters().await, number as u64 + 1);
    }
    assert!(stage.store.objects(&stage.bucket).await.is_empty());
}
