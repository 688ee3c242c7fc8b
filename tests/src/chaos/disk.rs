//! A disk for a folder, which can be full.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Room for what an agent keeps of a whole run.
const SIZE: &str = "size=64m";

/// A mounted disk. It is taken away on drop.
pub struct Disk(PathBuf);

impl Disk {
    /// None where mounting is not permitted.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn mount(folder: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder).output();
        Ok(mount.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned())))
    }

    /// Leaves no room on it, and none of what was freed since it did so last.
    ///
    /// # Errors
    /// Its file cannot be opened.
    pub fn fill(&self) -> Result<()> {
        let ballast = OpenOptions::new().create(true).append(true).open(self.ballast());
        let mut ballast = ballast.context("fill the disk")?;
        for bytes in [1_024 * 1_024, 1_024] {
            let piece = vec![0; bytes];
            while ballast.write_all(&piece).is_ok() {}
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// It was not filled.
    pub fn clear(&self) -> Result<()> {
        std::fs::remove_file(self.ballast()).context("make room on the disk")
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

/// Takes a disk away; nothing happens where there is none.
pub fn unmount(folder: &Path) {
    drop(Command::new("umount").arg("--lazy").arg(folder).stderr(Stdio::null()).status());
}
