//! What is asked, of whom, and with which wishes.

use polymath_swarm::score::Filter;
use polymath_swarm::task::Message;

/// Whom a question is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Whoever fits: planned and routed.
    #[default]
    Swarm,
    /// The expert with this card id, wherever it runs: one task, the conversation as it stands, the text as the
    /// model gives it.
    Expert(String),
}

/// A question and its wishes; `None` takes the node's default.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The conversation; the last turn, the user's, is what is asked.
    pub messages: Vec<Message>,
    /// Whom it is for.
    pub target: Target,
    /// What it is routed by where it stays whole, if that is not the last turn: the user's own words, when the
    /// last turn is what a function gave.
    pub topic: Option<String>,
    /// Whether it must stay one task.
    pub whole: bool,
    /// Whether the answer is the expert's text as it stands: a scratchpad is not reduced to its last line. Wanted
    /// where the text must match its log-probabilities or a grammar. Implies `whole`.
    pub verbatim: bool,
    /// Whether a conversation that an expert's context does not hold is refused, and not shortened.
    pub complete: bool,
    /// What an expert must be to get any of it.
    pub filter: Filter,
    /// Whether it matters much: every task is given to two experts at once, whatever else the question may use.
    pub high_priority: bool,
    /// Different experts it may use.
    pub experts: Option<u32>,
    /// Tokens a task may generate.
    pub max_tokens: Option<u32>,
    /// Sampling temperature; the expert's own recommendation if absent.
    pub temperature: Option<f32>,
    /// Nucleus sampling: the share of the probability that is drawn from.
    pub top_p: Option<f32>,
    /// Logits taken from a token for each time it has come already.
    pub frequency_penalty: Option<f32>,
    /// Logits taken from a token that has come already.
    pub presence_penalty: Option<f32>,
    /// Seed of the replayable sampler; random if absent.
    pub seed: Option<u64>,
    /// Milliseconds it may take.
    pub deadline_ms: Option<u32>,
    /// The answer ends before any of these.
    pub stop: Vec<String>,
    /// Alternatives reported for each token, 0 for no log-probabilities at all.
    pub top_logprobs: u32,
    /// What the answer must match, in llguidance's Lark dialect.
    pub grammar: Option<String>,
}

impl Question {
    /// One question, with the node's defaults.
    pub fn new(prompt: impl Into<String>) -> Self {
        let message = Message { role: "user".to_owned(), content: prompt.into() };
        Self { messages: vec![message], ..Self::default() }
    }

    /// Whether it may not be cut into tasks.
    pub(super) fn is_whole(&self) -> bool {
        let bound = self.grammar.is_some() || self.top_logprobs > 0 || !self.stop.is_empty();
        self.whole || bound || self.is_verbatim()
    }

    pub(super) fn is_verbatim(&self) -> bool {
        self.verbatim || self.grammar.is_some() || self.top_logprobs > 0 || self.target != Target::Swarm
    }
}
