//! Speech in a file, which a benchmark's processes say.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Recording {
    /// Samples of 16 bits, little-endian, mono.
    pub(crate) file: PathBuf,
    /// Hz.
    pub(crate) rate: u32,
}

impl Recording {
    pub(crate) fn samples(&self) -> Result<Arc<[i16]>> {
        let bytes = std::fs::read(&self.file).context("read the recording")?;
        Ok(bytes.as_chunks().0.iter().map(|&sample| i16::from_le_bytes(sample)).collect())
    }
}
