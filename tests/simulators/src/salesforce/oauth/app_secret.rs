//! Client credentials: the app's own key and secret, at the org's My Domain only.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;

use super::Refusal;
use crate::salesforce::Config;

/// Hosts that belong to no org, so that they cannot know whose user it is.
const SHARED_HOSTS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];

/// Whether key and secret, in a Basic header or else in the form, are the app's.
pub(crate) fn check(
    config: &Config,
    host: &str,
    headers: &HeaderMap,
    form: Option<(&str, &str)>,
) -> Result<(), Refusal> {
    if SHARED_HOSTS.contains(&host.split(':').next().unwrap_or_default()) {
        return Err(("invalid_grant", "request not supported on this domain"));
    }
    let form = form.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
    let (id, secret) = basic(headers).or(form).ok_or(("invalid_client", "invalid client credentials"))?;
    if id != config.client_id {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    match &config.client_secret {
        None => Err(("invalid_grant", "no client credentials user enabled")),
        Some(wanted) if secret == wanted.expose_secret() => Ok(()),
        Some(_) => Err(("invalid_client", "invalid client credentials")),
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(secret: Option<&str>, host: &str, authorization: &str) -> Result<(), Refusal> {
        let config = Config {
            client_id: "key".to_owned(),
            client_secret: secret.map(Into::into),
            ..Config::new(Vec::new())
        };
        let basic = format!("Basic {}", STANDARD.encode(authorization));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, basic.parse().unwrap())]);
        check(&config, host, &headers, None)
    }

    #[test]
    fn key_and_secret_must_be_the_app_s_and_the_host_the_org_s() {
        let host = "acme.my.salesforce.com";
        assert_eq!(refusal(Some("secret"), host, "key:secret"), Ok(()));
        for (secret, host, authorization, error) in [
            (Some("secret"), host, "key:other", "invalid_client"),
            (Some("secret"), host, "other:secret", "invalid_client_id"),
            (Some("secret"), host, "key", "invalid_client"),
            (Some("secret"), "login.salesforce.com:443", "key:secret", "invalid_grant"),
            (None, host, "key:secret", "invalid_grant"),
        ] {
            assert_eq!(refusal(secret, host, authorization).unwrap_err().0, error, "{host} {authorization}");
        }
    }

    #[test]
    fn the_form_does_as_well() {
        let config = Config { client_secret: Some("secret".into()), ..Config::new(Vec::new()) };
        let form = Some((config.client_id.as_str(), "secret"));
        assert_eq!(check(&config, "localhost", &HeaderMap::new(), form), Ok(()));
        assert!(check(&config, "localhost", &HeaderMap::new(), None).is_err());
    }
}
