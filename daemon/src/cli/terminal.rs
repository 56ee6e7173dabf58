//! Writing to people: colours only where they are seen, tables that line up, and no panic on a closed pipe.

use std::io::{self, IsTerminal as _, Write as _};

use polymath_swarm::sanitise;

use super::program;

/// Writes to standard output and flushes; a closed pipe is an error that ends the command quietly.
pub(super) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a text that names commands to type next.
pub(super) fn advise(text: &str) -> io::Result<()> {
    say(&program::named(text))
}

/// Writes a line to standard output.
pub(super) fn line(text: &str) -> io::Result<()> {
    say(&format!("{text}\n"))
}

/// Writes a line to standard error, commands named as they are typed here. Nobody may be listening there, which is no reason to stop.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", program::named(text));
}

/// Prints JSON: indented for people, on one line for programs.
pub(super) fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    let text = if io::stdout().is_terminal() { format!("{value:#}") } else { value.to_string() };
    Ok(line(&text)?)
}

/// Text styles, or none of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    on: bool,
}

impl Style {
    /// Styles when standard output is a terminal that wants them (see no-color.org).
    pub(super) fn detect() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Self { on: io::stdout().is_terminal() && !set("NO_COLOR") && !dumb }
    }

    /// No styles, for tests.
    #[cfg(test)]
    pub(super) fn plain() -> Self {
        Self { on: false }
    }

    /// Whether there are any.
    pub(super) fn is_on(self) -> bool {
        self.on
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// One of six colours, the same for the same number.
    pub(super) fn label(self, number: u32, text: &str) -> String {
        self.wrap(&format!("3{}", 1 + (number + 4) % 6), text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A table with left-aligned columns two blanks apart. Cells may hold what strangers wrote: they are cleaned
/// and kept on one line; the last column is cut after `LAST_CHARACTERS_MAX`.
pub(super) fn table(style: Style, headers: &[&str], rows: &[Vec<String>]) -> String {
    const LAST_CHARACTERS_MAX: usize = 100;
    let last = headers.len().saturating_sub(1);
    let cell = |column: usize, text: &str| {
        let clean = sanitise::output(text).split_whitespace().collect::<Vec<_>>().join(" ");
        if column == last { shortened(&clean, LAST_CHARACTERS_MAX) } else { clean }
    };
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().enumerate().map(|(i, text)| cell(i, text)).collect()).collect();
    let mut widths: Vec<usize> = headers.iter().map(|h| h.chars().count()).collect();
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let join = |cells: Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = join(headers.iter().map(|h| (*h).to_owned()).collect());
    let mut out = format!("{}\n", style.bold(&head));
    for row in rows {
        out.push_str(&join(row));
        out.push('\n');
    }
    out
}

/// The first `most` characters, with an ellipsis if there were more.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// The end of a peer id, where ids differ (Ed25519 ids all begin alike).
pub(super) fn short_peer(peer_id: &str) -> String {
    let start = peer_id.char_indices().rev().nth(7).map_or(0, |(i, _)| i);
    if start == 0 { peer_id.to_owned() } else { format!("…{}", peer_id.get(start..).unwrap_or(peer_id)) }
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A bar on standard error, drawn only where that is a terminal.
pub(super) fn progress(steps: u64, name: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(steps).with_message(name.to_owned());
    match indicatif::ProgressStyle::with_template("{msg:<14} {bar:30} {pos}/{len} {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Tells on standard error, where that is a terminal, how far models are that have to be loaded before they answer.
#[derive(Default)]
pub(super) struct Loading(Option<indicatif::ProgressBar>);

impl Loading {
    /// `who` is so many per cent loaded.
    pub(super) fn show(&mut self, who: &str, percent: u32) {
        let bar = self.0.get_or_insert_with(|| {
            let bar = indicatif::ProgressBar::new(100);
            match indicatif::ProgressStyle::with_template("{msg} {bar:30} {pos} %") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        bar.set_message(format!("{} loads its model", sanitise::output(who).replace('\n', " ")));
        bar.set_position(percent.into());
    }

    /// Something else is said now.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up_and_hold_no_escapes() {
        let rows = [
            vec!["a".to_owned(), "first\nline\u{1b}[31m".to_owned()],
            vec!["bcd".to_owned(), "x".to_owned()],
        ];
        let text = table(Style::plain(), &["ID", "TEXT"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[2]), ("ID   TEXT", "bcd  x"));
        assert!(lines[1].starts_with("a    first line"));
        assert!(!text.contains('\u{1b}'));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn numbers_and_ids_are_short() {
        assert_eq!((bytes(999), bytes(3_970_000)), ("999 B".to_owned(), "4.0 MB".to_owned()));
        assert_eq!(short_peer("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"), "…vnc6iDEp");
        assert_eq!(short_peer("abc"), "abc");
        assert_eq!(shortened("héllo wörld", 5), "héllo…");
    }
}
