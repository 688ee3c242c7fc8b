//! Numbers as people say them, up to 999,999, and the words of a sentence.

use std::ops::Range;

pub(crate) const UNITS: [&str; 9] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
pub(crate) const TEENS: [&str; 10] = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
pub(crate) const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The largest number that [`say`] says.
const LARGEST: u32 = 999_999;

/// Lower-case words without punctuation; digits become words.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in text.split(|letter: char| letter.is_whitespace() || matches!(letter, '-' | '_' | '/')) {
        let part: String = part
            .chars()
            .map(|letter| if letter == '’' { '\'' } else { letter })
            .filter(|letter| letter.is_alphanumeric() || *letter == '\'')
            .flat_map(char::to_lowercase)
            .collect();
        match part.parse::<u32>().ok().and_then(say) {
            Some(number) => words.extend(number.split(' ').map(str::to_owned)),
            None if part.is_empty() => {}
            None => words.push(part),
        }
    }
    words
}

/// A number in words; `None` for 0 and above 999,999.
pub(crate) fn say(number: u32) -> Option<String> {
    match number {
        0 => None,
        1..10 => Some(UNITS[number as usize - 1].to_owned()),
        10..20 => Some(TEENS[number as usize - 10].to_owned()),
        20..100 => Some(with_rest(TENS[number as usize / 10 - 2].to_owned(), number % 10)),
        100..1_000 => Some(with_rest(format!("{} hundred", UNITS[number as usize / 100 - 1]), number % 100)),
        1_000..=LARGEST => Some(with_rest(format!("{} thousand", say(number / 1_000)?), number % 1_000)),
        _ => None,
    }
}

fn with_rest(head: String, rest: u32) -> String {
    say(rest).map_or(head.clone(), |rest| format!("{head} {rest}"))
}

/// The first number among words: which words, and what they mean.
pub(crate) fn first(words: &[String]) -> Option<(Range<usize>, u32)> {
    (0..words.len()).find_map(|start| {
        let (length, number) = at_start(&words[start..])?;
        Some((start..start + length, number))
    })
}

/// The number that words begin with: how many words, and what they mean.
pub(crate) fn at_start(words: &[String]) -> Option<(usize, u32)> {
    let (mut used, number) = below_thousand(words)?;
    if words.get(used).is_none_or(|word| word != "thousand") {
        return Some((used, number));
    }
    used += 1;
    let and = usize::from(words.get(used).is_some_and(|word| word == "and"));
    match below_thousand(&words[used + and..]).filter(|_| number < 1_000) {
        Some((more, rest)) => Some((used + and + more, number * 1_000 + rest)),
        None => Some((used, number * 1_000)),
    }
}

fn below_thousand(words: &[String]) -> Option<(usize, u32)> {
    let next = |index: usize| words.get(index).map_or("", String::as_str);
    let (mut used, mut number) = match next(0) {
        "a" if matches!(next(1), "hundred" | "thousand") => (1, 1),
        _ => below_hundred(words)?,
    };
    if next(used) == "hundred" && number < 10 {
        used += 1;
        number *= 100;
        let and = usize::from(next(used) == "and");
        if let Some((more, rest)) = below_hundred(&words[used + and..]) {
            return Some((used + and + more, number + rest));
        }
    }
    Some((used, number))
}

fn below_hundred(words: &[String]) -> Option<(usize, u32)> {
    let value = |names: &[&str], index: usize| {
        let word = words.get(index)?;
        Some(names.iter().zip(0_u32..).find(|(name, _)| *name == word)?.1)
    };
    if let Some(tens) = value(&TENS, 0) {
        let tens = (tens + 2) * 10;
        return Some(value(&UNITS, 1).map_or((1, tens), |units| (2, tens + units + 1)));
    }
    let number = value(&UNITS, 0).map(|units| units + 1).or_else(|| Some(value(&TEENS, 0)? + 10))?;
    Some((1, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_understood_as_it_is_said() {
        for number in (1..2_000).chain([10_000, 12_345, 90_017, 999_999]) {
            let said = words(&say(number).expect("a number"));
            assert_eq!(at_start(&said), Some((said.len(), number)), "{said:?}");
            assert_eq!(words(&number.to_string()), said);
        }
        assert_eq!((say(0), say(1_000_000)), (None, None));
    }

    #[test]
    fn numbers_are_found_in_sentences() {
        let find = |text| first(&words(text)).map(|(_, number)| number);
        assert_eq!(find("We are twelve people."), Some(12));
        assert_eq!(find("About a hundred and five, I think"), Some(105));
        assert_eq!(find("a team of twenty-five"), Some(25));
        assert_eq!(find("between 30 and 40"), Some(30));
        assert_eq!(find("1,500 documents"), Some(1_500));
        assert_eq!(find("a thousand a month"), Some(1_000));
        assert_eq!(find("we are a team and someone else"), None);
    }
}
