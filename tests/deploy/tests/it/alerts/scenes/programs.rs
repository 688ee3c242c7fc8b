//! What happens to a program whatever it does.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use test_deploy::said;
use tests::chaos::fault::Part;
use tokio::time::sleep;

use crate::alerts::run::Run;

pub(super) const OF_RESTARTS: [&str; 2] = ["PostcallTargetDown", "PostcallRestartsOften"];

/// Until a start is scraped; starts within one second count as one.
const SCRAPED: Duration = Duration::from_secs(3);

pub(super) async fn web_ends_again_and_again(run: &mut Run) -> Result<()> {
    let [down, often] = OF_RESTARTS;
    run.about_to("web is killed", &[down])?;
    run.restart(Part::Web, async |run| run.fire(&[down]).await).await?;
    run.mended(&[down])?;
    run.stop(&[down]).await?;
    run.about_to("web is killed and started three times more", &[often])?;
    for _ in 0..3 {
        run.restart(Part::Web, async |_| Ok(())).await?;
        sleep(SCRAPED).await;
    }
    run.fire(&[often]).await?;
    run.mended(&[often])
}

pub(super) async fn web_may_open_few_files(run: &mut Run) -> Result<()> {
    let alerts = ["PostcallFilesShort"];
    let web = run.id(Part::Web)?;
    let open = std::fs::read_dir(format!("/proc/{web}/fd")).context("list the open files")?.count();
    let limit = |files: &str| -> Result<()> {
        let id = web.to_string();
        let mut prlimit = Command::new("prlimit");
        let output = prlimit.args(["--pid", &id, &format!("--nofile={files}")]).output();
        let output = output.context("run prlimit")?;
        ensure!(output.status.success(), "{}", said(&output));
        Ok(())
    };
    run.about_to("web may open a tenth more files than it has", &alerts)?;
    // The hard limit stays: it could be raised again by root alone.
    limit(&format!("{}:", open + open.div_ceil(10)))?;
    run.fire(&alerts).await?;
    limit("4096:")?;
    run.mended(&alerts)?;
    run.stop(&alerts).await
}
