//! Statements that make the archive tables and views of a query engine, printed to be run there.
//!
//! Every engine gets the same four views: `sessions` with a row a session, and `tool_calls`, `signals` and `model_usage` with a
//! row for each element of these lists. They read the Parquet files, or with `--raw` the objects as they were archived, by
//! [`COLUMNS`](crate::columns::COLUMNS).

mod athena;
mod duckdb;
mod spark;

use sink::print_line;

use crate::bucket_args::prefix;
use crate::columns::{Column, Kind, MODEL_USAGE};

/// What the views of lists have of a session; `model_usage` has the currency as well.
const OF_THE_SESSION: [&str; 9] = [
    "session_id",
    "job_id",
    "user_email",
    "end_time",
    "qualification_tier",
    "agent_version",
    "year",
    "month",
    "day",
];

#[derive(Debug, Clone, clap::Args)]
pub struct DdlArgs {
    /// Query engine whose statements are printed.
    engine: Engine,
    /// Bucket of the archive.
    #[arg(long, env = "S3_BUCKET", required_unless_present = "location")]
    bucket: Option<String>,
    /// What the keys of all objects begin with, such as `voice/`.
    #[arg(long, env = "S3_PREFIX", default_value = "", value_parser = prefix)]
    prefix: String,
    /// Where the archive is, instead of bucket and prefix: such as a local folder with a copy of it.
    #[arg(long)]
    location: Option<String>,
    /// Over the objects as they were archived, without compaction: exact to the last minute, and slow.
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Athena,
    Duckdb,
    Spark,
}

/// The value of a column out of a payload, of which `at` reads a path and `cast` makes a kind. What was never measured has none.
fn value(column: &Column, at: impl Fn(&str) -> String, cast: impl Fn(Kind, &str) -> String) -> String {
    let value = cast(column.kind, &at(column.path));
    if column.kind != Kind::Measured {
        return value;
    }
    let count = cast(Kind::Integer, &at(&column.count_path()));
    format!("CASE WHEN {count} > 0 THEN {value} END")
}

/// Prints the statements.
///
/// # Errors
/// There is nobody to print to.
pub(crate) fn print(args: &DdlArgs) -> anyhow::Result<()> {
    print_line(&statements(args)?)
}

fn statements(args: &DdlArgs) -> anyhow::Result<String> {
    let scheme = if args.engine == Engine::Spark { "s3a" } else { "s3" };
    let bucket = args.bucket.as_deref().unwrap_or_default();
    let archive = format!("{scheme}://{bucket}/{}", args.prefix);
    let location = quoted(args.location.as_deref().unwrap_or(&archive).trim_end_matches('/'));
    match args.engine {
        Engine::Athena => athena::statements(&location, args.raw),
        Engine::Duckdb => Ok(duckdb::statements(&location, args.raw)),
        Engine::Spark => Ok(spark::statements(&location, args.raw)),
    }
}

/// A text as it stands between quotes in SQL.
fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

/// `alias.session_id, alias.job_id, …`
fn of_the_session(alias: &str) -> String {
    OF_THE_SESSION.map(|column| format!("{alias}.{column}")).join(", ")
}

/// Something for each field of a model's usage, with commas between.
fn of_model_usage(each: impl Fn(&str, Kind) -> String) -> String {
    MODEL_USAGE.map(|(field, kind)| each(field, kind)).join(", ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        ddl: DdlArgs,
    }

    fn print(flags: &str) -> String {
        let cli = Cli::try_parse_from(["test"].into_iter().chain(flags.split(' '))).unwrap();
        statements(&cli.ddl).unwrap()
    }

    #[test]
    fn the_archive_is_where_the_flags_say() {
        assert!(print("athena --bucket b --prefix voice").contains("'s3://b/voice/sessions-parquet/'"));
        assert!(print("spark --bucket b").contains("'s3a://b/sessions-parquet/'"));
        assert!(print("duckdb --location /tmp/it's/").contains("'/tmp/it''s/sessions-parquet/*"));
        assert!(print("duckdb --location /tmp/a --raw").contains("'/tmp/a/sessions/*"));
    }

    #[test]
    fn every_engine_gets_the_same_views() {
        for engine in ["athena", "duckdb", "spark"] {
            for raw in ["", " --raw"] {
                let statements = print(&format!("{engine} --bucket b{raw}"));
                for view in ["sessions", "tool_calls", "signals", "model_usage"] {
                    let view = format!("VIEW {view} AS");
                    assert_eq!(statements.matches(&view).count(), 1, "{engine}{raw} {view}\n{statements}");
                }
                for column in crate::columns::COLUMNS {
                    // DuckDB and Spark take the columns from the files.
                    let named = statements.contains(column.name);
                    assert!(named || (raw.is_empty() && engine != "athena"), "{engine}{raw} {}", column.name);
                }
                for (field, _) in MODEL_USAGE {
                    assert!(statements.contains(field), "{engine}{raw} {field}");
                }
            }
        }
    }

    #[test]
    fn athena_knows_the_types_of_the_files() {
        let statements = print("athena --bucket b");
        for column in [
            "`end_time` timestamp,",
            "`llm_prompt_tokens` bigint,",
            "`discovered_signals` map<string,string>,",
            "`signals` array<struct<name:string,value:string,turn:bigint,recorded_at:timestamp>>,",
            "`truncated` array<string>,",
            "`cost` double,",
            "`model_usage` array<struct<type:string,provider:string,model:string,requests:bigint,failures:bigint,",
            "`payload` string\n",
        ] {
            assert!(statements.contains(column), "{column}\n{statements}");
        }
    }
}
