//! What an expert must be, as flags.

use clap::Args;

use super::super::session::wire;

/// Conditions on experts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Only experts that meet all of")]
pub(in crate::cli) struct Conditions {
    /// Of this id, or whose model file's SHA-256 begins so (eight digits or more)
    #[arg(long, value_name = "ID|SHA256")]
    only: Option<String>,
    /// With this ability; repeat for more
    #[arg(long = "ability", value_name = "NAME")]
    abilities: Vec<String>,
    /// For this language (BCP 47); repeat for more
    #[arg(long = "language", value_name = "TAG")]
    languages: Vec<String>,
    /// With so many tokens of context
    #[arg(long = "min-context", value_name = "TOKENS")]
    context_tokens: Option<u32>,
    /// Trusted so much, 0 to 1
    #[arg(long = "min-trust", value_name = "T", value_parser = trust)]
    trust: Option<f32>,
    /// That begin within so many milliseconds, as far as this node has seen
    #[arg(long = "max-latency", value_name = "MS")]
    latency_ms: Option<u32>,
    /// That take no more for a token (millionths of a credit)
    #[arg(long = "max-price", value_name = "MICRO")]
    price_micro: Option<u64>,
    /// On this node: nothing of the question leaves it
    #[arg(long)]
    local: bool,
    /// Hide from experts elsewhere who you are: names, addresses and numbers replaced, no node sees every part
    #[arg(long, help_heading = "Options")]
    private: bool,
}

fn trust(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    (0.0..=1.0).contains(&value).then_some(value).ok_or_else(|| "write 0 to 1".to_owned())
}

impl Conditions {
    /// As the node takes them; None if there are none.
    pub(in crate::cli) fn filter(&self) -> Option<wire::Filter> {
        let filter = wire::Filter {
            model: self.only.clone(),
            abilities: self.abilities.clone(),
            languages: self.languages.clone(),
            context_tokens: self.context_tokens,
            trust: self.trust,
            latency_ms: self.latency_ms,
            price_micro: self.price_micro,
            local: self.local,
            private: self.private,
        };
        (filter != wire::Filter::default()).then_some(filter)
    }
}
