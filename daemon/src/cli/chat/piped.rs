//! Turns from standard input where that is no terminal: a line each, or several that end in a backslash.

use polymath_swarm::sanitise;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Stdin};

use super::editor::{goes_on, joined};

/// Bytes of a turn that are read: one more than a prompt may have, so that the refusal comes from the check that
/// names both sizes.
const TURN_BYTES_MAX: usize = sanitise::PROMPT_BYTES_MAX + 1;

/// Reads turns.
pub(super) struct Lines<R = BufReader<Stdin>> {
    input: R,
    /// Lines that were read.
    count: u64,
}

/// A turn that is no text; the next one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not UTF-8 text")]
pub(super) struct NotText {
    /// The line at fault, from 1.
    line: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { input: BufReader::new(tokio::io::stdin()), count: 0 }
    }
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The next turn; `None` at the end.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Result<String, NotText>>> {
        let mut turn = Vec::new();
        loop {
            let room = (TURN_BYTES_MAX + 1).saturating_sub(turn.len());
            let read = (&mut self.input).take(room as u64).read_until(b'\n', &mut turn).await?;
            anyhow::ensure!(
                turn.len() <= TURN_BYTES_MAX,
                "a turn of more than {} bytes",
                sanitise::PROMPT_BYTES_MAX
            );
            // Whether it goes on is seen at its end, whatever comes before.
            if read == 0 || !turn.ends_with(b"\n") || !goes_on(&String::from_utf8_lossy(&turn)) {
                break;
            }
        }
        let first = self.count + 1;
        self.count += newlines(&turn);
        let text = std::str::from_utf8(&turn).map(joined).map_err(|error| {
            let before = turn.get(..error.valid_up_to()).unwrap_or_default();
            NotText { line: first + newlines(before) }
        });
        Ok((!turn.is_empty()).then_some(text))
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn turns(input: &[u8]) -> Vec<Result<String, NotText>> {
        let mut lines = Lines { input, count: 0 };
        let mut turns = Vec::new();
        while let Some(turn) = lines.next().await.unwrap() {
            turns.push(turn);
        }
        turns
    }

    #[tokio::test]
    async fn a_line_that_is_no_text_is_told_by_its_number_and_the_next_one_is_read() {
        let read = turns(b"one\ntw\xffo\nthree \\\nmore\nfour \\\n\xfe\\\nmore\n\nsix").await;
        let expected = [
            Ok("one".to_owned()),
            Err(NotText { line: 2 }),
            Ok("three \nmore".to_owned()),
            Err(NotText { line: 6 }),
            Ok(String::new()),
            Ok("six".to_owned()),
        ];
        assert_eq!(read, expected);
        assert_eq!(NotText { line: 6 }.to_string(), "line 6 is not UTF-8 text");
        assert!(turns(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_turn_without_end_is_refused() {
        let endless = vec![b'x'; 2 * TURN_BYTES_MAX];
        let mut lines = Lines { input: endless.as_slice(), count: 0 };
        assert!(lines.next().await.unwrap_err().to_string().contains("more than 65536 bytes"));
    }
}
