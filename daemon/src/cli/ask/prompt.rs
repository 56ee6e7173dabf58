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
    Ok(text(bytes)?)
}

/// What was piped, as a question: it is as wrong as an argument of that kind.
fn text(bytes: Vec<u8>) -> Result<String, Usage> {
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(Usage(format!(
            "the prompt has more than {INPUT_BYTES_MAX} bytes; at most {} are accepted",
            sanitise::PROMPT_BYTES_MAX
        )));
    }
    String::from_utf8(bytes).map_err(|_| Usage("the prompt is not UTF-8 text".into()))
}

#[cfg(test)]
mod tests {
    use super::super::super::exit::Exit;
    use super::*;

    #[test]
    fn what_is_no_text_is_a_wrong_question() {
        assert_eq!(text(b"What?".to_vec()).unwrap(), "What?");
        let endless = vec![b'x'; INPUT_BYTES_MAX as usize + 1];
        for (input, word) in [(b"\xff\xfe".to_vec(), "not UTF-8"), (endless, "more than 16777216 bytes")] {
            let error = anyhow::Error::from(text(input).unwrap_err());
            assert_eq!(Exit::of(&error), Exit::Usage);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
