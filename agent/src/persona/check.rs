//! `agent check`: tells whether a persona's file can be used.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::Persona;

/// What `agent check` is given.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// File of the persona, as AGENT_PERSONA names it
    #[arg(value_name = "PERSONA")]
    pub persona: PathBuf,
}

/// Writes what the file has to standard output, or its faults, a line each; success where there are none.
pub fn run(args: &CheckArgs) -> ExitCode {
    let name = args.persona.display().to_string();
    let (report, fine) = match std::fs::read_to_string(&args.persona) {
        Ok(text) => report(&name, &text),
        Err(error) => (format!("{name}: cannot read it: {error}\n"), false),
    };
    let written = std::io::stdout().lock().write_all(report.as_bytes());
    if fine && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(name: &str, text: &str) -> (String, bool) {
    match Persona::parse(text) {
        Ok(persona) => (summary(&persona), true),
        Err(faults) => {
            let lines: Vec<_> = faults.iter().map(|fault| format!("{name}:{fault}\n")).collect();
            (lines.concat(), false)
        }
    }
}

fn summary(persona: &Persona) -> String {
    let examples: usize = persona.signals().iter().map(|signal| signal.examples().len()).sum();
    let tiers = persona.qualification().tiers();
    [
        format!("✓ persona {}: {}, voice {}", persona.name(), persona.language(), persona.voice().name),
        format!("✓ {} with {}", count(persona.signals().len(), "signal"), count(examples, "example")),
        format!("✓ {} over HTTP", count(persona.tools().len(), "tool")),
        format!("✓ {}; tiers: {}", count(persona.qualification().rules(), "rule"), tiers.join(", ")),
        String::new(),
    ]
    .join("\n")
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persona::DEFAULT;

    #[test]
    fn a_persona_is_counted_and_a_fault_names_its_place() {
        let (lines, fine) = report("p.toml", DEFAULT);
        assert!(fine && lines.lines().all(|line| line.starts_with('✓')), "{lines}");
        assert!(lines.contains("5 signals") && lines.contains("hot, warm, cold, unqualified"), "{lines}");
        let (lines, fine) = report("p.toml", &DEFAULT.replace("language = \"en\"", "language = \"English\""));
        assert!(!fine && lines.starts_with("p.toml:"), "{lines}");
        assert!(lines.contains(":12: `language` has to be"), "{lines}");
        assert_eq!(lines.lines().count(), 1);
    }
}
