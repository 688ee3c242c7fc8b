//! The call of the demo: by a real browser with a spoken microphone, or by a synthetic caller where there is none.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use test_servers::workspace;
use tests::caller::{Caller, ConnectionDetails};
use tests::conversation;
use tests::environment::Environment;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::task::JoinHandle;

/// A call that was made.
pub(crate) struct Call {
    pub(crate) session_id: String,
    pub(crate) hung_up: Instant,
    browser: Option<JoinHandle<Result<()>>>,
}

impl Call {
    /// Waits for the end of the browser, which may take seconds and still find something wrong.
    pub(crate) async fn browser_ended(self) -> Result<()> {
        match self.browser {
            Some(browser) => browser.await.context("wait for the browser")?,
            None => Ok(()),
        }
    }
}

/// Places a call and shows it: a conversation to its end, or where there is no browser a silent call of some seconds.
pub(crate) async fn place(environment: &Environment, email: &str, duration: Duration) -> Result<Call> {
    match browser() {
        Some(browser) => {
            println!("  by {}, whose microphone answers what the agent asks", browser.display());
            by_browser(environment, email).await
        }
        None => {
            println!("  by a synthetic caller, because this machine has no Chromium");
            by_synthetic_caller(environment, email, duration).await
        }
    }
}

fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)));
    named.or_else(|| found.find(|file| file.is_file()))
}

async fn by_browser(environment: &Environment, email: &str) -> Result<Call> {
    let folder = workspace().join(".run/demo");
    std::fs::create_dir_all(&folder).context("make .run/demo")?;
    let script = folder.join("conversation.json");
    conversation::write_spoken(&script)?;
    let mut caller = Command::new("node")
        .arg(workspace().join("tests/browser/call.mjs"))
        .args(["--url", environment.get("WEB_URL")?, "--email", email])
        .arg("--conversation")
        .arg(&script)
        .arg("--screenshot")
        .arg(folder.join("page.png"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start node")?;
    let mut lines = BufReader::new(caller.stdout.take().context("read the browser's events")?).lines();
    let (mut session_id, mut hung_up) = (None, None);
    while hung_up.is_none()
        && let Some(event) = next_event(&mut lines).await?
    {
        match event["event"].as_str().unwrap_or_default() {
            "connection-details" => session_id = Some(show_connection_details(&event["answer"])?),
            "hung-up" => {
                // The event was printed after the fact; its own time is the moment.
                hung_up = Some(Instant::now() - since(&event)?);
                println!("  hung up");
            }
            "said" => println!("  {:>8}: {}", text(&event, "speaker"), text(&event, "text")),
            other => println!("  {other}"),
        }
    }
    let browser = tokio::spawn(async move {
        while next_event(&mut lines).await?.is_some() {}
        ensure!(caller.wait().await?.success(), "the browser's call ended with an error");
        Ok(())
    });
    Ok(Call {
        session_id: session_id.context("the page asked for no connection details")?,
        hung_up: hung_up.context("the page did not hang up")?,
        browser: Some(browser),
    })
}

async fn next_event(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<Option<Value>> {
    let Some(line) = lines.next_line().await? else { return Ok(None) };
    let event: Value =
        serde_json::from_str(&line).with_context(|| format!("read the browser's event {line}"))?;
    ensure!(event["event"] != "error", "the browser says: {}", event["message"]);
    Ok(Some(event))
}

fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_default()
}

/// How long ago an event was, by its `time` in milliseconds since 1970.
fn since(event: &Value) -> Result<Duration> {
    let time = event["time"].as_i64().context("the event has no time")?;
    let milliseconds = chrono::Utc::now().timestamp_millis() - time;
    Ok(Duration::from_millis(milliseconds.max(0).unsigned_abs()))
}

async fn by_synthetic_caller(environment: &Environment, email: &str, duration: Duration) -> Result<Call> {
    let details = ConnectionDetails::request(environment, email).await?;
    println!("  room {}", details.room_name);
    show_token(&details.participant_token)?;
    let mut caller = Caller::join(environment, &details).await?;
    println!(
        "  agent joined after {:.2} s",
        caller.wait_for_agent(Duration::from_secs(20)).await?.as_secs_f64()
    );
    tokio::time::sleep(duration).await;
    let hung_up = Instant::now();
    caller.hang_up().await?;
    println!("  hung up");
    Ok(Call { session_id: details.room_name, hung_up, browser: None })
}

fn show_connection_details(answer: &Value) -> Result<String> {
    let session_id = answer["roomName"].as_str().context("the connection details name no room")?;
    for field in ["serverUrl", "roomName", "participantName"] {
        println!("  {field:<16} {}", answer[field]);
    }
    show_token(answer["participantToken"].as_str().context("the connection details hold no token")?)?;
    Ok(session_id.to_owned())
}

fn show_token(token: &str) -> Result<()> {
    let claims = token.split('.').nth(1).context("the token is no JWT")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).context("decode token")?)?;
    println!("  the token, decoded:");
    for line in format!("{claims:#}").lines() {
        println!("    {line}");
    }
    Ok(())
}
