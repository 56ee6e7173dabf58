//! Whether an answer holds what was expected.

/// Whether every expected string stands in `answer` as whole words, case ignored. An expected string of
/// several words must stand as they are, with any white space between them; blank ones are no expectation.
///
/// A word boundary is a place where letters or digits do not run on: "4" is not in "14" nor in "4.5", but
/// is in "4." and "$4". Signs that belong to a number are part of it: "5" is not in "-5".
pub fn exact_match(expect: &[String], answer: &str) -> bool {
    let answer = normalise(answer);
    expect.iter().all(|wanted| holds(&answer, &normalise(wanted)))
}

/// Lower case, one space for any run of white space, one form for quotes, dashes and minus signs.
pub(crate) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            '\u{2019}' | '\u{2018}' => out.push('\''),
            '\u{201c}' | '\u{201d}' => out.push('"'),
            '\u{2212}' | '\u{2010}' | '\u{2011}' => out.push('-'),
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

fn holds(answer: &str, wanted: &str) -> bool {
    if wanted.is_empty() {
        return true;
    }
    answer
        .match_indices(wanted)
        .any(|(at, _)| starts_word(&answer[..at], wanted) && ends_word(&answer[at + wanted.len()..], wanted))
        || overlapping(answer, wanted)
}

/// `match_indices` skips overlaps, which matter only where a match at a boundary hides behind one that is
/// not ("1 1" in "11 1 1").
fn overlapping(answer: &str, wanted: &str) -> bool {
    if !wanted.contains(' ') {
        return false;
    }
    answer
        .char_indices()
        .filter(|(at, _)| answer[*at..].starts_with(wanted))
        .any(|(at, _)| starts_word(&answer[..at], wanted) && ends_word(&answer[at + wanted.len()..], wanted))
}

fn starts_word(before: &str, wanted: &str) -> bool {
    let Some(first) = wanted.chars().next() else {
        return true;
    };
    let mut back = before.chars().rev();
    let (near, far) = (back.next(), back.next());
    if !first.is_alphanumeric() {
        return true;
    }
    match near {
        None => true,
        Some(c) if c.is_alphanumeric() => false,
        // "0.5" does not hold "5", "1,000" does not hold "000", "-5" does not hold "5" (but "3-5" and "H-5" do).
        Some('.' | ',') if first.is_ascii_digit() => !far.is_some_and(|c| c.is_ascii_digit()),
        Some('-') if first.is_ascii_digit() => far.is_some_and(char::is_alphanumeric),
        Some(_) => true,
    }
}

fn ends_word(after: &str, wanted: &str) -> bool {
    let Some(last) = wanted.chars().next_back() else {
        return true;
    };
    let mut ahead = after.chars();
    let (near, far) = (ahead.next(), ahead.next());
    if !last.is_alphanumeric() {
        return true;
    }
    match near {
        None => true,
        Some(c) if c.is_alphanumeric() => false,
        Some('.' | ',') if last.is_ascii_digit() => !far.is_some_and(|c| c.is_ascii_digit()),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_words_case_ignored() {
        for (expect, answer, expected) in [
            (vec!["Paris"], "The capital is paris.", true),
            (vec!["Paris"], "Parisian", false),
            (vec!["Paris", "68"], "1. Paris\n2. 68", true),
            (vec!["Paris", "68"], "Paris", false),
            (vec!["4"], "14", false),
            (vec!["4"], "4.5", false),
            (vec!["4"], "It is 4.", true),
            (vec!["5"], "0.5", false),
            (vec!["5"], "-5", false),
            (vec!["-5"], "It is \u{2212}5", true),
            (vec!["0.5"], "about 0.5 l", true),
            (vec!["000"], "1,000", false),
            (vec!["New   Delhi"], "new\ndelhi", true),
            (vec!["New Delhi"], "New York, Delhi", false),
            (vec!["São Tomé"], "SÃO TOMÉ", true),
            (vec!["größe"], "Größenwahn", false),
            (vec!["don't"], "Don\u{2019}t panic", true),
            (vec!["C++"], "Use C++, please", true),
            (vec!["1 1"], "11 1 1", true),
            (vec![""], "anything", true),
            (vec![], "", true),
            (vec!["東京"], "東京", true),
        ] {
            let expect: Vec<String> = expect.into_iter().map(String::from).collect();
            assert_eq!(exact_match(&expect, answer), expected, "{expect:?} in {answer:?}");
        }
    }

    proptest! {
        #[test]
        fn an_answer_holds_itself(answer in "\\PC{0,30}") {
            prop_assert!(exact_match(std::slice::from_ref(&answer), &answer));
        }
    }
}
