//! Server-sent events, as WHATWG's HTML standard reads them (section 9.2.6, "Interpreting an event stream").
//!
//! Only what this client needs is kept: an event's name and its data. Lines and events are bounded, so that a
//! server that never ends a line is an error and not a full memory.

use crate::error::Error;

/// Bytes of a line: a whole answer in one event, with room.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// Its name; empty if it has none.
    pub(crate) name: String,
    /// Its data lines, joined by line feeds.
    pub(crate) data: String,
}

/// Takes bytes as they come, gives events.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
    /// The last byte was a carriage return: a line feed right after it ends no other line.
    after_return: bool,
    /// The first line is over, so that no byte order mark can come any more.
    begun: bool,
}

impl SseParser {
    /// The events that `bytes` complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, Error> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                _ if self.line.len() >= LINE_BYTES_MAX => {
                    return Err(Error::protocol(format!("a line of more than {LINE_BYTES_MAX} bytes")));
                }
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<SseEvent>, Error> {
        let line = std::mem::take(&mut self.line);
        let line =
            String::from_utf8(line).map_err(|_| Error::protocol("an event stream that is not UTF-8"))?;
        let line = if self.begun { line.as_str() } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Ok(std::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                if self.event.data.len() > LINE_BYTES_MAX {
                    return Err(Error::protocol(format!("an event of more than {LINE_BYTES_MAX} bytes")));
                }
            }
            // Comments (an empty field), `id` and `retry`, and what nobody knows.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent { name: name.into(), data: data.into() }
    }

    #[test]
    fn the_standard_s_examples() {
        let read = |text: &str| SseParser::default().push(text.as_bytes()).unwrap();
        assert_eq!(read("data: YHOO\ndata: +2\ndata: 10\n\n"), [event("", "YHOO\n+2\n10")]);
        let text =
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
        assert_eq!(
            read(text),
            [event("", "first event"), event("", "second event"), event("", " third event")]
        );
        assert_eq!(read("data\n\ndata\ndata\n\ndata:"), [event("", ""), event("", "\n")]);
        assert_eq!(read("data:test\n\ndata: test\n\n"), [event("", "test"), event("", "test")]);
        assert_eq!(read("event: add\ndata: 7\r\n\r\n"), [event("add", "7")]);
        assert_eq!(read("event: empty\n\n"), []);
    }

    #[test]
    fn bytes_may_be_cut_anywhere_and_lines_end_in_three_ways() {
        let text = "\u{feff}data: é1\r\n\r\ndata: 2\r\rdata: 3\n\nevent: x\r\ndata: 4\n\r\n";
        let mut parser = SseParser::default();
        let events: Vec<_> = text.bytes().flat_map(|b| parser.push(&[b]).unwrap()).collect();
        assert_eq!(events, [event("", "é1"), event("", "2"), event("", "3"), event("x", "4")]);
        assert_eq!(SseParser::default().push(text.as_bytes()).unwrap(), events);
    }

    #[test]
    fn endless_lines_endless_events_and_bad_bytes_are_errors() {
        let mut parser = SseParser::default();
        let chunk = vec![b'x'; LINE_BYTES_MAX / 2];
        assert!(parser.push(&chunk).is_ok() && parser.push(&chunk).is_ok() && parser.push(b"x").is_err());
        let mut parser = SseParser::default();
        let line = [b"data: ", &chunk[..], b"\n"].concat();
        assert!(parser.push(&line).is_ok() && parser.push(&line).is_err());
        assert!(SseParser::default().push(b"data: \xff\n").is_err());
    }
}
