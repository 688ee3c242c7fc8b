//! The call of the demo as its trace tells it, on a stack of its own, whose programs export to a Jaeger. It is
//! fetched from there.

use anyhow::{Context, Result, ensure};
use test_servers::collector::{ReceivedSpan, drawn, roots};
use test_servers::{Jaeger, eventually};
use tests::archive::Archive;
use tests::leads::Leads;
use tests::stack::Stack;

use crate::{CALL, EMAIL, LIMIT, call, heading};

pub(crate) async fn show() -> Result<()> {
    heading("A stack with traces");
    let jaeger = Jaeger::start().await;
    let stack =
        Stack::start_with(&jaeger.environment()).await.context("start the stack: run «make tools»")?;
    heading("The call");
    let call = call::place(&stack.environment, EMAIL, CALL).await?;
    Archive::open(&stack.environment)?.wait_for(&call.session_id, LIMIT).await.context("archive")?;
    Leads::open(&stack.environment)?.wait_for(EMAIL, &call.session_id, LIMIT).await.context("Lead")?;
    call.browser_ended().await?;
    // The settlements follow the writes, and a parent may be told of after its children.
    let whole = |spans: &[ReceivedSpan]| {
        let settled = spans.iter().filter(|span| span.name.starts_with("process ")).count();
        settled >= 2 && roots(spans).len() == 1
    };
    let mut spans = Vec::new();
    eventually("the whole trace is in Jaeger", async || {
        spans = jaeger.spans("web").await;
        whole(&spans)
    })
    .await;
    ensure!(!format!("{spans:?}").contains(EMAIL), "the caller's address stands in a span");
    heading("The trace: when each span began, how long it took, who told of it");
    print!("{}", drawn(&spans));
    Ok(())
}
