//! A store, or what is before it, that answers what is not so: no session is left out for good, and no success is told.

use serde_json::{Value, json};
use test_servers::eventually;
use test_servers::http::{metric, readyz};

use crate::compaction::{COMPACT, DAY, FILE, column};
use crate::program::{Stage, event};
use crate::proxy::{Mode, Proxy, Reply, response};

const LIST: &[&str] = &["GET ", "list-type=2", "day%3D29"];
const OBJECT: &[&str] = &["GET ", "b.json.gz?x-id"];
const HEAD_OF_FILE: &[&str] = &["HEAD ", "sessions.parquet"];

/// A stage with the objects of these sessions, whose endpoint is a proxy; and the endpoint of the store.
async fn stage_of(sessions: &[&str]) -> (Stage, Proxy, std::net::SocketAddr) {
    let mut stage = Stage::set_up().await;
    for session in sessions {
        stage.put(session, &event(session)).await;
    }
    let proxy = Proxy::start(stage.store.port, Mode::Pass).await;
    let direct = std::mem::replace(&mut stage.endpoint, proxy.address);
    (stage, proxy, direct)
}

impl Stage {
    /// As a listing has it.
    async fn contents(&self, name: &str) -> String {
        let key = format!("{DAY}/{name}.json.gz");
        let (object, bytes) = self.store.object(&self.bucket, &key).await;
        let etag = object.e_tag().unwrap();
        format!("<Contents><Key>{key}</Key><ETag>{etag}</ETag><Size>{}</Size></Contents>", bytes.len())
    }

    async fn sessions_of_the_file(&self) -> usize {
        column(self.file().await, "session_id").len()
    }
}

/// A page of a listing.
fn listing(parts: &str) -> Vec<u8> {
    let list = format!("<ListBucketResult>{parts}</ListBucketResult>");
    response(200, "application/xml", list.as_bytes())
}

