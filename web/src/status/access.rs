//! Who may see the status page: whoever has the token, and whomever a trusted proxy names.
//!
//! A browser gives the token once, in a form, and gets a cookie. The cookie is no secret of its own: it is a time until which it
//! is good, signed with the token, so nothing is kept here, and another token ends them all.

use std::net::IpAddr;

use anyhow::{Context as _, anyhow};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretString};
use service::SecretSource;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, warn};

use super::configuration::{StatusSettings, ensure_long};
use super::failed_tries::FailedTries;
use super::overview::text::shown;
use crate::client_address::Proxies;

const COOKIE_NAME: &str = "postcall_status";
/// A working day.
const COOKIE_LIFETIME: TimeDelta = TimeDelta::hours(12);
/// Longest name of somebody who is signed in, in characters.
const LONGEST_USER: usize = 80;

/// Decides about each request.
pub(super) struct Access {
    token: Option<SecretSource>,
    user_header: Option<HeaderName>,
    proxies: Proxies,
    /// Where the cookie belongs.
    cookie_path: String,
    started: Instant,
    failed: Mutex<FailedTries>,
    /// Of this process: what is compared under it takes the same time wherever two texts differ.
    comparing: hmac::Key,
}

/// Who sees the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Viewer {
    /// Somebody whom a proxy has signed in.
    Named(String),
    /// Somebody with the token.
    Token,
    /// Somebody who had the token, and has a cookie.
    Cookie,
}

/// Why somebody does not see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// They have not said who they are.
    SignIn,
    WrongToken,
    TooManyTries {
        retry_after: Duration,
    },
    /// The file of the token cannot be read.
    NoToken,
}

