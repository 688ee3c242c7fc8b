//! The program `sink-s3`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sink::main::<sink_s3::Archive>()
}