fn bare(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} Test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_listed_is_not_gone_because_one_answer_says_so() {
    for missing in [bare(404), response(404, "application/xml", b"<Error><Code>NoSuchKey</Code></Error>")] {
        let (stage, proxy, _) = stage_of(&["a", "b", "c"]).await;
        proxy.reply(vec![Reply::once(OBJECT, missing.clone())]).await;
        assert_eq!(stage.compact()["sessions"], 3);

        // It stays so: the others are written, nobody is told that all is well, and it is looked for again.
        stage.put("d", &event("d")).await;
        stage.execute(&["compact", "--day", "2025-10-29", "--force"]);
        stage.put("e", &event("e")).await;
        proxy.reply(vec![Reply::always(OBJECT, missing)]).await;
        let output = stage.execute(&["compact", "--day", "2025-10-29", "--json", "--force"]);
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("b.json.gz") && log.contains("the store lists it"), "{log}");
        let day: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&day["sessions"], &day["not_given"]), (&json!(4), &json!(1)));
        proxy.reply(Vec::new()).await;
        let day = stage.compact();
        assert_eq!((&day["outcome"], &day["sessions"]), (&json!("written"), &json!(5)));
        assert_eq!(stage.compact()["unchanged"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_breaks_off_or_differs_on_its_way_is_read_again() {
    let (stage, proxy, _) = stage_of(&["a", "b"]).await;
    let (object, bytes) = stage.store.object(&stage.bucket, &format!("{DAY}/b.json.gz")).await;
    let head = format!("HTTP/1.1 200 OK\r\nETag: {}\r\nConnection: close\r\n\r\n", object.e_tag().unwrap());
    let mut changed = bytes.clone();
    changed[20] ^= 0xff;
    for body in [&bytes[..bytes.len() / 2], &bytes[..bytes.len() - 1], &[], &changed[..]] {
        proxy.reply(vec![Reply::once(OBJECT, [head.as_bytes(), body].concat())]).await;
        let output = stage.execute(&["compact", "--day", "2025-10-29", "--force", "--json"]);
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{} bytes: {log}", body.len());
        assert_eq!(stage.sessions_of_the_file().await, 2, "{} bytes", body.len());
    }
    // It stays so: the row that the file had is kept, and the next compaction looks for the object again.
    stage.put("c", &event("c")).await;
    proxy.reply(vec![Reply::always(OBJECT, [head.as_bytes(), &bytes[..30]].concat())]).await;
    let output = stage.execute(&COMPACT);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("b.json.gz") && log.contains("other bytes than its ETag says"), "{log}");
    let day: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&day["sessions"], &day["kept"], &day["not_given"]), (&json!(3), &json!(1), &json!(1)));
    proxy.reply(Vec::new()).await;
    let day = stage.compact();
    assert_eq!((&day["outcome"], &day["sessions"], &day["kept"]), (&json!("written"), &json!(3), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_not_whole_is_none() {
    let (stage, proxy, _) = stage_of(&["a", "b", "c"]).await;
    let (a, b) = (stage.contents("a").await, stage.contents("b").await);
    let cut = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{a}");
    let cut_within = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{a}<Contents><Key>sess");
    let whole = "<IsTruncated>false</IsTruncated>";
    let elsewhere = a.replace("day=29/a", "day=28/a");
    let foreign_day = a.replace("sessions/year", "other/year");
    for (page, reason) in [
        (listing(&format!("<IsTruncated>true</IsTruncated>{a}")), "without saying where they begin"),
        (
            listing(&format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>{a}"
            )),
            "without saying where they begin",
        ),
        (response(200, "application/xml", cut.as_bytes()), "breaks off"),
        (response(200, "application/xml", cut_within.as_bytes()), "breaks off"),
        (response(200, "application/xml", b"<ListBucketResult>"), "breaks off"),
        (response(200, "application/xml", b"<ListBucketResult/>"), "breaks off"),
        (listing(""), "whether it is all"),
        (listing(&a), "whether it is all"),
        (listing(&format!("{whole}<KeyCount>1000</KeyCount>")), "1000 objects"),
        (
            listing(
                "<IsTruncated>true</IsTruncated><KeyCount>1000</KeyCount>\
                 <NextContinuationToken>t</NextContinuationToken>",
            ),
            "1000 objects",
        ),
        (listing(&format!("{whole}{a}{a}")), "twice, or not in their order"),
        (listing(&format!("{whole}{b}{a}")), "twice, or not in their order"),
        (listing(&format!("{whole}{elsewhere}")), "not asked for"),
        (listing(&format!("{whole}{foreign_day}")), "not asked for"),
        (listing(&format!("{whole}<Contents><Size>7</Size></Contents>")), "without its key"),
        (
            listing(&format!("{whole}<Contents><Key>{DAY}/b.json.gz</Key></Contents>")),
            "without its key or its size",
        ),
    ] {
        let shown = String::from_utf8_lossy(&page).into_owned();
        proxy.reply(vec![Reply::always(LIST, page)]).await;
        let log = stage.fail(&COMPACT);
        assert!(log.contains(&format!("compact 2025-10-29: list bucket {}", stage.bucket)), "{shown}\n{log}");
        assert!(log.contains(reason), "{shown}\n{log}");
        let log = stage.fail(&["verify", "--from", "2025-10-29", "--to", "2025-10-29"]);
        assert!(log.contains(reason), "{shown}\n{log}");
        assert!(stage.store.keys(&stage.bucket, "sessions-parquet/").await.is_empty(), "{shown}");
    }
    // One that passes is asked for again.
    let page = response(200, "application/xml", cut.as_bytes());
    proxy.reply(vec![Reply::once(LIST, page)]).await;
    assert_eq!(stage.compact()["sessions"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_come_again_or_never_end_are_no_listing() {
    let (stage, proxy, _) = stage_of(&["a", "b", "c"]).await;
    let page_of = |contents: &str, token: &str| {
        listing(&format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>{contents}"
        ))
    };
    let (a, b) = (stage.contents("a").await, stage.contents("b").await);
    let repeated = {
        let page = format!("{a}{b}");
        Reply::each(LIST, move |number| page_of(&page, &format!("t{number}")))
    };
    proxy.reply(vec![repeated]).await;
    let log = stage.fail(&COMPACT);
    assert!(log.contains("twice, or not in their order"), "{log}");

    proxy.reply(vec![Reply::always(LIST, page_of(&a, "t"))]).await;
    assert!(stage.fail(&COMPACT).contains("the same place again"));

    proxy.reply(vec![Reply::each(LIST, move |number| page_of("", &format!("t{number}")))]).await;
    let log = stage.fail(&COMPACT);
    assert!(log.contains("pages without an object"), "{log}");
}

/// A day is listed twice: of what is in its file the second one decides, and so it does of what the file is marked with.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_listing_with_fewer_objects_does_not_make_the_file() {
    let (stage, proxy, _) = stage_of(&["a", "b", "c"]).await;
    let short = listing(&format!("<IsTruncated>false</IsTruncated>{}", stage.contents("a").await));
    proxy.reply(vec![Reply::once(LIST, short).after(1)]).await;
    assert_eq!(stage.compact()["sessions"], 3);
    assert_eq!(stage.sessions_of_the_file().await, 3);

    // As many, but others: then the next compaction makes it anew.
    stage.put("d", &event("d")).await;
    let [a, b, c] = [stage.contents("a").await, stage.contents("b").await, stage.contents("c").await];
    let other = stage.contents("d").await.replace("d.json.gz", "x.json.gz");
    let others = listing(&format!("<IsTruncated>false</IsTruncated>{a}{b}{c}{other}"));
    proxy.reply(vec![Reply::once(LIST, others).after(1)]).await;
    stage.execute(&COMPACT);
    proxy.reply(Vec::new()).await;
    let day = stage.compact();
    assert_eq!((&day["outcome"], &day["sessions"]), (&json!("written"), &json!(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_there_until_the_store_itself_says_that_it_is_not() {
    let (stage, proxy, _) = stage_of(&["a", "b", "c"]).await;
    assert_eq!(stage.compact()["sessions"], 3);
    let file = stage.file().await;
    stage.store.delete(&stage.bucket, &format!("{DAY}/c.json.gz")).await;
    for (answer, reason) in [
        (response(404, "text/html", b""), "look up sessions-parquet/"),
        (bare(404), "the store lists it and does not find it"),
    ] {
        proxy.reply(vec![Reply::always(HEAD_OF_FILE, answer)]).await;
        let log = stage.fail(&COMPACT);
        assert!(log.contains(reason), "{log}");
        assert!(stage.file().await == file, "the row of c stands nowhere else");
    }
    proxy.reply(Vec::new()).await;
    assert_eq!(stage.compact()["kept"], 1);
    assert_eq!(stage.store.keys(&stage.bucket, "sessions-parquet/").await, [FILE]);
}

/// The file is read in pieces; a page in the place of one is no sign that somebody has written it.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_the_place_of_the_file_is_named() {
    let (stage, proxy, _) = stage_of(&["a", "b"]).await;
    stage.compact();
    stage.put("c", &event("c")).await;
    let page = response(404, "text/html", b"<html>");
    proxy.reply(vec![Reply::always(&["GET ", "sessions.parquet"], page)]).await;
    let log = stage.fail(&COMPACT);
    assert!(log.contains("sessions.parquet: ") && log.contains("404 text/html"), "{log}");
    assert_eq!(stage.sessions_of_the_file().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_for_what_is_before_the_store_becomes_a_dead_letter_and_holds_nobody() {
    for (status, page, todo) in [
        (413, &response(413, "text/html", b"<html>too large</html>"), "take larger requests"),
        (414, &response(414, "text/html", b"<html>too long</html>"), "take longer addresses"),
        (
            400,
            &response(400, "application/xml", b"<Error><Code>MetadataTooLarge</Code></Error>"),
            "the event's",
        ),
    ] {
        let (stage, proxy, _) = stage_of(&[]).await;
        proxy.reply(vec![Reply::always(&["PUT ", "large"], page.clone())]).await;
        let _program = stage.run_with(&["--max-attempts", "2"]);
        let large =
            event("large").replacen('{', &format!(r#"{{"transcript":"{}","#, "blah ".repeat(50_000)), 1);
        stage.publish("1", &large).await;
        for number in 0..8 {
            stage.publish(&format!("ok{number}"), &event(&format!("ok{number}"))).await;
        }
        eventually("the others are written", async || stage.store.objects(&stage.bucket).await.len() == 8)
            .await;
        stage.all_settled().await;
        assert_eq!(stage.dead_letters().await, 1);
        let letters = stage.succeed(&["dead-letters", "list", "--json"]);
        assert!(
            letters.contains(&format!("the store answered {status}")) && letters.contains(todo),
            "{letters}"
        );
        readyz(stage.http, 200, "ready").await;
        assert_eq!(metric(stage.http, r#"postcall_sink_dead_letters_total{sink="sink-s3"}"#).await, 1.0);
    }
}

/// What answers in the store's place, or whoever may write to the bucket, sends what has no end.
#[tokio::test(flavor = "multi_thread")]
async fn answers_without_measure_are_not_read() {
    const OF_B: &[&str] = &["GET ", "b-AJ_1.json.gz?x-id"];
    let (stage, proxy, _) = stage_of(&["b-AJ_1"]).await;
    // Compressed by another program, so that the listing does not tell whether it is the same.
    stage.publish("b", &event("b")).await;
    let verify = || {
        let output = stage.execute(&["verify", "--from", "2025-10-29", "--to", "2025-10-29", "--json"]);
        let lines = output.stdout.split(|byte| *byte == b'\n');
        let findings: Vec<Value> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        (output.status.code(), findings)
    };
    let head = |length: &str| format!("HTTP/1.1 200 OK\r\nETag: \"x\"\r\n{length}Connection: close\r\n\r\n");
    let endless = [head("").into_bytes(), vec![b'x'; 70 << 20]].concat();
    for answer in [head("Content-Length: 6000000000\r\n").into_bytes(), endless] {
        proxy.reply(vec![Reply::always(OF_B, answer)]).await;
        let (status, findings) = verify();
        let differs = json!({"finding": "differing", "key": format!("{DAY}/b-AJ_1.json.gz")});
        assert_eq!((status, findings.first()), (Some(1), Some(&differs)));
    }
    let long = format!("<IsTruncated>false</IsTruncated>{}", " ".repeat(20 << 20));
    proxy.reply(vec![Reply::always(LIST, listing(&long))]).await;
    assert_eq!(verify(), (Some(1), Vec::new()));
}
