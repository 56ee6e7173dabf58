//! Coordination inside a sentence: "what is X and what is Y". Two questions are joined only where the second
//! begins like a question or an order of its own; "and" between nouns or numbers joins nothing to be cut.

use super::connector::connector;
use super::kind::{
    Kind, is_imperative, is_question_mark_last, kind, opens_question, request, says_which, skip_polite,
};
use super::reference::{names_result, outcome};
use super::words::{AUXILIARIES, INTERROGATIVES, VERBS, Word, is_content, words};

/// Parts of one sentence at most: beyond it the sentence is left as it is.
const CLAUSES_MAX: usize = 8;
/// Words of a clause without a figure, a name or a quotation that still say what they are about.
const CLAUSE_WORDS_MIN: usize = 4;

/// Words of an order in which its object stands ("subtract 5 from it").
const WORKED_ON_REACH: usize = 4;

/// Joints between clauses, longest first.
const JOINTS: &[&str] = &[
    ", and also ",
    ", and then ",
    ", and finally ",
    ", and lastly ",
    " and finally ",
    " and lastly ",
    ", after that ",
    ", finally ",
    ", lastly ",
    ", next ",
    " and also ",
    " and then ",
    ", and ",
    ", then ",
    ", also ",
    ", plus ",
    ", but ",
    " and ",
    "; then ",
    "; also ",
    "; and ",
    "; ",
    ", or ",
    ", ",
    " then ",
    " plus ",
    " & ",
];

/// Orders about the same subject, which stay together ("describe the cell and explain its function").
const ANALYTIC: &[&str] = &[
    "explain",
    "describe",
    "discuss",
    "compare",
    "outline",
    "analyse",
    "analyze",
    "evaluate",
    "identify",
    "determine",
    "find",
    "state",
    "solve",
    "derive",
    "prove",
    "show",
    "summarise",
    "summarize",
    "suggest",
    "recommend",
    "give",
    "write",
    "create",
    "generate",
    "compose",
];

/// Offsets in `text` at which a further clause (with its joint) begins.
pub(super) fn cuts(text: &str, mask: &[bool]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut left = 0;
    for (at, c) in text.char_indices() {
        if at <= left || mask[at] || !matches!(c, ',' | ';' | ' ' | '\n') {
            continue;
        }
        let Some(joint) = joint(&text[at..]) else {
            continue;
        };
        let right = at + joint;
        if right < text.len()
            && !mask[right - 1]
            && separates(&text[left..at], &text[right..], &text[at..right])
        {
            found.push(at);
            left = right;
        }
    }
    if found.len() >= CLAUSES_MAX { Vec::new() } else { found }
}

/// Bytes of the joint that `text` begins with.
pub(super) fn joint(text: &str) -> Option<usize> {
    JOINTS
        .iter()
        .find(|joint| text.get(..joint.len()).is_some_and(|head| head.eq_ignore_ascii_case(joint)))
        .map(|j| j.len())
}

