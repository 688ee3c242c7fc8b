//! `check`: all that updating needs, tried without writing.

use std::collections::VecDeque;

use sink::Check;

use crate::client::{Client, Description};
use crate::field_map::FieldMap;
use crate::org::resolve;
use crate::records::Kind;

const DEPLOY: &str = "deploy deploy/salesforce, and give the integration user its permission set";

/// The token, the API's version, the objects with the mapped fields, and the calls that are left.
pub async fn check_org(client: &Client, map: &FieldMap) -> Vec<Check> {
    if let Err(error) = client.log_in().await {
        let todo = "see docs/SALESFORCE.md: the External Client App, its certificate, and its approved users";
        return vec![Check::bad("access token", error.to_string(), todo)];
    }
    let mut checks = vec![Check::good("access token", "it is given"), check_version(client).await];
    let mut kinds = VecDeque::from([Kind::Lead, Kind::Contact]);
    while let Some(kind) = kinds.pop_front() {
        match client.describe(kind).await {
            Ok(description) => {
                if kind == Kind::Contact && description.has_person_accounts() {
                    kinds.push_back(Kind::PersonAccount);
                }
                checks.extend(check_object(kind, &description, map));
            }
            Err(error) => checks.push(Check::bad(
                kind.object(),
                error.to_string(),
                "allow the integration user to read and edit it",
            )),
        }
    }
    if let Some(usage) = client.usage.last() {
        let found = format!("{} of {} are used", usage.used, usage.most);
        checks.push(match client.usage.allow(tokio::time::Instant::now()) {
            Ok(()) => Check::good("API calls of the day", found),
            Err(error) => {
                Check::bad("API calls of the day", error.to_string(), "wait, or ask for more calls")
            }
        });
    }
    checks
}

async fn check_version(client: &Client) -> Check {
    let (what, todo) = (format!("API version {}", client.version), "correct SALESFORCE_API_VERSION");
    match client.versions().await {
        Ok(versions) if versions.contains(&client.version) => Check::good(what, "the org has it"),
        Ok(versions) => {
            let found = match versions.as_slice() {
                [oldest, .., newest] => format!("the org has {oldest} to {newest}"),
                versions => format!("the org has only {}", versions.concat()),
            };
            Check::bad(what, found, todo)
        }
        Err(error) => Check::bad(what, error.to_string(), todo),
    }
}

fn check_object(kind: Kind, description: &Description, map: &FieldMap) -> Vec<Check> {
    let object = kind.object();
    let name = format!("fields of {object}");
    let mut checks = match resolve(map, kind, description) {
        Ok(fields) => vec![Check::good(&name, fields.select())],
        Err(faults) => faults.into_iter().map(|fault| Check::bad(&name, fault, DEPLOY)).collect(),
    };
    if let Some(email) = description.fields.iter().find(|field| field.name == "Email") {
        checks.push(Check::good(
            format!("{object}.Email"),
            match email.id_lookup {
                true => "records are found by it",
                false => "it is there, without an index: look-ups may be slow",
            },
        ));
    }
    checks
}
