//! Clients that are not ours get a call: LiveKit's own `TokenSource.endpoint`, and the request of the front ends before it.

use std::process::Command;

use serde_json::Value;
use test_servers::{LiveKitServer, eventually, workspace};

use crate::running::Running;

#[tokio::test]
async fn livekits_token_source_and_older_front_ends_get_a_token_that_livekit_takes() {
    let mut livekit = LiveKitServer::spawn();
    eventually("livekit-server listens", async || livekit.answers()).await;
    let service = Running::start_beside(&livekit, &[]);
    let mut script = Command::new("node");
    script
        .arg(workspace().join("web/tests/it/token_source.mjs"))
        .args([&format!("http://{}", service.http), "agent"])
        .env(
            "LIVEKIT_CLIENT",
            workspace().join("web/page/node_modules/livekit-client/dist/livekit-client.esm.mjs"),
        );
    let output = tokio::task::spawn_blocking(move || script.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    for client in ["tokenSource", "seed", "tokenSourceOnSeed"] {
        let found = &seen[client];
        assert_eq!(found["serverUrl"], livekit.url(), "{found}");
        assert_eq!(found["email"], "Ann@company.com", "{found}");
        assert_eq!(found["agent"], "agent", "{found}");
        // What the media server says of the token.
        assert_eq!(found["validate"], "200 success", "{client}: {found}");
    }
    assert_ne!(seen["tokenSource"]["room"], seen["seed"]["room"]);
    assert_eq!(seen["tokenSource"]["cached"], true, "a token is kept while it is good");
    let refused = seen["refused"].as_str().unwrap();
    assert!(refused.contains("403") && refused.contains("other_agent"), "{refused}");
}
