//! A program with a service manager that listens, from its start to its end: this binary starts itself again as the program.

use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
use service::{HttpLimits, HttpServer, LogFormat, operations_routes, serve_operations, shutdown_on_signal};
use test_servers::Process;
use tokio_util::sync::CancellationToken;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_service_manager_is_told_of_start_life_state_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("notify");
    let manager = UnixDatagram::bind(&name).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut bytes = [0; 4096];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let mut program = Process::start(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "service_manager::as_a_program"])
            .env("NOTIFY_SOCKET", &name)
            .env("WATCHDOG_USEC", "50000")
            .stdin(Stdio::piped())
            .stdout(Stdio::null()),
    )
    .unwrap();
    assert_eq!(next(), "READY=1");
    let mut begun = [next(), next()];
    begun.sort();
    assert_eq!(begun, ["STATUS=NATS cannot be reached; no bucket", "WATCHDOG=1"]);
    assert_eq!([next(), next()], ["WATCHDOG=1", "WATCHDOG=1"]);
    program.signal("TERM").unwrap();
    while next() != "STOPPING=1" {}
    // It goes on until it has nothing left to do, and lives.
    assert_eq!(next(), "WATCHDOG=1");
    drop(program.child().stdin.take());
    assert!(program.wait().unwrap().success());
}

/// Serves until it is told to stop and has finished, which it has at the end of its input.
#[test]
#[ignore = "the program of the test above"]
fn as_a_program() {
    let program = async {
        let shutdown = shutdown_on_signal()?;
        let finished = CancellationToken::new();
        let (address, limits) = (([127, 0, 0, 1], 0).into(), HttpLimits::operations());
        let server = HttpServer::bind("test", "none", address, limits).await?;
        let ready = async || Err("NATS cannot be reached\nno bucket\n".to_owned());
        let routes = operations_routes(ready, Registry::new);
        let serving = tokio::spawn(serve_operations(server, routes, finished.clone()));
        shutdown.cancelled().await;
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        finished.cancel();
        serving.await.context("serve")
    };
    assert_eq!(service::main(&[], LogFormat::Plain, program), std::process::ExitCode::SUCCESS);
}
