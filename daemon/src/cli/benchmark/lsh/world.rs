//! The swarm that is simulated: topics of text, their embeddings (kept between runs), and cards drawn from them.

use std::fs;
use std::path::Path;

use polymath_swarm::embedding::{Embedding, dot};
use polymath_swarm::evaluation::finding::{Card, Draw, World};
use polymath_swarm::identity::Sha256Hash;
use serde::Deserialize;

use super::super::super::terminal;
use crate::cli::eval::cases;
use crate::embedding::{Encoder, TEXTS_MAX};

/// Exemplars of a card.
const EXEMPLARS: usize = 8;
/// Exemplars of a card are drawn from so many that are nearest to one of them: an expert is a specialist, and
/// its prompts resemble each other more than those of a whole topic.
const NEIGHBOURS: usize = 12;

/// What experts are made of and asked about. Nothing of `queries` is in `exemplars`.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Topic {
    #[serde(rename = "topic")]
    _name: String,
    descriptions: Vec<String>,
    exemplars: Vec<String>,
    queries: Vec<String>,
}

/// How large the world is to be.
pub(in crate::cli) struct Sizes {
    pub(in crate::cli) experts: usize,
    pub(in crate::cli) queries: usize,
}

pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<Vec<Topic>> {
    let topics: Vec<Topic> = cases::read(path)?;
    for (topic, line) in topics.iter().zip(1..) {
        let enough =
            topic.exemplars.len() >= EXEMPLARS && !topic.descriptions.is_empty() && !topic.queries.is_empty();
        anyhow::ensure!(
            enough,
            "{}:{line}: a topic needs a description, a query and eight exemplars",
            path.display()
        );
    }
    Ok(topics)
}

fn texts(topics: &[Topic]) -> impl Iterator<Item = &String> {
    topics.iter().flat_map(|t| t.descriptions.iter().chain(&t.exemplars).chain(&t.queries))
}

/// Queries of all topics, at most as many as are wanted.
pub(in crate::cli) fn count(topics: &[Topic], sizes: &Sizes) -> usize {
    topics.iter().map(|t| t.queries.len()).sum::<usize>().min(sizes.queries)
}

/// Bytes of a card's texts and int8 embeddings, mean.
pub(in crate::cli) fn card_bytes(topics: &[Topic], dimension: usize) -> f64 {
    let mean = |of: fn(&Topic) -> &[String]| {
        let lengths: Vec<f64> =
            topics.iter().flat_map(|t| of(t).iter().map(|text| text.len() as f64)).collect();
        lengths.iter().sum::<f64>() / lengths.len().max(1) as f64
    };
    let exemplars = EXEMPLARS as f64;
    mean(|t| &t.descriptions)
        + exemplars * mean(|t| &t.exemplars)
        + (exemplars + 1.0) * (dimension + 4) as f64
}

/// The vectors of all texts in order, from `folder`'s cache if it has them: embedding takes longer than all the rest.
pub(in crate::cli) async fn embed(
    encoder: &Encoder,
    topics: &[Topic],
    folder: &Path,
) -> anyhow::Result<Vec<Embedding>> {
    let all: Vec<&String> = texts(topics).collect();
    let named =
        format!("{}\0{}", encoder.space(), all.iter().map(|t| t.as_str()).collect::<Vec<_>>().join("\n"));
    let cache = folder.join("finding").join(format!("{}.f32", Sha256Hash::of(named.as_bytes())));
    if let Some(vectors) = fs::read(&cache).ok().and_then(|raw| decode(&raw, all.len(), encoder.dimension()))
    {
        return Ok(vectors);
    }
    let bar = terminal::progress(all.len() as u64, "embed");
    let mut vectors = Vec::with_capacity(all.len());
    for batch in all.chunks(TEXTS_MAX) {
        vectors.extend(encoder.embed(batch.iter().map(|text| (*text).clone()).collect()).await?);
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    let raw: Vec<u8> = vectors.iter().flat_map(|v| v.as_slice()).flat_map(|v| v.to_le_bytes()).collect();
    // An installed node's models may be read-only: then the next run embeds again.
    if cache.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok())
        && let Err(error) = fs::write(&cache, raw)
    {
        tracing::debug!(path = %cache.display(), %error, "embeddings are not kept");
    }
    Ok(vectors)
}

