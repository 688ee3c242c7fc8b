//! What is said before a reply that takes long, in the languages of callers.

/// Where a persona has no words of its own for it.
pub(super) fn in_language(language: &str) -> &'static str {
    match language {
        "de" => "Einen Moment bitte.",
        "fr" => "Un instant, s'il vous plaît.",
        "es" => "Un momento, por favor.",
        "it" => "Un attimo, per favore.",
        "pt" => "Um momento, por favor.",
        "nl" => "Een ogenblik, alstublieft.",
        "pl" => "Chwileczkę, proszę.",
        "sv" => "Ett ögonblick.",
        "da" | "nb" | "no" => "Et øjeblik.",
        "ja" => "少々お待ちください。",
        "zh" => "请稍等。",
        "ko" => "잠시만 기다려 주세요.",
        "ru" => "Одну минуту, пожалуйста.",
        "tr" => "Bir dakika lütfen.",
        _ => "One moment, please.",
    }
}
