//! One record, row or content that Salesforce, or what stands before it, does not take: the others are written, and an outage
//! is held against none.

use std::time::Duration;

use axum::http::Method;
use schemas::names;
use serde_json::json;
use test_servers::{NatsServer, Process, eventually};

use crate::between::Between;
use crate::binary::{NAME, set_up, sink};
use crate::org::{Org, lead_id, leads, session, sessions, write};

const PAGE: &str = "<html>Request blocked</html>";
const UNKNOWN: &str = r#"[{"errorCode":"UNKNOWN_EXCEPTION","message":"An unexpected error occurred."}]"#;
/// How long an org is not asked again that refused a call.
const HOLD: Duration = Duration::from_millis(5_200);

fn count(outcomes: &[String], prefix: &str) -> usize {
    outcomes.iter().filter(|outcome| outcome.starts_with(prefix)).count()
}

/// An org in which updates of these Leads are refused with a code, row by row.
async fn org_that_refuses(code: &str, refused: &[usize]) -> Org {
    let mut seed = leads(20);
    for number in refused {
        seed["Lead"][number - 1]["simulator"] = json!({ "refused_with": code });
    }
    Org::with_seed(seed).await
}

#[tokio::test]
async fn a_row_is_not_the_org_where_another_row_passes() {
    for code in
        ["INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_FIELD", "STORAGE_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE"]
    {
        let org = org_that_refuses(code, &[7]).await;
        let writer = org.writer();
        let outcomes = write(&writer, &sessions("room", 1..=8)).await;
        assert_eq!(count(&outcomes, "updated"), 7, "{outcomes:?}");
        assert!(outcomes[6].starts_with("retry: ") && outcomes[6].contains(code), "{outcomes:?}");
        assert_eq!(write(&writer, &sessions("room", [9, 10])).await, ["updated", "updated"], "{code}");
        // Alone it is still the one that was refused among others.
        for _ in 0..3 {
            let outcome = write(&writer, &sessions("room", [7])).await.remove(0);
            assert!(outcome.starts_with("retry: "), "{code}: {outcome}");
        }
        assert_eq!(write(&writer, &sessions("room", [11])).await, ["updated"], "{code}");
    }
}

#[tokio::test]
async fn rows_that_are_all_refused_are_not_blamed_until_others_pass() {
    let org = org_that_refuses("INVALID_FIELD_FOR_INSERT_UPDATE", &[7, 8]).await;
    let writer = org.writer();
    for _ in 0..2 {
        let outcomes = write(&writer, &sessions("room", [7, 8])).await;
        assert_eq!(count(&outcomes, "unavailable: "), 2, "{outcomes:?}");
        tokio::time::sleep(HOLD).await;
    }
    // The fields are as they must be, so the same two rows hold no other back.
    assert_eq!(write(&writer, &sessions("room", [9])).await, ["updated"]);
    let outcomes = write(&writer, &sessions("room", [7, 8])).await;
    assert_eq!(count(&outcomes, "retry: "), 2, "{outcomes:?}");
}

#[tokio::test]
async fn an_update_that_one_record_spoils_is_taken_apart_when_it_comes_again() {
    let answers = [
        (500, UNKNOWN),
        (403, PAGE),
        (401, PAGE),
        (404, PAGE),
        (200, PAGE),
        (502, PAGE),
        (400, UNKNOWN),
        (200, "[]"),
    ];
    let tries = answers.map(async |(status, page)| {
        let org = Org::with_seed(leads(150)).await;
        let between = Between::start(&org).await;
        let id = lead_id(77);
        between.refuses(move |method, _, body| {
            (*method == Method::PATCH && body.contains(&id)).then_some((status, page))
        });
        let writer = between.writer(&org);
        let batch = sessions("room", 1..=120);
        let outcomes = write(&writer, &batch).await;
        assert_eq!(count(&outcomes, "unavailable: "), 120, "{status}: {outcomes:?}");
        tokio::time::sleep(HOLD).await;
        between.calls();
        let outcomes = write(&writer, &batch).await;
        assert_eq!(
            (count(&outcomes, "updated"), count(&outcomes, "retry: ")),
            (119, 1),
            "{status}: {outcomes:?}"
        );
        assert!(outcomes[76].starts_with("retry: "), "{status}: {outcomes:?}");
        let calls = between.calls();
        assert!(calls <= 32, "{status}: {calls}");
        // From then on it has a call of its own.
        let outcomes = write(&writer, &sessions("room", 77..=140)).await;
        assert_eq!(
            (count(&outcomes, "updated"), count(&outcomes, "retry: ")),
            (20, 1),
            "{status}: {outcomes:?}"
        );
        let calls = between.calls();
        assert!(calls <= 6, "{status}: {calls}");
        let outcome = write(&writer, &sessions("room", [77])).await.remove(0);
        assert!(outcome.starts_with("retry: "), "{status}: {outcome}");
        between.passes();
        assert_eq!(write(&writer, &sessions("room", [77, 141])).await, ["updated", "updated"], "{status}");
        between.calls();
        assert_eq!(count(&write(&writer, &sessions("zoom", 1..=120)).await, "updated"), 120);
        assert_eq!(between.calls(), 2);
    });
    futures::future::join_all(tries).await;
}

