//! Writes the documents of the contract to `schemas/generated`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    for (name, document) in schemas::documents::all() {
        std::fs::write(folder.join(name), format!("{document:#}\n"))?;
    }
    Ok(())
}
