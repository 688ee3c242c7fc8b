//! A slow org: what is written within the time is given back, and each try makes progress.

use std::time::Duration;

use axum::http::Method;
use tokio::time::{Instant, timeout};

use crate::between::Between;
use crate::org::{Org, lead_id, leads, sessions, write};

const TIMEOUT: Duration = Duration::from_millis(4_500);
/// Of each call: two fit into the time, and leave a fifth of it to a busy machine.
const DELAY: Duration = Duration::from_millis(1_800);
/// One fits, and leaves a quarter.
const LONG_DELAY: Duration = Duration::from_millis(3_400);
const UNREADABLE: &str = r#"[{"errorCode":"JSON_PARSER_ERROR","message":"Unexpected character"}]"#;

#[tokio::test]
async fn one_unreadable_row_in_a_slow_org_lets_each_try_settle_some() {
    let org = Org::with_seed(leads(120)).await;
    let between = Between::start(&org).await;
    between.delays(DELAY);
    let id = lead_id(7);
    between.refuses(move |method, _, body| {
        (*method == Method::PATCH && body.contains(&id)).then_some((400, UNREADABLE))
    });
    let writer = between.writer_with(&org, |args| args.request_timeout.salesforce_request_timeout = TIMEOUT);
    let mut open: Vec<_> = (1..=120).collect();
    let began = Instant::now();
    let mut tries = 0;
    while !open.is_empty() {
        let batch = sessions("room", open.clone());
        let outcomes =
            timeout(TIMEOUT * 4, write(&writer, &batch)).await.expect("an answer within the limit");
        for (number, outcome) in open.clone().into_iter().zip(&outcomes) {
            let is_open = outcome.starts_with("busy: ");
            let expected = if number == 7 {
                outcome.starts_with("retry: ")
            } else {
                ["updated", "unchanged"].contains(&outcome.as_str())
            };
            assert!(is_open || expected, "{number}: {outcome}");
            if !is_open {
                open.retain(|open| *open != number);
            }
        }
        tries += 1;
        assert!(tries < 15, "{} open after {tries} tries, {:?}", open.len(), began.elapsed());
    }
}

#[tokio::test]
async fn look_ups_that_take_all_the_time_leave_some_for_the_update() {
    let org = Org::with_seed(leads(200)).await;
    let between = Between::start(&org).await;
    let writer = between.writer_with(&org, |args| {
        args.request_timeout.salesforce_request_timeout = TIMEOUT;
        // Three look-ups, of which the later ones find nobody.
        args.salesforce_match_contacts = true;
    });
    // The fields are known.
    assert_eq!(write(&writer, &sessions("first", [200])).await, ["updated"]);
    between.delays(LONG_DELAY);
    let long = |number: usize| crate::org::session("room", &format!("{}{number}@x.org", "é".repeat(100)), 7);
    let mut batch = sessions("room", 1..=20);
    batch.extend((0..100).map(long));
    let mut tries = 0;
    while batch.len() >= 100 {
        assert!(tries < 12, "{} still wait after {tries} tries", batch.len());
        tries += 1;
        let outcomes =
            timeout(TIMEOUT * 4, write(&writer, &batch)).await.expect("an answer within the limit");
        let mut outcomes = outcomes.iter();
        batch.retain(|_| outcomes.next().unwrap().starts_with("busy: "));
    }
    assert_eq!(org.field(&lead_id(1), "Last_Voice_Session__c"), "room");
}
