//! The tables and views in Athena's SQL.

use anyhow::bail;
use arrow_schema::{DataType, Field};

use crate::columns::{COLUMNS, Column, Kind, MODEL_USAGE_PATH};
use crate::compact::schema;
use crate::ddl::{of_model_usage, of_the_session};

/// Years that are looked for; a query should name some of them, or it looks into the days of all.
const YEARS: &str = "2025,2045";

pub(super) fn statements(location: &str, raw: bool) -> anyhow::Result<String> {
    let (table, sessions) = if raw {
        (json_table(location), raw_sessions())
    } else {
        (parquet_table(location)?, "SELECT * FROM sessions_parquet".to_owned())
    };
    let session = of_the_session("s");
    let names = of_model_usage(|field, _| field.to_owned());
    let usage = of_model_usage(|field, _| format!("t.{field}"));
    Ok(format!(
        "-- Athena runs one statement at a time.
{table};

CREATE OR REPLACE VIEW sessions AS
{sessions};

CREATE OR REPLACE VIEW tool_calls AS
SELECT {session},
  t.name, t.outcome, t.error, t.start_time, t.duration_seconds, t.arguments
FROM sessions AS s
CROSS JOIN UNNEST(s.tool_calls) AS t (name, outcome, error, start_time, duration_seconds, arguments);

CREATE OR REPLACE VIEW signals AS
SELECT {session},
  t.name, t.value, t.turn, t.recorded_at
FROM sessions AS s
CROSS JOIN UNNEST(s.signals) AS t (name, value, turn, recorded_at);

CREATE OR REPLACE VIEW model_usage AS
SELECT {session}, s.cost_currency,
  {usage}
FROM sessions AS s
CROSS JOIN UNNEST(s.model_usage) AS t ({names});"
    ))
}

fn parquet_table(location: &str) -> anyhow::Result<String> {
    let mut columns = Vec::new();
    for field in schema()?.fields() {
        columns.push(format!("  `{}` {}", field.name(), hive_type(field)?));
    }
    Ok(format!(
        "-- A table that is there stays as it is: after an upgrade, DROP TABLE sessions_parquet; before. No file goes with it.
CREATE EXTERNAL TABLE IF NOT EXISTS sessions_parquet (
{}
)
{PARTITIONS}
STORED AS PARQUET
{}",
        columns.join(",\n"),
        projected(&format!("{location}/sessions-parquet/"))
    ))
}

/// The payload as a text, so that a field of an unexpected type fails no query.
fn json_table(location: &str) -> String {
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS sessions_json (
  `payload` string
)
{PARTITIONS}
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
WITH SERDEPROPERTIES ('input.regex' = '^(.*)$')
{}",
        projected(&format!("{location}/sessions/"))
    )
}

const PARTITIONS: &str = "PARTITIONED BY (`year` int, `month` int, `day` int)";

/// The days are computed, not looked up: none has to be added.
fn projected(location: &str) -> String {
    format!(
        "LOCATION '{location}'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.year.type' = 'integer', 'projection.year.range' = '{YEARS}', 'projection.year.digits' = '4',
  'projection.month.type' = 'integer', 'projection.month.range' = '1,12', 'projection.month.digits' = '2',
  'projection.day.type' = 'integer', 'projection.day.range' = '1,31', 'projection.day.digits' = '2',
  'storage.location.template' = '{location}year=${{year}}/month=${{month}}/day=${{day}}/'
)"
    )
}

fn hive_type(field: &Field) -> anyhow::Result<String> {
    let named = |field: &Field| anyhow::Ok(format!("{}:{}", field.name(), hive_type(field)?));
    Ok(match field.data_type() {
        DataType::Utf8 => "string".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::List(element) => format!("array<{}>", hive_type(element)?),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| named(field)).collect::<anyhow::Result<Vec<_>>>()?;
            format!("struct<{}>", fields.join(","))
        }
        DataType::Map(entry, _) => match entry.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("map<{},{}>", hive_type(&fields[0])?, hive_type(&fields[1])?)
            }
            other => bail!("a map of {other}"),
        },
        other => bail!("{other} has no name in Athena"),
    })
}

fn raw_sessions() -> String {
    let columns: Vec<_> =
        COLUMNS.iter().map(|column| format!("  {} AS {},\n", value(column), column.name)).collect();
    let time = |json: &str, field: &str| time(&format!("json_extract_scalar({json}, '$.{field}')"));
    format!(
        "SELECT
{columns}  TRY(transform_values(signal_values,
    (name, it) -> coalesce(json_extract_scalar(it, '$'), nullif(json_format(it), 'null')))) AS discovered_signals,
  TRY(transform(map_entries(signal_values), signal -> CAST(ROW(signal[1],
    coalesce(json_extract_scalar(signal[2], '$'), nullif(json_format(signal[2]), 'null')),
    TRY_CAST(json_extract_scalar(element_at(signal_sources, signal[1]), '$.turn') AS bigint),
    {recorded_at})
    AS ROW(name varchar, value varchar, turn bigint, recorded_at timestamp(3))))) AS signals,
  TRY(transform(CAST(json_extract(payload, '$.tool_calls') AS array(json)), it -> CAST(ROW(
    json_extract_scalar(it, '$.name'), json_extract_scalar(it, '$.outcome'), json_extract_scalar(it, '$.error'),
    {start_time},
    TRY_CAST(json_extract_scalar(it, '$.duration_seconds') AS double), json_format(json_extract(it, '$.arguments')))
    AS ROW(name varchar, outcome varchar, error varchar, start_time timestamp(3), duration_seconds double,
      arguments varchar)))) AS tool_calls,
  TRY(CAST(json_extract(payload, '$.truncated') AS array(varchar))) AS truncated,
  TRY(transform(CAST(json_extract(payload, '$.{MODEL_USAGE_PATH}') AS array(json)), it -> CAST(ROW({usage})
    AS ROW({usage_types})))) AS model_usage,
  payload, year, month, day
FROM (
  SELECT payload, year, month, day,
    TRY(CAST(json_extract(payload, '$.discovered_signals') AS map(varchar, json))) AS signal_values,
    TRY(CAST(json_extract(payload, '$.signal_sources') AS map(varchar, json))) AS signal_sources
  FROM sessions_json
  WHERE TRY(json_extract_scalar(payload, '$.session_id')) IS NOT NULL
)",
        columns = columns.concat(),
        recorded_at = time("element_at(signal_sources, signal[1])", "recorded_at"),
        start_time = time("it", "start_time"),
        usage = of_model_usage(|field, kind| cast(kind, &format!("json_extract_scalar(it, '$.{field}')"))),
        usage_types = of_model_usage(|field, kind| format!("{field} {}", type_of(kind))),
    )
}

fn value(column: &Column) -> String {
    super::value(column, |path| format!("TRY(json_extract_scalar(payload, '$.{path}'))"), cast)
}

fn cast(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Text => text.to_owned(),
        Kind::Time => format!("TRY({})", time(text)),
        Kind::Integer | Kind::Number | Kind::Measured => format!("TRY_CAST({text} AS {})", type_of(kind)),
    }
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "varchar",
        Kind::Integer => "bigint",
        Kind::Number | Kind::Measured => "double",
        Kind::Time => "timestamp(3)",
    }
}

fn time(text: &str) -> String {
    format!("CAST(from_iso8601_timestamp({text}) AT TIME ZONE 'UTC' AS timestamp(3))")
}
