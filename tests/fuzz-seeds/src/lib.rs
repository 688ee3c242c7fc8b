//! The inputs that fuzzing begins with, in `fuzz/seeds`, so that the tests of each crate hold its functions to them without
//! a fuzzer.

use std::fs;
use std::path::Path;

/// A target's name, which is that of its folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Calls each of a crate's targets with what is in the folder of its name. A file's name is printed before its bytes are
/// used, for where that is the end of the process.
///
/// # Panics
/// A target has no input, or fails with one.
pub fn feed(targets: &[Target]) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, target) in targets {
        let folder = seeds.join(name);
        let files =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("list {}: {error}", folder.display()));
        let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        paths.sort();
        assert!(!paths.is_empty(), "{} has no input", folder.display());
        for path in paths {
            #[expect(clippy::print_stderr, reason = "it is shown where the test fails")]
            {
                eprintln!("{}", path.display());
            }
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
            target(&bytes);
        }
    }
}
