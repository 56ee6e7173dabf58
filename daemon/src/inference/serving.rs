//! What answers for an expert: a model in this process, or a server that the owner runs.

use super::worker::RETRY_MS_MIN;
use super::{Error, Generation, Grammar, Hot, Request, Service, SlotUse, Worker};
use polymath_swarm::capability::ModelFacts;
use tokio::sync::watch;

/// Either. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Backend {
    /// llama.cpp, here.
    Model(Hot),
    /// OpenAI's API, elsewhere.
    Service(Service),
}

impl Backend {
    /// What is known of the model.
    pub fn facts(&self) -> &ModelFacts {
        match self {
            Self::Model(hot) => hot.facts(),
            Self::Service(service) => service.facts(),
        }
    }

    /// How busy it is, live.
    pub fn slots(&self) -> watch::Receiver<SlotUse> {
        match self {
            Self::Model(hot) => hot.slots(),
            Self::Service(service) => service.slots(),
        }
    }

    /// Generated tokens a second of one answer, as measured.
    pub fn tokens_per_second(&self) -> f32 {
        match self {
            Self::Model(hot) => hot.tokens_per_second(),
            Self::Service(service) => service.tokens_per_second(),
        }
    }

    /// Whether it begins at once, or has a model to load first.
    pub fn is_loaded(&self) -> bool {
        match self {
            Self::Model(hot) => hot.is_loaded(),
            Self::Service(_) => true,
        }
    }

    /// Whether it is a server that the owner runs.
    pub fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// Bytes of memory that it takes here while it is loaded, estimated.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Model(hot) => hot.bytes(),
            Self::Service(_) => 0,
        }
    }

    /// How far it is, in per cent, while its model is being loaded; live. `None` where nothing is ever loaded.
    pub fn loading(&self) -> Option<watch::Receiver<Option<u8>>> {
        match self {
            Self::Model(hot) => Some(hot.loading()),
            Self::Service(_) => None,
        }
    }

    /// How long its last loading took.
    pub fn load_ms(&self) -> u32 {
        match self {
            Self::Model(hot) => hot.load_ms(),
            Self::Service(_) => 0,
        }
    }

    /// Gives its memory back until it is wanted again.
    ///
    /// # Errors
    /// [`Error::Busy`] while it is in use, [`Error::Invalid`] for a service.
    pub async fn unload(&self) -> Result<(), Error> {
        match self {
            Self::Model(hot) if hot.unload().await => Ok(()),
            Self::Model(_) => Err(Error::Busy { retry_after_ms: RETRY_MS_MIN }),
            Self::Service(_) => Err(Error::Invalid("a server's model is not in this process".to_owned())),
        }
    }

    /// Why it answers nobody now; `None` while it does.
    pub fn fault(&self) -> watch::Receiver<Option<String>> {
        match self {
            Self::Model(hot) => hot.fault(),
            Self::Service(service) => service.fault(),
        }
    }

    /// Tries whether a fault has gone.
    ///
    /// # Errors
    /// What is still wrong.
    pub async fn revive(&self) -> Result<(), Error> {
        match self {
            Self::Model(hot) => hot.worker().await.map(drop),
            Self::Service(service) => service.probe().await,
        }
    }

    /// The worker of a model that is in memory.
    pub fn loaded(&self) -> Option<Worker> {
        match self {
            Self::Model(hot) => hot.loaded(),
            Self::Service(_) => None,
        }
    }

    /// Starts an answer; a model is loaded first if need be.
    ///
    /// # Errors
    /// As [`Worker::generate`], [`Hot::worker`] and [`Service::generate`].
    pub async fn generate(&self, request: Request) -> Result<Generation, Error> {
        match self {
            Self::Model(hot) => hot.generate(request).await,
            Self::Service(service) => service.generate(request),
        }
    }

    /// Compiles a grammar for the model's vocabulary.
    ///
    /// # Errors
    /// As [`Worker::grammar`]; [`Error::Invalid`] for a service, which takes none.
    pub async fn grammar(&self, text: String) -> Result<Grammar, Error> {
        match self {
            Self::Model(hot) => hot.grammar(text).await,
            Self::Service(_) => Err(Error::Invalid("this expert takes no grammars".to_owned())),
        }
    }
}
