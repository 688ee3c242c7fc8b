//! The own proof of work: a number is to be found by trying, so that a call costs a robot some time.
//!
//! A challenge is nothing that the server remembers: until when it is good, how hard it is and some randomness, signed together
//! with the network that it is for, so that what is met at one place is not used from many. Only
//! those that were met are remembered, so that each is good once. The key is made of LiveKit's secret, so that a replica takes
//! the challenge of another one; a key that each makes at its start would refuse every visitor whose second request comes to
//! another replica. What was met at one replica can be used once more at each other one.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ipnet::IpNet;
use rand::Rng as _;
use ring::{digest, hmac};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use service::LiveKitKey;

use super::Refusal;
use super::used::{NotTaken, Used};

/// How long a challenge can be met.
pub(super) const LIFE: Duration = Duration::from_mins(2);
/// What the key is for: the secret has other uses.
const PURPOSE: &[u8] = b"postcall: challenges of the proof of work";
/// Longest number that is looked at, in digits.
const LONGEST_NONCE: usize = 20;

/// What a challenge says: eight bytes of its end in seconds since 1970, its difficulty, and randomness.
const CONTENT: usize = 8 + 1 + 16;

/// The proof of work.
pub(super) struct Work {
    /// Zero bits.
    difficulty: u8,
    secret: LiveKitKey,
    used: Used,
}

/// What the page has to meet.
#[derive(Debug, Serialize)]
pub(crate) struct Challenge {
    challenge: String,
    difficulty: u8,
}

impl Work {
    pub(super) fn new(difficulty: u8, secret: LiveKitKey) -> Self {
        Self { difficulty, secret, used: Used::default() }
    }

    pub(super) async fn challenge(&self, network: IpNet, now: DateTime<Utc>) -> anyhow::Result<Challenge> {
        let mut content = [0; CONTENT];
        let (end, rest) = content.split_at_mut(8);
        end.copy_from_slice(&(now.timestamp() + LIFE.as_secs() as i64).to_be_bytes());
        rest[0] = self.difficulty;
        rand::rng().fill_bytes(&mut rest[1..]);
        let tag = hmac::sign(&self.key().await?, &signed(&content, network));
        let challenge = URL_SAFE_NO_PAD.encode([&content, tag.as_ref()].concat());
        Ok(Challenge { challenge, difficulty: self.difficulty })
    }

    /// Takes `CHALLENGE.NONCE`, once, from the network that the challenge is for.
    pub(super) async fn take(&self, answer: &str, network: IpNet, now: DateTime<Utc>) -> Result<(), Refusal> {
        let (challenge, nonce) = answer.split_once('.').ok_or(Refusal::Refused)?;
        let is_number =
            (1..=LONGEST_NONCE).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_digit());
        let decoded = URL_SAFE_NO_PAD.decode(challenge).ok().filter(|_| is_number).ok_or(Refusal::Refused)?;
        let (content, tag) = decoded.split_first_chunk::<CONTENT>().ok_or(Refusal::Refused)?;
        let key = self.key().await.map_err(Refusal::Unavailable)?;
        hmac::verify(&key, &signed(content, network), tag).map_err(|_| Refusal::Refused)?;
        let (end, [difficulty, random @ ..]) = content.split_first_chunk::<8>().ok_or(Refusal::Refused)?
        else {
            return Err(Refusal::Refused);
        };
        let (end, now) = (i64::from_be_bytes(*end), now.timestamp());
        if end < now || zero_bits(answer) < u32::from(*difficulty) {
            return Err(Refusal::Refused);
        }
        let random = <[u8; 16]>::try_from(random).map_err(|_| Refusal::Refused)?;
        self.used.take(random, end, now).map_err(|not_taken| match not_taken {
            NotTaken::Used => Refusal::Refused,
            NotTaken::Full => Refusal::Full,
        })
    }

    async fn key(&self) -> anyhow::Result<hmac::Key> {
        let (_, secret) = self.secret.read().await?;
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        Ok(hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, PURPOSE).as_ref()))
    }
}

