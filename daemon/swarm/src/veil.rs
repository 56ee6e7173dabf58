//! What a private question shows of itself: names, addresses and numbers by which somebody could be known are replaced before
//! a text leaves the node, and put back in what comes of it.
//!
//! The same thing is replaced by the same stand-in throughout one question, so that several experts' answers fit together. What a task is *about* must
//! stay, else the answer is wrong: the terms of a sum, the country whose capital is asked. So what is replaced depends on the task:
//!
//! | | replaced |
//! |---|---|
//! | every task | e-mail and IP addresses, telephone and bank account numbers, keys and tokens of programs |
//! | all but facts, science, language and code | names of people: known given names with what follows, whoever has a title, `my boss Ada` |
//! | writing, summarising, chat | numbers of five digits and more, amounts of money |
//!
//! This is pseudonymisation by form. It finds what looks like a name; it does not know who somebody is.

mod names;

use crate::plan::intent::Intent;
use core::net::Ipv6Addr;
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

/// Pairs that one question may have; with more it is not shown at all.
const PAIRS_MAX: usize = 256;

/// Addresses and numbers that belong to somebody whatever the task is, by their form; and after those numbers that point to something
/// where nothing is computed with them: long ones, and money.
static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?P<mail>\w[\w.+-]*@[\w-]+(?:\.[\w-]+)+)",
        r"|(?P<ip>\b(?:\d{1,3}\.){3}\d{1,3}\b)",
        r"|(?P<iban>\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b)",
        r"|(?P<key>\b(?:sk|pk|ghp|gho|xox[abp]|AKIA|pmk)[-_A-Za-z0-9]{12,}\b|\b[0-9a-fA-F]{32,}\b)",
        r"|(?P<card>\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}\b)",
        r"|(?P<phone>(?:\+|\b00)\d{1,3}[ /.-]?(?:\(\d{1,4}\)[ /.-]?)?\d{2,4}(?:[ /.-]?\d{2,4}){1,4}\b",
        r"|\b0\d{2,4}[ /-]\d{3,4}[ /-]?\d{2,5}\b|\(\d{3}\) ?\d{3}-\d{4}\b",
        r"|\b\d{3}[-.]\d{3}[-.]\d{4}\b|\b\d{3}-\d{2}-\d{4}\b|\+\d{1,3}(?: \d{1,4}){3,6}\b)",
        r"|(?P<ip6>\b(?:[0-9a-fA-F]{1,4}:){3,7}:?[0-9a-fA-F]{1,4}\b)",
        r"|(?P<account>\b\d{9,}\b)",
        r"|(?P<money>[$€£¥] ?\d[\d.,']*\d\b|[$€£¥] ?\d\b)",
        r"|(?P<long>\b\d{5,}\b|\b[A-Z]{1,4}-?\d{4,}\b)",
    ))
    .ok()
});
/// What may be an IPv6 address in its short form, with an IPv4 address at its end or without. Looked for by itself: what it is not must be
/// free to be part of a number.
static SHORT_ADDRESSES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\b(?:[0-9a-fA-F]{1,4}:){1,7}:",
        r"(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,6}(?:(?:\.\d{1,3}){3})?\b)?",
    ))
    .ok()
});
/// A word, as names are made of.
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{L}[\p{L}'’-]*\p{L}|\p{L}").ok());

/// What stands for what in one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Veil {
    /// The original to its stand-in.
    shown: BTreeMap<String, String>,
    /// The stand-in to the original.
    hidden: BTreeMap<String, String>,
    /// Whether something had no stand-in any more.
    is_full: bool,
    /// The question in lower case: no stand-in may be anywhere in it.
    taken: String,
}

impl Veil {
    /// For a question with this text.
    pub fn over(question: &str) -> Self {
        Self { taken: question.to_lowercase(), ..Self::default() }
    }

    /// The text as others may see it, for a task of this kind.
    pub fn cover(&mut self, text: &str, intent: Intent) -> String {
        let text = self.cover_addresses(text);
        let text = self.cover_numbers(&text, intent);
        if !matches!(intent, Intent::Facts | Intent::Science | Intent::Language | Intent::Code) {
            return self.cover_names(&text);
        }
        text
    }

    /// The text with what is hidden elsewhere hidden here, too: an answer that goes into another task must not tell its expert more than
    /// the one before it knew.
    pub fn cover_known(&self, text: &str) -> String {
        exchanged(text, &self.shown.iter().map(|(original, shown)| (&original[..], &shown[..])).collect())
    }

