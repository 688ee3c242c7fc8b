//! What audio costs: sessions on the `livekit` crate over our `libwebrtc`, in a process that does nothing else, and on the
//! Python SDK.
//!
//! Each session has a room of its own with one peer in it, on one livekit-server. The peers are in another process, whose
//! cost is shown and not counted.

mod row;
mod sdk;
pub(crate) mod sessions;
mod speech;

use anyhow::Result;
use tests::media_server::MediaServer;

use self::row::{Mode, Row, measure_row, print_header};
use self::sdk::Sdk;
use crate::fit::slope;
use crate::recording::Recording;
use crate::report::Report;

const OURS: [(Mode, &[usize]); 3] = [
    (Mode::Receive, &[0, 1, 10, 20, 40]),
    (Mode::Publish, &[1, 10, 20, 40]),
    (Mode::Both, &[1, 5, 10, 20, 40]),
];
/// As many as the SDK carries on two cores, with their peers.
const PYTHON: [(Mode, &[usize]); 3] =
    [(Mode::Receive, &[0, 1, 2, 4]), (Mode::Publish, &[1, 4]), (Mode::Both, &[1, 2, 4])];

/// Share of the frames due by which a session may be off.
const MAX_DEVIATION: f64 = 0.01;

/// What a row is measured with.
struct Bench {
    server: MediaServer,
    /// What peers say, as browsers send it; what the measured sessions say, as speech is synthesised.
    callers: Recording,
    agents: Recording,
}

pub(crate) async fn measure() -> Result<Report> {
    let server = MediaServer::start().await?;
    let folder = server.folder.path();
    let (callers, agents) = (speech::make(folder, 48_000)?, speech::make(folder, 24_000)?);
    let bench = Bench { server, callers, agents };
    print_header();
    let ours = rows(&bench, Sdk::Ours, &OURS).await?;
    let python = rows(&bench, Sdk::Python, &PYTHON).await?;
    Ok(report(&ours, &python))
}

async fn rows(bench: &Bench, sdk: Sdk, plan: &[(Mode, &[usize])]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for &(mode, counts) in plan {
        for &sessions in counts {
            let row = measure_row(bench, sdk, mode, sessions).await?;
            row.print();
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The cost of a session is the slope over its counts from 1 on: what one more takes, without what the process takes once,
/// most of it with its first session. A row that does not deliver its frames misses the aim for that, and says nothing about
/// cost: a machine without time left does less for each session.
fn report(ours: &[Row], python: &[Row]) -> Report {
    let mut report = Report::new("media");
    let mut cost = |mode, name: [&'static str; 2], aims: [Option<f64>; 2]| {
        let cpu = |rows| session_cost(rows, mode, |row| row.cpu_percent);
        let memory = |rows| session_cost(rows, mode, |row| row.memory_mb);
        report.figure(name[0], "% of a core", cpu(ours), Some(cpu(python)), aims[0]);
        report.figure(name[1], "MB PSS", memory(ours), Some(memory(python)), aims[1]);
    };
    cost(Mode::Receive, ["receiving, each session", "receiving, memory of each"], [Some(1.0), Some(0.7)]);
    cost(Mode::Publish, ["publishing, each session", "publishing, memory of each"], [Some(1.0), None]);
    cost(Mode::Both, ["both ways, each session", "both ways, memory of each"], [None, None]);
    let idle = |rows| memory_with(rows, Mode::Receive, 0);
    report.figure("process without a session", "MB PSS", idle(ours), Some(idle(python)), None);
    let single = |rows| memory_with(rows, Mode::Both, 1);
    report.figure("process with one session both ways", "MB PSS", single(ours), Some(single(python)), None);
    report.figure("frames off those expected", "share", deviation(ours), None, Some(MAX_DEVIATION));
    report.detail("rows", ours.iter().chain(python).map(Row::json).collect());
    report
}

fn session_cost(rows: &[Row], mode: Mode, of: impl Fn(&Row) -> f64) -> f64 {
    let rows =
        rows.iter().filter(|row| row.mode == mode && row.sessions > 0 && row.deviation() <= MAX_DEVIATION);
    slope(&rows.map(|row| (row.sessions as f64, of(row))).collect::<Vec<_>>())
}

fn memory_with(rows: &[Row], mode: Mode, sessions: usize) -> f64 {
    let row = rows.iter().find(|row| row.mode == mode && row.sessions == sessions);
    row.map_or(f64::NAN, |row| row.memory_mb)
}

fn deviation(rows: &[Row]) -> f64 {
    rows.iter().map(Row::deviation).fold(0.0, f64::max)
}