fn decode(raw: &[u8], count: usize, dimension: usize) -> Option<Vec<Embedding>> {
    if raw.len() != count * dimension * 4 {
        return None;
    }
    let row = |row: &[u8]| {
        let values: Vec<f32> =
            row.chunks_exact(4).map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]])).collect();
        Embedding::new(&values)
    };
    raw.chunks_exact(dimension * 4).map(row).collect()
}

/// Draws experts: a topic, one of its descriptions, one of its exemplars and seven of those nearest to that.
pub(in crate::cli) fn make(topics: &[Topic], pool: Vec<Embedding>, sizes: &Sizes, seed: u64) -> World {
    let mut draw = Draw::new(seed);
    let mut queries = Vec::new();
    // Where each topic's texts begin in the pool.
    let mut start = 0;
    let mut starts = Vec::with_capacity(topics.len());
    for topic in topics {
        starts.push(start);
        let first = start + topic.descriptions.len() + topic.exemplars.len();
        start = first + topic.queries.len();
        queries.extend(first..start);
    }
    draw.sample(&mut queries, sizes.queries);
    let cards = (0..sizes.experts).map(|_| {
        let place = draw.below(topics.len());
        let (topic, start) = (&topics[place], starts[place]);
        let description = start + draw.below(topic.descriptions.len());
        let first = start + topic.descriptions.len();
        let seed = first + draw.below(topic.exemplars.len());
        let mut exemplars: Vec<usize> = (first..first + topic.exemplars.len()).collect();
        let near = |at: &usize| dot(pool[*at].as_slice(), pool[seed].as_slice());
        exemplars.sort_by(|a, b| near(b).total_cmp(&near(a)));
        exemplars.truncate(NEIGHBOURS);
        draw.sample(&mut exemplars, EXEMPLARS);
        Card { description, exemplars }
    });
    let cards = cards.collect();
    World { pool, cards, queries }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Topic {
        let text =
            |kind: &str, count: usize| (0..count).map(|i| format!("{name} {kind} {i}")).collect::<Vec<_>>();
        Topic {
            _name: name.to_owned(),
            descriptions: text("description", 2),
            exemplars: text("exemplar", 20),
            queries: text("query", 3),
        }
    }

    #[test]
    fn cards_are_of_one_topic_and_hold_no_query() {
        let topics = [topic("a"), topic("b")];
        let mut draw = Draw::new(1);
        let pool: Vec<Embedding> = texts(&topics)
            .map(|_| Embedding::new(&[draw.normal(), draw.normal(), draw.normal()]).unwrap())
            .collect();
        let world = make(&topics, pool, &Sizes { experts: 50, queries: 4 }, 1);
        assert_eq!(
            (world.cards.len(), world.queries.len(), count(&topics, &Sizes { experts: 1, queries: 9 })),
            (50, 4, 6)
        );
        for card in &world.cards {
            let start = if card.description < 25 { 0 } else { 25 };
            assert!((start..start + 2).contains(&card.description));
            assert_eq!(card.exemplars.len(), EXEMPLARS);
            assert!(card.exemplars.iter().all(|at| (start + 2..start + 22).contains(at)));
        }
        assert!(world.queries.iter().all(|at| at % 25 >= 22));
    }

    #[test]
    fn a_cache_of_another_size_is_not_used() {
        assert!(decode(&[0; 12], 1, 4).is_none());
        let raw: Vec<u8> = [1.0f32, 0.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(decode(&raw, 1, 2).unwrap()[0].as_slice(), [1.0, 0.0]);
    }
}