impl IntoResponse for Challenge {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// The content is always as long, so no other content and network read the same.
fn signed(content: &[u8; CONTENT], network: IpNet) -> Vec<u8> {
    [content, network.to_string().as_bytes()].concat()
}

/// With which the SHA-256 of a text begins.
fn zero_bits(text: &str) -> u32 {
    let mut bits = 0;
    for byte in digest::digest(&digest::SHA256, text.as_bytes()).as_ref() {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use service::SecretSource;

    use super::*;

    fn work(difficulty: u8, secret: &str) -> Work {
        let value = |secret: &str| SecretSource::Value(secret.into());
        Work::new(difficulty, LiveKitKey::new(value("key"), value(secret)))
    }

    fn meet(challenge: &Challenge) -> String {
        let answers = (0..u64::MAX).map(|nonce| format!("{}.{nonce}", challenge.challenge));
        answers.into_iter().find(|answer| zero_bits(answer) >= u32::from(challenge.difficulty)).unwrap()
    }

    fn network(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_challenge_is_for_one_network() {
        let (work, now) = (work(8, "secret"), Utc::now());
        let (own, other) = (network("192.0.2.1/32"), network("192.0.2.2/32"));
        let answer = meet(&work.challenge(own, now).await.unwrap());
        assert!(work.take(&answer, other, now).await.is_err());
        assert!(work.take(&answer, own, now).await.is_ok());
    }

    #[tokio::test]
    async fn a_challenge_is_good_once_and_for_two_minutes_at_every_replica() {
        let (one, other) = (work(8, "secret"), work(8, "secret"));
        let (now, own) = (Utc::now(), network("192.0.2.1/32"));
        let answer = meet(&one.challenge(own, now).await.unwrap());
        assert!(one.take(&answer, own, now).await.is_ok());
        assert!(one.take(&answer, own, now).await.is_err(), "it was used");
        let later = |seconds| now + TimeDelta::seconds(seconds);
        assert!(other.take(&answer, own, later(121)).await.is_err(), "it is too old");
        assert!(other.take(&answer, own, later(119)).await.is_ok());
        assert!(work(8, "another secret").take(&answer, own, now).await.is_err());
    }

    #[tokio::test]
    async fn neither_the_work_nor_the_challenge_can_be_made_up() {
        let work = work(12, "secret");
        let (now, own) = (Utc::now(), network("192.0.2.1/32"));
        let challenge = work.challenge(own, now).await.unwrap();
        let answer = meet(&challenge);
        let text = &challenge.challenge;
        let idle =
            (0..).map(|nonce| format!("{text}.{nonce}")).find(|answer| zero_bits(answer) < 12).unwrap();
        let forged = Challenge { challenge: text.replacen(&text[..1], "z", 1), difficulty: 12 };
        let easy = {
            let mut signed = URL_SAFE_NO_PAD.decode(text).unwrap();
            signed[8] = 0;
            format!("{}.0", URL_SAFE_NO_PAD.encode(signed))
        };
        for bad in [
            idle.as_str(),
            &meet(&forged),
            &easy,
            text,
            "",
            ".",
            "a.1",
            &format!("{text}.-1"),
            &format!("{text}.{}", "9".repeat(21)),
            &format!("{text}."),
            &format!("{answer}0x"),
        ] {
            assert!(work.take(bad, own, now).await.is_err(), "{bad}");
        }
        assert!(work.take(&answer, own, now).await.is_ok());
    }

    #[test]
    fn bits_are_counted_over_bytes() {
        // Its SHA-256 begins with ca.
        assert_eq!(zero_bits("a"), 0);
        let found = (0..).map(|number: u32| number.to_string()).find(|text| zero_bits(text) >= 16).unwrap();
        let digest = digest::digest(&digest::SHA256, found.as_bytes());
        assert_eq!(digest.as_ref()[..2], [0, 0]);
    }
}
