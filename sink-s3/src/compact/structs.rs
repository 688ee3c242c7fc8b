//! Lists of structs, and maps, built row by row.

use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};

use crate::columns::Kind;
use crate::compact::values::Values;

/// A list of structs for each row, or none.
pub(crate) struct Structs {
    names: Vec<&'static str>,
    /// For each field, the values of all structs of all rows.
    pub(crate) values: Vec<Values>,
    lengths: Vec<usize>,
    present: Vec<bool>,
}

impl Structs {
    pub(crate) fn new(fields: &[(&'static str, Kind)]) -> Self {
        Self {
            names: fields.iter().map(|(name, _)| *name).collect(),
            values: fields.iter().map(|(_, kind)| Values::new(*kind)).collect(),
            lengths: Vec::new(),
            present: Vec::new(),
        }
    }

    /// Ends a row's list of so many structs, whose values were pushed; none for no list at all.
    pub(crate) fn end_row(&mut self, length: Option<usize>) {
        self.lengths.push(length.unwrap_or(0));
        self.present.push(length.is_some());
    }

    /// The lists; then there are none.
    pub(crate) fn finish_lists(&mut self) -> anyhow::Result<ArrayRef> {
        let structs = self.finish_structs(true)?;
        self.lists_of(Arc::new(structs))
    }

    /// Does what [`Self::finish_lists`] does, with the values of the only field instead of structs.
    pub(crate) fn finish_plain_lists(&mut self) -> anyhow::Result<ArrayRef> {
        let values = self.values[0].finish();
        self.lists_of(values)
    }

    fn lists_of(&mut self, elements: ArrayRef) -> anyhow::Result<ArrayRef> {
        let (offsets, present) = self.finish_rows();
        let element = Field::new("element", elements.data_type().clone(), true);
        let lists = ListArray::try_new(Arc::new(element), offsets, elements, Some(present));
        Ok(Arc::new(lists.context("put lists together")?))
    }

    fn finish_structs(&mut self, first_is_nullable: bool) -> anyhow::Result<StructArray> {
        let columns: Vec<ArrayRef> = self.values.iter_mut().map(Values::finish).collect();
        let fields = self.names.iter().zip(&columns).enumerate();
        let fields: Fields = fields
            .map(|(at, (name, column))| {
                Field::new(*name, column.data_type().clone(), at > 0 || first_is_nullable)
            })
            .collect();
        StructArray::try_new(fields, columns, None).context("put structs together")
    }

    fn finish_rows(&mut self) -> (OffsetBuffer<i32>, NullBuffer) {
        let offsets = OffsetBuffer::from_lengths(self.lengths.drain(..));
        (offsets, NullBuffer::from(std::mem::take(&mut self.present)))
    }
}

/// Structs of a key, which is never none, and a value, as a map for each row.
pub(crate) fn entries_as_map(entries: &mut Structs) -> anyhow::Result<ArrayRef> {
    let structs = entries.finish_structs(false)?;
    let (offsets, present) = entries.finish_rows();
    let entry = Field::new("key_value", DataType::Struct(structs.fields().clone()), false);
    let maps = MapArray::try_new(Arc::new(entry), offsets, structs, Some(present), false);
    Ok(Arc::new(maps.context("put maps together")?))
}
