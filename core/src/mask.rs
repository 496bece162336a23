//! Names as an SMS may carry them: enough for the applicant to recognise, too little for anybody else.

/// Words of a name that are shown; further ones are left out.
pub const MAX_WORDS: usize = 3;
/// Most stars for a word, so that a long name's length is not told and the SMS stays short.
pub const MAX_STARS: usize = 5;

/// The name with all but each word's first letter as stars: `S*** W*****`. Only ASCII comes out, so it never
/// turns an SMS into UCS-2; a first letter beyond ASCII becomes a star too.
pub fn name(name: &str) -> String {
    let masked: Vec<String> = name.split_whitespace().take(MAX_WORDS).map(word).collect();
    masked.join(" ")
}

fn word(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().filter(char::is_ascii_alphabetic).map_or('*', |c| c.to_ascii_uppercase());
    // At least one star: a name of one letter is not to be given away whole.
    let stars = letters.take(MAX_STARS).count().max(1);
    format!("{first}{}", "*".repeat(stars))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_masked() {
        let table = [
            ("Siti Wulandari", "S*** W*****"),
            ("siti  wulandari", "S*** W*****"),
            ("Suparno", "S*****"),
            ("M Ali", "M* A**"),
            ("Élan Putra", "**** P****"),
            ("Raden Ajeng Dewi Lestari", "R**** A**** D***"),
            ("1234 5678", "**** ****"),
            ("", ""),
        ];
        for (given, masked) in table {
            assert_eq!(name(given), masked);
        }
    }

    proptest! {
        #[test]
        fn only_initials_and_stars_remain(text in "\\PC{0,200}") {
            let masked = name(&text);
            prop_assert!(masked.len() <= MAX_WORDS * (MAX_STARS + 2));
            let hidden = |word: &str| {
                word.len() >= 2
                    && word.bytes().skip(1).all(|b| b == b'*')
                    && word.starts_with(|c: char| c == '*' || c.is_ascii_uppercase())
            };
            prop_assert!(masked.split(' ').filter(|word| !word.is_empty()).all(hidden));
        }
    }
}
