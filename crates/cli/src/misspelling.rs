//! Words that are most likely others, misspelt.

/// Letters too many, too few or wrong in a word that is still taken for another: two that changed places are two.
const LETTERS_MAX: usize = 2;

/// Whether a word may be meant for another.
pub(crate) fn is_misspelt(word: &str, meant: &str) -> bool {
    distance(word, meant) <= LETTERS_MAX
}

/// How many letters have to be put in, left out or replaced to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        row[0] = left;
        for (cell, theirs) in row.iter_mut().skip(1).zip(other.chars()) {
            let replaced = diagonal + usize::from(letter != theirs);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_far_apart_as_their_letters() {
        for (one, other, letters) in [
            ("match", "match", 0),
            ("macth", "match", 2),
            ("mach", "match", 1),
            ("matches", "match", 2),
            ("guest", "match", 5),
            ("", "match", 5),
            ("match", "", 5),
        ] {
            assert_eq!(distance(one, other), letters, "{one} {other}");
        }
    }
}
