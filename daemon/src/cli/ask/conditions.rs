//! What an expert must be, as flags.

use clap::Args;

use super::super::session::wire;

/// What the conditions stand under. Said of each: a heading for all that follows would hold on for the flags of whoever takes them.
const HEADING: &str = "Only experts that meet all of";

/// Conditions on experts.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Conditions {
    /// Of this id, or whose model file's SHA-256 begins so (eight digits or more)
    #[arg(long, help_heading = HEADING, value_name = "ID|SHA256")]
    only: Option<String>,
    /// With this ability; repeat for more
    #[arg(long = "ability", help_heading = HEADING, value_name = "NAME")]
    abilities: Vec<String>,
    /// For this language (BCP 47); repeat for more
    #[arg(long = "language", help_heading = HEADING, value_name = "TAG")]
    languages: Vec<String>,
    /// With so many tokens of context
    #[arg(long = "min-context", help_heading = HEADING, value_name = "TOKENS")]
    context_tokens: Option<u32>,
    /// Trusted so much, 0 to 1
    #[arg(long = "min-trust", help_heading = HEADING, value_name = "T", value_parser = trust)]
    trust: Option<f32>,
    /// That begin within so many milliseconds, as far as this node has seen
    #[arg(long = "max-latency", help_heading = HEADING, value_name = "MS")]
    latency_ms: Option<u32>,
    /// That take no more for a token (millionths of a credit)
    #[arg(long = "max-price", help_heading = HEADING, value_name = "MICRO")]
    price_micro: Option<u64>,
    /// On this node: nothing of the question leaves it
    #[arg(long, help_heading = HEADING)]
    local: bool,
    /// Hide from experts elsewhere who you are: names, addresses and numbers replaced, no node sees every part
    #[arg(long)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_conditions_stand_under_their_heading() {
        let command = Conditions::augment_args(clap::Command::new("ask"));
        for argument in command.get_arguments() {
            let heading = if argument.get_id() == "private" { None } else { Some(HEADING) };
            assert_eq!(argument.get_help_heading(), heading, "{}", argument.get_id());
        }
        assert_eq!(command.get_next_help_heading(), None, "what follows stands where it belongs");
    }
}
