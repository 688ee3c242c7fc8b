//! Stops the build with a clear line when the page, which is embedded, has not been bundled.

fn main() {
    println!("cargo::rerun-if-changed=page/dist");
    if !std::path::Path::new("page/dist/index.html").is_file() {
        println!("cargo::error=web/page/dist/index.html is missing: run `make page` (needs Node.js and npm)");
    }
}
