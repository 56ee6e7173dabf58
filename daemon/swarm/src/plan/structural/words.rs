//! Words with their places, and the closed word classes that the planner goes by.

/// A word of a text.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Byte offset of its first character.
    pub(super) start: usize,
    /// Byte offset after its last.
    pub(super) end: usize,
    /// In lower case, with a plain apostrophe.
    pub(super) lower: String,
    /// Whether it begins with a capital.
    pub(super) capital: bool,
}

impl Word {
    /// Whether it is one of `list`.
    pub(super) fn is_in(&self, list: &[&str]) -> bool {
        list.contains(&self.lower.as_str())
    }

    /// Whether it holds a digit.
    pub(super) fn is_number(&self) -> bool {
        self.lower.bytes().any(|b| b.is_ascii_digit())
    }
}

/// Bytes looked at for each word wanted: longer than nearly every word. It bounds the time spent on text that
/// has none.
const BYTES_A_WORD: usize = 32;

/// The first `limit` words: runs of letters, digits and inner apostrophes, with their offsets in `text`.
pub(super) fn words(text: &str, limit: usize) -> Vec<Word> {
    let mut reach = text.len().min(limit * BYTES_A_WORD);
    while !text.is_char_boundary(reach) {
        reach -= 1;
    }
    let text = &text[..reach];
    let mut found = Vec::new();
    let mut start = None;
    let mut previous = ' ';
    for (at, c) in text.char_indices().chain(std::iter::once((text.len(), ' '))) {
        let inside = c.is_alphanumeric() || (is_apostrophe(c) && previous.is_alphanumeric());
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(word(text, from, at));
                start = None;
                if found.len() == limit {
                    break;
                }
            }
            _ => {}
        }
        previous = c;
    }
    found
}

fn word(text: &str, start: usize, end: usize) -> Word {
    let raw = text[start..end].trim_end_matches(is_apostrophe);
    Word {
        start,
        end: start + raw.len(),
        lower: raw.to_lowercase().replace('\u{2019}', "'"),
        capital: raw.chars().next().is_some_and(char::is_uppercase),
    }
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}')
}

/// Words that open a question.
pub(super) const INTERROGATIVES: &[&str] = &[
    "what", "which", "who", "whom", "whose", "when", "where", "why", "how", "what's", "who's", "where's",
    "how's", "when's", "whats", "whos", "wheres", "what're", "what'd", "who'd", "how'd", "where'd",
];

/// Interrogatives that hold their verb already.
pub(super) const CONTRACTED: &[&str] = &[
    "what's", "who's", "where's", "how's", "when's", "whats", "whos", "wheres", "what're", "what'd", "how'd",
    "where'd",
];

/// Verbs that change places with the subject in a question.
pub(super) const AUXILIARIES: &[&str] = &[
    "is",
    "are",
    "was",
    "were",
    "am",
    "do",
    "does",
    "did",
    "can",
    "could",
    "will",
    "would",
    "should",
    "shall",
    "may",
    "might",
    "must",
    "has",
    "have",
    "had",
    "isn't",
    "aren't",
    "wasn't",
    "weren't",
    "don't",
    "doesn't",
    "didn't",
    "can't",
    "won't",
    "wouldn't",
    "shouldn't",
    "couldn't",
];

/// Prepositions: they may precede an interrogative ("in which"), and an imperative is not followed by one.
pub(super) const PREPOSITIONS: &[&str] = &[
    "in", "on", "at", "of", "from", "to", "by", "for", "with", "about", "into", "onto", "under", "over",
    "between", "among", "through", "during", "after", "before", "per", "off", "up", "out", "as", "against",
    "within",
];

/// Imperatives that are hardly ever anything else.
pub(super) const VERBS: &[&str] = &[
    "add",
    "arrange",
    "calculate",
    "compute",
    "convert",
    "define",
    "describe",
    "determine",
    "divide",
    "evaluate",
    "explain",
    "give",
    "identify",
    "multiply",
    "pluralise",
    "pluralize",
    "recite",
    "rewrite",
    "simplify",
    "solve",
    "spell",
    "subtract",
    "summarise",
    "summarize",
    "tell",
    "transform",
    "translate",
    "write",
    "choose",
    "compare",
    "find",
    "alphabetise",
    "alphabetize",
    "capitalise",
    "capitalize",
    "conjugate",
    "compose",
    "suggest",
    "recommend",
    "analyse",
    "analyze",
    "prove",
    "derive",
    "classify",
    "predict",
    "decode",
    "encode",
    "paraphrase",
    "proofread",
    "select",
    "sort",
    "rearrange",
    "reverse",
    "halve",
    "generate",
    "create",
    "list",
    "name",
    "turn",
    "help",
    "remind",
    "make",
    "work",
    "unscramble",
];

