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
  daemon simulate --nodes 10000 --adverts 100000,1000000 --churn 0,0.3,1 --plot swarm.svg
  daemon simulate --try room,forget,by-cell,best-first --query-timeout 10 --json | jq .lookup_success
  daemon simulate trust

Nodes leave without a word and others join. Questions come from nodes that know no expert yet. A lookup succeeds
if it ends with the checked advert of a live expert from the question's cells. Rules and numbers are those of
a node; --try and the time-outs say what others would do."
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
