//! That the agent is an AI, in the languages of callers.

/// What an agent says of itself in a language, where its persona has no words of its own for it.
pub(super) fn in_language(language: &str) -> &'static str {
    match language {
        "de" => "Ich bin eine künstliche Intelligenz und kein Mensch.",
        "fr" => "Je suis une intelligence artificielle, pas un être humain.",
        "es" => "Soy una inteligencia artificial, no una persona.",
        "it" => "Sono un'intelligenza artificiale, non una persona.",
        "pt" => "Sou uma inteligência artificial, não uma pessoa.",
        "nl" => "Ik ben een AI-assistent en geen mens.",
        "pl" => "Jestem sztuczną inteligencją, a nie człowiekiem.",
        "sv" => "Jag är en AI-assistent, inte en människa.",
        "da" | "nb" | "no" => "Jeg er en AI-assistent, ikke et menneske.",
        "ja" => "私はAIアシスタントで、人間ではありません。",
        "zh" => "我是人工智能助手，不是真人。",
        "ko" => "저는 사람이 아니라 인공지능 비서입니다.",
        "ru" => "Я искусственный интеллект, а не человек.",
        "tr" => "Ben bir yapay zekâ asistanıyım, insan değilim.",
        _ => "I am an AI assistant, not a human.",
    }
}
