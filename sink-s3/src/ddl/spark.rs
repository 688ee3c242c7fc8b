//! The views in Spark SQL.

use crate::columns::{COLUMNS, Column, Kind, MODEL_USAGE_PATH};
use crate::ddl::{of_model_usage, of_the_session};

pub(super) fn statements(location: &str, raw: bool) -> String {
    let (source, sessions) = if raw { raw_sessions(location) } else { parquet_sessions(location) };
    let session = of_the_session("s");
    let names = of_model_usage(|field, _| field.to_owned());
    let usage = of_model_usage(|field, _| format!("t.{field}"));
    format!(
        "-- Times are shown, and days begin, in this zone.
SET spark.sql.session.timeZone = UTC;

CREATE OR REPLACE TEMPORARY VIEW {source};

CREATE OR REPLACE TEMPORARY VIEW sessions AS
{sessions};

CREATE OR REPLACE TEMPORARY VIEW tool_calls AS
SELECT {session},
  t.name, t.outcome, t.error, t.start_time, t.duration_seconds, t.arguments
FROM sessions AS s
LATERAL VIEW inline(s.tool_calls) t AS name, outcome, error, start_time, duration_seconds, arguments;

CREATE OR REPLACE TEMPORARY VIEW signals AS
SELECT {session},
  t.name, t.value, t.turn, t.recorded_at
FROM sessions AS s
LATERAL VIEW inline(s.signals) t AS name, value, turn, recorded_at;

CREATE OR REPLACE TEMPORARY VIEW model_usage AS
SELECT {session}, s.cost_currency,
  {usage}
FROM sessions AS s
LATERAL VIEW inline(s.model_usage) t AS {names};"
    )
}

fn parquet_sessions(location: &str) -> (String, String) {
    let source = format!(
        "sessions_parquet
USING parquet OPTIONS (path '{location}/sessions-parquet/', mergeSchema 'true')"
    );
    (source, "SELECT * FROM sessions_parquet".to_owned())
}

fn raw_sessions(location: &str) -> (String, String) {
    let source = format!(
        "sessions_json
USING text OPTIONS (path '{location}/sessions/', wholetext 'true', pathGlobFilter '*.json.gz',
  ignoreCorruptFiles 'true')"
    );
    let columns: Vec<_> =
        COLUMNS.iter().map(|column| format!("  {} AS {},\n", value(column), column.name)).collect();
    let sessions = format!(
        "SELECT
{columns}  discovered_signals,
  transform(map_entries(discovered_signals), signal -> named_struct('name', signal.key, 'value', signal.value,
    'turn', signal_sources[signal.key].turn, 'recorded_at', signal_sources[signal.key].recorded_at)) AS signals,
  from_json(get_json_object(payload, '$.tool_calls'), 'array<struct<name:string,outcome:string,error:string,\
start_time:timestamp,duration_seconds:double,arguments:string>>') AS tool_calls,
  from_json(get_json_object(payload, '$.truncated'), 'array<string>') AS truncated,
  from_json(get_json_object(payload, '$.{MODEL_USAGE_PATH}'), 'array<struct<{usage}>>') AS model_usage,
  payload, year, month, day
FROM (
  SELECT value AS payload, year, month, day,
    from_json(get_json_object(value, '$.discovered_signals'), 'map<string,string>') AS discovered_signals,
    from_json(get_json_object(value, '$.signal_sources'),
      'map<string,struct<turn:bigint,recorded_at:timestamp>>') AS signal_sources
  FROM sessions_json
  WHERE get_json_object(value, '$.session_id') IS NOT NULL
)",
        columns = columns.concat(),
        usage = of_model_usage(|field, kind| format!("{field}:{}", type_of(kind))),
    );
    (source, sessions)
}

fn value(column: &Column) -> String {
    super::value(column, |path| format!("get_json_object(payload, '$.{path}')"), cast)
}

fn cast(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Text => text.to_owned(),
        _ => format!("TRY_CAST({text} AS {})", type_of(kind)),
    }
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "STRING",
        Kind::Integer => "BIGINT",
        Kind::Number | Kind::Measured => "DOUBLE",
        Kind::Time => "TIMESTAMP",
    }
}
