//! What every caller says, in a recorded voice.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests::conversation::speak;

use crate::recording::Recording;

/// One breath: no pause in it that ends a turn.
const TEXT: &str = "we are twelve people in the sales team";
/// What browsers send, Hz.
const RATE: u32 = 48_000;

/// Has it spoken into a file, without the silence around it.
pub(crate) fn make(folder: &Path) -> Result<Recording> {
    let spoken = folder.join("sentence.wav");
    let file = folder.join("sentence.raw");
    speak(TEXT, &spoken)?;
    let trim = ["silence", "1", "0.01", "1%"];
    let output = Command::new("sox")
        .arg("-R")
        .arg(&spoken)
        .args(["-t", "raw", "-r", &RATE.to_string(), "-c", "1", "-b", "16", "-e", "signed-integer", "-L"])
        .arg(&file)
        .args(trim)
        .arg("reverse")
        .args(trim)
        .arg("reverse")
        .output()
        .context("run sox")?;
    ensure!(output.status.success(), "sox: {}", String::from_utf8_lossy(&output.stderr));
    Ok(Recording { file, rate: RATE })
}
