//! The demo: a real call on the running stack, from the page to the archive and the Lead, shown as it happens.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that shows what happens")]

mod call;
mod log;
mod trace;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use test_servers::workspace;
use tests::archive::Archive;
use tests::environment::Environment;
use tests::leads::Leads;

use crate::log::AgentLog;

const EMAIL: &str = "test@company.com";
const CALL: Duration = Duration::from_secs(8);
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let is_trace = std::env::args().any(|argument| argument == "--trace");
    let shown = if is_trace { trace::show().await } else { demo().await };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo did not get through: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> Result<()> {
    tests::install_tls();
    let environment = Environment::read(&workspace().join(".run/env"))?;
    let archive = Archive::open(&environment)?;
    let leads = Leads::open(&environment)?;

    heading("The Lead before the call");
    let before = leads.find(EMAIL).await.context("Salesforce: see .run/log/salesforce.log")?;
    show_lead(before.as_ref());

    heading("The call");
    let agent_log = AgentLog::from_here();
    let call = call::place(&environment, EMAIL, CALL).await.context(
        "the call did not work: see .run/log/web.log, .run/log/agent.log and .run/log/livekit.log",
    )?;

    let hung_up = call.hung_up;
    let since_hang_up = |at: Instant| at.duration_since(hung_up).as_secs_f64();
    let archived = async {
        let archived = archive.wait_for(&call.session_id, LIMIT).await;
        (archived.context("archive: see .run/log/agent.log and .run/log/sink-s3.log"), Instant::now())
    };
    let updated = async {
        let lead = leads.wait_for(EMAIL, &call.session_id, LIMIT).await;
        (lead.context("Lead: see .run/log/agent.log and .run/log/sink-salesforce.log"), Instant::now())
    };
    let ((archived, archived_at), (lead, updated_at)) = tokio::join!(archived, updated);

    heading("What the agent logged");
    for line in agent_log.lines_of(&call.session_id)? {
        println!("  {line}");
    }
    let (archived, lead) = (archived?, lead?);
    call.browser_ended().await?;

    heading("The archived object");
    println!("  {}", archived.key);
    println!("  user_email (gunzip, parsed): {}", archived.payload["user_email"]);
    for field in ["duration_seconds", "end_reason", "discovered_signals", "metrics_summary"] {
        println!("  {field}: {}", summary(&archived.payload[field]));
    }
    let metrics = &archived.payload["metrics_summary"];
    println!(
        "  early replies: {} begun before the caller's turn was certainly over, of which {} were used",
        metrics["early_replies"], metrics["early_replies_used"]
    );
    for call in archived.payload["tool_calls"].as_array().into_iter().flatten() {
        println!("  tool_calls: {} {} {}", call["name"], call["arguments"], call["outcome"]);
    }

    heading("The Lead after the call");
    show_lead(Some(&lead));

    heading("From hang-up");
    println!("  to the object in S3   {:.2} s", since_hang_up(archived_at));
    println!("  to the Lead           {:.2} s", since_hang_up(updated_at));

    heading("The stack stays up");
    println!("  The page              {}", environment.get("WEB_URL")?);
    if environment.find("WEB_STATUS_TOKEN").is_some() {
        println!(
            "  The calls' status     {}/status, with WEB_STATUS_TOKEN of .run/env",
            environment.get("WEB_URL")?
        );
    }
    println!("  Salesforce Leads      {}", environment.get("SALESFORCE_URL")?);
    println!("  Addresses and keys    .run/env");
    println!("  Stop it               make down");
    Ok(())
}

fn heading(text: &str) {
    println!("\n== {text}");
}

fn show_lead(lead: Option<&Value>) {
    let Some(lead) = lead else {
        println!("  no Lead has this address");
        return;
    };
    for field in
        ["Id", "Email", "Last_Voice_Session__c", "Last_Voice_Call_Date__c", "Voice_Qualification_Tier__c"]
    {
        println!("  {field:<28} {}", lead[field]);
    }
}

/// A value without the zeros that say nothing.
fn summary(value: &Value) -> String {
    let Some(object) = value.as_object() else { return value.to_string() };
    let telling = object.iter().filter(|(_, value)| value.as_f64() != Some(0.0));
    telling.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}
