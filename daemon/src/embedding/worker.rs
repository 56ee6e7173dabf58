//! The encoder's thread: drains the queue, remembers, batches, replies.
//!
//! A request arrives with the sender of its reply. The thread takes the first and whatever else has gathered, up
//! to [`DRAIN_TEXTS_MAX`] texts, so that one large request delays others by a tenth of a second at most; what the
//! cache does not know is run sorted by length, so that texts that share a run need little padding.

use super::manifest::{self, Manifest};
use super::model::Model;
use super::{Config, Error};
use lru::LruCache;
use polymath_swarm::cells::Codebook;
use polymath_swarm::embedding::{Embedding, SpaceId};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;
use tokio::sync::{mpsc, oneshot};

/// Texts taken from the queue at once, unless one request alone has more: about 0.1 s of work.
const DRAIN_TEXTS_MAX: usize = 32;
/// Padded tokens of one run. Measured: texts of 12 tokens cost half when they share a run; from about 60 tokens
/// on a text fills the processor by itself and sharing gains nothing.
const RUN_TOKENS_MAX: usize = 384;
/// Bytes of a text that is remembered: prompts and cards are shorter, and others rarely come again.
const CACHED_TEXT_BYTES_MAX: usize = 2_048;

/// Texts to embed and where the vectors go.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) texts: Vec<String>,
    pub(super) reply: oneshot::Sender<Result<Vec<Embedding>, Error>>,
}

/// What the handles know of the encoder.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) name: Arc<str>,
    /// Where the encoder's files lie.
    pub(super) folder: Arc<Path>,
    pub(super) space: SpaceId,
    pub(super) codebook: Arc<Codebook>,
    pub(super) tokenizer: Arc<Tokenizer>,
}

/// Opens everything, says so, then serves until the last handle is dropped.
pub(super) fn run(
    config: &Config,
    ready: oneshot::Sender<Result<Facts, Error>>,
    mut inbox: mpsc::Receiver<Request>,
) {
    let mut worker = match Worker::open(config) {
        Ok((worker, facts)) => {
            if ready.send(Ok(facts)).is_err() {
                return;
            }
            worker
        }
        Err(error) => {
            // Nobody waits any more: then nobody misses the answer either.
            let _ = ready.send(Err(error));
            return;
        }
    };
    while let Some(first) = inbox.blocking_recv() {
        let mut waiting = first.texts.len();
        let mut requests = vec![first];
        while waiting < DRAIN_TEXTS_MAX {
            let Ok(request) = inbox.try_recv() else { break };
            waiting += request.texts.len();
            requests.push(request);
        }
        worker.serve(requests);
    }
}

struct Worker {
    model: Model,
    cache: Option<LruCache<Arc<str>, Embedding>>,
}

impl Worker {
    fn open(config: &Config) -> Result<(Self, Facts), Error> {
        let manifest = Manifest::read(&config.encoder_dir)?;
        let source = manifest::read(&config.codebook)?;
        let codebook = Codebook::from_bytes(&source)
            .map_err(|source| Error::Codebook { path: config.codebook.clone(), source })?;
        if codebook.dimension() != manifest.dimension {
            return Err(Error::OtherDimension {
                codebook: codebook.dimension(),
                encoder: manifest.dimension,
            });
        }
        let mut model = Model::open(config, &manifest)?;
        let load =
            |reason: String| Error::Load { path: manifest.encoder_path.clone(), source: reason.into() };
        // One run now: a graph that does not fit its description is found here rather than at the first question.
        let probe = model.tokenize("ready").map_err(load)?;
        model.embed(&[&probe]).map_err(load)?;
        let space = manifest.space(&codebook);
        let cache = NonZeroUsize::new(config.cache_entries).map(LruCache::new);
        let facts = Facts {
            name: manifest.name.as_str().into(),
            folder: config.encoder_dir.as_path().into(),
            space,
            codebook: Arc::new(codebook),
            tokenizer: Arc::clone(&model.tokenizer),
        };
        Ok((Self { model, cache }, facts))
    }

