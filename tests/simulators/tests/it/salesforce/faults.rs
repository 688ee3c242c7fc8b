//! What goes wrong on request.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use simulators::salesforce::faults::Fault;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::salesforce::org::{LEAD, Org, claims, outcomes, row};

const LIMITS: &str = "limits";

#[tokio::test]
async fn a_number_of_calls_is_answered_with_503_and_then_no_more() {
    let org = Org::start().await;
    org.inject(json!({ "unavailable": 2 })).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(org.get(LIMITS).await.status);
    }
    assert_eq!(statuses, [503, 503, 200, 200]);
}

#[tokio::test]
async fn a_share_of_calls_goes_wrong_evenly_and_every_fault_is_counted() {
    let org = Org::start().await;
    org.inject(json!({ "unavailable": { "share": 0.25 }, "exhausted_limits": { "share": 0.5 } })).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(org.get(LIMITS).await.status);
    }
    // Of those that are not unavailable, every second one meets the limit.
    assert_eq!(statuses, [200, 403, 200, 503, 403, 200, 403, 503]);
    let counted = org.salesforce.org().counters.faults.clone();
    assert_eq!((counted[&Fault::Unavailable], counted[&Fault::ExhaustedLimits]), (2, 3));
}

#[tokio::test]
async fn a_lost_answer_and_a_cut_one_were_written_all_the_same() {
    let org = Org::start().await;
    let update = |text: &str| json!({ "records": [row(LEAD, json!({ "Last_Voice_Session__c": text }))] });
    org.inject(json!({ "lost_answers": 1 })).await;
    assert_eq!(org.get(LIMITS).await.status, 200, "only what writes is lost");
    assert_eq!(org.patch("composite/sobjects", update("lost")).await.error(), (503, "SERVER_UNAVAILABLE"));
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), "lost");

    org.inject(json!({ "cut_answers": 2 })).await;
    for path in ["composite/sobjects", &format!("sobjects/Lead/{LEAD}")] {
        let body = if path.starts_with("comp") {
            update("cut")
        } else {
            json!({ "Last_Voice_Session__c": "cut too" })
        };
        let cut = org.data(Method::PATCH, path).json(&body).send().await;
        let read = match cut {
            Ok(answer) => answer.bytes().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(read.is_err(), "{path}: {read:?}");
    }
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), "cut too");
    assert_eq!(outcomes(org.patch("composite/sobjects", update("whole")).await), ["ok"]);
}

#[tokio::test]
async fn some_answers_are_slow() {
    let org = Org::start().await;
    org.inject(json!({ "slow_answers": { "share": 0.5 }, "slow_milliseconds": 60_000 })).await;
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        calls.spawn(org.data(Method::GET, LIMITS).send());
    }
    for _ in 0..2 {
        assert_eq!(calls.join_next().await.unwrap().unwrap().unwrap().status(), 200);
    }
    // A busy machine can only make this wait in vain: the other two are not to be answered.
    let third = timeout(Duration::from_millis(300), calls.join_next()).await;
    assert!(third.is_err(), "{third:?}");
    while org.salesforce.org().counters.faults.get(&Fault::SlowAnswers) != Some(&2) {
        sleep(Duration::from_millis(10)).await;
    }

    org.inject(json!({ "slow_answers": 1, "slow_milliseconds": 300 })).await;
    let start = Instant::now();
    assert_eq!(org.get(LIMITS).await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_error_can_be_a_bare_object() {
    let org = Org::start().await;
    org.inject(json!({ "bare_errors": 1 })).await;
    assert_eq!(org.get(LIMITS).await.status, 200);
    let bare = org.query("SELECT Shoe__c FROM Lead").await;
    assert_eq!((bare.status, &bare.body["errorCode"]), (400, &json!("INVALID_FIELD")));
    assert_eq!(org.query("SELECT Shoe__c FROM Lead").await.error(), (400, "INVALID_FIELD"));
}

#[tokio::test]
async fn a_token_expires_in_the_middle_and_no_further_one_is_given_at_once() {
    let mut org = Org::start().await;
    org.inject(json!({ "expired_tokens": 1, "tokens_unavailable": 1 })).await;
    for _ in 0..2 {
        assert_eq!(org.get(LIMITS).await.error(), (401, "INVALID_SESSION_ID"));
    }
    assert_eq!(org.ask_for_token(&claims()).await.status, 503);
    org.log_in().await;
    assert_eq!(org.get(LIMITS).await.status, 200);
}

#[tokio::test]
async fn every_twentieth_row_is_locked_and_some_within_a_trigger() {
    let lead = |index| json!({ "Id": format!("00Q5f0000{index:06}"), "Email": "a@x.org", "Company": "X" });
    let seed = json!({ "Lead": (0..100).map(lead).collect::<Vec<_>>() }).to_string();
    let org = Org::with(seed.as_bytes(), |_| {}).await;
    org.inject(json!({ "locked_rows": { "share": 0.05 }, "locks_within_triggers": 1 })).await;
    let rows: Vec<_> = (0..100).map(|index| row(&format!("00Q5f0000{index:06}"), json!({}))).collect();
    let results = org.patch("composite/sobjects", json!({ "records": rows })).await;
    let wrapped = &results.body[0]["errors"][0];
    assert_eq!(wrapped["statusCode"], "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    assert!(wrapped["message"].as_str().unwrap().contains("UNABLE_TO_LOCK_ROW"), "{wrapped}");
    let codes = outcomes(results);
    let locked: Vec<_> = (0..100).filter(|index| codes[*index] == "UNABLE_TO_LOCK_ROW").collect();
    assert_eq!(locked, [19, 39, 59, 79, 99]);
    assert_eq!(org.updated(), 94);
}

#[tokio::test]
async fn what_was_injected_is_shown() {
    let org = Org::start().await;
    org.inject(json!({ "unavailable": 3, "locked_rows": { "share": 0.05 } })).await;
    assert_eq!(org.get(LIMITS).await.status, 503);
    let shown = reqwest::get(format!("{}/simulator/faults", org.url)).await.unwrap().text().await.unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["unavailable"]["next"], &shown["locked_rows"]["share"]), (&json!(2), &json!(0.05)));
}
