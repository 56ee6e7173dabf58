//! Whether the bundled experts' own questions lead to a cell in which the expert is announced: on text like this the cells are worse than on that which
//! they were made of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use polymath_swarm::cells::{CellId, LOOKUPS_FURTHER, LOOKUPS_MAX};
use serde::{Deserialize, Serialize};

use crate::catalog;
use crate::cli::eval::cases;
use crate::config::Assets;
use crate::embedding::Encoder;

/// Compound cases, whose parts name the expert that answers them.
const CASES: [&str; 2] = ["compound_dev.jsonl", "compound.jsonl"];

/// One expert and the questions that are its own.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    pub(super) expert: String,
    pub(super) questions: usize,
    /// Share whose expert is announced in one of the cells looked up first.
    pub(super) found: f64,
    /// And in one of these or the further ones.
    pub(super) found_further: f64,
}

#[derive(Deserialize)]
struct Case {
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    expert: String,
    prompt: String,
}

/// Looks every part of the compound cases up.
pub(super) async fn measure(encoder: &Encoder, assets: &Assets) -> anyhow::Result<Vec<Found>> {
    let codebook = encoder.codebook();
    let mut announced: BTreeMap<String, BTreeSet<CellId>> = BTreeMap::new();
    for card in catalog::bundled(&assets.experts_dir())? {
        let entry = catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() })?;
        let texts = std::iter::once(entry.description).chain(entry.exemplars).collect();
        let embeddings = encoder.embed(texts).await?;
        announced.insert(entry.id, codebook.cells_of(&embeddings).into_iter().collect());
    }
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for file in CASES {
        let cases: Vec<Case> = cases::read(&assets.cases_dir().join(file))?;
        for part in cases.into_iter().flat_map(|case| case.parts) {
            let own = announced.get(&part.expert).with_context(|| format!("no expert {}", part.expert))?;
            let query = encoder.embed(vec![part.prompt]).await?;
            let query = query.first().context("nothing was embedded")?;
            let cells = codebook.lookups(query, LOOKUPS_MAX + LOOKUPS_FURTHER);
            let at = cells.iter().position(|cell| own.contains(cell));
            let count = counts.entry(part.expert).or_default();
            count[0] += 1;
            count[1] += usize::from(at.is_some_and(|at| at < LOOKUPS_MAX));
            count[2] += usize::from(at.is_some());
        }
    }
    let share = |count: usize, of: usize| count as f64 / of as f64;
    let found = |(expert, [questions, first, both]): (String, [usize; 3])| Found {
        expert,
        questions,
        found: share(first, questions),
        found_further: share(both, questions),
    };
    Ok(counts.into_iter().map(found).collect())
}
