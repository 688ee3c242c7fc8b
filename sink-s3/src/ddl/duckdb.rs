//! The views in DuckDB's SQL.

use crate::columns::{COLUMNS, Column, Kind, MODEL_USAGE_PATH};
use crate::ddl::{of_model_usage, of_the_session};

pub(super) fn statements(location: &str, raw: bool) -> String {
    let access = if location.starts_with("s3://") { S3 } else { "" };
    let sessions = if raw { raw_sessions(location) } else { parquet_sessions(location) };
    let access = if raw { format!("{access}{UNREADABLE}{VALUES}") } else { access.to_owned() };
    let session = of_the_session("s");
    let usage = of_model_usage(|field, _| format!("t.usage.{field} AS {field}"));
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
FROM sessions AS s, unnest(s.signals) AS t(signal);

CREATE OR REPLACE VIEW model_usage AS
SELECT {session}, s.cost_currency,
  {usage}
FROM sessions AS s, unnest(s.model_usage) AS t(usage);"
    )
}

const S3: &str = "\
-- For AWS. Another store takes KEY_ID, SECRET, ENDPOINT 'host:port', URL_STYLE 'path', USE_SSL false.
INSTALL httpfs; LOAD httpfs; INSTALL aws; LOAD aws;
CREATE OR REPLACE SECRET postcall (TYPE s3, PROVIDER credential_chain);

";

const UNREADABLE: &str = "\
-- Where DuckDB stops at an object that is no gzip, it names it: put that name here, without its folders.
SET VARIABLE unreadable = []::VARCHAR[];

";

/// Values as the Parquet files have them. DuckDB's own casts take texts for numbers and days for moments, round what is no
/// integer, and do not know all of RFC 3339: lower case, and the sixtieth second, which is the next minute's first.
const VALUES: &str = r"-- Values of a type that the Parquet files have in their columns; of another type they are none.
CREATE OR REPLACE MACRO postcall_text(value) AS CASE WHEN json_type(value) = 'VARCHAR' THEN value ->> '$' END;
CREATE OR REPLACE MACRO postcall_number(value) AS
  CASE WHEN json_type(value) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE') AND isfinite(TRY_CAST(value AS DOUBLE))
    THEN TRY_CAST(value AS DOUBLE) END;
CREATE OR REPLACE MACRO postcall_integer(value) AS
  CASE WHEN json_type(value) IN ('BIGINT', 'UBIGINT', 'HUGEINT') THEN TRY_CAST(value AS BIGINT)
    WHEN postcall_number(value) = trunc(postcall_number(value)) AND abs(postcall_number(value)) <= 9007199254740992
    THEN CAST(postcall_number(value) AS BIGINT) END;
CREATE OR REPLACE MACRO postcall_time(value) AS
  CASE WHEN regexp_full_match(postcall_text(value), '\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?'
    '([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)')
    THEN date_trunc('milliseconds',
      TRY_CAST(upper(regexp_replace(postcall_text(value), '^(.{17})60', '\159')) AS TIMESTAMPTZ))
      + to_seconds(CASE WHEN substr(postcall_text(value), 18, 2) = '60' THEN 1 ELSE 0 END) END;

";

/// Files of days that were compacted by an older program may have fewer columns.
fn parquet_sessions(location: &str) -> String {
    format!(
        "SELECT * FROM read_parquet('{location}/sessions-parquet/*/*/*/sessions.parquet',
  hive_partitioning = true, union_by_name = true)"
    )
}

/// The objects are read as lines of text, because of JSON that is no JSON DuckDB fails the whole query.
fn raw_sessions(location: &str) -> String {
    let columns: Vec<_> =
        COLUMNS.iter().map(|column| format!("  {} AS {},\n", value(column), column.name)).collect();
    format!(
        "SELECT
{columns}  signal_values AS discovered_signals,
  [{{'name': signal.key, 'value': signal.value, 'turn': postcall_integer(signal_sources[signal.key] -> '$.turn'),
    'recorded_at': postcall_time(signal_sources[signal.key] -> '$.recorded_at')}}
    FOR signal IN map_entries(signal_values)] AS signals,
  [{{'name': postcall_text(call -> '$.name'), 'outcome': postcall_text(call -> '$.outcome'),
    'error': postcall_text(call -> '$.error'), 'start_time': postcall_time(call -> '$.start_time'),
    'duration_seconds': postcall_number(call -> '$.duration_seconds'), 'arguments': call ->> '$.arguments'}}
    FOR call IN TRY_CAST(json -> '$.tool_calls' AS JSON[]) IF json_type(call) = 'OBJECT'] AS tool_calls,
  [postcall_text(field) FOR field IN TRY_CAST(json -> '$.truncated' AS JSON[])] AS truncated,
  [{{{usage}}}
    FOR usage IN TRY_CAST(json -> '$.{MODEL_USAGE_PATH}' AS JSON[]) IF json_type(usage) = 'OBJECT'] AS model_usage,
  payload, year, month, day
FROM (
  SELECT payload, json, year, month, day,
    TRY_CAST(json_extract(json, '$.discovered_signals') AS MAP(VARCHAR, VARCHAR)) AS signal_values,
    TRY_CAST(json_extract(json, '$.signal_sources')
      AS MAP(VARCHAR, JSON)) AS signal_sources
  FROM (
    SELECT payload, TRY_CAST(CASE WHEN json_valid(payload) THEN payload ELSE {MENDED} END AS JSON) AS json,
      year, month, day
    FROM (
      SELECT string_agg(line, chr(10)) AS payload, year, month, day
      FROM read_csv('{location}/sessions/*/*/*/*.json.gz', columns = {{'line': 'VARCHAR'}}, auto_detect = false,
        header = false, delim = chr(1), quote = '', escape = '', comment = '', strict_mode = false, ignore_errors = true,
        max_line_size = 67108864, parallel = false, filename = true, hive_partitioning = true,
        hive_types = {{'year': BIGINT, 'month': BIGINT, 'day': BIGINT}})
      WHERE NOT list_contains(getvariable('unreadable'), parse_filename(filename))
      GROUP BY filename, year, month, day
    )
  )
  WHERE json_type(json) = 'OBJECT'
)",
        columns = columns.concat(),
        usage = of_model_usage(|field, kind| format!("'{field}': {}", cast(kind, &format!("usage -> '$.{field}'")))),
    )
}

/// DuckDB refuses half a surrogate pair, which JSON has a place for: U+FFFD instead. Backslashes that stand for themselves, and
/// whole pairs, are put aside meanwhile, as characters that stand in no JSON.
const MENDED: &str = r"replace(replace(regexp_replace(regexp_replace(replace(payload, '\\', chr(2)),
        '\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})', chr(1) || '\1' || chr(1) || '\2', 'g'),
        '\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\\ufffd', 'g'), chr(1), '\u'), chr(2), '\\')";

fn value(column: &Column) -> String {
    super::value(column, |path| format!("json -> '$.{path}'"), cast)
}

fn cast(kind: Kind, json: &str) -> String {
    let kind = match kind {
        Kind::Text => "text",
        Kind::Integer => "integer",
        Kind::Number | Kind::Measured => "number",
        Kind::Time => "time",
    };
    format!("postcall_{kind}({json})")
}
