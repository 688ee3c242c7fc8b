//! The recordings in `tests/reference`.

use std::path::{Path, PathBuf};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/recordings")
}

/// The samples of a recording, 16 kHz and mono.
pub(crate) fn read(name: &str) -> Vec<i16> {
    let file = folder().join(name).with_extension("flac");
    let mut reader = claxon::FlacReader::open(&file).expect("open the recording");
    let format = reader.streaminfo();
    assert_eq!((format.sample_rate, format.channels), (smart_turn::SAMPLE_RATE, 1));
    let samples = reader.samples().map(|sample| sample.expect("decode the recording"));
    samples.map(|sample| i16::try_from(sample).expect("a sample has 16 bits")).collect()
}
