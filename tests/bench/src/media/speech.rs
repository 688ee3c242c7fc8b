//! Continuous speech: no pauses that an encoder could skip, over faint noise so that no frame is silent.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::recording::Recording;

const TEXT: &str = "The north wind and the sun were disputing which was the stronger, when a traveller came along \
    wrapped in a warm cloak. They agreed that the one who first succeeded in making the traveller take his cloak off \
    should be considered stronger than the other. Then the north wind blew as hard as he could, but the more he blew \
    the more closely did the traveller fold his cloak around him, and at last the north wind gave up the attempt. \
    Then the sun shone out warmly, and immediately the traveller took off his cloak.";
/// What espeak-ng speaks at, Hz.
const SPOKEN_RATE: u32 = 22_050;
const NOISE: &str = "0.003";

/// Has the text spoken into a file, at `rate` Hz.
pub(super) fn make(folder: &Path, rate: u32) -> Result<Recording> {
    let spoken = folder.join("spoken.wav");
    let noise = folder.join("noise.wav");
    let file = folder.join(format!("speech-{rate}.raw"));
    run(Command::new("espeak-ng").args(["-v", "en-us", "-w"]).arg(&spoken).arg(TEXT))?;
    let (spoken_rate, rate_argument) = (SPOKEN_RATE.to_string(), rate.to_string());
    run(Command::new("sox")
        .args(["-R", "-n", "-r", &spoken_rate, "-c", "1", "-b", "16"])
        .arg(&noise)
        .args(["synth", "40", "whitenoise"]))?;
    // Pauses of more than 50 ms are cut out of the speech; the mixture is as long as the shorter of the two.
    run(Command::new("sox")
        .arg("-R")
        .args(["--combine", "mix", "-v", "0.9"])
        .arg(&spoken)
        .args(["-v", NOISE])
        .arg(&noise)
        .args(["-t", "raw", "-r", &rate_argument, "-c", "1", "-b", "16", "-e", "signed-integer", "-L"])
        .arg(&file)
        .args(["silence", "1", "0.01", "2%", "-1", "0.05", "2%"]))?;
    Ok(Recording { file, rate })
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