/// Whether `left` and `right` ask for different things.
fn separates(left: &str, right: &str, joint: &str) -> bool {
    let left = &left[connector(left).bytes..];
    if !asks(left) || !stands(left) {
        return false;
    }
    // "…, secondly give me": the connector is the joint's, and more than a comma.
    let joined = connector(right);
    let right = &right[joined.bytes..];
    let joint = if joined.bytes > 0 { ", and " } else { joint };
    let found = words(right, 24);
    let head = skip_polite(&found);
    let left_words = words(left, 24);
    let left_head = skip_polite(&left_words);
    let (Some(first), Some(left_first)) = (head.first(), left_head.first()) else {
        return false;
    };
    // "The difference between what is said and what is meant" is one.
    let relates = left_words.windows(2).any(|pair| {
        pair[0].is_in(&["between", "both", "whether"])
            && (pair[1].is_in(INTERROGATIVES) || pair[0].lower == "whether")
    }) && first.is_in(INTERROGATIVES);
    // "Translate the sentence: I am late and what is for dinner?"
    let material = is_imperative(left, left_head) && left.contains(": ");
    if works_on(head) || material || relates || left_first.is_in(&["take", "consider", "get", "use"]) {
        return false;
    }
    if joint.trim() == "," && leans(&found) {
        return false;
    }
    // "Write a limerick and check that it scans."
    if kind(right) == Kind::FollowOn
        && joined.bytes == 0
        && first.is_in(&["check", "ensure", "verify", "make"])
    {
        return false;
    }
    if request::is_polite_order(&found) && !first.is_in(ANALYTIC)
        || request::is_wish(&found)
        || says_which(&found)
        || request::asks_at_end(right, &found, is_question_mark_last(right))
        || request::asks_after_circumstance(right, &found)
        || counts(head) && request::asks_after_circumstance(left, &left_words)
        || asks_embedded(head, left_head)
        || asks_for_other(head, left_head)
        || (request::asks_whether(&found) || request::asks_inverted(head)) && names_other(&found, &left_words)
    {
        return true;
    }
    if opens_question(head) || subject_question(head, left_head, joint) {
        let told = left_first.lower == "tell" && shares_content(head, left_head);
        // "Explain what it is and how it works": the second belongs to the verb of the first. A comma alone
        // joins questions only where the sentence before it is a question already.
        let embedded = told || left_first.is_in(ANALYTIC) && !left_words.iter().any(Word::is_number);
        let sequel = first.is_in(&["why", "which"]) && head.len() < 4
            || first.is_in(&["why"]) && joint.trim() == "and";
        return !embedded && !sequel;
    }
    let own_object = is_imperative(right, head);
    // "Give me an anagram of 'listen' and explain what the anagram means."
    if own_object && names_result(&found, left) {
        return true;
    }
    let analytic = joined.bytes == 0 && left_first.is_in(ANALYTIC) && first.is_in(ANALYTIC);
    // "spell cat, add 3 and 4": a comma alone joins orders only if both are plain ones with objects of their own.
    let plain =
        |head: &[Word]| head[0].is_in(VERBS) && head.get(1).is_some_and(|w| !w.is_in(&["it", "them", "its"]));
    let opens = |head: &[Word]| opens_question(head) || request::asks_inverted(head);
    let bare_comma = joint.trim() == ",";
    // "…, multiply what you get by 3"
    if own_object && (1..found.len()).any(|at| outcome(&found, at).is_some()) {
        return true;
    }
    own_object
        && !analytic
        && (!bare_comma || plain(head) && (plain(left_head) || opens(left_head) && !first.is_in(ANALYTIC)))
}

/// Whether a clause that may have lost its question mark to the end of the sentence asks. "When it is full, what
/// …" is a condition.
fn asks(left: &str) -> bool {
    let found = words(left, 2);
    let open = skip_polite(&found)
        .first()
        .is_some_and(|w| w.is_in(INTERROGATIVES) && !w.is_in(&["when", "where", "why"]));
    // "Is Oslo in Norway" and "Peru lies on which continent" lost their mark, "were it so" never had one.
    let inverted = found
        .first()
        .is_some_and(|w| w.is_in(AUXILIARIES) && !w.is_in(&["had", "were", "should", "have", "may", "must"]));
    kind(left) == Kind::Ask
        || (open || inverted) && kind(&format!("{left}?")) == Kind::Ask
        || request::asks_at_end(left, &words(left, 24), true)
}

/// "… and what day comes 3 days after Tuesday": a question about its subject that names its own matter.
fn asks_for_other(head: &[Word], left: &[Word]) -> bool {
    request::asks_for_subject(head)
        && head.iter().any(|w| w.capital || w.is_number())
        && !left.iter().any(|w| w.is_in(&["following", "these", "best"]) || w.is_in(ANALYTIC))
        && !shares_content(head, left)
}

/// "tell me what XIV stands for and how to say dog in German": further questions under one verb, if they speak
/// of something else.
fn asks_embedded(head: &[Word], left: &[Word]) -> bool {
    let left = match left {
        [tell, me, rest @ ..] if tell.lower == "tell" && me.lower == "me" => rest,
        all => all,
    };
    let asks = |words: &[Word]| {
        words
            .first()
            .is_some_and(|w| w.is_in(INTERROGATIVES) && w.lower != "why" || w.is_in(&["whether", "if"]))
    };
    let own = |w: &Word| w.capital || w.is_number() || w.is_in(&["many", "much", "say", "spell"]);
    asks(left)
        && asks(head)
        && head.len() >= CLAUSE_WORDS_MIN
        && !head.iter().any(|w| {
            w.is_in(&[
                "it", "its", "they", "them", "their", "this", "these", "those", "he", "she", "his", "her",
                "one",
            ])
        })
        && head.iter().any(own)
        && !shares_content(head, left)
}

/// Whether both speak of one thing, in the singular or the plural.
fn shares_content(right: &[Word], left: &[Word]) -> bool {
    let stem = |w: &Word| w.lower.trim_end_matches("'s").trim_end_matches(['s', 'e']).to_owned();
    let known: Vec<String> = left.iter().filter(|w| is_content(w)).map(stem).collect();
    right.iter().filter(|w| is_content(w)).any(|w| known.contains(&stem(w)))
}

