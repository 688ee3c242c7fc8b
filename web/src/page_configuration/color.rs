//! A colour, and whether it can be told from what is behind it.

use serde::{Serialize, Serializer};

/// What is behind an accent. What is readable there is also fit to have white or black text on it.
pub(super) const LIGHT: Color = Color([0xff, 0xff, 0xff]);
pub(super) const DARK: Color = Color([0x10, 0x10, 0x10]);

/// What WCAG 2 asks for, of text of any size.
const LEAST_CONTRAST: f64 = 4.5;

/// A colour of sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color([u8; 3]);

impl Color {
    /// Reads `#0b5fff`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
        let byte = |at: usize| u8::from_str_radix(digits?.get(at..at + 2)?, 16).ok();
        match (byte(0), byte(2), byte(4)) {
            (Some(red), Some(green), Some(blue)) if !text.contains('+') => Ok(Self([red, green, blue])),
            _ => Err("has to be a colour such as \"#0b5fff\"".to_owned()),
        }
    }

    /// Whether a text of this colour can be read on another one.
    pub(super) fn readable_on(self, ground: Self) -> Result<(), String> {
        let contrast = self.contrast(ground);
        if contrast >= LEAST_CONTRAST {
            return Ok(());
        }
        let (other, ground) = (if ground == LIGHT { "darker" } else { "lighter" }, ground.hex());
        Err(format!(
            "has a contrast of {contrast:.1} with what is behind it ({ground}), and {LEAST_CONTRAST} is the least: \
             choose a {other} one"
        ))
    }

    /// From 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        f64::max(one, two) / f64::min(one, two)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|byte| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(text: &str) -> Color {
        Color::parse(text).unwrap()
    }

    #[test]
    fn contrasts_are_those_of_wcag() {
        for (one, two, contrast) in [
            ("#ffffff", "#000000", 21.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#0b5fff", "#ffffff", 5.13),
            ("#ff0000", "#ffffff", 4.0),
        ] {
            let found = color(one).contrast(color(two));
            assert!((found - contrast).abs() < 0.02, "{one} on {two}: {found}");
        }
        assert!(color("#777777").readable_on(LIGHT).unwrap_err().contains("choose a darker one"));
        assert!(color("#767676").readable_on(LIGHT).is_ok());
        assert!(color("#0b5fff").readable_on(DARK).unwrap_err().contains("choose a lighter one"));
        assert!(color("#7fb0ff").readable_on(DARK).is_ok());
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!(color("#0B5fFF").hex(), "#0b5fff");
        for bad in
            ["", "#fff", "0b5fff", "#0b5ff", "#0b5fffff", "#gggggg", "red", "#+1+2+3", "#\u{e9}\u{e9}\u{e9}"]
        {
            assert!(Color::parse(bad).is_err(), "{bad}");
        }
    }
}
