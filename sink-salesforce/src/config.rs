//! How to reach Salesforce.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

/// How to reach Salesforce, and as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct SalesforceArgs {
    /// Where tokens are asked for: `https://login.salesforce.com`, `https://test.salesforce.com`, or the org's My Domain.
    #[arg(long, env = "SALESFORCE_URL")]
    pub salesforce_url: Url,
    /// Consumer key of the External Client App.
    #[arg(long, env = "SALESFORCE_CLIENT_ID")]
    pub salesforce_client_id: String,
    /// User name of the integration user.
    #[arg(long, env = "SALESFORCE_USERNAME")]
    pub salesforce_username: String,
    /// PEM file with the RSA private key whose certificate the app holds.
    #[arg(long, env = "SALESFORCE_PRIVATE_KEY_FILE")]
    pub salesforce_private_key_file: PathBuf,
    /// Audience of the signed assertion: `https://login.salesforce.com`, `https://test.salesforce.com`, or the org's My Domain.
    #[arg(long, env = "SALESFORCE_AUDIENCE", default_value = "https://login.salesforce.com")]
    pub salesforce_audience: String,
    /// Version of the REST API.
    #[arg(long, env = "SALESFORCE_API_VERSION", default_value = "v68.0", value_parser = api_version)]
    pub salesforce_api_version: String,
    /// Whether an update is saved although a duplicate rule would warn of it.
    #[arg(long, env = "SALESFORCE_ALLOW_DUPLICATES", default_value_t = true, action = clap::ArgAction::Set)]
    pub salesforce_allow_duplicates: bool,
    #[command(flatten)]
    pub request_timeout: RequestTimeout,
}

/// How long Salesforce may take. `setup` needs it as well: the consumer's deadline follows from it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct RequestTimeout {
    /// Longest time for one request to Salesforce, such as 30s.
    #[arg(long, env = "SALESFORCE_REQUEST_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration)]
    pub salesforce_request_timeout: Duration,
}

impl Default for RequestTimeout {
    fn default() -> Self {
        Self { salesforce_request_timeout: Duration::from_secs(30) }
    }
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
