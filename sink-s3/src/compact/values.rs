//! One column of a Parquet file while it grows.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow_schema::{DataType, TimeUnit};
use schemas::json::Json;

use crate::columns::{Column, Kind};
use crate::compact::payload::{Payload, integer, number, text, time};

/// The values of one column.
pub(crate) enum Values {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Time(TimestampMillisecondBuilder),
}

impl Values {
    pub(crate) fn new(kind: Kind) -> Self {
        let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Number | Kind::Measured => Self::Number(Float64Builder::new()),
            Kind::Time => Self::Time(TimestampMillisecondBuilder::new().with_data_type(utc)),
        }
    }

    /// Pushes what a payload has for a column.
    pub(crate) fn push(&mut self, column: &Column, payload: &Payload<'_>) {
        let counted = || integer(payload.value(&column.count_path())).is_some_and(|count| count > 0);
        let is_none = column.kind == Kind::Measured && !counted();
        self.push_json(if is_none { None } else { payload.value(column.path) });
    }

    /// Pushes a value of a payload; none where it is of another type than the column.
    pub(crate) fn push_json(&mut self, value: Option<Json<'_>>) {
        match self {
            Self::Text(texts) => texts.append_option(text(value)),
            Self::Integer(integers) => integers.append_option(integer(value)),
            Self::Number(numbers) => numbers.append_option(number(value)),
            Self::Time(times) => times.append_option(time(value)),
        }
    }

    /// A text; none in a column of another type, as with the other ones.
    pub(crate) fn push_text(&mut self, value: Option<&str>) {
        match self {
            Self::Text(texts) => texts.append_option(value),
            other => other.push_none(),
        }
    }

    /// An integer, or the milliseconds of a time.
    pub(crate) fn push_integer(&mut self, value: Option<i64>) {
        match self {
            Self::Integer(integers) => integers.append_option(value),
            Self::Time(times) => times.append_option(value),
            other => other.push_none(),
        }
    }

    pub(crate) fn push_number(&mut self, value: Option<f64>) {
        match self {
            Self::Number(numbers) => numbers.append_option(value),
            other => other.push_none(),
        }
    }

    fn push_none(&mut self) {
        match self {
            Self::Text(texts) => texts.append_null(),
            Self::Integer(integers) => integers.append_null(),
            Self::Number(numbers) => numbers.append_null(),
            Self::Time(times) => times.append_null(),
        }
    }

    /// The values; then there are none.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(texts) => Arc::new(texts.finish()),
            Self::Integer(integers) => Arc::new(integers.finish()),
            Self::Number(numbers) => Arc::new(numbers.finish()),
            Self::Time(times) => Arc::new(times.finish()),
        }
    }
}
