//! What kind of work a task is: the prototypes, embedded once and shared by all questions.

use crate::embedding::{self, Encoder};
use polymath_swarm::embedding::Embedding;
use polymath_swarm::plan::intent::{self, Prototypes, Reading};
use tokio::sync::OnceCell;

/// The file beside the encoder that keeps their vectors.
const KEPT: &str = "intents.vectors";

/// The prototypes of this node's encoder.
pub(super) struct Intents {
    encoder: Encoder,
    prototypes: OnceCell<Option<Prototypes>>,
}

impl Intents {
    pub(super) fn new(encoder: Encoder) -> Self {
        Self { encoder, prototypes: OnceCell::new() }
    }

    /// What the text with this embedding is; None without prototypes, for no question fails for want of them. Waits for
    /// them: on an encoder's very first start they are embedded (0.4 s), later they are read from a file (a millisecond).
    pub(super) async fn read(&self, text: &Embedding) -> Option<Reading> {
        match self.prototypes().await {
            Ok(prototypes) => prototypes.map(|prototypes| prototypes.read(text)),
            Err(error) => {
                tracing::warn!(%error, "the prototypes of intents could not be embedded");
                None
            }
        }
    }

    /// The prototypes, made ready when first wanted.
    pub(super) async fn prototypes(&self) -> Result<Option<&Prototypes>, embedding::Error> {
        let made = self.prototypes.get_or_try_init(|| prototypes(&self.encoder)).await?;
        Ok(made.as_ref())
    }
}

/// The shipped prototypes in the space of `encoder`.
pub async fn prototypes(encoder: &Encoder) -> Result<Option<Prototypes>, embedding::Error> {
    let shipped = intent::shipped();
    let texts = shipped.iter().map(|prototype| prototype.text.clone()).collect();
    Ok(Prototypes::new(&shipped, encoder.embed_kept(KEPT, texts).await?))
}
