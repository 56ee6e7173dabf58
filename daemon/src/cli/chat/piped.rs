//! Turns from standard input where that is no terminal: a line each, or several that end in a backslash.

use polymath_swarm::sanitise;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Stdin};

use super::editor::{goes_on, joined};

/// Bytes of a turn that are read: one more than a prompt may have, so that the refusal comes from the check that
/// names both sizes.
const TURN_BYTES_MAX: usize = sanitise::PROMPT_BYTES_MAX + 1;

/// Reads turns.
pub(super) struct Lines {
    input: BufReader<Stdin>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { input: BufReader::new(tokio::io::stdin()) }
    }

    /// The next turn; `None` at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<String>> {
        let mut turn = Vec::new();
        loop {
            let room = (TURN_BYTES_MAX + 1).saturating_sub(turn.len());
            let read = (&mut self.input).take(room as u64).read_until(b'\n', &mut turn).await?;
            anyhow::ensure!(
                turn.len() <= TURN_BYTES_MAX,
                "a turn of more than {} bytes",
                sanitise::PROMPT_BYTES_MAX
            );
            let text =
                std::str::from_utf8(&turn).map_err(|_| anyhow::anyhow!("the input is not UTF-8 text"))?;
            if read == 0 || !goes_on(text) || !text.ends_with('\n') {
                return Ok((read > 0 || !turn.is_empty()).then(|| joined(text)));
            }
        }
    }
}
