//! "Did you mean ...?": the known name nearest to a mistyped one.

/// The nearest of `known` by edit distance (Levenshtein 1966), if it is near enough to be what was meant: two
/// edits (a transposition), or a third of the letters of a long name, and never all of a short one.
pub(super) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.into_iter().map(|name| (distance(typed, name), name)).min()?;
    (best.0 <= (best.1.len() / 3).max(2) && best.0 < best.1.len()).then_some(best.1)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_key_and_nonsense_finds_none() {
        let known = ["name", "listen_address", "bootstrap_nodes", "state_dir"];
        assert_eq!(nearest("listen_adress", known), Some("listen_address"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("nam", known), Some("name"));
        assert_eq!(nearest("statedir", known), Some("state_dir"));
        assert_eq!(nearest("quantum_flux", known), None);
        assert_eq!(nearest("xy", ["id"]), None);
    }
}
