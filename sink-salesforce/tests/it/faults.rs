//! What goes wrong, and what it means for the messages.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;
use sink::{Message, Writer as _};
use sink_salesforce::client::Client;
use sink_salesforce::config::Grant;
use sink_salesforce::writer::SalesforceWriter;

use crate::keys;
use crate::org::{LEAD, Org, SEED, message, session, write};

const EMAIL: &str = "test@company.com";

#[tokio::test]
async fn a_locked_row_is_retried_and_disturbs_no_other() {
    let org = Org::start().await;
    let writer = org.writer();
    let batch = [session("room", "lukas@locked.example", 7), session("room", EMAIL, 7)];
    let locked = "retry: Salesforce refuses Lead 00Q5f00000A0007EAB: UNABLE_TO_LOCK_ROW";
    assert_eq!(write(&writer, &batch).await, [locked, "updated"]);
    assert_eq!(write(&writer, &batch).await, [locked, "unchanged"]);
    assert_eq!(write(&writer, &batch).await, ["updated", "unchanged"]);
}

#[tokio::test]
async fn a_refused_row_is_rejected_and_its_reason_holds_no_address() {
    let org = Org::with_lead(EMAIL, json!({ "refused_with": "STRING_TOO_LONG" })).await;
    assert_eq!(
        write(&org.writer(), &[session("room", EMAIL, 7)]).await,
        ["permanent: Salesforce refuses Lead 00Q5f00000A0001EAB: STRING_TOO_LONG of Last_Voice_Session__c"]
    );
}

#[tokio::test]
async fn a_record_that_the_user_may_not_write_is_rejected_alone() {
    let org = Org::with_lead(EMAIL, json!({ "refused_with": "INSUFFICIENT_ACCESS_OR_READONLY" })).await;
    let outcome = write(&org.writer(), &[session("room", EMAIL, 7)]).await.remove(0);
    assert!(outcome.starts_with("permanent: ") && outcome.contains("INSUFFICIENT_ACCESS"), "{outcome}");
}

#[tokio::test]
async fn when_every_session_of_a_record_is_refused_each_has_its_turn() {
    let org = Org::with_lead(EMAIL, json!({ "refused_with": "DUPLICATES_DETECTED" })).await;
    let batch: Vec<_> = (1..=4).map(|second| session("room", EMAIL, second)).collect();
    let outcomes = write(&org.writer(), &batch).await;
    let rejected = outcomes.iter().filter(|outcome| outcome.starts_with("permanent: ")).count();
    assert_eq!((rejected, outcomes[0].starts_with("retry: ")), (3, true), "{outcomes:?}");
}

#[tokio::test]
async fn a_fault_of_the_org_makes_no_dead_letter() {
    let org = Org::with_lead(EMAIL, json!({ "refused_with": "INVALID_FIELD_FOR_INSERT_UPDATE" })).await;
    let outcomes = write(&org.writer(), &[session("room", EMAIL, 7), session("newer", EMAIL, 8)]).await;
    assert!(outcomes.iter().all(|outcome| outcome.starts_with("unavailable: ")), "{outcomes:?}");
}

#[tokio::test]
async fn an_ended_session_is_opened_again_once() {
    let org = Org::start().await;
    let writer = org.writer();
    writer.probe().await.unwrap();
    org.inject(json!({ "expire_tokens": true })).await;
    assert_eq!(write(&writer, &[session("room", EMAIL, 7)]).await, ["updated"]);
    assert_eq!(org.counters().tokens, 2);
}

#[tokio::test]
async fn the_app_s_secret_opens_a_session_as_well() {
    let org = Org::with(SEED, |config| config.client_secret = Some("secret".into())).await;
    for (secret, outcome) in
        [("secret\n", "updated"), ("other", "unavailable: Salesforce gives no access token: ")]
    {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), secret).unwrap();
        let mut args = org.args();
        (args.salesforce_username, args.salesforce_private_key_file) = (None, None);
        args.salesforce_grant = Grant::ClientCredentials;
        args.salesforce_client_secret_file = Some(file.path().to_owned());
        let writer = SalesforceWriter::new(&args).unwrap();
        let found = write(&writer, &[session("room", EMAIL, 7)]).await.remove(0);
        assert!(found.starts_with(outcome), "{found}");
    }
}

#[tokio::test]
async fn many_at_once_ask_for_one_token() {
    let org = Org::start().await;
    let client = Client::new(&org.args()).unwrap();
    let (one, two, three) = tokio::join!(client.log_in(), client.log_in(), client.log_in());
    assert_eq!((one, two, three), (Ok(()), Ok(()), Ok(())));
    assert_eq!(org.counters().tokens, 1);
}

