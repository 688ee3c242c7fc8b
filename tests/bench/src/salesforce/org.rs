//! The simulated Salesforce, over TLS, with a Lead for each of some payloads.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use test_servers::{Program, free_port};
use tests::environment::{Environment, program};
use tests::openssl::openssl;
use tests::wait_for;

use super::lead;

const STARTS_WITHIN: Duration = Duration::from_secs(20);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Ends when it is dropped.
pub(super) struct Org {
    process: Program,
    client: Client,
    url: String,
    payloads: Range<usize>,
    /// What the programs are told.
    pub(super) environment: Environment,
}

/// What it counted, and what its Leads show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Without those for tokens.
    pub(super) api_calls: u64,
    pub(super) tokens: u64,
    pub(super) updated: u64,
    pub(super) created: u64,
    /// Leads that do not show session, second and tier of their payload.
    pub(super) not_written: u64,
}

/// Keys, a certificate and names, by which the simulator and its clients know each other: each finds what it needs by the
/// name that it is set with.
pub(super) fn introduce(environment: &mut Environment, folder: &Path) -> Result<()> {
    let [private_key, public_key, certificate, certificate_key] =
        ["private.pem", "public.pem", "certificate.pem", "certificate-key.pem"].map(|name| folder.join(name));
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"], &private_key)?;
    openssl(&["pkey", "-pubout", "-in", &private_key.to_string_lossy(), "-out"], &public_key)?;
    // simple_salesforce asks this host for its token, wherever that is.
    let names = "subjectAltName=DNS:login.salesforce.com,IP:127.0.0.1";
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=simulator"];
    let key = certificate_key.to_string_lossy();
    let details =
        ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &key, "-out"];
    openssl(&[request.as_slice(), &details].concat(), &certificate)?;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    for (name, value) in [
        ("SALESFORCE_CLIENT_ID", "postcall-bench".to_owned()),
        ("SALESFORCE_USERNAME", "integration@postcall.example".to_owned()),
        ("SALESFORCE_PRIVATE_KEY_FILE", path(&private_key)),
        ("SALESFORCE_PUBLIC_KEY_FILE", path(&public_key)),
        ("SALESFORCE_TLS_CERTIFICATE_FILE", path(&certificate)),
        ("SALESFORCE_TLS_PRIVATE_KEY_FILE", path(&certificate_key)),
        // The only one that the clients trust.
        ("SSL_CERT_FILE", path(&certificate)),
    ] {
        environment.set(name, value);
    }
    Ok(())
}

impl Org {
    /// A new one, in which nobody has called yet. From now on each data call takes `latency`.
    pub(super) async fn start(
        environment: &Environment,
        folder: &Path,
        payloads: Range<usize>,
        latency: Duration,
    ) -> Result<Self> {
        let seed = folder.join("seed.json");
        std::fs::write(&seed, lead::seed(payloads.clone())?.to_string()).context("write the seed")?;
        let (mut environment, address) = (environment.clone(), format!("127.0.0.1:{}", free_port()));
        environment.set("SALESFORCE_SIMULATOR_LISTEN", address.as_str());
        environment.set("SALESFORCE_SEED_FILE", seed.to_string_lossy());
        environment.set("SALESFORCE_URL", format!("https://{address}"));
        let log = folder.join("salesforce-simulator.log");
        let process = Program::new(program("salesforce-simulator")?, &[], &environment, log);
        let client = client(environment.get("SSL_CERT_FILE")?)?;
        let mut org = Self { process, client, url: format!("https://{address}"), payloads, environment };
        org.process.start()?;
        org.answers().await?;
        org.take(latency).await?;
        Ok(org)
    }

    pub(super) fn id(&self) -> Result<u32> {
        self.process.id().context("find the simulated Salesforce")
    }

    pub(super) async fn seen(&self) -> Result<Seen> {
        let records = self.get("simulator/records").await?;
        let leads = records["Lead"].as_array().context("find Leads among the records")?;
        let count = |name: &str| records["counters"][name].as_u64().with_context(|| format!("find {name}"));
        Ok(Seen {
            api_calls: count("api_calls")?,
            tokens: count("tokens")?,
            updated: count("updated")?,
            created: count("created")?,
            not_written: lead::not_written(leads, self.payloads.clone())?,
        })
    }

    /// Waits until the Lead of a payload shows it.
    pub(super) async fn until_shown(&self, number: usize, limit: Duration) -> Result<()> {
        let (path, wanted) = (format!("simulator/records/{}", lead::id(number)), lead::Call::of(number)?);
        wait_for("the Lead to show its call", limit, || async {
            let record = self.get(&path).await?;
            Ok(wanted.is_shown_by(&record["fields"]).then_some(()))
        })
        .await
    }

    async fn answers(&self) -> Result<()> {
        wait_for("the simulated Salesforce", STARTS_WITHIN, || async {
            self.get("simulator/faults").await.map(|_| Some(()))
        })
        .await
        .with_context(|| format!("its log ends:\n{}", self.process.end_of_log()))
    }

    async fn take(&self, latency: Duration) -> Result<()> {
        let faults = json!({ "delay_milliseconds": latency.as_millis() as u64 });
        let answer = self.client.post(format!("{}/simulator/faults", self.url)).json(&faults).send().await;
        answer.context("set the latency")?.error_for_status().context("set the latency").map(drop)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.client.get(format!("{}/{path}", self.url)).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        answer.with_context(|| format!("get {path}"))?.json().await.with_context(|| format!("read {path}"))
    }
}

fn client(certificate: &str) -> Result<Client> {
    let pem = std::fs::read(certificate).context("read the certificate")?;
    let trusted = Certificate::from_pem(&pem).context("parse the certificate")?;
    let client = Client::builder().tls_certs_only([trusted]).timeout(ANSWERS_WITHIN).no_proxy();
    client.build().context("make an HTTP client")
}