/// "then subtract 5": works on what the order before it leaves, without saying so.
pub(super) fn works_on(head: &[Word]) -> bool {
    let sums = head
        .first()
        .is_some_and(|w| w.is_in(&["add", "subtract", "multiply", "divide", "double", "halve", "square"]));
    let object = |w: &Word| {
        w.is_in(&[
            "it", "that", "this", "them", "result", "answer", "sum", "product", "number", "both", "and",
            "to", "from",
        ])
    };
    sums && head.iter().filter(|w| w.is_number()).count() < 2
        && !head.iter().take(WORKED_ON_REACH).any(object)
}

/// Whether `right` names something that `left` does not: "is A older than B, and is B taller than A" compares.
fn names_other(right: &[Word], left: &[Word]) -> bool {
    right
        .iter()
        .filter(|w| w.capital || w.is_number())
        .any(|w| !left.iter().any(|other| other.lower == w.lower))
        || !right.iter().any(|w| w.capital || w.is_number())
}

/// "how many grams make a kilogram"
fn counts(head: &[Word]) -> bool {
    matches!(head, [how, many, _, _, ..] if how.lower == "how" && many.is_in(&["many", "much"]))
}

/// "…, how big is one?": short, and about what the clause before it says.
fn leans(found: &[Word]) -> bool {
    found.len() <= 5
        && found.last().is_some_and(|w| w.is_in(&["one", "it", "that", "them", "they", "each", "left"]))
}

/// "who wrote", "how many legs …" without inversion: a question only beside another question.
fn subject_question(head: &[Word], left: &[Word], joint: &str) -> bool {
    // "Which of the following describes what it is, and what …" asks once.
    let plain = joint.starts_with(',')
        && !left.iter().any(|w| w.is_in(&["following", "these", "best"]))
        && left.iter().filter(|w| w.is_in(INTERROGATIVES)).count() == 1;
    let asks = left.first().is_some_and(|w| w.is_in(INTERROGATIVES));
    let Some(first) = head.first() else {
        return false;
    };
    asks && head.len() > 2
        && (first.is_in(&["who"])
            || plain && first.is_in(&["what", "which"])
            || first.lower == "which" && opens_question(left) && request::asks_for_subject(head)
            || first.is_in(&["how"]) && head.get(1).is_some_and(|w| w.is_in(&["many", "much"])))
}

/// Whether a clause says what it is about.
fn stands(clause: &str) -> bool {
    let found = words(clause, 24);
    let head = skip_polite(&found);
    head.len() >= CLAUSE_WORDS_MIN
        || clause.contains(|c: char| c.is_ascii_digit() || matches!(c, '"' | '\'' | '\u{201c}' | '\u{2019}'))
        || head.iter().skip(1).any(|w| w.capital)
        || head.len() > 1
            && head[0].is_in(&[
                "spell",
                "arrange",
                "name",
                "repeat",
                "reverse",
                "translate",
                "define",
                "convert",
                "pluralise",
                "pluralize",
                "what's",
                "whats",
                "who's",
            ])
}

#[cfg(test)]
mod tests {
    use super::super::mask::protected;
    use super::*;

    fn clauses(text: &str) -> Vec<&str> {
        let (mut parts, mut from) = (Vec::new(), 0);
        for at in cuts(text, &protected(text)) {
            parts.push(&text[from..at]);
            from = at;
        }
        parts.push(&text[from..]);
        parts
    }

    #[test]
    fn only_whole_clauses_are_cut() {
        for (text, expected) in [
            (
                "What is the capital of France and what is 3+4?",
                vec!["What is the capital of France", " and what is 3+4?"],
            ),
            (
                "how do you say dog in spanish, and what's 17 times 4?",
                vec!["how do you say dog in spanish", ", and what's 17 times 4?"],
            ),
            ("spell cat and translate dog into French", vec!["spell cat", " and translate dog into French"]),
            (
                "What is 2+2, what is the symbol for gold, and how many days are in May?",
                vec!["What is 2+2", ", what is the symbol for gold", ", and how many days are in May?"],
            ),
            ("What is the sum of 12 and 30?", vec!["What is the sum of 12 and 30?"]),
            ("What is the difference between A and B?", vec!["What is the difference between A and B?"]),
            ("Add 3 and 4", vec!["Add 3 and 4"]),
            ("Explain what a cell is and how it works.", vec!["Explain what a cell is and how it works."]),
            ("If A holds, what is B?", vec!["If A holds, what is B?"]),
            (
                "What is the capital of France and of Italy?",
                vec!["What is the capital of France and of Italy?"],
            ),
            ("Who said \"spell it and what is it\"?", vec!["Who said \"spell it and what is it\"?"]),
            ("Describe the cell and explain its parts.", vec!["Describe the cell and explain its parts."]),
        ] {
            assert_eq!(clauses(text), expected, "{text}");
        }
    }
}