#[tokio::test]
async fn while_salesforce_is_down_nothing_is_lost_and_then_it_is_written() {
    let org = Org::start().await;
    let writer = org.writer();
    // A call that broke is made three times.
    org.inject(json!({ "unavailable": 2 })).await;
    assert_eq!(write(&writer, &[session("first", EMAIL, 6)]).await, ["updated"]);
    org.inject(json!({ "unavailable": 3 })).await;
    let batch = [session("room", EMAIL, 7), session("nobody", "nobody@nowhere.example", 7)];
    let down = "unavailable: Salesforce is not available (503, SERVER_UNAVAILABLE)";
    assert_eq!(write(&writer, &batch).await, [down, down]);
    assert_eq!(write(&writer, &batch).await, ["updated", "no_match"]);
}

#[tokio::test]
async fn a_lost_answer_is_harmless() {
    let org = Org::start().await;
    let writer = org.writer();
    let batch = [session("room", EMAIL, 7)];
    org.inject(json!({ "lost_answers": 3 })).await;
    let outcome = write(&writer, &batch).await.remove(0);
    assert!(outcome.starts_with("unavailable: "), "{outcome}");
    assert_eq!(org.field(LEAD, "Last_Voice_Session__c"), "room");
    assert_eq!(write(&writer, &batch).await, ["unchanged"]);
    assert_eq!(org.counters().updated, 3);
}

#[tokio::test]
async fn used_up_calls_pause_the_sink() {
    let org = Org::start().await;
    let writer = org.writer();
    org.inject(json!({ "request_limit_exceeded": true })).await;
    assert_eq!(
        write(&writer, &[session("room", EMAIL, 7)]).await,
        ["unavailable: the org's API calls of the day are used up (REQUEST_LIMIT_EXCEEDED)"]
    );
    org.inject(json!({ "request_limit_exceeded": false })).await;
    assert_eq!(write(&writer, &[session("room", EMAIL, 7)]).await, ["updated"]);
}

#[tokio::test]
async fn near_the_limit_of_the_day_no_call_is_made() {
    let org = Org::with(SEED, |config| config.settings.daily_api_calls = 10).await;
    let writer = org.writer();
    // Two describes, and then a look-up and an update each.
    for second in 1..=4 {
        assert_eq!(write(&writer, &[session("room", EMAIL, second)]).await, ["updated"]);
    }
    let held = "unavailable: 10 of the org's 10 API calls of the day are used; from 90 % on (SALESFORCE_API_PERCENT)";
    let outcome = write(&writer, &[session("room", EMAIL, 5)]).await.remove(0);
    assert!(outcome.starts_with(held), "{outcome}");
    assert_eq!(org.counters().api_calls, 10);
}

#[tokio::test]
async fn what_somebody_has_to_mend_is_not_asked_for_at_every_try() {
    let org = Org::with_lead(EMAIL, json!({ "refused_with": "INVALID_FIELD" })).await;
    let writer = org.writer();
    for _ in 0..5 {
        let outcome = write(&writer, &[session("room", EMAIL, 7)]).await.remove(0);
        assert!(outcome.starts_with("unavailable: ") && outcome.contains("INVALID_FIELD"), "{outcome}");
    }
    assert_eq!(org.counters().api_calls, 4);
}

#[tokio::test]
async fn what_passes_by_itself_costs_no_further_description() {
    let org = Org::start().await;
    let writer = org.writer();
    writer.probe().await.unwrap();
    for (fault, calls) in [("unavailable", 3), ("lost_answers", 3), ("exhausted_limits", 1)] {
        org.inject(json!({ fault: calls })).await;
        let outcome = write(&writer, &[session(fault, EMAIL, 7)]).await.remove(0);
        assert!(outcome.starts_with("unavailable: "), "{outcome}");
    }
    let before = org.counters().api_calls;
    assert_eq!(write(&writer, &[session("room", EMAIL, 8)]).await, ["updated"]);
    assert_eq!(org.counters().api_calls, before + 2);
}

#[tokio::test]
async fn a_session_that_ends_in_the_future_is_put_aside() {
    let org = Org::start().await;
    let payload = json!({ "session_id": "room", "user_email": EMAIL, "end_time": "2099-01-01T00:00:00Z" });
    let outcome = write(&org.writer(), &[message(&payload)]).await.remove(0);
    assert!(outcome.starts_with("permanent: the session's end_time is in the future"), "{outcome}");
}

