//! `vocabulary`: names that a recogniser is told of.
//!
//! Names only: of whole sentences recognisers make up whole sentences, where they hear noise or nothing.

use service::document::{Faults, Section, text};

/// Most characters of all names together, and of one.
const LONGEST: usize = 200;
const LONGEST_NAME: usize = 40;

/// The names, with commas between them.
pub(super) fn read(file: &mut Section<'_>, faults: &mut Faults<'_>) -> String {
    let mut vocabulary = String::new();
    for value in file.list("vocabulary", faults) {
        let Some(name) = text(&value, "vocabulary", faults) else { continue };
        if name.value.chars().count() > LONGEST_NAME {
            faults.add(
                name.at,
                format!("`vocabulary` is for names of at most {LONGEST_NAME} characters: of sentences recognisers make up others"),
            );
        }
        if !vocabulary.is_empty() {
            vocabulary.push_str(", ");
        }
        vocabulary.push_str(&name.value);
        if vocabulary.chars().count() > LONGEST {
            faults.add(name.at, format!("`vocabulary` has more than {LONGEST} characters: leave names out"));
            break;
        }
    }
    vocabulary
}
