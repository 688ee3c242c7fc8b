//! Keys and certificates, made by openssl.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Runs openssl with these arguments and, behind them, the file that it shall write.
pub fn openssl(arguments: &[&str], output: &Path) -> Result<()> {
    let run = Command::new("openssl").args(arguments).arg(output).output().context("run openssl")?;
    ensure!(
        run.status.success(),
        "openssl {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&run.stderr)
    );
    Ok(())
}
