//! How much of what was said stands in what was heard.

use simulators::openai::numbers::words;

/// The share of `said` that stands in `heard`, in its order, 0 to 1. Signs, the size of letters and how a number is written say
/// nothing.
pub(super) fn arrived(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    if said.is_empty() { 1.0 } else { common(&said, &heard) as f64 / said.len() as f64 }
}

/// Length of the longest common subsequence.
fn common(one: &[String], other: &[String]) -> usize {
    let mut before = vec![0; other.len() + 1];
    for word in one {
        let mut row = vec![0; other.len() + 1];
        for (index, candidate) in other.iter().enumerate() {
            row[index + 1] =
                if word == candidate { before[index] + 1 } else { row[index].max(before[index + 1]) };
        }
        before = row;
    }
    before.last().copied().unwrap_or_default()
}

#[test]
fn words_arrive_however_they_are_written() {
    let same = |share: f64, expected: f64| (share - expected).abs() < 1e-9;
    assert!(same(arrived("We are twelve people.", "we are 12 people"), 1.0));
    assert!(same(arrived("we are twelve people", "We are people."), 0.75));
    assert!(same(arrived("we are twelve people", "People are we."), 0.25));
    assert!(same(arrived("hello", ""), 0.0));
}
