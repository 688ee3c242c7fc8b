//! A simulated org, and a client that has logged in.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, RequestBuilder};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use simulators::salesforce::{Config, Salesforce};
use tokio_util::sync::DropGuard;

use crate::salesforce::keys;

/// An open Lead, and its address.
pub(crate) const LEAD: &str = "00Q5f00000A0001EAB";
pub(crate) const EMAIL: &str = "test@company.com";

/// A simulated Salesforce on a port of its own, and a client with a token; it stops when it is dropped.
pub(crate) struct Org {
    pub(crate) salesforce: Salesforce,
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    token: String,
    _stop: DropGuard,
}

/// What a call was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Org {
    /// With the records of the development stack.
    pub(crate) async fn start() -> Self {
        Self::with(include_bytes!("../../../../../deploy/dev/salesforce-seed.json"), |_| {}).await
    }

    /// With one Lead that behaves in some way.
    pub(crate) async fn with_lead(simulator: Value) -> Self {
        let lead = json!({ "Id": LEAD, "Email": EMAIL, "Company": "X", "simulator": simulator });
        Self::with(json!({ "Lead": [lead] }).to_string().as_bytes(), |_| {}).await
    }

    pub(crate) async fn with(seed: &[u8], change: impl FnOnce(&mut Config)) -> Self {
        // A second test finds it installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut config = Config::new(keys::trusted().public.clone());
        change(&mut config);
        let salesforce = Salesforce::new(config, seed).unwrap();
        let (url, stop) = salesforce.serve_on_a_free_port().await.unwrap();
        let http = reqwest::Client::new();
        let mut org = Self { salesforce, url, http, token: String::new(), _stop: stop };
        org.log_in().await;
        org
    }

    pub(crate) async fn log_in(&mut self) {
        let answer = self.ask_for_token(&claims()).await;
        self.token = answer.body["access_token"].as_str().unwrap().to_owned();
    }

    /// JWT bearer, signed with the key that the org trusts.
    pub(crate) async fn ask_for_token(&self, claims: &Value) -> Answer {
        self.token_call(&[("grant_type", JWT_BEARER), ("assertion", &sign(claims, &keys::trusted().private))])
            .await
    }

    pub(crate) async fn token_call(&self, form: &[(&str, &str)]) -> Answer {
        answer(self.http.post(format!("{}/services/oauth2/token", self.url)).form(form)).await
    }

    pub(crate) fn data(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/services/data/v68.0/{path}", self.url)).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.data(Method::GET, path)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        answer(self.data(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn query(&self, statement: &str) -> Answer {
        answer(self.data(Method::GET, "query").query(&[("q", statement)])).await
    }

    /// An update of several rows; what became of each: `ok`, or its status code.
    pub(crate) async fn update(&self, rows: &[Value]) -> Vec<String> {
        outcomes(self.patch("composite/sobjects", json!({ "records": rows })).await)
    }

    /// As a person would, over HTTP.
    pub(crate) async fn inject(&self, faults: Value) -> Answer {
        answer(self.http.post(format!("{}/simulator/faults", self.url)).json(&faults)).await
    }

    pub(crate) async fn set(&self, settings: Value) -> Answer {
        answer(self.http.post(format!("{}/simulator/settings", self.url)).json(&settings)).await
    }

    pub(crate) fn field(&self, id: &str, name: &str) -> Value {
        self.salesforce.org().records.get(id).unwrap().get(name).clone()
    }

    pub(crate) fn updated(&self) -> u64 {
        self.salesforce.org().counters.updated
    }
}

impl Answer {
    /// Status and code of an error.
    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.body[0]["errorCode"].as_str().unwrap_or_default())
    }

    pub(crate) fn message(&self) -> &str {
        self.body[0]["message"].as_str().unwrap_or_default()
    }
}

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The claims that the org takes.
pub(crate) fn claims() -> Value {
    let config = Config::new(Vec::new());
    json!({ "iss": config.client_id, "sub": config.username, "aud": config.audience, "exp": now() + 170 })
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn sign(claims: &Value, private_key: &[u8]) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(private_key).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let [header, claims] =
        [&json!({ "alg": "RS256" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A row of an update.
pub(crate) fn row(id: &str, fields: Value) -> Value {
    let kind = match id.get(..3) {
        Some("001") => "Account",
        Some("003") => "Contact",
        _ => "Lead",
    };
    let mut row = json!({ "attributes": { "type": kind }, "id": id });
    row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    row
}

pub(crate) fn outcomes(answer: Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let outcome = |row: &Value| match row["success"] == true {
        true => "ok".to_owned(),
        false => row["errors"][0]["statusCode"].as_str().unwrap().to_owned(),
    };
    answer.body.as_array().unwrap().iter().map(outcome).collect()
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}