/// The clock of the sink is behind, and that of NATS says so.
#[tokio::test]
async fn a_session_that_the_stream_took_after_its_end_is_not_in_the_future() {
    let org = Org::start().await;
    let payload = json!({ "session_id": "room", "user_email": EMAIL, "end_time": "2099-01-01T00:00:00Z" });
    let taken = |time: &str| Message { published: Some(time.parse().unwrap()), ..message(&payload) };
    let before = write(&org.writer(), &[taken("2098-12-31T22:59:59Z")]).await.remove(0);
    assert!(before.starts_with("permanent: the session's end_time is in the future"), "{before}");
    assert_eq!(write(&org.writer(), &[taken("2099-01-01T00:00:01Z")]).await, ["updated"]);
}

#[tokio::test]
async fn nobody_sends_the_program_elsewhere() {
    let org = Org::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut args = org.args();
    args.salesforce_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let location = format!("Location: {}/services/oauth2/token", org.url);
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let answer = format!("HTTP/1.1 307 Temporary Redirect\r\n{location}\r\nContent-Length: 0\r\n\r\n");
        // The request is read, so that closing does not cut the answer off.
        let mut request = [0; 16_384];
        assert!(client.read(&mut request).unwrap() > 0);
        client.write_all(answer.as_bytes()).unwrap();
    });
    let error = SalesforceWriter::new(&args).unwrap().probe().await.unwrap_err();
    assert_eq!(error, "Salesforce gives no access token: status 307; check SALESFORCE_URL");
    assert_eq!(org.counters().tokens, 0);
}

#[tokio::test]
async fn a_wrong_key_says_what_to_check() {
    let org = Org::start().await;
    let mut args = org.args();
    args.salesforce_private_key_file = Some(org.key_file(&keys::generate()));
    let writer = SalesforceWriter::new(&args).unwrap();
    let reason = "Salesforce gives no access token: invalid_grant (invalid assertion); check \
        SALESFORCE_PRIVATE_KEY_FILE, SALESFORCE_CLIENT_ID, SALESFORCE_USERNAME and SALESFORCE_AUDIENCE";
    assert_eq!(writer.probe().await.unwrap_err(), reason);
    assert_eq!(write(&writer, &[session("room", EMAIL, 7)]).await, [format!("unavailable: {reason}")]);
}

#[tokio::test]
async fn a_wrong_setting_says_which() {
    let org = Org::start().await;
    for (change, part) in [
        (json!({ "client": "other" }), "invalid_client_id (client identifier invalid)"),
        (json!({ "user": "other" }), "invalid_grant (user hasn't approved this consumer)"),
        (json!({ "audience": "https://other" }), "invalid_grant (audience is invalid)"),
        (json!({ "version": "v99.0" }), "no such resource (404, NOT_FOUND); check SALESFORCE_API_VERSION"),
        (json!({ "version": "v30.0" }), "no such resource (410, UNSUPPORTED_API_VERSION)"),
    ] {
        let mut args = org.args();
        let set = |field: &mut String, key: &str| {
            if let Some(value) = change[key].as_str() {
                *field = value.to_owned();
            }
        };
        set(&mut args.salesforce_client_id, "client");
        set(args.salesforce_username.as_mut().unwrap(), "user");
        set(&mut args.salesforce_audience, "audience");
        set(&mut args.salesforce_api_version, "version");
        let writer = SalesforceWriter::new(&args).unwrap();
        let outcome = write(&writer, &[session("room", EMAIL, 7)]).await.remove(0);
        assert!(outcome.starts_with("unavailable: ") && outcome.contains(part), "{outcome}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_or_does_not_answer() {
    let org = Org::start().await;
    let mut args = org.args();
    args.request_timeout.salesforce_request_timeout = Duration::from_millis(300);
    let writer = SalesforceWriter::new(&args).unwrap();
    org.inject(json!({ "delay_milliseconds": 2_000 })).await;
    let outcome = write(&writer, &[session("room", EMAIL, 7)]).await.remove(0);
    assert!(outcome.starts_with("unavailable: Salesforce does not answer in time"), "{outcome}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    args.salesforce_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let writer = SalesforceWriter::new(&args).unwrap();
    let outcome = write(&writer, &[session("room", EMAIL, 7)]).await.remove(0);
    assert!(outcome.starts_with("unavailable: Salesforce is not reached: Connection refused"), "{outcome}");
}

#[tokio::test]
async fn without_its_key_the_program_does_not_start() {
    let org = Org::start().await;
    let mut args = org.args();
    args.salesforce_private_key_file = Some("/nowhere/private.pem".into());
    let error = SalesforceWriter::new(&args).err().unwrap();
    assert_eq!(error.to_string(), "read private key /nowhere/private.pem");
}
