//! Whether texts were taken for what they are, and complex ones for more complex than simple ones.

use super::auroc;
use crate::plan::intent::{Intent, Reading};
use std::collections::BTreeMap;

/// A prompt whose intent is known, and how it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntentCase {
    /// What it is.
    pub intent: Intent,
    /// Whether it is complex, where the case says so.
    pub complex: Option<bool>,
    /// What was made of it.
    pub reading: Reading,
}

/// Figures over a set of prompts.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct IntentReport {
    /// Share of prompts whose intent was found; 0 if there are none.
    pub accuracy: f64,
    /// The same for the prompts of each intent that occurs.
    pub by_intent: BTreeMap<Intent, f64>,
    /// Area under the ROC curve of complexity telling complex prompts from simple ones; None without both kinds.
    pub complexity_auroc: Option<f64>,
    /// Prompts.
    pub cases: usize,
}

impl IntentReport {
    /// Computes all figures.
    pub fn of(cases: &[IntentCase]) -> Self {
        let mut counts: BTreeMap<Intent, (usize, usize)> = BTreeMap::new();
        for case in cases {
            let (right, all) = counts.entry(case.intent).or_default();
            *right += usize::from(case.reading.intent == case.intent);
            *all += 1;
        }
        let right: usize = counts.values().map(|(right, _)| right).sum();
        let complexity = |kind: bool| -> Vec<f32> {
            cases.iter().filter(|c| c.complex == Some(kind)).map(|c| c.reading.complexity).collect()
        };
        let share = |right: usize, all: usize| if all == 0 { 0.0 } else { right as f64 / all as f64 };
        Self {
            accuracy: share(right, cases.len()),
            by_intent: counts.iter().map(|(intent, (right, all))| (*intent, share(*right, *all))).collect(),
            complexity_auroc: auroc(&complexity(true), &complexity(false)),
            cases: cases.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_count_each_intent_by_itself() {
        let case = |intent, read, complex, complexity| IntentCase {
            intent,
            complex,
            reading: Reading { intent: read, confidence: 1.0, complexity },
        };
        let report = IntentReport::of(&[
            case(Intent::Code, Intent::Code, Some(true), 0.9),
            case(Intent::Code, Intent::Data, Some(false), 0.2),
            case(Intent::Chat, Intent::Chat, None, 0.0),
            case(Intent::Chat, Intent::Chat, Some(true), 0.1),
        ]);
        assert_eq!((report.accuracy, report.cases), (0.75, 4));
        assert_eq!(report.by_intent, BTreeMap::from([(Intent::Code, 0.5), (Intent::Chat, 1.0)]));
        assert_eq!(report.complexity_auroc, Some(0.5));
        let none = IntentReport::of(&[]);
        assert_eq!((none.accuracy, none.complexity_auroc), (0.0, None));
    }
}
