use crate::columns::{COLUMNS, Column, Kind};
use crate::ddl::of_the_session;

pub(super) fn statements(location: &str, raw: bool) -> String {
    let access = if location.starts_with("s3://") { S3 } else { "" };
    let sessions = if raw { raw_sessions(location) } else { parquet_sessions(location) };
    let session = of_the_session("s");
    format!(
        "{access}\
-- Times are shown, and days begin, in this zone.
SET TimeZone = 'UTC';

CREATE OR REPLACE VIEW sessions AS
{sessions};

CREATE OR REPLACE VIEW tool_calls AS
SELECT {session},
  t.tool_call.name AS name, t.tool_call.outcome AS outcome, t.tool_call.error AS error,
  t.tool_call.start_time AS start_time, t.tool_call.duration_seconds AS duration_seconds,
  t.tool_call.arguments AS arguments
FROM sessions AS s, unnest(s.tool_calls) AS t(tool_call);

CREATE OR REPLACE VIEW signals AS
SELECT {session},
  t.signal.name AS name, t.signal.value AS value, t.signal.turn AS turn, t.signal.recorded_at AS recorded_at
FROM sessions AS s, unnest(s.signals) AS t(signal);"
    )
}

const S3: &str = "\
-- For AWS. Another store takes KEY_ID, SECRET, ENDPOINT 'host:port', URL_STYLE 'path', USE_SSL false.
INSTALL httpfs; LOAD httpfs; INSTALL aws; LOAD aws;
CREATE OR REPLACE SECRET postcall (TYPE s3, PROVIDER credential_chain);

";

/// Files of days that were compacted by an older program may have fewer columns.
fn parquet_sessions(location: &str) -> String {
    format!(
        "SELECT * FROM read_parquet('{location}/sessions-parquet/*/*/*/sessions.parquet',
  hive_partitioning = true, union_by_name = true)"
    )
}

fn raw_sessions(location: &str) -> String {
    let columns: Vec<_> =
        COLUMNS.iter().map(|column| format!("  {} AS {},\n", value(column), column.name)).collect();
    format!(
        "SELECT
{columns}  signal_values AS discovered_signals,
  [{{'name': signal.key, 'value': signal.value, 'turn': signal_sources[signal.key].turn,
    'recorded_at': signal_sources[signal.key].recorded_at}} FOR signal IN map_entries(signal_values)] AS signals,
  TRY_CAST(json_extract(payload, '$.tool_calls') AS STRUCT(name VARCHAR, outcome VARCHAR, error VARCHAR,
    start_time TIMESTAMPTZ, duration_seconds DOUBLE, arguments VARCHAR)[]) AS tool_calls,
  TRY_CAST(json_extract(payload, '$.truncated') AS VARCHAR[]) AS truncated,
  CAST(payload AS VARCHAR) AS payload, year, month, day
FROM (
  SELECT json AS payload, year, month, day,
    TRY_CAST(json_extract(json, '$.discovered_signals') AS MAP(VARCHAR, VARCHAR)) AS signal_values,
    TRY_CAST(json_extract(json, '$.signal_sources')
      AS MAP(VARCHAR, STRUCT(turn BIGINT, recorded_at TIMESTAMPTZ))) AS signal_sources
  FROM read_json_objects('{location}/sessions/*/*/*/*.json.gz',
    format = 'unstructured', hive_partitioning = true, maximum_object_size = 67108864)
)",
        columns = columns.concat()
    )
}

fn value(column: &Column) -> String {
    let text = |path: &str| format!("json_extract_string(payload, '$.{path}')");
    let value = text(column.path);
    match column.kind {
        Kind::Text => value,
        Kind::Integer => format!("TRY_CAST({value} AS BIGINT)"),
        Kind::Number => format!("TRY_CAST({value} AS DOUBLE)"),
        Kind::Time => format!("date_trunc('milliseconds', TRY_CAST({value} AS TIMESTAMPTZ))"),
        Kind::Measured => format!(
            "CASE WHEN TRY_CAST({} AS BIGINT) > 0 THEN TRY_CAST({value} AS DOUBLE) END",
            text(&column.count_path())
        ),
    }
}