#[tokio::test]
async fn a_look_up_that_one_address_spoils_is_taken_apart_when_it_comes_again() {
    let tries = [(500, UNKNOWN), (403, PAGE), (200, PAGE)].map(async |(status, page)| {
        let org = Org::with_seed(leads(150)).await;
        let between = Between::start(&org).await;
        between.refuses(move |_, uri, _| uri.contains("p77%40x.org").then_some((status, page)));
        let writer = between.writer(&org);
        let batch = sessions("room", 70..=100);
        let outcomes = write(&writer, &batch).await;
        assert_eq!(count(&outcomes, "unavailable: "), 31, "{status}: {outcomes:?}");
        tokio::time::sleep(HOLD).await;
        let outcomes = write(&writer, &batch).await;
        assert_eq!(
            (count(&outcomes, "updated"), count(&outcomes, "retry: ")),
            (30, 1),
            "{status}: {outcomes:?}"
        );
        assert!(outcomes[7].starts_with("retry: "), "{status}: {outcomes:?}");
        let outcomes = write(&writer, &sessions("room", [1, 77])).await;
        assert!(outcomes[0] == "updated" && outcomes[1].starts_with("retry: "), "{status}: {outcomes:?}");
    });
    futures::future::join_all(tries).await;
}

#[tokio::test]
async fn what_passes_costs_a_look_up_and_an_update_for_each_batch() {
    let org = Org::with_seed(leads(1_000)).await;
    let writer = org.writer();
    for batch in 0..5 {
        let outcomes = write(&writer, &sessions("room", batch * 200 + 1..=(batch + 1) * 200)).await;
        assert_eq!(count(&outcomes, "updated"), 200, "{outcomes:?}");
    }
    // With the two descriptions.
    assert_eq!(org.counters().api_calls, 12);
}

#[tokio::test]
async fn an_outage_blames_nobody_and_is_not_searched() {
    for status in [500, 502] {
        let org = Org::with_seed(leads(150)).await;
        let between = Between::start(&org).await;
        let writer = between.writer(&org);
        assert_eq!(count(&write(&writer, &sessions("first", [150])).await, "updated"), 1);
        let batch = sessions("room", 1..=120);
        between.calls();
        for call in 0..4 {
            between.refuses(move |_, _, _| Some((status, UNKNOWN)));
            let outcomes = write(&writer, &batch).await;
            assert_eq!(count(&outcomes, "unavailable: "), 120, "{outcomes:?}");
            // Three tries of the call, and from the second time on one question whether the org is there.
            let calls = between.calls();
            assert!(calls <= 3 + 3 * usize::from(call > 0), "{status}: {calls}");
        }
        between.passes();
        assert_eq!(count(&write(&writer, &batch).await, "updated"), 120);
    }
}

#[tokio::test]
async fn an_org_that_takes_no_update_blames_nobody_and_is_searched_once() {
    let org = Org::with_seed(leads(150)).await;
    let between = Between::start(&org).await;
    let writer = between.writer(&org);
    between.refuses(|method, _, _| (*method == Method::PATCH).then_some((500, UNKNOWN)));
    let batch = sessions("room", 1..=120);
    let mut calls = 0;
    for _ in 0..5 {
        let outcomes = write(&writer, &batch).await;
        assert_eq!(count(&outcomes, "unavailable: "), 120, "{outcomes:?}");
        calls += between.calls();
    }
    // Two descriptions; two look-ups and three tries each time; once the search.
    assert!(calls <= 2 + 5 * 5 + 20, "{calls}");
    between.passes();
    assert_eq!(count(&write(&writer, &batch).await, "updated"), 120);
}

