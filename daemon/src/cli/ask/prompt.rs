//! The question as it comes in: an argument, or standard input.

use std::io::{IsTerminal as _, Read as _};

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::sanitise;

use super::super::exit::Usage;

/// Bytes read from standard input: past any prompt that is let in, so that the refusal can name its size, and
/// few enough that a mistaken file does not fill the memory.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The question.
#[derive(Debug, Args)]
pub(in crate::cli) struct Prompt {
    /// The question; `-`, or nothing where input is piped, reads standard input
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,
}

impl Prompt {
    /// Reads and cleans it: control characters go; an empty or oversized one is refused.
    pub(in crate::cli) async fn read(&self) -> anyhow::Result<String> {
        let text = match self.prompt.as_deref() {
            None if std::io::stdin().is_terminal() => {
                return Err(Usage("no question: write one after the command, or pipe one in".into()).into());
            }
            None | Some("-") => piped().await?,
            Some(text) => text.to_owned(),
        };
        Ok(sanitise::prompt(&text)?)
    }
}

async fn piped() -> anyhow::Result<String> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = reading.await?.context("cannot read standard input")?;
    anyhow::ensure!(
        bytes.len() as u64 <= INPUT_BYTES_MAX,
        "the prompt has more than {INPUT_BYTES_MAX} bytes; at most {} are accepted",
        sanitise::PROMPT_BYTES_MAX
    );
    String::from_utf8(bytes).context("the prompt is not UTF-8 text")
}
