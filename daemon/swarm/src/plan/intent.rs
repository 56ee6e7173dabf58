//! What kind of task a text is, and how much it asks for: by the prototypes nearest to it.
//!
//! Each of the eleven [`Intent`]s has some twenty-five prototype sentences, half of them simple and half complex
//! (`intent/prototypes.jsonl`). Whoever has an encoder embeds them once; [`Prototypes::read`] then weighs every
//! prototype by its similarity to the text. The intent is the one whose prototypes weigh most, and the complexity the
//! share of the complex ones among those (a kernel classifier and the Nadaraya-Watson estimate, both of 1964).
//!
//! Nothing is routed or cut by it: it tells people and programs what kind of work a plan is.

use crate::embedding::Embedding;
use serde::{Deserialize, Serialize};

/// Similarity by which a prototype's weight falls to 1/e. Of 0.03 to 0.3 the best on the development half of
/// `models/cases/intents.jsonl`: smaller leaves all to one prototype, larger mixes in those of other intents.
const BANDWIDTH: f32 = 0.08;

/// The prototypes as they are shipped, one JSON object a line.
const SHIPPED: &str = include_str!("intent/prototypes.jsonl");

/// Kinds of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// Programs: to write, to explain, to mend.
    Code,
    /// Numbers, equations, proofs.
    Maths,
    /// How nature works.
    Science,
    /// What is known of the world: places, people, dates, events.
    Facts,
    /// Words, grammar, translation.
    Language,
    /// Texts to be composed.
    Writing,
    /// Texts to be made shorter.
    Summarising,
    /// Puzzles, arguments, conclusions.
    Reasoning,
    /// Tables, databases, SQL.
    Data,
    /// What to do in which order: journeys, projects, timetables.
    Planning,
    /// Conversation for its own sake.
    Chat,
}

impl Intent {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::Code,
        Self::Maths,
        Self::Science,
        Self::Facts,
        Self::Language,
        Self::Writing,
        Self::Summarising,
        Self::Reasoning,
        Self::Data,
        Self::Planning,
        Self::Chat,
    ];

    /// Its name as plans and files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Maths => "maths",
            Self::Science => "science",
            Self::Facts => "facts",
            Self::Language => "language",
            Self::Writing => "writing",
            Self::Summarising => "summarising",
            Self::Reasoning => "reasoning",
            Self::Data => "data",
            Self::Planning => "planning",
            Self::Chat => "chat",
        }
    }
}

/// A sentence whose intent and complexity are known.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prototype {
    /// The sentence.
    pub text: String,
    /// What kind of task it is.
    pub intent: Intent,
    /// Whether it asks for more than one step or a few lines.
    pub complex: bool,
}

/// The shipped prototypes.
pub fn shipped() -> Vec<Prototype> {
    // That every line is one is a test's business: the file is part of the program.
    SHIPPED.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What a text was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// The kind of task.
    pub intent: Intent,
    /// The share of all weight that its intent has, in [0, 1].
    pub confidence: f32,
    /// How much the task asks for, in [0, 1]: 0 for a fact or a line, 1 for work of many steps.
    pub complexity: f32,
}

/// Prototypes with their embeddings, all of one space.
#[derive(Clone, Debug)]
pub struct Prototypes {
    rows: Vec<(Intent, bool, Embedding)>,
}

impl Prototypes {
    /// Joins prototypes with the embeddings of their texts, in the same order; None if there are none or their
    /// numbers differ.
    pub fn new(prototypes: &[Prototype], embeddings: Vec<Embedding>) -> Option<Self> {
        let rows = prototypes.iter().zip(embeddings.iter()).map(|(p, e)| (p.intent, p.complex, e.clone()));
        let fit = !prototypes.is_empty() && prototypes.len() == embeddings.len();
        fit.then(|| Self { rows: rows.collect() })
    }

    /// What the text with this embedding is.
    pub fn read(&self, text: &Embedding) -> Reading {
        let mut all = [0.0f32; Intent::ALL.len()];
        let mut complex = all;
        for (intent, is_complex, embedding) in &self.rows {
            let weight = (embedding.similarity(text) / BANDWIDTH).exp();
            all[*intent as usize] += weight;
            complex[*intent as usize] += if *is_complex { weight } else { 0.0 };
        }
        let heaviest = Intent::ALL.into_iter().max_by(|a, b| all[*a as usize].total_cmp(&all[*b as usize]));
        let intent = heaviest.unwrap_or(Intent::Chat);
        let (own, total) = (all[intent as usize], all.iter().sum::<f32>());
        let share = |part: f32, whole: f32| if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 };
        Reading { intent, confidence: share(own, total), complexity: share(complex[intent as usize], own) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_intent_has_simple_and_complex_prototypes() {
        let shipped = shipped();
        assert_eq!(shipped.len(), SHIPPED.lines().count(), "a line is no prototype");
        let mut counts: BTreeMap<(Intent, bool), usize> = BTreeMap::new();
        shipped.iter().for_each(|p| *counts.entry((p.intent, p.complex)).or_default() += 1);
        assert_eq!(counts.len(), 2 * Intent::ALL.len());
        assert!(counts.values().all(|count| *count >= 12), "{counts:?}");
        let texts: std::collections::BTreeSet<&str> = shipped.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts.len(), shipped.len(), "a prototype stands there twice");
    }

    #[test]
    fn names_are_those_of_the_files() {
        for intent in Intent::ALL {
            assert_eq!(serde_json::to_value(intent).unwrap(), intent.name());
        }
    }

    fn prototypes() -> Prototypes {
        let row = |intent, complex| Prototype { text: String::new(), intent, complex };
        let rows = [row(Intent::Maths, false), row(Intent::Maths, true), row(Intent::Chat, false)];
        let vectors = [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]];
        let vectors = vectors.iter().map(|v| Embedding::new(v).unwrap()).collect();
        Prototypes::new(&rows, vectors).unwrap()
    }

    #[test]
    fn the_nearest_prototypes_decide() {
        let read = |values: [f32; 3]| prototypes().read(&Embedding::new(&values).unwrap());
        let simple = read([1.0, 0.0, 0.1]);
        assert_eq!(simple.intent, Intent::Maths);
        assert!(simple.complexity < 0.1 && simple.confidence > 0.9, "{simple:?}");
        let complex = read([0.4, 0.9, 0.0]);
        assert!(complex.intent == Intent::Maths && complex.complexity > 0.9, "{complex:?}");
        assert_eq!(read([0.1, 0.0, 1.0]).intent, Intent::Chat);
        let unsure = read([0.7, 0.0, 0.7]);
        assert!((0.4..0.6).contains(&unsure.confidence), "{unsure:?}");
    }

    #[test]
    fn embeddings_must_belong_to_the_prototypes() {
        assert!(Prototypes::new(&shipped(), Vec::new()).is_none());
        assert!(Prototypes::new(&[], Vec::new()).is_none());
    }

    proptest! {
        #[test]
        fn shares_stay_in_bounds(values in prop::array::uniform3(-1.0f32..1.0)) {
            if let Some(embedding) = Embedding::new(&values) {
                let reading = prototypes().read(&embedding);
                prop_assert!((0.0..=1.0).contains(&reading.complexity));
                prop_assert!((1.0 / 11.0..=1.0).contains(&reading.confidence));
            }
        }
    }
}
