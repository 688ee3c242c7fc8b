//! A container of one of our images, with no right that it has no use for.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use test_deploy::{repository, said};
use test_servers::Process;
use tests::stack::images::CONFINED;

use super::version;

/// A program's settings, by name.
pub(crate) type Settings<'a> = [(&'a str, String)];

/// What an image is run with: its settings, and what is mounted as `FROM:TO:OPTIONS`.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) program: &'a str,
    pub(crate) settings: &'a Settings<'a>,
    pub(crate) mounts: &'a [String],
}

/// A container that runs; it is removed when this is dropped.
pub(crate) struct Container {
    name: String,
    process: Process,
}

impl Run<'_> {
    /// Starts it, with the image's own command.
    pub(crate) fn start(self) -> Container {
        let name = new_name();
        let process = Process::start(&mut self.command(&name, &[])).expect("start podman");
        Container { name, process }
    }

    /// Runs it to its end, and gives all that it printed.
    ///
    /// # Panics
    /// When it ends with another status.
    pub(crate) fn output(self, arguments: &[&str], code: i32) -> String {
        let output = self.command(&new_name(), arguments).output().expect("run podman");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{} {arguments:?}:\n{said}", self.program);
        said
    }

    fn command(self, name: &str, arguments: &[&str]) -> Command {
        let mut command = podman();
        command.args(["run", "--name", name]).args(CONFINED);
        for (setting, value) in self.settings {
            command.arg("--env").arg(format!("{setting}={value}"));
        }
        for mount in self.mounts {
            command.args(["--volume", mount]);
        }
        command.arg(format!("localhost/postcall-{}:{}", self.program, version())).args(arguments);
        command
    }
}

impl Container {
    /// Ends it as whatever runs containers does; the status with which its program ended.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.process.terminate().expect("end the container").code()
    }

    /// # Panics
    /// When its process may do more than it has to.
    pub(crate) fn assert_confined(&self, writable: &[&str]) {
        let inspected = podman().args(["inspect", "--format", "{{.State.Pid}}", &self.name]).output();
        let pid = said(&inspected.expect("run podman")).trim().to_owned();
        let read =
            |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("read of a process");

        let status = read("status");
        let is = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(is("Uid:"), "65532 65532 65532 65532");
        assert_eq!(is("Gid:"), "65532 65532 65532 65532");
        assert_eq!(is("Groups:"), "65532");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(is(set), "0000000000000000", "{set}");
        }
        assert_eq!(is("NoNewPrivs:"), "1");
        assert_eq!(is("Seccomp:"), "2", "a filter");

        let mounts = read("mountinfo");
        let fields: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
        // What every container has of the kernel.
        let of_the_kernel = |place: &str| {
            let folders = ["/proc", "/dev", "/sys/fs/cgroup"];
            folders.iter().any(|folder| {
                place.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        let open: BTreeSet<&str> = fields
            .iter()
            .filter(|field| field[5].split(',').any(|option| option == "rw"))
            .map(|field| field[4])
            .filter(|place| !of_the_kernel(place))
            .collect();
        let writable: BTreeSet<&str> = writable.iter().copied().collect();
        assert_eq!(open, writable, "what can be written to:\n{mounts}");
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Where it was stopped there is none.
        drop(podman().args(["rm", "--force", "--ignore", &self.name]).output());
    }
}

pub(crate) fn podman() -> Command {
    let mut command = Command::new("podman");
    command.env("CONTAINERS_CONF", repository().join("tests/deploy/containers.conf"));
    command
}

/// One that no other container or volume has.
pub(crate) fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-deploy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
