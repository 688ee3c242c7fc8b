//! The program `sink-salesforce`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sink::main::<sink_salesforce::writer::SalesforceWriter>()
}
