//! The model itself: ONNX Runtime session, tokeniser, pooling. Blocking; lives on the encoder's thread.

use super::manifest::{Manifest, Pooling};
use super::{Config, Error};
use ort::environment::Environment;
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;
use polymath_swarm::embedding::Embedding;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokenizers::{Tokenizer, TruncationParams};

/// Encoder and tokeniser, ready to run.
pub(super) struct Model {
    session: Session,
    inputs: Vec<Input>,
    /// Shared with the handles, which count tokens.
    pub(super) tokenizer: Arc<Tokenizer>,
    pooling: Pooling,
    dimension: usize,
    /// Texts that may share a run without changing each other's vectors.
    pub(super) batch_texts_max: usize,
}

/// What a graph may ask for.
#[derive(Clone, Copy)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl Model {
    /// Loads ONNX Runtime (once in a process), the graph and the tokeniser.
    pub(super) fn open(config: &Config, manifest: &Manifest) -> Result<Self, Error> {
        let environment = environment(&config.runtime_library)?;
        let load = |source: Box<dyn std::error::Error + Send + Sync>| Error::Load {
            path: manifest.encoder_path.clone(),
            source,
        };
        let session = session(environment, &manifest.encoder, config.threads.max(1))
            .map_err(|error| load(error.to_string().into()))?;
        let inputs = session.inputs().iter().map(|input| match input.name() {
            "input_ids" => Ok(Input::Ids),
            "attention_mask" => Ok(Input::Mask),
            "token_type_ids" => Ok(Input::Types),
            other => Err(load(format!("it has an input that is no sentence encoder's: {other}").into())),
        });
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let tokenizer = tokenizer(manifest)
            .map_err(|source| Error::Load { path: manifest.tokenizer_path.clone(), source })?;
        Ok(Self {
            session,
            inputs,
            tokenizer: Arc::new(tokenizer),
            pooling: manifest.pooling,
            dimension: manifest.dimension,
            batch_texts_max: manifest.batch_texts_max,
        })
    }

    /// Token ids of `text`, marks included, cut to the encoder's limit.
    pub(super) fn tokenize(&self, text: &str) -> Result<Vec<i64>, String> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().iter().map(|id| i64::from(*id)).collect())
    }

    /// Runs the model once over `texts`, padded to the longest.
    pub(super) fn embed(&mut self, texts: &[&[i64]]) -> Result<Vec<Embedding>, String> {
        let width = texts.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let mut ids = vec![0i64; texts.len() * width];
        let mut mask = vec![0i64; texts.len() * width];
        for (row, text) in texts.iter().enumerate() {
            ids[row * width..][..text.len()].copy_from_slice(text);
            mask[row * width..][..text.len()].fill(1);
        }
        let types = vec![0i64; texts.len() * width];
        let shape = [texts.len(), width];
        let mut values: Vec<SessionInputValue<'_>> = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let data = match input {
                Input::Ids => &ids,
                Input::Mask => &mask,
                Input::Types => &types,
            };
            values.push(
                TensorRef::from_array_view((shape, data.as_slice()))
                    .map_err(|error| error.to_string())?
                    .into(),
            );
        }
        let outputs = self.session.run(values.as_slice()).map_err(|error| error.to_string())?;
        let (shape, data) = outputs[0].try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
        let (texts_count, tokens, dimension) = (texts.len() as i64, width as i64, self.dimension as i64);
        let fits = match self.pooling {
            Pooling::Inside => **shape == [texts_count, dimension],
            Pooling::Mean | Pooling::Cls => **shape == [texts_count, tokens, dimension],
        };
        if !fits {
            return Err(format!(
                "the output has shape {:?}, which encoder.toml does not lead to expect",
                &**shape
            ));
        }
        let rows = data.chunks_exact(data.len() / texts.len().max(1));
        rows.zip(texts).map(|(row, text)| pool(self.pooling, row, self.dimension, text.len())).collect()
    }
}

/// One unit vector from a text's part of the output.
fn pool(pooling: Pooling, row: &[f32], dimension: usize, tokens: usize) -> Result<Embedding, String> {
    let embedding = match pooling {
        Pooling::Inside => Embedding::new(row),
        Pooling::Cls => Embedding::new(&row[..dimension]),
        Pooling::Mean => {
            let mut sum = vec![0.0f32; dimension];
            for token in row.chunks_exact(dimension).take(tokens) {
                sum.iter_mut().zip(token).for_each(|(total, value)| *total += value);
            }
            Embedding::new(&sum)
        }
    };
    embedding.ok_or_else(|| "the output has no direction".to_owned())
}

fn session(environment: &Environment, graph: &[u8], threads: u32) -> ort::Result<Session> {
    let builder = SessionBuilder::new(environment)?;
    // Spinning would burn the CPU that the experts need, for microseconds.
    let builder = builder.with_intra_threads(threads as usize)?.with_intra_op_spinning(false)?;
    builder.with_memory_pattern(false)?.commit_from_memory(graph)
}

fn tokenizer(manifest: &Manifest) -> Result<Tokenizer, Box<dyn std::error::Error + Send + Sync>> {
    let mut tokenizer = Tokenizer::from_bytes(&manifest.tokenizer)?;
    let truncation = TruncationParams { max_length: manifest.tokens_max, ..TruncationParams::default() };
    // Whatever the file says: padding is done here, and only where texts share a run.
    tokenizer.with_padding(None).with_truncation(Some(truncation))?;
    Ok(tokenizer)
}

/// The process's ONNX Runtime. It can be loaded only once, so later libraries are not looked at.
fn environment(library: &Path) -> Result<&'static Environment, Error> {
    static ENVIRONMENT: OnceLock<Result<Environment, Arc<str>>> = OnceLock::new();
    let load = |source: Box<dyn std::error::Error + Send + Sync>| Error::Load {
        path: library.to_path_buf(),
        source,
    };
    if !library.exists() {
        return Err(Error::Missing { path: library.to_path_buf() });
    }
    // Relative paths would be looked up beside the program instead of here.
    let absolute = std::path::absolute(library).map_err(|error| load(error.into()))?;
    let builder = ort::init_from(absolute).map_err(|error| load(error.into()))?;
    let made = ENVIRONMENT.get_or_init(|| {
        let environment = builder.with_name("polymath").with_telemetry(false).build();
        environment.map_err(|error| error.to_string().into())
    });
    made.as_ref().map_err(|error| load(error.to_string().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_takes_what_it_says() {
        let row = [3.0, 4.0, 3.0, -4.0, 100.0, 100.0];
        let vector = |pooling| pool(pooling, &row, 2, 2).unwrap().as_slice().to_vec();
        assert_eq!(vector(Pooling::Cls), [0.6, 0.8]);
        assert_eq!(vector(Pooling::Mean), [1.0, 0.0]);
        assert!(pool(Pooling::Cls, &[0.0, 0.0], 2, 1).is_err());
    }
}