    /// Whether there were more names and numbers than stand-ins: then something may not be covered.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Puts back what was replaced in the text that its writer has `seen`.
    pub fn lift(&self, answer: &str, seen: &str) -> String {
        let hidden = self.hidden.iter().filter(|(shown, _)| seen.contains(shown.as_str()));
        exchanged(answer, &hidden.map(|(shown, original)| (&shown[..], &original[..])).collect())
    }

    /// Originals and what stands for them, for people to see.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shown.iter().map(|(original, shown)| (original.as_str(), shown.as_str()))
    }

    fn cover_addresses(&mut self, text: &str) -> String {
        let Some(addresses) = SHORT_ADDRESSES.as_ref() else { return text.to_owned() };
        let replaced = addresses.replace_all(text, |found: &Captures<'_>| {
            let original = &found[0];
            let range = found.get(0).map_or(0..0, |whole| whole.range());
            let stays = self.hidden.contains_key(original) || !is_short_address(original);
            // Its stand-in ends in a digit, though it may end in colons itself.
            let goes_on = text[range.end..].starts_with(char::is_alphanumeric);
            if stays || goes_on || !stands_alone(text, range) {
                return original.to_owned();
            }
            let number = self.shown.len() + 1;
            // RFC 3849: addresses for documentation.
            self.stand_in(original, |turn| format!("2001:db8::{:x}", number + turn))
        });
        replaced.into_owned()
    }

    fn cover_numbers(&mut self, text: &str, intent: Intent) -> String {
        let Some(numbers) = NUMBERS.as_ref() else { return text.to_owned() };
        let counts = !matches!(intent, Intent::Writing | Intent::Summarising | Intent::Chat);
        let replaced = numbers.replace_all(text, |found: &Captures<'_>| {
            let original = &found[0];
            let is = |name| found.name(name).is_some();
            // What is computed with stays, and so does a stand-in that is already there.
            // Nobody's account is binary.
            let computed = matches!(intent, Intent::Maths | Intent::Data | Intent::Reasoning)
                || original.bytes().all(|digit| matches!(digit, b'0' | b'1'));
            let stays = counts && (is("money") || is("long")) || is("account") && computed;
            let stays = stays || self.hidden.contains_key(original);
            let range = found.get(0).map_or(0..0, |whole| whole.range());
            if stays || !stands_alone(text, range) {
                return original.to_owned();
            }
            let number = self.shown.len() + 1;
            self.stand_in(original, |turn| match () {
                () if is("mail") => format!("person{}@example.org", number + turn),
                // RFC 5737: addresses for documentation.
                () if is("ip") => format!("192.0.2.{}", (number + turn) % 254 + 1),
                () => alike(original, number + 7 * turn),
            })
        });
        replaced.into_owned()
    }

    fn cover_names(&mut self, text: &str) -> String {
        let all: Vec<(&str, usize)> = words(text).collect();
        let mut named: Vec<(usize, &str)> = Vec::new();
        let mut place = 0;
        while place < all.len() {
            let length = names::length(text, &all[place..], place.checked_sub(1).map(|p| all[p]));
            named.extend(all[place..place + length].iter().map(|(word, at)| (*at, *word)));
            place += length.max(1);
        }
        // What is a name in one place is one everywhere: "Ada Byron", and later "Byron".
        let known: Vec<&str> = named.iter().map(|(_, word)| *word).collect();
        let also = all.iter().filter(|(word, _)| known.contains(word) || self.shown.contains_key(*word));
        let mut places: Vec<(usize, &str)> = also.map(|(word, at)| (*at, *word)).collect();
        places.sort_unstable();
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for (at, word) in places {
            if self.hidden.contains_key(word) {
                continue;
            }
            let is_given = names::is_given(word);
            let shown = self.stand_in(word, |turn| names::other(is_given, turn));
            out.push_str(&text[from..at]);
            out.push_str(&shown);
            from = at + word.len();
        }
        out + &text[from..]
    }

    /// What stands for `original`, made by `make` if it is new: the first that is nowhere in the question.
    fn stand_in(&mut self, original: &str, make: impl Fn(usize) -> String) -> String {
        if let Some(shown) = self.shown.get(original) {
            return shown.clone();
        }
        const TURNS_MAX: usize = 1_000;
        let free = (0..TURNS_MAX).map(make).find(|shown| {
            !self.hidden.contains_key(shown)
                && !self.taken.contains(&shown.to_lowercase())
                && shown != original
        });
        let Some(shown) = free.filter(|_| self.shown.len() < PAIRS_MAX) else {
            self.is_full = true;
            return original.to_owned();
        };
        self.shown.insert(original.to_owned(), shown.clone());
        self.hidden.insert(shown.clone(), original.to_owned());
        shown
    }
}