#[tokio::test]
async fn a_token_that_is_refused_during_a_search_ends_it() {
    let org = Org::with_seed(leads(150)).await;
    let between = Between::start(&org).await;
    let writer = between.writer(&org);
    let id = lead_id(77);
    between.refuses(move |method, _, body| {
        (*method == Method::PATCH && body.contains(&id)).then_some((502, PAGE))
    });
    let batch = sessions("room", 1..=120);
    write(&writer, &batch).await;
    org.inject(json!({ "tokens_unavailable": 1 })).await;
    // A page makes the sink ask for a token, of which the first is not given.
    let outcomes = write(&writer, &batch).await;
    assert_eq!(count(&outcomes, "retry: "), 0, "{outcomes:?}");
    let outcomes = write(&writer, &batch).await;
    assert_eq!(count(&outcomes, "retry: "), 1, "{outcomes:?}");
    assert_eq!(count(&outcomes, "updated") + count(&outcomes, "unchanged"), 119, "{outcomes:?}");
}

#[tokio::test]
async fn an_address_with_more_records_than_can_be_read_stops_no_other() {
    let mut seed = leads(20);
    let many = (0..10_010).map(|number| match number {
        0..10_000 => format!("00Q5f00000C{number:04}"),
        _ => format!("00Q5f00000D{:04}", number - 10_000),
    });
    let many = many.map(|id| json!({ "Id": id, "Email": "many@x.org" }));
    seed["Lead"].as_array_mut().unwrap().extend(many);
    let org = Org::with_seed(seed).await;
    let writer = org.writer();
    let mut batch = sessions("room", 1..=20);
    batch.push(session("room", "many@x.org", 7));
    let outcomes = write(&writer, &batch).await;
    assert_eq!(count(&outcomes, "updated"), 20, "{outcomes:?}");
    assert!(outcomes[20].starts_with("retry: "), "{outcomes:?}");
}

/// The whole way: those that came with the one that is refused, and those that come later.
#[tokio::test]
async fn one_record_holds_no_other_in_the_stream() {
    let ways = [(500, UNKNOWN), (403, PAGE)].map(async |(status, page)| {
        let org = Org::with_seed(leads(20)).await;
        let between = Between::start(&org).await;
        let id = lead_id(7);
        between.refuses(move |method, _, body| {
            (*method == Method::PATCH && body.contains(&id)).then_some((status, page))
        });
        one_of_ten_is_left(&org, &between).await;
    });
    futures::future::join_all(ways).await;
}

#[tokio::test]
async fn one_row_holds_no_other_in_the_stream() {
    let org = org_that_refuses("INVALID_FIELD_FOR_INSERT_UPDATE", &[7]).await;
    let between = Between::start(&org).await;
    one_of_ten_is_left(&org, &between).await;
}

/// The seventh session is left in the stream, and the other nine are written.
async fn one_of_ten_is_left(org: &Org, between: &Between) {
    let nats = NatsServer::start().await;
    set_up(org, &nats);
    let mut sink = sink(org, &nats);
    sink.env("SALESFORCE_URL", &between.url).args(["run", "--http", "127.0.0.1:0"]);
    let _sink = Process::start(&mut sink).unwrap();
    let jetstream = nats.jetstream().await;
    let stream = jetstream.get_stream(names::SESSIONS_STREAM).await.unwrap();
    let mut published = 0;
    for numbers in [1..=8, 9..=10] {
        for message in sessions("room", numbers) {
            let ack = jetstream.publish(names::SESSION_ENDED_V1, message.payload).await.unwrap();
            ack.await.unwrap();
            published += 1;
        }
        eventually("all but one", async || {
            let info = stream.consumer_info(NAME).await.unwrap();
            info.delivered.stream_sequence == published && (info.num_pending, info.num_ack_pending) == (0, 1)
        })
        .await;
    }
    for number in (1..=10).filter(|number| *number != 7) {
        assert_eq!(org.field(&lead_id(number), "Last_Voice_Session__c"), "room");
    }
    between.passes();
    org.salesforce.org().records.get_mut(&lead_id(7)).unwrap().behaviour.refused_with = None;
    eventually("the last one", async || {
        let info = stream.consumer_info(NAME).await.unwrap();
        info.ack_floor.stream_sequence == published
    })
    .await;
    assert_eq!(org.field(&lead_id(7), "Last_Voice_Session__c"), "room");
}
