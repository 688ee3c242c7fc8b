//! A call through pods of the chart: `make test-images`, which has the images that they need.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value, json};
use test_deploy::repository;
use test_servers::{eventually, free_port, http};

use super::podman::{Played, Secrets};
use super::{Rendered, helm};
use crate::images::container::new_name;
use crate::images::servers::Servers;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the images: make test-images"]
async fn a_call_passes_through_the_charts_pods() {
    let servers = Servers::start().await;
    let (values, secrets) = values_for(&servers);
    let folder = tempfile::tempdir().expect("make a temporary folder");
    let file = folder.path().join("values.json");
    fs::write(&file, values.to_string()).expect("write the values");
    let rendered = Rendered::read(&helm(&["template", "postcall"], &file, &[]));

    let commands =
        ["sink-s3-setup", "sink-salesforce-setup", "sink-s3-check", "sink-salesforce-check", "agent-check"];
    for command in commands {
        let (code, log) = Played::start(&rendered, command, &secrets, &[]).ended();
        assert_eq!(code, "0", "{command}: {log}");
    }
    let mut of_another = secrets.clone();
    of_another.insert(("s3", "credentials"), credentials("another", "key"));
    let (code, log) = Played::start(&rendered, "sink-s3-check", &of_another, &[]).ended();
    assert!(code == "1" && log.contains("bucket sessions"), "{code}: {log}");

    let ports: Vec<u16> = std::iter::repeat_with(free_port).take(5).collect();
    let at = |name: &'static str, port: usize| (name, format!("127.0.0.1:{}", ports[port]));
    let pods = [
        ("sink-s3", vec![at("SINK_S3_HTTP", 0)]),
        ("sink-salesforce", vec![at("SINK_SALESFORCE_HTTP", 1)]),
        ("agent", vec![at("AGENT_HTTP", 2)]),
        ("web", vec![at("WEB_OPERATIONS_HTTP", 3), at("WEB_HTTP", 4)]),
    ];
    let pods = pods.map(|(component, addresses)| Played::start(&rendered, component, &secrets, &addresses));
    for (port, pod) in ports.iter().zip(&pods) {
        let address = SocketAddr::from(([127, 0, 0, 1], *port));
        eventually(&format!("it is ready: {}", pod.log()), async || {
            http::get(address, "/readyz").await.is_some_and(|(status, _)| status == 200)
        })
        .await;
        let status = pod.status();
        let has =
            |line: &str| status.lines().any(|found| found.split_whitespace().eq(line.split_whitespace()));
        assert!(
            has("Uid: 65532 65532 65532 65532") && has("CapEff: 0000000000000000") && has("NoNewPrivs: 1"),
            "{status}"
        );
    }

    let room = new_name();
    servers.call(&room, "test@company.com");
    eventually("the session is archived", async || servers.archive().await.contains(&room)).await;
    eventually("the Lead shows the session", async || servers.leads().await.contains(&room)).await;
}

/// Values for servers on this machine, and what is in the Secrets that they name.
fn values_for(servers: &Servers) -> (Value, Secrets) {
    let all = [
        servers.agent_settings(),
        servers.nats_settings(),
        servers.s3_settings(),
        servers.salesforce_settings(),
    ]
    .concat();
    let setting = |name: &str| all.iter().find(|(found, _)| *found == name).expect(name).1.clone();
    let settings = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), setting(name).into())).collect::<serde_json::Map<_, _>>()
    };
    let persona = fs::read_to_string(repository().join("agent/personas/pandadoc-trial.toml"))
        .expect("read the persona");
    let bucket = json!({"secret": "s3", "key": "credentials"});
    let values = json!({
        "image": {"registry": "localhost", "pullPolicy": "Never"},
        "nats": {"url": setting("NATS_URL")},
        "livekit": {
            "url": setting("LIVEKIT_URL"),
            "agentName": setting("AGENT_NAME"),
            "secret": {"name": "livekit", "apiKey": "key", "apiSecret": "secret"},
        },
        "agent": {
            "settings": settings(&["LIVEKIT_INFERENCE_URL"]),
            "files": {"AGENT_PERSONA": persona},
            "secretFiles": {
                "LIVEKIT_INFERENCE_API_KEY_FILE": {"secret": "inference", "key": "key"},
                "LIVEKIT_INFERENCE_API_SECRET_FILE": {"secret": "inference", "key": "secret"},
            },
        },
        "sinkS3": {
            "settings": settings(&["S3_ENDPOINT", "S3_BUCKET", "AWS_REGION"]),
            "secretFiles": {"AWS_SHARED_CREDENTIALS_FILE": bucket},
        },
        "sinkSalesforce": {
            "settings": settings(&["SALESFORCE_URL", "SALESFORCE_CLIENT_ID", "SALESFORCE_USERNAME"]),
            "secretFiles": {"SALESFORCE_PRIVATE_KEY_FILE": {"secret": "salesforce", "key": "private-key"}},
        },
        "setup": {
            "enabled": true,
            "createBucket": true,
            "secretFiles": {"AWS_SHARED_CREDENTIALS_FILE": bucket},
        },
    });
    let credentials = credentials(&setting("AWS_ACCESS_KEY_ID"), &setting("AWS_SECRET_ACCESS_KEY"));
    let mount = servers.salesforce_key_mount();
    let key =
        fs::read_to_string(mount.split(':').next().unwrap_or_default()).expect("read the integration's key");
    let secrets = Secrets::from([
        (("livekit", "key"), setting("LIVEKIT_API_KEY")),
        (("livekit", "secret"), setting("LIVEKIT_API_SECRET")),
        (("inference", "key"), setting("LIVEKIT_INFERENCE_API_KEY")),
        (("inference", "secret"), setting("LIVEKIT_INFERENCE_API_SECRET")),
        (("s3", "credentials"), credentials),
        (("salesforce", "private-key"), key),
    ]);
    (values, secrets)
}

/// A profile of AWS.
fn credentials(key: &str, secret: &str) -> String {
    format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
}
