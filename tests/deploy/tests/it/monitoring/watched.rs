//! The programs, each with a NATS and without what else it wants, and a Prometheus that scrapes them every second.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use test_deploy::{program, repository};
use test_servers::{KEY, NatsServer, Program, SECRET, free_port};

use crate::prometheus::{Prometheus, get, rules_of};

/// Longer than anything takes on a machine whose cores are all busy.
const LIMIT: Duration = Duration::from_secs(60);

/// They end with this.
pub(super) struct Watched {
    prometheus: Prometheus,
    /// Each with the port of its metrics.
    programs: Vec<(&'static str, u16, Program)>,
    _nats: NatsServer,
    /// Last, so that it is removed after they have ended.
    _folder: TempDir,
}

impl Watched {
    /// Returns when all are scraped.
    pub(super) async fn start() -> Self {
        let (nats, folder) =
            (NatsServer::start().await, tempfile::tempdir().expect("make a temporary folder"));
        let programs = programs(&nats, folder.path());
        let targets: Vec<_> = programs.iter().map(|(_, port, _)| format!("127.0.0.1:{port}")).collect();
        let rules = repository().join("deploy/monitoring/rules.yaml").canonicalize().expect("the rules");
        let prometheus = Prometheus::start(folder.path(), &rules, &targets);
        let watched = Self { prometheus, programs, _nats: nats, _folder: folder };
        watched.until("all programs are scraped", &format!("sum(up) == {}", targets.len()), is_data);
        watched
    }

    /// What each program exports.
    pub(super) fn exported(&self) -> BTreeMap<&'static str, String> {
        let metrics = |port| get(port, "/metrics").expect("a program answers");
        self.programs.iter().map(|(name, port, _)| (*name, metrics(*port))).collect()
    }

    /// # Panics
    /// Prometheus cannot read it, or has nothing for it.
    pub(super) fn has_data(&self, what: &str, expression: &str) {
        self.until(what, expression, is_data);
    }

    /// # Panics
    /// Prometheus has something for it, and goes on to have it.
    pub(super) fn has_none(&self, what: &str, expression: &str) {
        self.until(what, expression, |result| !is_data(result));
    }

    fn until(&self, what: &str, expression: &str, is_so: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        loop {
            let result = self.prometheus.query(expression);
            if result.as_ref().is_some_and(&is_so) {
                return;
            }
            let log = || self.prometheus.end_of_log();
            assert!(began.elapsed() < LIMIT, "{what}: {expression}: {result:?}\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// # Panics
    /// A rule could not be evaluated.
    pub(super) fn all_rules_work(&self) {
        let rules = rules_of(self.prometheus.port()).expect("Prometheus answers");
        assert!(rules.len() > 50, "{rules:?}");
        for rule in rules {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }
}

fn programs(nats: &NatsServer, folder: &Path) -> Vec<(&'static str, u16, Program)> {
    let secret = folder.join("secret");
    std::fs::write(&secret, "a secret").expect("write a secret");
    let nowhere = format!("127.0.0.1:{}", free_port());
    let (url, livekit) = (format!("http://{nowhere}"), format!("ws://{nowhere}"));
    let (nats, spool, secret) = (nats.url(), folder.join("spool"), secret.to_string_lossy().into_owned());
    let spool = spool.to_string_lossy();
    let of_livekit = [
        ("LIVEKIT_URL", &*livekit),
        ("LIVEKIT_API_KEY", KEY),
        ("LIVEKIT_API_SECRET", SECRET),
        ("AGENT_NAME", "agent"),
    ];
    let services = ["STT_BASE_URL", "LLM_BASE_URL", "TTS_BASE_URL"].map(|name| (name, &*url));
    let agent = [("NATS_URL", &*nats), ("AGENT_SPOOL_DIR", &*spool)];
    let s3 = [
        ("NATS_URL", &*nats),
        ("S3_ENDPOINT", &*url),
        ("S3_BUCKET", "sessions"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "access"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let salesforce = [
        ("NATS_URL", &*nats),
        ("SALESFORCE_URL", &*url),
        ("SALESFORCE_GRANT", "client-credentials"),
        ("SALESFORCE_CLIENT_ID", "test"),
        ("SALESFORCE_CLIENT_SECRET_FILE", &*secret),
    ];
    let web_http = format!("127.0.0.1:{}", free_port());
    let web = [("WEB_HTTP", &*web_http)];
    vec![
        start("agent", &["start"], "AGENT_HTTP", &[&of_livekit[..], &services, &agent].concat(), folder),
        start("web", &[], "WEB_OPERATIONS_HTTP", &[&of_livekit[..], &web].concat(), folder),
        start("sink-s3", &["run"], "SINK_S3_HTTP", &s3, folder),
        start("sink-salesforce", &["run"], "SINK_SALESFORCE_HTTP", &salesforce, folder),
    ]
}

fn start(
    name: &'static str,
    arguments: &[&str],
    http: &str,
    environment: &[(&str, &str)],
    folder: &Path,
) -> (&'static str, u16, Program) {
    let port = free_port();
    let mut environment: BTreeMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    environment.insert(http.to_owned(), format!("127.0.0.1:{port}"));
    let log = folder.join(format!("{name}.log"));
    let mut started = Program::new(program(name), arguments, &environment, log);
    started.start().expect("start a program");
    (name, port, started)
}

fn is_data(result: &Value) -> bool {
    result.as_array().is_some_and(|series| !series.is_empty())
}