/// Imperatives that are as often nouns or adjectives: believed only before a determiner and the like.
pub(super) const AMBIGUOUS_VERBS: &[&str] = &[
    "count",
    "double",
    "triple",
    "estimate",
    "express",
    "factor",
    "order",
    "rank",
    "round",
    "show",
    "square",
    "state",
    "sum",
    "put",
    "take",
    "check",
    "change",
    "complete",
    "fill",
    "guess",
    "repeat",
    "use",
    "print",
    "report",
    "pick",
    "look",
    "outline",
    "discuss",
    "draw",
    "raise",
    "increase",
    "decrease",
    "lowercase",
    "uppercase",
    "switch",
    "swap",
    "remove",
    "replace",
    "cube",
    "figure",
    "get",
    "draft",
    "design",
    "invent",
    "think",
    "come",
    "imagine",
    "shorten",
    "lengthen",
    "improve",
    "rephrase",
    "reword",
    "provide",
    "propose",
    "plan",
    "fix",
    "correct",
    "plug",
    "balance",
    "expand",
    "apply",
    "build",
    "combine",
    "mix",
    "insert",
];

/// What may follow an ambiguous imperative.
pub(super) const DETERMINERS: &[&str] = &[
    "the", "a", "an", "this", "that", "these", "those", "it", "its", "them", "me", "us", "my", "all", "each",
    "every", "both", "how", "what", "which", "who", "whether", "one", "two", "three", "some", "any", "your",
    "their",
];

/// Polite openings before the verb: they change nothing.
pub(super) const POLITE: &[&str] = &[
    "please", "kindly", "just", "so", "ok", "okay", "well", "hey", "now", "simply", "hi", "hello", "also",
    "oh", "alright", "anyway", "maybe",
];

/// Words that say nothing about a topic: they do not count as shared content.
const FUNCTION_WORDS: &[&str] = &[
    "the",
    "a",
    "an",
    "and",
    "or",
    "not",
    "no",
    "if",
    "then",
    "than",
    "that",
    "this",
    "these",
    "those",
    "it",
    "its",
    "he",
    "she",
    "they",
    "them",
    "his",
    "her",
    "their",
    "you",
    "your",
    "i",
    "my",
    "me",
    "we",
    "our",
    "us",
    "following",
    "true",
    "false",
    "statement",
    "statements",
    "correct",
    "best",
    "most",
    "many",
    "much",
    "there",
    "be",
    "been",
    "being",
    "one",
    "two",
    "question",
    "answer",
    "name",
    "number",
    "called",
    "word",
    "mean",
    "means",
    "please",
];

/// Whether a word carries content.
pub(super) fn is_content(word: &Word) -> bool {
    word.lower.len() > 2
        && !word.is_number()
        && ![INTERROGATIVES, AUXILIARIES, PREPOSITIONS, FUNCTION_WORDS, VERBS, POLITE]
            .iter()
            .any(|list| word.is_in(list))
}

/// Whether a capital at the start of a sentence means nothing: the word is written small elsewhere. After
/// "Also," such a capital shows that a whole question was joined on.
pub(super) fn is_small_word(word: &Word) -> bool {
    word.is_in(&[
        "the",
        "a",
        "an",
        "if",
        "each",
        "there",
        "this",
        "these",
        "all",
        "some",
        "let",
        "given",
        "suppose",
        "two",
        "three",
        "one",
        "those",
        "most",
        "many",
        "according",
        "because",
        "since",
        "while",
        "although",
        "people",
        "your",
        "when",
    ]) || [INTERROGATIVES, AUXILIARIES, PREPOSITIONS, VERBS, AMBIGUOUS_VERBS]
        .iter()
        .any(|list| word.is_in(list))
}
