//! How to reach Salesforce.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::choose::Several;

/// How to reach Salesforce, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct SalesforceArgs {
    /// Where tokens are asked for: `https://login.salesforce.com`, `https://test.salesforce.com`, or the org's My Domain.
    #[arg(long, env = "SALESFORCE_URL")]
    pub salesforce_url: Url,
    /// Whether tokens and records may go over `http://` to another machine. For networks that are trusted.
    #[arg(long, env = "SALESFORCE_ALLOW_PLAIN_TEXT", default_value_t = false, action = clap::ArgAction::Set)]
    pub salesforce_allow_plain_text: bool,
    /// Consumer key of the External Client App.
    #[arg(
        long,
        env = "SALESFORCE_CLIENT_ID",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "salesforce_client_id_file"
    )]
    pub salesforce_client_id: String,
    /// File with the consumer key, in its place.
    #[arg(long, env = "SALESFORCE_CLIENT_ID_FILE", conflicts_with = "salesforce_client_id")]
    pub salesforce_client_id_file: Option<PathBuf>,
    /// How the app shows who it is.
    #[arg(long, env = "SALESFORCE_GRANT", default_value = "jwt-bearer")]
    pub salesforce_grant: Grant,
    /// User name of the integration user; of `jwt-bearer`.
    #[arg(long, env = "SALESFORCE_USERNAME", required_if_eq("salesforce_grant", "jwt-bearer"))]
    pub salesforce_username: Option<String>,
    /// PEM file with the RSA private key whose certificate the app holds; of `jwt-bearer`. This file and the others with keys
    /// are read again for each access token.
    #[arg(long, env = "SALESFORCE_PRIVATE_KEY_FILE", required_if_eq("salesforce_grant", "jwt-bearer"))]
    pub salesforce_private_key_file: Option<PathBuf>,
    /// File with the app's consumer secret; of `client-credentials`, which needs the org's My Domain as URL.
    #[arg(
        long,
        env = "SALESFORCE_CLIENT_SECRET_FILE",
        required_if_eq("salesforce_grant", "client-credentials")
    )]
    pub salesforce_client_secret_file: Option<PathBuf>,
    /// Audience of the signed assertion: `https://login.salesforce.com`, `https://test.salesforce.com`, or the org's My Domain.
    #[arg(long, env = "SALESFORCE_AUDIENCE", default_value = "https://login.salesforce.com")]
    pub salesforce_audience: String,
    /// Version of the REST API.
    #[arg(long, env = "SALESFORCE_API_VERSION", default_value = "v68.0", value_parser = api_version)]
    pub salesforce_api_version: String,
    /// Whether an update is saved although a duplicate rule would warn of it.
    #[arg(long, env = "SALESFORCE_ALLOW_DUPLICATES", default_value_t = true, action = clap::ArgAction::Set)]
    pub salesforce_allow_duplicates: bool,
    /// TOML file that says which parts of a payload go into which fields; the built-in one has the three fields of
    /// `deploy/salesforce`.
    #[arg(long, env = "SALESFORCE_FIELDS")]
    pub salesforce_fields: Option<PathBuf>,
    /// What is done where several open Leads, or several Contacts, have the address.
    #[arg(long, env = "SALESFORCE_SEVERAL", default_value = "newest-open")]
    pub salesforce_several: Several,
    /// Whether Contacts that have the address are written where no Lead has it.
    #[arg(long, env = "SALESFORCE_MATCH_CONTACTS", default_value_t = false, action = clap::ArgAction::Set)]
    pub salesforce_match_contacts: bool,
    /// Percent of the org's API calls of the day; once so many are used, by whomever, this sink makes none.
    #[arg(long, env = "SALESFORCE_API_PERCENT", default_value_t = 90, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub salesforce_api_percent: u8,
    /// How long a session may wait for others, to share API calls with them: a look-up and an update serve up to 200. At 1m
    /// that is 2,880 calls a day, at 1s up to 172,800.
    #[arg(long, env = "SALESFORCE_LINGER", default_value = "250ms", value_parser = humantime::parse_duration)]
    pub salesforce_linger: Duration,
    #[command(flatten)]
    pub request_timeout: RequestTimeout,
}

/// A way to get an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Grant {
    /// A signed assertion: the org needs the certificate, and no secret leaves this machine.
    JwtBearer,
    /// Consumer key and secret; the app names the user it runs as.
    ClientCredentials,
}

/// How long Salesforce may take. `setup` needs it as well: the consumer's deadline follows from it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct RequestTimeout {
    /// Longest time for one request to Salesforce, such as 30s.
    #[arg(long, env = "SALESFORCE_REQUEST_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration)]
    pub salesforce_request_timeout: Duration,
}

/// `v68.0`, so that nothing else gets into the path.
fn api_version(text: &str) -> Result<String, String> {
    let number = text.strip_prefix('v').and_then(|rest| rest.strip_suffix(".0"));
    match number.and_then(|number| number.parse::<u16>().ok()) {
        Some(number) => Ok(format!("v{number}.0")),
        None => Err("wanted a version such as v68.0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_nothing_but_a_version() {
        assert_eq!(api_version("v68.0").unwrap(), "v68.0");
        for text in ["68.0", "v68", "v68.0/../x", "v.0", ""] {
            assert!(api_version(text).is_err(), "{text}");
        }
    }
}
