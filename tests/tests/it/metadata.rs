//! A session goes on whatever its token's metadata is.

use std::time::Duration;

use serde_json::json;
use tests::archive::Archive;
use tests::caller::{Caller, ConnectionDetails};
use tests::stack::Stack;

use crate::call::SOON;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_goes_on_whatever_its_metadata() {
    let stack = Stack::start().await.unwrap();
    let longest = json!({ "user_email": "long@company.com", "notes": "n".repeat(63 * 1024) }).to_string();
    let too_long = json!({ "user_email": "long@company.com", "notes": "n".repeat(65 * 1024) }).to_string();
    let cases: [(&str, Option<&str>, &str); 8] = [
        ("missing", None, ""),
        ("null", Some("null"), ""),
        ("list", Some("[]"), ""),
        ("no_json", Some("user_email=x@y.org"), ""),
        ("no_text", Some(r#"{"user_email": 7, "plan": "pro"}"#), ""),
        ("whole", Some(r#"{"user_email": "ok@company.com"}"#), "ok@company.com"),
        ("longest", Some(&longest), "long@company.com"),
        ("too_long", Some(&too_long), ""),
    ];
    let mut callers = Vec::new();
    for (name, metadata, _) in &cases {
        let details =
            ConnectionDetails::sign(&stack.environment, &format!("metadata_{name}"), *metadata).unwrap();
        let mut caller = Caller::join(&stack.environment, &details).await.unwrap();
        caller.wait_for_agent(SOON).await.unwrap();
        callers.push(caller);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for caller in callers {
        caller.hang_up().await.unwrap();
    }
    let archive = Archive::open(&stack.environment).unwrap();
    for (name, _, email) in &cases {
        let archived = archive.wait_for(&format!("metadata_{name}-"), SOON).await.unwrap();
        assert_eq!(archived.payload["user_email"], *email, "{name}");
        assert_eq!(archived.payload["end_reason"], "participant_left", "{name}");
    }
    assert_eq!(archive.keys("").await.unwrap().len(), cases.len());
}
