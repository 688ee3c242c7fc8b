//! The users of `deploy/nats/users.conf`: whatever is not named there is refused.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_servers::{NatsServer, NatsUser, tool};

use crate::nats::fixtures::{connected, settings};

#[tokio::test(flavor = "multi_thread")]
async fn each_user_may_do_what_its_program_does_and_no_more() {
    let nats = NatsServer::start_with_users("").await;
    let seeds = nats.seed_file(NatsUser::Agent);
    let seeds = Path::new(&seeds).parent().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/nats/users.py");
    let mut python = Command::new(tool("python/bin/python"));
    let output = python.arg(script).args([&nats.operator_url(), &nats.url()]).arg(seeds).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();

    let sink = |name: &str| {
        json!({
            "publish": [
                format!("sessions.dead.{name}"),
                format!("$JS.ACK.SESSIONS.{name}.1.1.1.1.0"),
                "$JS.API.STREAM.INFO.SESSIONS",
                "$JS.API.STREAM.MSG.GET.SESSIONS",
                format!("$JS.API.CONSUMER.INFO.SESSIONS.{name}"),
                format!("$JS.API.CONSUMER.MSG.NEXT.SESSIONS.{name}"),
                "$JS.API.STREAM.INFO.SESSIONS_DLQ",
                "$JS.API.STREAM.MSG.GET.SESSIONS_DLQ",
            ],
            "subscribe": [format!("_INBOX_{name}.>"), format!("_INBOX_{name}.x.*")],
        })
    };
    let rights = json!({
        "agent": {
            "publish": ["sessions.ended.v1", "$JS.API.STREAM.INFO.SESSIONS"],
            "subscribe": ["_INBOX_agent.>", "_INBOX_agent.x.*"],
        },
        "sink-s3": sink("sink-s3"),
        "sink-salesforce": sink("sink-salesforce"),
        "web": {
            "publish": [
                "$JS.API.STREAM.INFO.SESSIONS",
                "$JS.API.STREAM.MSG.GET.SESSIONS",
                "$JS.API.CONSUMER.INFO.SESSIONS.sink-s3",
                "$JS.API.CONSUMER.INFO.SESSIONS.sink-salesforce",
                "$JS.API.STREAM.INFO.SESSIONS_DLQ",
                "$JS.API.STREAM.MSG.GET.SESSIONS_DLQ",
            ],
            "subscribe": ["_INBOX_web.>", "_INBOX_web.x.*"],
        },
    });
    for user in NatsUser::ALL.map(NatsUser::name) {
        assert_eq!(told["rights"][user], rights[user], "{user}");
        assert_eq!(told["harmed"][user], json!([[], []]), "{user}");
    }
    assert_eq!(told["after"], told["before"]);
    assert_eq!(told["after"]["SESSIONS"][2], json!(["sink-s3", "sink-salesforce"]));
}

#[tokio::test]
async fn a_right_that_is_missing_is_said_at_once_and_by_its_name() {
    let nats = NatsServer::start_with_users("").await;
    let seed = nats.seed_file(NatsUser::Web);
    let web = settings(&nats.url(), &["--nats-nkey-file", &seed]);
    let jetstream = web.connect("web status").await.unwrap();
    let began = Instant::now();
    let (allowed, refused) = ("$JS.API.STREAM.INFO.SESSIONS", "$JS.API.STREAM.INFO.OTHER");
    // An answer, though there is no such stream.
    assert!(jetstream.unless_refused(allowed, jetstream.get_stream("SESSIONS")).await.unwrap().is_err());
    let refusal = jetstream.unless_refused(refused, jetstream.get_stream("OTHER")).await.err().unwrap();
    let said = "permissions violation: the user of NATS may not publish to $JS.API.STREAM.INFO.OTHER; give it that right";
    assert_eq!(refusal.to_string(), said);
    let work = async { jetstream.get_stream("OTHER").await };
    assert_eq!(jetstream.unless_anything_is_refused(work).await.err().unwrap().to_string(), said);
    // What is refused elsewhere is none of this one's business.
    assert!(jetstream.unless_refused(allowed, jetstream.get_stream("SESSIONS")).await.is_ok());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_inbox_that_is_not_allowed_is_said_of_every_request() {
    let nats = NatsServer::start_with_users("").await;
    let seed = nats.seed_file(NatsUser::Web);
    let flags = ["--nats-nkey-file", &seed, "--nats-inbox-prefix", "_INBOX_sink-s3"];
    let connection = settings(&nats.url(), &flags).keep_connected("web status").await.unwrap();
    connected(&connection).await;
    let jetstream = &connection.jetstream;
    let began = Instant::now();
    for _ in 0..3 {
        let asked = jetstream.get_stream("SESSIONS");
        let refusal = jetstream.unless_refused("$JS.API.STREAM.INFO.SESSIONS", asked).await.err().unwrap();
        let said = refusal.to_string();
        assert!(
            said.contains("may not subscribe to _INBOX_sink-s3.") && said.contains("NATS_INBOX_PREFIX"),
            "{said}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_inboxes_of_a_program_are_its_own_unless_it_is_told_otherwise() {
    let nats = NatsServer::start_with_users("").await;
    for (user, name) in
        [(NatsUser::SinkS3, "sink-s3 check"), (NatsUser::Web, "web status"), (NatsUser::Agent, "agent")]
    {
        let seed = nats.seed_file(user);
        let prefix = format!("_INBOX_{}", user.name());
        for flags in [&[][..], &["--nats-inbox-prefix", &prefix]] {
            let flags = [&["--nats-nkey-file", &seed][..], flags].concat();
            let jetstream = settings(&nats.url(), &flags).connect(name).await.unwrap();
            let asked = jetstream.get_stream("SESSIONS");
            // An answer, though there is no such stream.
            assert!(
                jetstream.unless_refused("$JS.API.STREAM.INFO.SESSIONS", asked).await.unwrap().is_err(),
                "{name}"
            );
        }
    }
}
