//! OpenAI's own client holds a conversation with it, by voice.

use std::path::Path;
use std::process::Command;

use test_servers::tool;

use super::caller::{Voice, say, wav};
use super::simulator::{KEY, Simulator};

#[test]
fn the_official_client_gets_along_with_it() {
    let simulator = Simulator::with_persona();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("first", "hello"), ("second", "we are twelve people"), ("third", "we use hubspot")]
    {
        let file = folder.path().join(name).with_extension("wav");
        std::fs::write(file, wav(&say(text, Voice::Flite, 16_000), 16_000)).unwrap();
    }
    let output = Command::new(tool("python/bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openai/client.py"))
        .args([&simulator.url, KEY])
        .arg(folder.path())
        .output()
        .expect("start python (POSTCALL_TOOLS)");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}