    fn serve(&mut self, mut requests: Vec<Request>) {
        requests.retain(|request| !request.reply.is_closed());
        let outcome =
            self.embed(requests.iter().flat_map(|request| request.texts.iter().map(String::as_str)));
        match outcome {
            Ok(vectors) => {
                let mut vectors = vectors.into_iter();
                for request in requests {
                    let own = vectors.by_ref().take(request.texts.len()).collect();
                    // Whoever asked may have left meanwhile.
                    let _ = request.reply.send(Ok(own));
                }
            }
            Err(reason) => {
                let reason: Arc<str> = reason.into();
                for request in requests {
                    let _ = request.reply.send(Err(Error::Run(Arc::clone(&reason))));
                }
            }
        }
    }

    fn embed<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> Result<Vec<Embedding>, String> {
        let texts: Vec<&str> = texts.collect();
        let mut known: HashMap<&str, Embedding> = HashMap::with_capacity(texts.len());
        let mut missing: Vec<(&str, Vec<i64>)> = Vec::new();
        for text in &texts {
            if known.contains_key(text) || missing.iter().any(|(other, _)| other == text) {
                continue;
            }
            match self.cache.as_mut().and_then(|cache| cache.get(*text)) {
                Some(vector) => drop(known.insert(text, vector.clone())),
                None => missing.push((text, self.model.tokenize(text)?)),
            }
        }
        missing.sort_by_key(|(_, ids)| ids.len());
        for batch in batches(&missing, self.model.batch_texts_max) {
            let ids: Vec<&[i64]> = batch.iter().map(|(_, ids)| ids.as_slice()).collect();
            for ((text, _), vector) in batch.iter().zip(self.model.embed(&ids)?) {
                self.remember(text, &vector);
                known.insert(text, vector);
            }
        }
        let vectors = texts.iter().map(|text| known.get(text).cloned());
        vectors.collect::<Option<_>>().ok_or_else(|| "a text was left out".to_owned())
    }

    fn remember(&mut self, text: &str, vector: &Embedding) {
        if let Some(cache) = self.cache.as_mut().filter(|_| text.len() <= CACHED_TEXT_BYTES_MAX) {
            cache.put(text.into(), vector.clone());
        }
    }
}

/// Cuts texts sorted by length into runs of at most `texts_max` texts and [`RUN_TOKENS_MAX`] padded tokens.
fn batches<T>(sorted: &[(T, Vec<i64>)], texts_max: usize) -> impl Iterator<Item = &[(T, Vec<i64>)]> {
    let mut rest = sorted;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // The longest of the first n is the n-th, since they are sorted.
        let fitting = rest
            .iter()
            .zip(1..)
            .take_while(|((_, ids), n)| *n <= texts_max && ids.len() * n <= RUN_TOKENS_MAX);
        let (batch, left) = rest.split_at(fitting.count().max(1));
        rest = left;
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_remembered_up_to_the_limit() {
        let config = Config { cache_entries: 2, ..super::super::tests::config() };
        let (mut worker, _) = Worker::open(&config).unwrap();
        let cached = |worker: &Worker| {
            let entries = worker.cache.as_ref().unwrap().iter();
            entries.map(|(text, _)| text.to_string()).collect::<Vec<_>>()
        };
        let first = worker.embed(["a", "b", "a"].into_iter()).unwrap();
        assert_eq!((&first[0], cached(&worker).len()), (&first[2], 2));
        // Planted, so that it shows where the answer came from.
        worker.cache.as_mut().unwrap().put("b".into(), first[0].clone());
        assert_eq!(worker.embed(["b", "c"].into_iter()).unwrap()[0], first[0]);
        assert_eq!(cached(&worker), ["c", "b"]);
        let long = "x".repeat(CACHED_TEXT_BYTES_MAX + 1);
        worker.embed([long.as_str()].into_iter()).unwrap();
        assert_eq!(cached(&worker), ["c", "b"]);
    }

    #[test]
    fn batches_keep_to_their_bounds_and_leave_nothing_out() {
        let lengths = [3, 3, 12, 20, 100, 300, 500, 500];
        let texts: Vec<((), Vec<i64>)> = lengths.iter().map(|n| ((), vec![0; *n])).collect();
        let sizes = |texts_max| batches(&texts, texts_max).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(16), [4, 1, 1, 1, 1]);
        assert_eq!(sizes(3), [3, 2, 1, 1, 1]);
        assert_eq!(sizes(1), [1; 8]);
        assert_eq!(batches::<()>(&[], 4).count(), 0);
    }
}
