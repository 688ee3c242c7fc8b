//! A sink that is not let in, or may not do what it must, says so, takes nothing, and goes on once that is mended.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::PullConsumer;
use schemas::names;
use serde_json::{Value, json};
use simulators::salesforce::settings::Settings;
use test_servers::{NatsServer, Process, free_port};
use tokio::task::JoinSet;

use crate::binary::{NAME, get, set_up, sink};
use crate::keys;
use crate::org::{LEAD, Org, session};

/// Longest time until `/readyz` says what it should. The pauses between two probes grow to 15 s.
const LONGEST: Duration = Duration::from_secs(60);

/// What is wrong, and what `/readyz` says of it.
struct Case {
    wrong: Wrong,
    says: &'static [&'static str],
}

enum Wrong {
    /// Of the program: mended by a restart.
    Variable(&'static str, &'static str),
    Key,
    /// Of the org: mended while the program runs.
    Setting(&'static str, Value),
}

fn cases() -> Vec<Case> {
    let case = |wrong, says| Case { wrong, says };
    let setting = |name, value, says| case(Wrong::Setting(name, value), says);
    vec![
        case(Wrong::Key, &["invalid_grant (invalid assertion)", "check SALESFORCE_PRIVATE_KEY_FILE"]),
        case(
            Wrong::Variable("SALESFORCE_USERNAME", "somebody@else.example"),
            &["invalid_grant (user hasn't approved this consumer)", "SALESFORCE_USERNAME"],
        ),
        case(
            Wrong::Variable("SALESFORCE_CLIENT_ID", "another-app"),
            &["invalid_client_id", "SALESFORCE_CLIENT_ID"],
        ),
        case(
            Wrong::Variable("SALESFORCE_API_VERSION", "v99.0"),
            &["no such resource (404, NOT_FOUND)", "check SALESFORCE_API_VERSION"],
        ),
        setting(
            "approval",
            json!("missing_from_user"),
            &["user hasn't approved this consumer", "docs/SALESFORCE.md"],
        ),
        setting(
            "approval",
            json!("missing_from_admin"),
            &["user is not admin approved to access this app", "docs/SALESFORCE.md"],
        ),
        setting("api_enabled", json!(false), &["The REST API is not enabled for this Organization"]),
        setting(
            "hidden",
            json!(["Contact"]),
            &["no such resource (404", "permission set of deploy/salesforce"],
        ),
        setting(
            "hidden",
            json!(["Lead.Last_Voice_Session__c"]),
            &["Lead has no field Last_Voice_Session__c", "deploy the metadata and the permission set"],
        ),
        setting("hidden", json!(["Contact.Email"]), &["Contact has no field Email"]),
        setting(
            "read_only",
            json!(["Lead"]),
            &["may not edit Lead.Last_Voice_Call_Date__c", "deploy the metadata and the permission set"],
        ),
        setting(
            "read_only",
            json!(["Contact.Voice_Qualification_Tier__c"]),
            &[
                "may not edit Contact.Voice_Qualification_Tier__c",
                "deploy the metadata and the permission set",
            ],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_org_or_the_app_is_said_and_no_message_is_taken_until_it_is_mended() {
    let mut running = JoinSet::new();
    cases().into_iter().for_each(|case| drop(running.spawn(run(case))));
    running.join_all().await;
}

async fn run(case: Case) {
    let stage = Stage::set_up().await;
    if let Wrong::Setting(name, value) = &case.wrong {
        stage.org.set(json!({ *name: value })).await;
    }
    let process = stage.start(&case.wrong);
    stage.readyz(503, case.says).await;
    // A pull would have come by then, were there one.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.readyz(503, case.says).await;
    stage.nothing_is_taken().await;

    let _process = match case.wrong {
        Wrong::Setting(name, _) => {
            stage.org.set(json!({ name: usual(name) })).await;
            process
        }
        Wrong::Variable(..) | Wrong::Key => {
            drop(process);
            Process::start(&mut stage.command()).unwrap()
        }
    };
    stage.readyz(200, &["ready"]).await;
    stage.is_written("room").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_taken_away_meanwhile_makes_no_dead_letters() {
    let mut running = JoinSet::new();
    for (setting, value, says) in [
        ("read_only", json!(["Lead"]), "may not edit Lead."),
        ("read_only", json!(["Lead.Last_Voice_Call_Date__c"]), "may not edit Lead.Last_Voice_Call_Date__c"),
        ("hidden", json!(["Lead"]), "permission set of deploy/salesforce"),
        ("hidden", json!(["Lead.Email"]), "Lead has no field Email"),
        ("api_enabled", json!(false), "The REST API is not enabled for this Organization"),
    ] {
        running.spawn(lose(setting, value, says));
    }
    running.join_all().await;
}

async fn lose(setting: &'static str, value: Value, says: &'static str) {
    let stage = Stage::set_up().await;
    let _process = Process::start(&mut stage.command()).unwrap();
    stage.is_written("room").await;
    stage.org.set(json!({ setting: value })).await;
    stage.publish("next", 8).await;
    stage.readyz(503, &[says]).await;
    stage.org.set(json!({ setting: usual(setting) })).await;
    stage.is_written("next").await;
    stage.readyz(200, &["ready"]).await;
}

fn usual(setting: &str) -> Value {
    serde_json::to_value(Settings::default()).unwrap()[setting].clone()
}

/// Servers, and one message in the stream.
struct Stage {
    org: Org,
    nats: NatsServer,
    jetstream: jetstream::Context,
    http: String,
}

impl Stage {
    async fn set_up() -> Self {
        let (org, nats) = (Org::start().await, NatsServer::start().await);
        set_up(&org, &nats);
        let jetstream = nats.jetstream().await;
        let stage = Self { org, nats, jetstream, http: format!("127.0.0.1:{}", free_port()) };
        stage.publish("room", 7).await;
        stage
    }

    async fn publish(&self, session_id: &str, second: u8) {
        let payload = session(session_id, "test@company.com", second).payload;
        self.jetstream.publish(names::SESSION_ENDED_V1, payload).await.unwrap().await.unwrap();
    }

    fn start(&self, wrong: &Wrong) -> Process {
        let mut command = self.command();
        match wrong {
            Wrong::Variable(name, value) => drop(command.env(name, value)),
            // In the place of the right one.
            Wrong::Key => drop(self.org.key_file(&keys::generate())),
            Wrong::Setting(..) => {}
        }
        Process::start(&mut command).unwrap()
    }

    fn command(&self) -> Command {
        let mut command = sink(&self.org, &self.nats);
        command.args(["run", "--http", &self.http]).stderr(Stdio::null());
        command
    }

    async fn readyz(&self, status: u16, says: &[&str]) {
        let (url, until) = (format!("http://{}/readyz", self.http), Instant::now() + LONGEST);
        loop {
            let answer = get(&url).await;
            if let Some((found, body)) = &answer
                && *found == status
                && says.iter().all(|text| body.contains(text))
            {
                return;
            }
            assert!(Instant::now() < until, "wanted {status} with {says:?}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn nothing_is_taken(&self) {
        let consumer: PullConsumer =
            self.jetstream.get_consumer_from_stream(NAME, names::SESSIONS_STREAM).await.unwrap();
        let info = consumer.cached_info();
        let taken = (info.num_pending, info.num_ack_pending, info.delivered.stream_sequence);
        assert_eq!((taken, self.dead_letters().await), ((1, 0, 0), 0));
        assert_eq!(self.org.counters().updated, 0);
    }

    async fn is_written(&self, session_id: &str) {
        let until = Instant::now() + LONGEST;
        while self.org.field(LEAD, "Last_Voice_Session__c") != session_id {
            assert_eq!(self.dead_letters().await, 0);
            assert!(Instant::now() < until, "{session_id} is not written");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.dead_letters().await, 0);
    }

    async fn dead_letters(&self) -> u64 {
        let stream = self.jetstream.get_stream(names::DEAD_LETTERS_STREAM).await.unwrap();
        stream.cached_info().state.messages
    }
}
