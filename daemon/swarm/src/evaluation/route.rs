//! Whether the right expert came first, and whether prompts that none fits can be told from the others.

use crate::score;
use std::cmp::Ordering;

/// One prompt with the expert that should get it (None: none fits) and what the router said.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteCase {
    /// The id of the right expert.
    pub expert: Option<String>,
    /// Ids, best first.
    pub ranked: Vec<String>,
    /// The coverage of the best.
    pub coverage: f32,
}

/// Figures over a set of prompts.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct RouteReport {
    /// Share of prompts with an expert whose expert came first.
    pub top1: f64,
    /// Within the first three.
    pub top3: f64,
    /// Area under the ROC curve of coverage telling prompts with an expert from those with none; None
    /// without both kinds.
    pub no_expert_auroc: Option<f64>,
    /// Share of the prompts with an expert that none would be asked; 0 without any.
    pub refused_with_expert: f64,
    /// Share of the prompts without one of which this is so.
    pub refused_without: f64,
    /// Prompts with an expert.
    pub cases: usize,
}

impl RouteReport {
    /// Computes all figures.
    pub fn of(cases: &[RouteCase]) -> Self {
        let coverages = |has: bool| -> Vec<f32> {
            cases.iter().filter(|c| c.expert.is_some() == has).map(|c| c.coverage).collect()
        };
        let (known, unknown) = (coverages(true), coverages(false));
        let refused =
            |all: &[f32]| all.iter().filter(|c| !score::fits(**c)).count() as f64 / all.len().max(1) as f64;
        Self {
            top1: top_k(cases, 1),
            top3: top_k(cases, 3),
            no_expert_auroc: auroc(&known, &unknown),
            refused_with_expert: refused(&known),
            refused_without: refused(&unknown),
            cases: known.len(),
        }
    }
}

/// Share of the cases that have an expert in which it is among the first `k`; 0 if none has.
pub fn top_k(cases: &[RouteCase], k: usize) -> f64 {
    let (mut hits, mut count) = (0usize, 0usize);
    for case in cases {
        if let Some(expert) = &case.expert {
            count += 1;
            hits += usize::from(case.ranked.iter().take(k).any(|id| id == expert));
        }
    }
    if count == 0 { 0.0 } else { hits as f64 / count as f64 }
}

/// Probability that a positive scores above a negative, ties counting half (the Mann-Whitney statistic,
/// Hanley and McNeil 1982). None if either is missing.
pub fn auroc(positives: &[f32], negatives: &[f32]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let mut all: Vec<(f32, bool)> =
        positives.iter().map(|v| (*v, true)).chain(negatives.iter().map(|v| (*v, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut start) = (0.0f64, 0usize);
    while start < all.len() {
        let value = all[start].0;
        let end =
            start + all[start..].iter().take_while(|v| v.0.total_cmp(&value) == Ordering::Equal).count();
        // Ranks from 1; tied values share the mean of theirs.
        let mean_rank = (start + 1 + end) as f64 / 2.0;
        rank_sum += mean_rank * all[start..end].iter().filter(|v| v.1).count() as f64;
        start = end;
    }
    let (p, n) = (positives.len() as f64, negatives.len() as f64);
    Some((rank_sum - p * (p + 1.0) / 2.0) / (p * n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn auroc_by_ranks() {
        assert_eq!(auroc(&[0.9, 0.8], &[0.1, 0.2]), Some(1.0));
        assert_eq!(auroc(&[0.1], &[0.9]), Some(0.0));
        assert_eq!(auroc(&[0.5, 0.5], &[0.5]), Some(0.5));
        assert_eq!(auroc(&[0.9, 0.3], &[0.5]), Some(0.5));
        assert_eq!(auroc(&[], &[0.5]), None);
    }

    #[test]
    fn the_report_counts_only_prompts_that_have_an_expert() {
        let case = |expert: Option<&str>, ranked: &[&str], coverage| RouteCase {
            expert: expert.map(String::from),
            ranked: ranked.iter().map(|s| (*s).to_owned()).collect(),
            coverage,
        };
        let report = RouteReport::of(&[
            case(Some("a"), &["a", "b"], 0.9),
            case(Some("c"), &["a", "b", "c"], 0.6),
            case(None, &["a"], 0.7),
        ]);
        assert_eq!((report.top1, report.top3, report.no_expert_auroc), (0.5, 1.0, Some(0.5)));
        assert_eq!((report.cases, report.refused_with_expert, report.refused_without), (2, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn auroc_equals_counting_pairs(
            p in prop::collection::vec(0u8..6, 1..12), n in prop::collection::vec(0u8..6, 1..12)
        ) {
            let (p, n): (Vec<f32>, Vec<f32>) =
                (p.into_iter().map(f32::from).collect(), n.into_iter().map(f32::from).collect());
            let pairs: f64 = p
                .iter()
                .flat_map(|a| n.iter().map(move |b| if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 }))
                .sum();
            let counted = pairs / (p.len() * n.len()) as f64;
            prop_assert!((auroc(&p, &n).unwrap() - counted).abs() < 1e-9);
        }
    }
}
