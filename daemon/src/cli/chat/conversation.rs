//! What was said so far: sent along with each question, oldest turns dropped first, and saved on request.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::super::session::wire;

/// Messages that are kept, questions and answers: half of what a node takes, and more than any bundled expert reads.
const MESSAGES_MAX: usize = 128;
/// Bytes of them together: half of what a node takes, so that the next question fits.
const TEXT_BYTES_MAX: usize = 128 * 1024;

/// Questions and answers in turn, after what holds for all of them.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    system: Option<String>,
    messages: Vec<wire::ChatMessage>,
}

impl Conversation {
    pub(super) fn new(system: Option<String>) -> Self {
        Self { system, messages: Vec::new() }
    }

    /// The messages of a request that asks `question` next.
    pub(super) fn with(&self, question: &str) -> Vec<wire::ChatMessage> {
        let system = self.system.iter().map(|text| message("system", text));
        system.chain(self.messages.iter().cloned()).chain([message("user", question)]).collect()
    }

    /// The messages of a request that asks `question` alone, for an expert that reads no earlier turns.
    pub(super) fn without_turns(&self, question: &str) -> Vec<wire::ChatMessage> {
        let system = self.system.iter().map(|text| message("system", text));
        system.chain([message("user", question)]).collect()
    }

    /// Takes a turn that was answered.
    pub(super) fn add(&mut self, question: &str, answer: &str) {
        self.messages.extend([message("user", question), message("assistant", answer)]);
        let bytes = |messages: &[wire::ChatMessage]| messages.iter().map(|m| m.content.len()).sum::<usize>();
        // The last turn stays whatever its size: the node says so if it is too long.
        while self.messages.len() > 2
            && (self.messages.len() > MESSAGES_MAX || bytes(&self.messages) > TEXT_BYTES_MAX)
        {
            self.messages.drain(..2);
        }
    }

    pub(super) fn last_question(&self) -> Option<&str> {
        self.messages.iter().rev().find(|m| m.role == "user").map(|m| m.content.as_str())
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Writes it as Markdown to a new file that only its owner may read.
    pub(super) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = String::new();
        for message in self.system.iter().map(|s| message("system", s)).chain(self.messages.iter().cloned()) {
            text.push_str(&format!("**{}**\n\n{}\n\n", message.role, message.content.trim()));
        }
        let cannot = || format!("cannot save to {}", path.display());
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.with_context(cannot)?.write_all(text.as_bytes()).with_context(cannot)
    }
}

fn message(role: &str, content: &str) -> wire::ChatMessage {
    wire::ChatMessage { role: role.to_owned(), content: content.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_goes_with_what_was_said_before() {
        let mut conversation = Conversation::new(Some("s".into()));
        conversation.add("q1", "a1");
        let messages = conversation.with("q2");
        let said: Vec<_> = messages.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect();
        assert_eq!(said, [("system", "s"), ("user", "q1"), ("assistant", "a1"), ("user", "q2")]);
        assert_eq!(conversation.last_question(), Some("q1"));
        conversation.clear();
        assert_eq!((conversation.with("q").len(), conversation.last_question()), (2, None));
    }

    #[test]
    fn the_oldest_turns_go_first() {
        let mut conversation = Conversation::default();
        (0..200).for_each(|n| conversation.add(&format!("q{n}"), "a"));
        assert_eq!(conversation.messages.len(), MESSAGES_MAX);
        assert_eq!(conversation.messages[0].content, "q136");
        conversation.add("q", &"x".repeat(TEXT_BYTES_MAX + 1));
        assert_eq!(conversation.messages.len(), 2);
    }

    #[test]
    fn it_is_saved_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.md");
        let mut conversation = Conversation::default();
        conversation.add("What?", "That.\n");
        conversation.save(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "**user**\n\nWhat?\n\n**assistant**\n\nThat.\n\n"
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(conversation.save(&path).is_err(), "nothing is overwritten");
    }
}
