//! What the text model and the listener are told because an answer is spoken.

/// Goes behind the instructions when the answer will be spoken.
pub(super) const HINT: &str = "Your answer is spoken aloud by a synthetic voice, and the user's words come from speech \
recognition, which may mishear. Speak as in a conversation: short, plain sentences in the user's language, no Markdown, \
no headings, lists, tables, emojis or web addresses. Only when the user asks for something to read, such as code, write it.";

/// What is said in place of a block of code, in the language of the conversation (ISO 639-1); English if it is unknown.
pub(super) fn code_sentence(language: &str) -> &'static str {
    match language.split(['-', '_']).next().unwrap_or_default() {
        "de" => "Der Code steht auf dem Bildschirm.",
        "fr" => "Le code est à l'écran.",
        "es" => "El código está en la pantalla.",
        "it" => "Il codice è sullo schermo.",
        "pt" => "O código está na tela.",
        "nl" => "De code staat op het scherm.",
        "pl" => "Kod jest na ekranie.",
        "ru" => "Код на экране.",
        "uk" => "Код на екрані.",
        "tr" => "Kod ekranda.",
        "ja" => "コードは画面に表示しています。",
        "zh" => "代码在屏幕上。",
        "ko" => "코드는 화면에 있습니다.",
        _ => "The code is on the screen.",
    }
}
