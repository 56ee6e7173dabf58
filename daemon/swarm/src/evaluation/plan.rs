//! Whether a question was cut where it should be.
//!
//! Predicted and gold tasks are matched one to one, greedily by token F1 (best pair first); greedy differs
//! from the best assignment only where several tasks of one prompt resemble each other.

use std::collections::{BTreeMap, BTreeSet};

/// A prompt's gold plan. Edges are (needed, dependant) as indices from 0.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct PlanCase {
    /// What was asked.
    pub prompt: String,
    /// Gold tasks; none where the prompt itself is the only one.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Gold dependencies.
    #[serde(default)]
    pub edges: Vec<(usize, usize)>,
}

/// What a planner made of it. Edges as in [`PlanCase`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PlanPrediction {
    /// Predicted tasks.
    pub tasks: Vec<String>,
    /// Predicted dependencies.
    pub edges: Vec<(usize, usize)>,
}

impl From<&crate::plan::Plan> for PlanPrediction {
    fn from(plan: &crate::plan::Plan) -> Self {
        let place = |id: u32| id as usize - 1;
        Self {
            tasks: plan.tasks().map(|t| t.text.clone()).collect(),
            edges: plan.edges().into_iter().map(|(a, b)| (place(a), place(b))).collect(),
        }
    }
}

/// Figures over a set of prompts.
#[derive(Clone, Copy, Debug, PartialEq, Default, serde::Serialize)]
pub struct PlanReport {
    /// Share of one-task prompts that were split; 0 if there are none.
    pub false_split_rate: f64,
    /// Share of prompts with exactly the gold number of tasks.
    pub task_count_exact: f64,
    /// Mean over prompts of the summed token F1 of matched tasks, over the larger number of tasks.
    pub text_f1: f64,
    /// Mean over prompts of the F1 of dependencies after matching tasks; 1 where both have none.
    pub edge_f1: f64,
    /// Prompts.
    pub cases: usize,
}

impl PlanReport {
    /// Computes all figures from pairs of gold and prediction.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a PlanCase, &'a PlanPrediction)>) -> Self {
        let (mut count, mut single, mut split, mut exact) = (0usize, 0usize, 0usize, 0usize);
        let (mut text, mut edge) = (0.0, 0.0);
        for (gold, predicted) in pairs {
            count += 1;
            if gold.tasks.len() == 1 {
                single += 1;
                split += usize::from(predicted.tasks.len() > 1);
            }
            exact += usize::from(gold.tasks.len() == predicted.tasks.len());
            let matched = matching(&gold.tasks, &predicted.tasks);
            text += text_f1(gold.tasks.len(), predicted.tasks.len(), &matched);
            edge += edge_f1(&gold.edges, &predicted.edges, &matched);
        }
        let share = |part: f64, whole: usize| if whole == 0 { 0.0 } else { part / whole as f64 };
        Self {
            false_split_rate: share(split as f64, single),
            task_count_exact: share(exact as f64, count),
            text_f1: share(text, count),
            edge_f1: share(edge, count),
            cases: count,
        }
    }
}

/// One gold task and the predicted one that resembles it.
struct Match {
    gold: usize,
    predicted: usize,
    f1: f64,
}

/// Pairs of tasks that share at least one token, each task in at most one pair.
fn matching(gold: &[String], predicted: &[String]) -> Vec<Match> {
    let gold: Vec<_> = gold.iter().map(|t| tokens(t)).collect();
    let predicted: Vec<_> = predicted.iter().map(|t| tokens(t)).collect();
    let mut pairs = Vec::new();
    for (g, gold_tokens) in gold.iter().enumerate() {
        for (p, predicted_tokens) in predicted.iter().enumerate() {
            let f1 = token_f1(gold_tokens, predicted_tokens);
            if f1 > 0.0 {
                pairs.push(Match { gold: g, predicted: p, f1 });
            }
        }
    }
    pairs.sort_by(|a, b| b.f1.total_cmp(&a.f1).then((a.gold, a.predicted).cmp(&(b.gold, b.predicted))));
    let (mut used_gold, mut used_predicted) = (BTreeSet::new(), BTreeSet::new());
    pairs.retain(|m| {
        let free = !used_gold.contains(&m.gold) && !used_predicted.contains(&m.predicted);
        free && used_gold.insert(m.gold) && used_predicted.insert(m.predicted)
    });
    pairs
}

fn text_f1(gold: usize, predicted: usize, matched: &[Match]) -> f64 {
    let larger = gold.max(predicted);
    if larger == 0 { 1.0 } else { matched.iter().map(|m| m.f1).sum::<f64>() / larger as f64 }
}

