//! Full stops that do not end a sentence.

/// Abbreviations that are written with a full stop and mostly followed by more of the sentence.
const KNOWN: [&str; 72] = [
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "mt", "vs", "etc", "approx", "ca", "cf", "al", "fig", "figs",
    "no", "nos", "vol", "pp", "ed", "eds", "inc", "ltd", "co", "corp", "dept", "est", "gen", "gov", "hon", "lt", "col",
    "sgt", "capt", "rev", "jan", "feb", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "bzw", "usw",
    "nr", "str", "evtl", "ggf", "inkl", "exkl", "vgl", "zzgl", "bspw", "sog", "geb", "hr", "fr", "abs", "mio", "mrd",
    "env", "av", "cie", "sra", "dra", "ee",
];

/// Whether the words before a full stop end in an abbreviation, an initial, or the number of a list or a day.
pub(super) fn ends_in_abbreviation(before: &str) -> bool {
    let is_outside =
        |character: char| character.is_whitespace() || matches!(character, '(' | '[' | '"' | '„' | '“' | '*');
    let word = before.rsplit(is_outside).next().unwrap_or_default();
    let count = word.chars().count();
    if word.chars().all(|character| character.is_ascii_digit()) {
        return (1..=2).contains(&count);
    }
    if count == 1 {
        return word != "I" && word.chars().all(char::is_alphabetic);
    }
    let is_short = |part: &str| (1..=2).contains(&part.chars().count()) && part.chars().all(char::is_alphabetic);
    let is_dotted = word.contains('.') && word.split('.').all(is_short);
    is_dotted || KNOWN.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_are_told_from_ends() {
        for before in ["Ask Dr", "e.g", "(z.B", "in the U.S", "J", "am 3", "1", "usw", "No", "**1"] {
            assert!(ends_in_abbreviation(before), "{before}");
        }
        for before in ["the end", "So am I", "in 2024", "3.14", "", "example.com", "it costs 500"] {
            assert!(!ends_in_abbreviation(before), "{before}");
        }
    }
}
