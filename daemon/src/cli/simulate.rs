//! `simulate`: swarms that one cannot have on a desk, played by the node's own rules.

mod network;
mod plot;
mod trust;

use clap::{Args, Subcommand};

use super::Context;

/// What `simulate` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  daemon simulate
  daemon simulate --adverts 100000,1000000 --churn 0,0.3,1 --plot swarm.svg
  daemon simulate --try forget,best-first --query-timeout 10 --json | jq .lookup_success
  daemon simulate trust

Nodes leave without a word and others join. Questions come from nodes that know no expert yet.
A lookup succeeds if it ends with the checked advert of a live expert from the question's cells.
Numbers and rules are a node's. Of those to try: with `room` a node without room closes the
connection that has been idle longest, with `forget` whoever cannot be dialled leaves the routing
table, with `by-cell` providers are asked for the experts in the cells looked up alone, with
`best-first` exchanges and checks of the best cell come first."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    network: network::Network,
}

/// What else is played.
#[derive(Debug, Subcommand)]
enum What {
    /// Who gets the work where some experts are wrong, slow, boast of their speed or run another model
    Trust(trust::Arguments),
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    match &arguments.what {
        Some(What::Trust(arguments)) => trust::run(arguments),
        None => network::run(arguments.network, context).await,
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a number from 0 to 1".to_owned())
}
