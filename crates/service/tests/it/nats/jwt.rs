//! An operator, its account and its users, as nats-server knows them by signed tokens.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// An operator with one account, whose users have credentials with an end.
pub(crate) struct Operator {
    operator: KeyPair,
    account: KeyPair,
    system: KeyPair,
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            account: KeyPair::new_account(),
            system: KeyPair::new_account(),
        }
    }

    /// What a server's configuration has of it.
    pub(crate) fn configuration(&self) -> String {
        let account = |account: &KeyPair, store: i64| {
            let mut limits = json!({"wildcards": true});
            for name in ["subs", "data", "payload", "imports", "exports", "conn", "leaf"] {
                limits[name] = json!(-1);
            }
            for name in ["mem_storage", "disk_storage", "streams", "consumer"] {
                limits[name] = json!(store);
            }
            let nats = json!({"limits": limits, "type": "account", "version": 2});
            token(&self.operator, account, nats, None)
        };
        let operator = token(&self.operator, &self.operator, json!({"type": "operator", "version": 2}), None);
        format!(
            "operator: {operator}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload: {{ {name}: {account}, {system}: {system_account} }}\n",
            system = self.system.public_key(),
            name = self.account.public_key(),
            account = account(&self.account, -1),
            system_account = account(&self.system, 0),
        )
    }

    /// Writes credentials of a new user, as an agent of a secret store does it: in one step.
    pub(crate) fn write_credentials(&self, path: &Path, lifetime: Duration) {
        let user = KeyPair::new_user();
        let nats = json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2});
        let end = SystemTime::now() + lifetime;
        let jwt = token(&self.account, &user, nats, Some(end));
        let seed = user.seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\nKeep it secret.\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        let new = path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, path).unwrap();
    }
}

fn token(by: &KeyPair, subject: &KeyPair, nats: Value, end: Option<SystemTime>) -> String {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "jti": subject.public_key(), "iat": seconds(SystemTime::now()), "iss": by.public_key(), "name": "test",
        "sub": subject.public_key(), "nats": nats,
    });
    if let Some(end) = end {
        claims["exp"] = json!(seconds(end));
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(by.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}
