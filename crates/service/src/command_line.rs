//! The command line, and the environment beside it.

use std::ffi::OsStr;

use clap::{Command, FromArgMatches};

/// What a `main` reads its settings with: the command line, and for what it does not have the environment. A variable that is
/// empty, as a compose file leaves one that nobody gave it, is not set. Says what is wrong and ends the process where something
/// is.
#[must_use]
pub fn command_line<T: FromArgMatches>(command: Command) -> T {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let mut command = without_empty(command, &is_empty);
    let matches = command.get_matches_mut();
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// The command, and those below it, without the variables that are empty: an empty text would be taken for the setting.
fn without_empty(command: Command, is_empty: &impl Fn(&OsStr) -> bool) -> Command {
    let command =
        command.mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None) } else { arg });
    command.mut_subcommands(|command| without_empty(command, is_empty))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::{CommandFactory, Parser};

    use super::*;

    // Cargo sets all of these for every test.
    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Run,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Run {
        Run {
            #[arg(long, env = "CARGO_PKG_NAME")]
            file: Option<PathBuf>,
            #[arg(long, env = "CARGO_PKG_VERSION", default_value = "7")]
            number: String,
            #[arg(long, env = "CARGO_MANIFEST_DIR")]
            folder: PathBuf,
        },
    }

    fn parsed(empty: &[&str], arguments: &[&str]) -> Result<(Option<PathBuf>, String, PathBuf), clap::Error> {
        let command = without_empty(Cli::command(), &|name| empty.iter().any(|empty| name == *empty));
        let matches = command.try_get_matches_from(["cli", "run"].iter().chain(arguments))?;
        let Run::Run { file, number, folder } = Cli::from_arg_matches(&matches)?.command;
        Ok((file, number, folder))
    }

    #[test]
    fn a_variable_that_is_empty_is_not_set() {
        let (file, number, folder) = parsed(&[], &[]).unwrap();
        assert_eq!((file, number.as_str()), (Some("service".into()), env!("CARGO_PKG_VERSION")));
        assert_eq!(folder, PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let empty = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"];
        let (file, number, _) = parsed(&empty, &[]).unwrap();
        assert_eq!((file, number.as_str()), (None, "7"), "none, and the default");
        let (file, ..) = parsed(&empty, &["--file", "there"]).unwrap();
        assert_eq!(file, Some("there".into()));
        let missing = parsed(&["CARGO_MANIFEST_DIR"], &[]).unwrap_err().to_string();
        assert!(missing.contains("--folder <FOLDER>"), "{missing}");
    }
}