fn edge_f1(gold: &[(usize, usize)], predicted: &[(usize, usize)], matched: &[Match]) -> f64 {
    let gold: BTreeSet<_> = gold.iter().copied().collect();
    let predicted: BTreeSet<_> = predicted.iter().copied().collect();
    if gold.is_empty() && predicted.is_empty() {
        return 1.0;
    }
    let to_gold: BTreeMap<usize, usize> = matched.iter().map(|m| (m.predicted, m.gold)).collect();
    let hits = predicted
        .iter()
        .filter_map(|(a, b)| Some((*to_gold.get(a)?, *to_gold.get(b)?)))
        .filter(|edge| gold.contains(edge))
        .count();
    2.0 * hits as f64 / (gold.len() + predicted.len()) as f64
}

/// F1 of two bags of tokens.
fn token_f1(gold: &BTreeMap<String, usize>, predicted: &BTreeMap<String, usize>) -> f64 {
    let shared: usize = gold.iter().map(|(t, n)| (*n).min(predicted.get(t).copied().unwrap_or(0))).sum();
    let total = gold.values().sum::<usize>() + predicted.values().sum::<usize>();
    if total == 0 { 0.0 } else { 2.0 * shared as f64 / total as f64 }
}

/// Words and numbers in lower case; a sign that is neither stands alone, so that "=" alone still counts.
fn tokens(text: &str) -> BTreeMap<String, usize> {
    let mut bag = BTreeMap::new();
    for word in text.split_whitespace() {
        let word = word.to_lowercase();
        let mut pieces =
            word.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()).peekable();
        if pieces.peek().is_none() {
            *bag.entry(word.clone()).or_default() += 1;
        }
        for piece in pieces {
            *bag.entry(piece.to_owned()).or_default() += 1;
        }
    }
    bag
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn case(tasks: &[&str], edges: &[(usize, usize)]) -> PlanCase {
        let tasks: Vec<String> = tasks.iter().map(|t| (*t).to_owned()).collect();
        PlanCase { prompt: tasks.join(" "), tasks, edges: edges.to_vec() }
    }

    fn report(gold: &PlanCase, tasks: &[&str], edges: &[(usize, usize)]) -> PlanReport {
        let tasks = tasks.iter().map(|t| (*t).to_owned()).collect();
        PlanReport::of([(gold, &PlanPrediction { tasks, edges: edges.to_vec() })])
    }

    #[test]
    fn a_perfect_plan_scores_one() {
        let gold = case(&["What is a?", "Spell it."], &[(0, 1)]);
        let perfect = report(&gold, &["what is A", "spell it"], &[(0, 1)]);
        assert_eq!((perfect.task_count_exact, perfect.text_f1, perfect.edge_f1), (1.0, 1.0, 1.0));
    }

    #[test]
    fn faults_cost_what_they_should() {
        let gold = case(&["one two three four"], &[]);
        let split = report(&gold, &["one two", "three four"], &[]);
        assert_eq!((split.false_split_rate, split.task_count_exact, split.edge_f1), (1.0, 0.0, 1.0));
        // The better half: F1 = 2·2/(4+2); the other task matches nothing and halves it.
        assert!((split.text_f1 - 1.0 / 3.0).abs() < 1e-9);
        let edges =
            report(&case(&["a b", "c d", "e f"], &[(0, 2), (1, 2)]), &["e f", "a b", "c d"], &[(1, 0)]);
        // Order of prediction does not matter; one of two edges found: F1 = 2·1/(2+1).
        assert!((edges.edge_f1 - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(edges.text_f1, 1.0);
        assert_eq!(report(&case(&["a"], &[]), &["a", "b"], &[(0, 1)]).edge_f1, 0.0);
        assert_eq!(report(&case(&["a"], &[]), &[], &[]).text_f1, 0.0);
    }

    proptest! {
        #[test]
        fn figures_stay_in_bounds(
            gold in prop::collection::vec("[ab =]{0,6}", 0..4),
            predicted in prop::collection::vec("[ab =]{0,6}", 0..4),
            edges in prop::collection::vec((0usize..4, 0usize..4), 0..4)
        ) {
            let gold = PlanCase { prompt: String::new(), tasks: gold, edges: edges.clone() };
            let report = PlanReport::of([(&gold, &PlanPrediction { tasks: predicted, edges })]);
            for figure in [report.false_split_rate, report.task_count_exact, report.text_f1, report.edge_f1] {
                prop_assert!((0.0..=1.0).contains(&figure));
            }
        }
    }
}
