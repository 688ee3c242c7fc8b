//! What keeps a tool from being called or its answer from being used, told so that the model can do better.

use std::time::Duration;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

/// Most problems that are told of one call.
const MOST_PROBLEMS: usize = 5;
/// Most characters of one problem.
const PROBLEM_LENGTH: usize = 200;

/// Why a tool was not called, or what went wrong in the call. What it displays is fit for the model and for a log: it names
/// fields, and holds nothing of what a caller said.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallFault {
    /// The persona lists no such tool.
    #[error("there is no such tool: call one of those that are listed")]
    UnknownTool,
    /// The arguments are larger than a call may be.
    #[error("the arguments are longer than {limit} bytes: shorten them")]
    TooLong {
        /// Most bytes that the arguments may have.
        limit: usize,
    },
    /// The arguments are cut or misspelled.
    #[error("the arguments are no valid JSON at line {line}, column {column}: write one JSON object")]
    NotJson {
        /// Line of the arguments, counted from 1.
        line: usize,
        /// Character in the line, counted from 1.
        column: usize,
    },
    /// The arguments are a list, a text or the like.
    #[error("the arguments have to be one JSON object")]
    NotAnObject,
    /// The arguments are not as the tool's schema wants them.
    #[error("the arguments do not fit: {}", .problems.join("; "))]
    Invalid {
        /// Each with the field it is about.
        problems: Vec<String>,
    },
    /// There was no whole answer in time.
    #[error("the tool did not answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The file with the tool's token cannot be read.
    #[error("the tool cannot be asked now")]
    NoToken,
    /// The tool's server cannot be reached, or the connection was lost.
    #[error("the tool cannot be reached")]
    Unreachable,
    /// The tool's server refused or failed.
    #[error("the tool answered with status {0}")]
    Status(u16),
    /// The answer is too long to be handed on.
    #[error("the tool's answer is longer than {limit} bytes")]
    AnswerTooLong {
        /// Most bytes that an answer may have.
        limit: usize,
    },
    /// The answer is no text.
    #[error("the tool's answer is no text")]
    AnswerNotText,
}

impl CallFault {
    pub(crate) const LABELS: [&'static str; 7] = [
        "unknown_tool",
        "invalid_arguments",
        "timeout",
        "no_token",
        "unreachable",
        "error_status",
        "unusable_answer",
    ];

    /// As the metrics show it.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::UnknownTool => "unknown_tool",
            Self::TooLong { .. } | Self::NotJson { .. } | Self::NotAnObject | Self::Invalid { .. } => {
                "invalid_arguments"
            }
            Self::TimedOut(_) => "timeout",
            Self::NoToken => "no_token",
            Self::Unreachable => "unreachable",
            Self::Status(_) => "error_status",
            Self::AnswerTooLong { .. } | Self::AnswerNotText => "unusable_answer",
        }
    }
}

/// Holds arguments against a tool's schema.
pub(super) fn check(schema: &Validator, arguments: &Value) -> Result<(), CallFault> {
    let problems: Vec<_> =
        schema.iter_errors(arguments).take(MOST_PROBLEMS).map(|error| problem(&error)).collect();
    if problems.is_empty() { Ok(()) } else { Err(CallFault::Invalid { problems }) }
}

fn problem(error: &ValidationError<'_>) -> String {
    // The names of fields that the schema does not know are the model's, so they may hold what a caller said.
    let what = match error.kind() {
        ValidationErrorKind::AdditionalProperties { .. }
        | ValidationErrorKind::UnevaluatedProperties { .. } => {
            "it has fields that the schema does not list".to_owned()
        }
        ValidationErrorKind::PropertyNames { .. } => "a field has a name that is not allowed".to_owned(),
        _ => error.masked_with("its value").to_string(),
    };
    let field = error.instance_path().to_string();
    let field = if field.is_empty() { "the object" } else { field.trim_start_matches('/') };
    format!("{field}: {what}").chars().take(PROBLEM_LENGTH).collect()
}