/// Every word with the byte where it begins, `'s` apart.
fn words(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let found = WORDS.as_ref().map(|words| words.find_iter(text));
    let alone = found.into_iter().flatten().filter(|word| stands_alone(text, word.range()));
    alone.map(|word| {
        let text = word.as_str();
        let bare = text.strip_suffix("'s").or_else(|| text.strip_suffix("’s")).unwrap_or(text);
        (bare, word.start())
    })
}

/// The text with every first of a pair that stands alone exchanged for the second.
fn exchanged(text: &str, pairs: &BTreeMap<&str, &str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    'text: while let Some(first) = rest.chars().next() {
        let after_word = out.chars().next_back().is_some_and(char::is_alphanumeric);
        // What begins with the same sorts before what goes on: the longest first.
        for (from, to) in pairs.iter().rev() {
            let Some(left) = rest.strip_prefix(from) else { continue };
            let begins = first.is_alphanumeric() && after_word;
            let is_word = from.chars().next_back().is_some_and(char::is_alphanumeric);
            let ends = is_word && left.chars().next().is_some_and(char::is_alphanumeric);
            if !(begins || ends) {
                out.push_str(to);
                rest = left;
                continue 'text;
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// Whether it is an address that a machine may have: with a digit and a group of four, unlike `a[1::2]` and `face::add`.
fn is_short_address(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.split(':').any(|group| group.len() == 4)
}

/// Whether this part of the text is no part of a longer word or number: else it could not be found again.
fn stands_alone(text: &str, part: Range<usize>) -> bool {
    let meets = |a: Option<char>, b: Option<char>| {
        a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
    };
    let inside = &text[part.clone()];
    !meets(text[..part.start].chars().next_back(), inside.chars().next())
        && !meets(inside.chars().next_back(), text[part.end..].chars().next())
}

/// The same form with other digits and letters.
fn alike(original: &str, number: usize) -> String {
    let mut state = number as u32;
    let mut next = |most: u32| {
        // Numerical Recipes' generator: nothing rests on it but that two stand-ins differ.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % most
    };
    let mut is_first = true;
    let alike = original.chars().map(|c| match c {
        '0'..='9' => {
            // No leading zero where there was none.
            let digit = if is_first && c != '0' { 1 + next(9) } else { next(10) };
            is_first = false;
            char::from_digit(digit, 10).unwrap_or(c)
        }
        'a'..='z' => char::from(b'a' + next(26) as u8),
        'A'..='Z' => char::from(b'A' + next(26) as u8),
        c => c,
    });
    alike.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn covered(text: &str, intent: Intent) -> (String, Veil) {
        let mut veil = Veil::over(text);
        (veil.cover(text, intent), veil)
    }

    #[test]
    fn what_belongs_to_somebody_is_replaced_in_every_task_and_put_back() {
        let text = "Mail ada.b@firm.example or ring +49 30 1234567, IBAN DE89 3704 0044 0532 0130 00, host 10.1.2.3. \
                    Or 212-555-0187, +33 1 23 45 67 89, 2001:db8:85a3:0:0:8a2e:370:7334.";
        for intent in Intent::ALL {
            let (shown, veil) = covered(text, intent);
            for secret in ["ada.b", "firm", "1234567", "3704", "10.1.2.3", "555-0187", "23 45 67", "8a2e"] {
                assert!(!shown.contains(secret), "{secret} in {shown}");
            }
            assert!(shown.contains("@example.org") && shown.contains("192.0.2."), "{shown}");
            assert_eq!(veil.lift(&shown, &shown), text);
        }
    }

    #[test]
    fn short_ipv6_addresses_are_replaced_and_put_back() {
        for address in [
            "2001:db8::1",
            "fe80::1",
            "2a01:4f8::2",
            "2001:db8:85a3::8a2e:370:7334",
            "2A01:4F8:C0C:1::",
            "fd12:3456:789a:1::1",
            "64:ff9b::10.11.12.13",
            "2001:0db8:0:0:0:0:0:2",
        ] {
            for form in ["Ping X.", "http://[X]:8080/", "X/64 and X%eth0, X", "(X)"] {
                let text = form.replace('X', address);
                for intent in Intent::ALL {
                    let (shown, veil) = covered(&text, intent);
                    assert!(!shown.contains(address), "{address} in {shown}");
                    assert_eq!(veil.lift(&shown, &shown), text);
                }
            }
        }
        // The numbers beside what only looks like one are replaced as ever.
        let (shown, _) = covered("12::34, a::030 1234567, 2001::567890123", Intent::Writing);
        assert!(!shown.contains("1234567") && !shown.contains("567890123"), "{shown}");
    }

    #[test]
    fn times_paths_and_slices_are_no_addresses() {
        for text in [
            "The train leaves at 12:30:45, not at 9:05:00.",
            "use std::fmt; crate::add::face(dead::beef, a::b, Vec::<u8>::new())",
            "x[::2], x[1::2], x[10::3] and x[::]",
            "From 08:30::09:45, ratio 1:2:3, loopback ::1",
        ] {
            assert_eq!(covered(text, Intent::Code).0, text);
        }
    }

    #[test]
    fn names_are_replaced_the_same_way_throughout() {
        let text = "Write to Priya Sharma that Sharma's order waits. My boss Zorblatt and Dr. Okonkwo-Li know. Priya's too.";
        let (shown, veil) = covered(text, Intent::Writing);
        for secret in ["Priya", "Sharma", "Zorblatt", "Okonkwo"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.starts_with("Write to ") && shown.contains("Dr. "), "{shown}");
        assert_eq!(veil.lift(&shown, &shown), text);
        // Another task of the same question.
        let mut again = veil.clone();
        let other = again.cover("Thank Priya.", Intent::Chat);
        let stand_in = veil.pairs().find(|(original, _)| *original == "Priya").unwrap().1;
        assert_eq!(other, format!("Thank {stand_in}."));
        assert_eq!(again.lift(&format!("Dear {stand_in}, "), &other), "Dear Priya, ");
    }

    #[test]
    fn what_a_task_is_about_stays() {
        for (text, intent) in [
            ("What is 48213 plus 99?", Intent::Maths),
            ("What is the capital of Peru?", Intent::Facts),
            ("How many letters does Daniel have?", Intent::Language),
            ("Who was Albert Einstein?", Intent::Facts),
            ("SELECT name FROM users WHERE id = 123456", Intent::Code),
            ("What currency is used in Jordan?", Intent::Facts),
            ("Which day comes three days after Friday the 13th of March 2026?", Intent::Maths),
            ("Plan a day in Paris for 3 people with 200 euros", Intent::Planning),
        ] {
            assert_eq!(covered(text, intent).0, text);
        }
    }

    #[test]
    fn numbers_are_replaced_where_nothing_is_computed() {
        let text = "Remind them kindly of invoice 48213 over €1,250 and order AB-99812.";
        let (shown, veil) = covered(text, Intent::Writing);
        for secret in ["48213", "1,250", "99812"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert_eq!(veil.lift(&shown, &shown), text);
        assert_eq!(covered(text, Intent::Maths).0, text);
    }

    #[test]
    fn only_whole_words_are_put_back() {
        let (_, veil) = covered("Thank Priya.", Intent::Chat);
        let stand_in = veil.pairs().next().unwrap().1.to_owned();
        let text = format!("{stand_in}s x{stand_in} {stand_in}, {stand_in}'s");
        assert_eq!(veil.lift(&text, &text), format!("{stand_in}s x{stand_in} Priya, Priya's"));
        // Whoever has not seen it means somebody else.
        assert_eq!(veil.lift(&text, "Who robbed the rich?"), text);
        assert_eq!(veil.cover_known("Für Priya."), format!("Für {stand_in}."));
    }

    proptest! {
        #[test]
        fn what_is_covered_can_be_lifted(text in "\\PC{0,80}", names in "(Ada|Priya|Robin|Rowan|Hale| |,|@|\\.|\\+49|123456){0,20}") {
            for intent in [Intent::Writing, Intent::Facts] {
                let whole = format!("{text} {names}");
                let mut veil = Veil::over(&whole);
                let shown = veil.cover(&whole, intent);
                prop_assert_eq!(veil.lift(&shown, &shown), whole.clone());
                prop_assert_eq!(veil.cover(&whole, intent), shown, "the same again");
            }
        }
    }
}
