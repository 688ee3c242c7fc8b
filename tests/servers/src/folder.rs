//! Folders of servers.

use std::io;
use std::path::Path;
use std::process::Command;

/// Makes a folder hold what another one holds, with all that the system knows of its files.
///
/// # Errors
/// It cannot be made, or `cp` cannot be run or does not copy all.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    let copied = Command::new("cp").arg("--archive").arg(from.join(".")).arg(to).output()?;
    let said = || format!("copy {}: {}", from.display(), String::from_utf8_lossy(&copied.stderr));
    if copied.status.success() { Ok(()) } else { Err(io::Error::other(said())) }
}
