//! A disk that refuses writes when it is told to.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A folder whose disk can be made to refuse writes: a small tmpfs that is filled, or, where mounting is not permitted,
/// a journal folder without write permission (which root would ignore; but root can mount).
pub(crate) struct Disk {
    folder: TempDir,
    pub(crate) mounted: bool,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("the disk of the test");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        Self { folder, mounted }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn fail(&self) {
        self.fail_below("journal");
    }

    /// Of a spool in a folder of the disk, with the path of its journals.
    pub(crate) fn fail_below(&self, journal: &str) {
        if !self.mounted {
            let refused = fs::set_permissions(self.path().join(journal), Permissions::from_mode(0o500));
            return refused.expect("change the folder");
        }
        let mut ballast = File::create(self.path().join("ballast")).expect("the disk of the test");
        while ballast.write_all(&[0; 1024]).is_ok() {}
    }

    pub(crate) fn repair(&self) {
        self.repair_below("journal");
    }

    pub(crate) fn repair_below(&self, journal: &str) {
        if !self.mounted {
            let repaired = fs::set_permissions(self.path().join(journal), Permissions::from_mode(0o700));
            return repaired.expect("change the folder");
        }
        fs::remove_file(self.path().join("ballast")).expect("the disk of the test");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            drop(Command::new("umount").arg("-l").arg(self.path()).status());
        }
    }
}
