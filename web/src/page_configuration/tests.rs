//! A whole file, and all faults of one.

use serde_json::{Value, json};

use super::*;

fn parse(text: &str) -> Result<PageConfiguration, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/public");
    PageConfiguration::parse(text, &folder).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn answer(configuration: &PageConfiguration) -> Value {
    serde_json::from_slice(&configuration.json(None).unwrap()).unwrap()
}

#[test]
fn an_empty_file_is_the_default() {
    let expected = json!({
        "name": "postcall", "logo": null, "colors": null, "texts": {}, "links": { "privacy": null, "imprint": null },
        "email": "optional", "proof": null,
    });
    assert_eq!(answer(&parse("").unwrap()), expected);
    assert_eq!(answer(&PageConfiguration::default()), expected);
}

#[test]
fn the_example_is_good() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("page.example.toml");
    let configuration = PageConfiguration::load(&path).unwrap();
    let answer = answer(&configuration);
    assert_eq!(answer["logo"], "api/logo");
    assert_eq!(answer["colors"]["light"]["accent"], "#0b5fff");
    assert!(answer["texts"]["de"].is_object());
    assert_eq!(configuration.embedding, ["https://www.example.com"]);
    // Whoever sets one thing copies one block: each key is in the example.
    let text = std::fs::read_to_string(path).unwrap();
    for key in KEYS {
        assert!(text.contains(key), "{key}");
    }
}

#[test]
fn all_faults_are_told_at_once_each_with_its_line_and_key() {
    let faults = parse(
        r##"name = 5
logo = "nothing.svg"
email = "perhaps"
theme = "dark"

[colors.light]
accent = "#dddddd"

[colors.dark]
accent = "blue"

[links]
privacy = "javascript:alert(1)"
terms = "https://example.com"

[texts.en]
"no.such.text" = "x"

[texts.fr]
"welcome.title" = "x"

[embedding]
allowed_origins = ["https://good.example", "*"]
"##,
    )
    .unwrap_err();
    let expected = [
        ("1:8:", "`name`"),
        ("2:8:", "`logo`"),
        ("3:9:", "`email`"),
        ("4:1:", "`theme` is unknown"),
        ("7:10:", "contrast of"),
        ("10:10:", "`accent` has to be a colour"),
        ("13:11:", "`privacy`"),
        ("14:1:", "`terms` is unknown"),
        ("17:1:", "`no.such.text` is no text of the page"),
        ("19:8:", "`fr` is no language"),
        ("23:44:", "`allowed_origins`"),
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, (place, words)) in faults.iter().zip(expected) {
        assert!(fault.starts_with(place) && fault.contains(words), "{fault}: {place} {words}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let faults = parse("name = \"postcall\"\n[colors\n").unwrap_err();
    assert!(faults[0].starts_with("2:") && faults[0].contains("this is no TOML"), "{faults:?}");
}

#[test]
fn a_text_can_be_worded_anew() {
    let configuration = parse("[texts.de]\n\"welcome.title\" = \"Guten Tag\"").unwrap();
    assert_eq!(answer(&configuration)["texts"], json!({ "de": { "welcome.title": "Guten Tag" } }));
    assert!(parse("[texts.en]\n\"welcome.title\" = \"Hi {nobody}\"").is_err());
}
