//! Who gets a token, and how long it is good for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::salesforce::keys;
use crate::salesforce::org::{Answer, JWT_BEARER, Org, answer, claims, now, sign};

fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.body[name].as_str().unwrap_or_default();
    (answer.status, text("error"), text("error_description"))
}

#[tokio::test]
async fn a_token_names_the_instance_and_has_neither_an_expiry_nor_a_refresh_token() {
    let org = Org::start().await;
    let answer = org.ask_for_token(&claims()).await;
    let mut names: Vec<_> = answer.body.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["access_token", "id", "instance_url", "scope", "token_type"]);
    assert_eq!(answer.body["instance_url"], org.url);
}

#[tokio::test]
async fn every_claim_is_checked_and_has_its_own_refusal() {
    let org = Org::start().await;
    for (claim, value, error, description) in [
        ("iss", json!("other"), "invalid_client_id", "client identifier invalid"),
        ("sub", json!("other@x.org"), "invalid_grant", "user hasn't approved this consumer"),
        ("aud", json!("https://test.salesforce.com"), "invalid_grant", "audience is invalid"),
        ("aud", json!(["https://login.salesforce.com"]), "invalid_grant", "invalid assertion"),
        ("exp", json!(now() - 1), "invalid_grant", "expired authorization code"),
        ("exp", json!(now() + 200), "invalid_grant", "invalid assertion"),
        // Milliseconds.
        ("exp", json!((now() + 60) * 1_000), "invalid_grant", "invalid assertion"),
        ("exp", Value::Null, "invalid_grant", "invalid assertion"),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        let answer = org.ask_for_token(&claims).await;
        assert_eq!(refusal(&answer), (400, error, description), "{claim} {value}");
    }
    let counters = org.salesforce.org().counters.clone();
    assert_eq!((counters.tokens, counters.refused_tokens), (1, 8));
}

#[tokio::test]
async fn only_a_signature_by_the_key_of_the_app_counts() {
    let org = Org::start().await;
    let foreign = sign(&claims(), &keys::generate().private);
    let unsigned = format!("{}.", sign(&claims(), &keys::trusted().private).rsplit_once('.').unwrap().0);
    for assertion in [foreign.as_str(), &unsigned, "nonsense", ""] {
        let answer = org.token_call(&[("grant_type", JWT_BEARER), ("assertion", assertion)]).await;
        assert_eq!(refusal(&answer), (400, "invalid_grant", "invalid assertion"), "{assertion}");
    }
    for grant_type in ["password", ""] {
        let answer = org.token_call(&[("grant_type", grant_type)]).await;
        assert_eq!(refusal(&answer), (400, "unsupported_grant_type", "grant type not supported"));
    }
}

#[tokio::test]
async fn an_app_that_nobody_approved_gets_none() {
    let org = Org::start().await;
    for (approval, error, description) in [
        ("missing_from_user", "invalid_grant", "user hasn't approved this consumer"),
        ("missing_from_admin", "invalid_app_access", "user is not admin approved to access this app"),
    ] {
        org.set(json!({ "approval": approval })).await;
        assert_eq!(refusal(&org.ask_for_token(&claims()).await), (400, error, description));
    }
    org.set(json!({ "approval": "approved" })).await;
    assert_eq!(org.ask_for_token(&claims()).await.status, 200);
}

#[tokio::test]
async fn an_app_s_own_secret_does_where_it_has_one() {
    let ask = async |org: &Org, credentials: &str| {
        let basic = format!("Basic {}", STANDARD.encode(credentials));
        let url = format!("{}/services/oauth2/token", org.url);
        let request = org.http.post(url).form(&[("grant_type", "client_credentials")]);
        answer(request.header(AUTHORIZATION, basic)).await
    };
    let org = Org::with(b"{}", |config| config.client_secret = Some("secret".into())).await;
    let token = ask(&org, "postcall-dev:secret").await.body["access_token"].as_str().unwrap().to_owned();
    let limits = org.http.get(format!("{}/services/data/v68.0/limits", org.url)).bearer_auth(token);
    assert_eq!(answer(limits).await.status, 200);
    let wrong = ask(&org, "postcall-dev:wrong").await;
    assert_eq!(refusal(&wrong), (400, "invalid_client", "invalid client credentials"));
    let without = ask(&Org::with(b"{}", |_| {}).await, "postcall-dev:secret").await;
    assert_eq!(refusal(&without), (400, "invalid_grant", "no client credentials user enabled"));
}

#[tokio::test]
async fn a_token_is_good_for_its_lifetime_only() {
    let mut org = Org::start().await;
    assert_eq!(org.get("limits").await.status, 200);
    org.set(json!({ "token_lifetime_seconds": 0 })).await;
    assert_eq!(org.get("limits").await.error(), (401, "INVALID_SESSION_ID"));
    org.set(json!({ "token_lifetime_seconds": 60 })).await;
    assert_eq!(org.get("limits").await.status, 200);
    org.inject(json!({ "expire_tokens": true })).await;
    assert_eq!(org.get("limits").await.error(), (401, "INVALID_SESSION_ID"));
    org.log_in().await;
    assert_eq!(org.get("limits").await.status, 200);
}