impl Access {
    /// # Errors
    /// The token's file cannot be read or holds none, or the system has no randomness.
    pub(super) async fn new(
        settings: &StatusSettings,
        proxies: Proxies,
        cookie_path: String,
    ) -> anyhow::Result<Self> {
        if let Some(token) = &settings.token {
            ensure_long(&token.read().await.context("WEB_STATUS_TOKEN_FILE")?)?;
        }
        let comparing = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            token: settings.token.clone(),
            user_header: settings.user_header.clone(),
            proxies,
            cookie_path,
            started: Instant::now(),
            failed: Mutex::default(),
            comparing: comparing.map_err(|_| anyhow!("the system has no randomness"))?,
        })
    }

    /// Whether there is a token by which one may sign in.
    pub(super) fn takes_tokens(&self) -> bool {
        self.token.is_some()
    }

    pub(super) async fn check(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        now: DateTime<Utc>,
    ) -> Result<Viewer, Refusal> {
        if let Some(user) = self.user(peer, headers) {
            return Ok(Viewer::Named(user));
        }
        let token = self.read_token().await?;
        if cookies(headers).any(|cookie| is_good(&token, cookie, now)) {
            return Ok(Viewer::Cookie);
        }
        let given = bearer(headers).ok_or(Refusal::SignIn)?;
        self.compare(&token, given, peer, headers).map(|()| Viewer::Token)
    }

    /// The cookie for whoever gives the token.
    pub(super) async fn sign_in(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        given: &str,
        now: DateTime<Utc>,
    ) -> Result<HeaderValue, Refusal> {
        let token = self.read_token().await?;
        self.compare(&token, given.trim().as_bytes(), peer, headers)?;
        let value = cookie(&token, now + COOKIE_LIFETIME);
        Ok(self.set_cookie(&value, COOKIE_LIFETIME))
    }

    /// The cookie that takes the other one away.
    pub(super) fn sign_out(&self) -> HeaderValue {
        self.set_cookie("", TimeDelta::zero())
    }

    /// The one whom a trusted proxy names, once.
    fn user(&self, peer: IpAddr, headers: &HeaderMap) -> Option<String> {
        let header = self.user_header.as_ref().filter(|_| self.proxies.trusted.contains(peer))?;
        let mut values = headers.get_all(header).iter();
        let (Some(user), None) = (values.next(), values.next()) else { return None };
        let user = user.to_str().ok()?.trim();
        (!user.is_empty()).then(|| shown(user, LONGEST_USER))
    }

    async fn read_token(&self) -> Result<SecretString, Refusal> {
        let source = self.token.as_ref().ok_or(Refusal::SignIn)?;
        let token = source.read().await.and_then(|token| ensure_long(&token).map(|()| token));
        token.map_err(|error| {
            error!("the token of the status page: {error:#}");
            Refusal::NoToken
        })
    }

    fn compare(
        &self,
        token: &SecretString,
        given: &[u8],
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let (client, now) = (self.proxies.client_address(peer, headers), self.started.elapsed());
        let tag = hmac::sign(&self.comparing, token.expose_secret().as_bytes());
        let is_right = hmac::verify(&self.comparing, given, tag.as_ref()).is_ok();
        // Held until the try is counted, so that many at a time are no more than one after the other.
        let mut failed = self.failed.lock();
        let too_many = |retry_after| Refusal::TooManyTries { retry_after };
        failed.may_be_right(client, now).map_err(too_many)?;
        if is_right {
            return Ok(());
        }
        failed.may_be_wrong(client, now).map_err(too_many)?;
        warn!("a wrong token was given for the status page");
        failed.failed(client, now);
        Err(Refusal::WrongToken)
    }

    /// Browsers keep it where the page came over https, or from their own machine.
    fn set_cookie(&self, value: &str, lifetime: TimeDelta) -> HeaderValue {
        let (path, seconds) = (&self.cookie_path, lifetime.num_seconds());
        let text = format!(
            "{COOKIE_NAME}={value}; Path={path}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict"
        );
        // Of visible characters alone, as all of its parts are.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Until when it is good, in seconds since 1970, and the signature of that.
fn cookie(token: &SecretString, until: DateTime<Utc>) -> String {
    let until = until.timestamp();
    let signature = hmac::sign(&signing(token), &signed(until));
    format!("{until}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn is_good(token: &SecretString, cookie: &str, now: DateTime<Utc>) -> bool {
    let read = || {
        let (until, signature) = cookie.split_once('.')?;
        let until: i64 = until.parse().ok()?;
        hmac::verify(&signing(token), &signed(until), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        Some(until)
    };
    read().is_some_and(|until| now.timestamp() < until)
}

fn signing(token: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.expose_secret().as_bytes())
}

fn signed(until: i64) -> Vec<u8> {
    format!("{COOKIE_NAME} until {until}").into_bytes()
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    const SCHEME: usize = "Bearer ".len();
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let is_bearer = value.get(..SCHEME)?.eq_ignore_ascii_case(b"Bearer ");
    is_bearer.then(|| value[SCHEME..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn token() -> SecretString {
        TOKEN.into()
    }

    fn now() -> DateTime<Utc> {
        "2026-11-01T12:00:00Z".parse().unwrap()
    }

    async fn access(user_header: bool) -> Access {
        let settings = StatusSettings {
            token: Some(SecretSource::Value(token())),
            user_header: user_header.then_some(HeaderName::from_static("x-user")),
            metrics: Default::default(),
            nats: nats(),
        };
        let proxies = Proxies {
            trusted: "10.0.0.0/8".parse().unwrap(),
            header: HeaderName::from_static("x-forwarded-for"),
        };
        Access::new(&settings, proxies, "/voice/".to_owned()).await.unwrap()
    }

    fn nats() -> service::Nats {
        use clap::Parser;
        #[derive(Parser)]
        struct Cli {
            #[command(flatten)]
            nats: service::Nats,
        }
        Cli::parse_from(["web", "--nats-url=nats://127.0.0.1:1"]).nats
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect()
    }

    async fn checked(access: &Access, peer: &str, pairs: &[(&'static str, &str)]) -> Result<Viewer, Refusal> {
        access.check(peer.parse().unwrap(), &headers(pairs), now()).await
    }

    #[tokio::test]
    async fn the_token_opens_and_nothing_like_it_does() {
        let access = access(false).await;
        for right in [format!("Bearer {TOKEN}"), format!("bearer  {TOKEN} ")] {
            assert_eq!(checked(&access, "192.0.2.1", &[("authorization", &right)]).await, Ok(Viewer::Token));
        }
        assert_eq!(checked(&access, "192.0.2.1", &[]).await, Err(Refusal::SignIn));
        let basic = format!("Basic {TOKEN}");
        assert_eq!(checked(&access, "192.0.2.1", &[("authorization", &basic)]).await, Err(Refusal::SignIn));
        for wrong in ["Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Bearer \u{e9}"] {
            let answer = checked(&access, "192.0.2.1", &[("authorization", wrong)]).await;
            assert_eq!(answer, Err(Refusal::WrongToken), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_cookie_is_good_for_a_day_of_work_and_for_this_token() {
        let access = access(false).await;
        let peer = "192.0.2.1".parse().unwrap();
        let set = access.sign_in(peer, &HeaderMap::new(), &format!(" {TOKEN}\n"), now()).await.unwrap();
        let set = set.to_str().unwrap();
        assert!(set.ends_with("; Path=/voice/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict"), "{set}");
        assert!(!set.contains(TOKEN));
        let pair = set.split(';').next().unwrap();
        let with_others = headers(&[("cookie", &format!("a=b; {pair}; c=d"))]);
        for (hours, answer) in [(0, Ok(Viewer::Cookie)), (11, Ok(Viewer::Cookie)), (12, Err(Refusal::SignIn))]
        {
            let later = now() + TimeDelta::hours(hours);
            assert_eq!(access.check(peer, &with_others, later).await, answer, "{hours} h");
        }
        let (until, signature) = pair.split_once('=').unwrap().1.split_once('.').unwrap();
        let later = until.parse::<i64>().unwrap() + 1;
        for forged in [format!("{later}.{signature}"), format!("{until}."), until.to_owned(), String::new()] {
            let cookie = format!("{COOKIE_NAME}={forged}");
            assert_eq!(checked(&access, "192.0.2.1", &[("cookie", &cookie)]).await, Err(Refusal::SignIn));
        }
        assert!(!is_good(&"another token of length".into(), pair.split_once('=').unwrap().1, now()));
    }

    #[tokio::test]
    async fn only_a_trusted_proxy_says_who_somebody_is() {
        let with_header = access(true).await;
        let named = [("x-user", "ann@example.com")];
        let ann = Ok(Viewer::Named("ann@example.com".to_owned()));
        assert_eq!(checked(&with_header, "10.0.0.1", &named).await, ann);
        assert_eq!(checked(&with_header, "::ffff:10.0.0.1", &named).await, ann);
        assert_eq!(checked(&with_header, "192.0.2.1", &named).await, Err(Refusal::SignIn));
        let claims_a_proxy = [("x-user", "ann"), ("x-forwarded-for", "10.0.0.1")];
        assert_eq!(checked(&with_header, "192.0.2.1", &claims_a_proxy).await, Err(Refusal::SignIn));
        assert_eq!(checked(&with_header, "10.0.0.1", &[("x-user", " ")]).await, Err(Refusal::SignIn));
        let mut twice = headers(&named);
        twice.append("x-user", HeaderValue::from_static("bob"));
        let answer = with_header.check("10.0.0.1".parse().unwrap(), &twice, now()).await;
        assert_eq!(answer, Err(Refusal::SignIn));
        assert_eq!(checked(&access(false).await, "10.0.0.1", &named).await, Err(Refusal::SignIn));
    }

    #[tokio::test]
    async fn who_guesses_is_not_heard_for_a_while_and_others_are() {
        let access = access(false).await;
        let wrong = [("authorization", "Bearer guess")];
        for _ in 0..10 {
            assert_eq!(checked(&access, "192.0.2.1", &wrong).await, Err(Refusal::WrongToken));
        }
        let right = format!("Bearer {TOKEN}");
        let right = [("authorization", right.as_str())];
        for tried in [&wrong, &right] {
            let answer = checked(&access, "192.0.2.1", tried).await;
            assert!(matches!(answer, Err(Refusal::TooManyTries { .. })), "{answer:?}");
        }
        assert_eq!(checked(&access, "192.0.2.2", &right).await, Ok(Viewer::Token));
    }
}
