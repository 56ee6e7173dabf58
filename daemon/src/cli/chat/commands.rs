//! What a line of a chat means: a command after a slash, else a question.

use std::path::PathBuf;

use super::super::exit::Usage;
use crate::api::client::Model;

/// What `/help` prints.
pub(super) const HELP: &str = "\
/plan [QUESTION]  how the last or this question is cut, and who could answer
/experts          who is there
/model [MODEL]    whom to talk to: swarm, swarm:N or expert:ID
/save FILE        write the conversation to a new file
/clear            forget the conversation
/quit             leave
A backslash at the end of a line goes on with the next one. Ctrl-C stops the answer, Ctrl-D leaves.
";

/// A line of a chat.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Ask(String),
    Plan(Option<String>),
    Experts,
    Model(Option<Model>),
    Save(PathBuf),
    Clear,
    Help,
    Quit,
}

impl Command {
    /// Reads a line; nothing if it is empty.
    pub(super) fn read(text: &str) -> Result<Option<Self>, Usage> {
        let text = text.trim();
        let Some(command) = text.strip_prefix('/') else {
            return Ok((!text.is_empty()).then(|| Self::Ask(text.to_owned())));
        };
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = Some(rest.trim()).filter(|rest| !rest.is_empty());
        let bare = |command| match rest {
            None => Ok(command),
            Some(_) => Err(Usage(format!("/{name} takes nothing after it"))),
        };
        let command = match name {
            "plan" => Self::Plan(rest.map(str::to_owned)),
            "model" => {
                let model = rest.map(str::parse).transpose();
                Self::Model(model.map_err(|e: crate::api::client::Error| Usage(e.to_string()))?)
            }
            "save" => Self::Save(rest.ok_or_else(|| Usage("say where: /save FILE".into()))?.into()),
            "experts" => bare(Self::Experts)?,
            "clear" => bare(Self::Clear)?,
            "help" | "?" => bare(Self::Help)?,
            "quit" | "exit" => bare(Self::Quit)?,
            _ => return Err(Usage(format!("/{name} is no command; /help lists them"))),
        };
        Ok(Some(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let read = |text: &str| Command::read(text).unwrap();
        assert_eq!(read("  \n"), None);
        assert_eq!(read(" what? "), Some(Command::Ask("what?".into())));
        assert_eq!(read("/plan"), Some(Command::Plan(None)));
        assert_eq!(read("/plan a b"), Some(Command::Plan(Some("a b".into()))));
        assert_eq!(read("/model"), Some(Command::Model(None)));
        assert_eq!(read("/model expert:words"), Some(Command::Model(Some(Model::Expert("words".into())))));
        assert_eq!(read("/save a b.md"), Some(Command::Save("a b.md".into())));
        assert_eq!(read("/exit"), Some(Command::Quit));
        for bad in ["/", "/what", "/save", "/quit now", "/model gpt", "/model swarm:99"] {
            assert!(Command::read(bad).is_err(), "{bad}");
        }
    }
}
