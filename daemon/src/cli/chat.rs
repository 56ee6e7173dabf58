//! `chat`: a conversation in the terminal, or a turn a line from a pipe.
//!
//! A turn is read, sent with the conversation so far, and its answer printed while it is composed. On a terminal
//! Ctrl-C ends the answer that is under way and not the program; there the editor owns the keyboard between turns.
//! Without a terminal nothing is printed but the answers, and a turn without an answer makes the program fail once
//! all are through.

mod commands;
mod conversation;
mod editor;
mod piped;

use std::io::{IsTerminal as _, stdin, stdout};

use clap::Args;

use super::ask::{Transcript, Wishes, ask};
use super::exit::{Interrupted, Usage};
use super::session::{Session, wire};
use super::{Context, terminal};
use crate::api::client::Model;
use crate::config::Loaded;
use crate::config::file::File;
use commands::{Command, HELP};
use conversation::Conversation;
use editor::{Editor, Line};
use polymath_swarm::sanitise;
use terminal::Style;
use wire::chat_event::Body;

/// The ability of experts that read earlier turns, as their cards name it.
const CONVERSATION: &str = "conversation";

/// What `chat` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon chat
  daemon chat --model expert:geography
  daemon chat --system \"Answer in one word.\" --experts 3
  daemon chat < questions.txt
      A line is a turn; plain answers come out.

In the chat: /help lists the commands, a backslash at a line's end goes on with the
next line, Ctrl-C stops the answer, Ctrl-D leaves.
With no node running here, the bundled experts answer inside this process.")]
pub(super) struct Arguments {
    /// Whom to talk to: swarm, swarm:N or expert:ID
    #[arg(long, value_name = "MODEL", default_value = "swarm")]
    model: Model,
    /// What holds for the whole conversation; read by experts that read conversations
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    #[command(flatten)]
    wishes: Wishes,
}

impl Arguments {
    /// `--model` with `--experts` put in.
    fn model(&self) -> Result<Model, Usage> {
        match (&self.model, self.wishes.experts()) {
            (model, None) => Ok(model.clone()),
            (Model::Swarm { experts: None }, experts) => Ok(Model::Swarm { experts }),
            _ => Err(Usage("--experts goes with --model swarm".into())),
        }
    }
}

/// A chat under way.
struct Chat {
    session: Session,
    conversation: Conversation,
    model: Model,
    wishes: Wishes,
    style: Style,
    /// Printed while it comes, with who said it; else the bare answer.
    live: bool,
}

/// Whether the chat goes on.
enum Next {
    Turn,
    Leave,
}

/// How it went with the lines of a pipe.
#[derive(Debug, Default)]
struct Tally {
    turns: u32,
    unanswered: u32,
    failed_commands: u32,
}

impl Tally {
    fn note(&mut self, is_question: bool, is_done: bool) {
        self.turns += u32::from(is_question);
        self.unanswered += u32::from(is_question && !is_done);
        self.failed_commands += u32::from(!is_question && !is_done);
    }

    /// An error if anything failed: whoever wrote the lines is not there to see it.
    fn outcome(&self) -> anyhow::Result<()> {
        let Self { turns, unanswered, failed_commands } = self;
        let answers = (*unanswered > 0).then(|| format!("{unanswered} of {turns} turns got no answer"));
        let commands = match failed_commands {
            0 => None,
            1 => Some("1 command failed".to_owned()),
            several => Some(format!("{several} commands failed")),
        };
        let faults: Vec<String> = answers.into_iter().chain(commands).collect();
        anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
        Ok(())
    }
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let model = arguments.model()?;
    let system = arguments.system.as_deref().map(sanitise::prompt).transpose()?;
    let loaded = context.load(File::default())?;
    let live = is_interactive();
    let session = unless_stopped(&context, live, Session::open(&context, &loaded)).await??;
    let mut chat = Chat {
        session,
        conversation: Conversation::new(system),
        model,
        wishes: arguments.wishes,
        style: Style::detect(),
        live,
    };
    let outcome = if live { chat.at_terminal(&context, &loaded).await } else { chat.piped(&context).await };
    chat.session.close().await;
    outcome
}

/// Whether a person sits at both ends: then Ctrl-C belongs to the chat.
pub(super) fn is_interactive() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Waits for `work` unless Ctrl-C or the end of the program comes first.
async fn unless_stopped<T>(
    context: &Context,
    live: bool,
    work: impl Future<Output = T>,
) -> Result<T, Interrupted> {
    let interrupt = async {
        if live && tokio::signal::ctrl_c().await.is_ok() {
            return;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = interrupt => Err(Interrupted),
        done = context.unless_cancelled(work) => done,
    }
}

impl Chat {
    async fn at_terminal(&mut self, context: &Context, loaded: &Loaded) -> anyhow::Result<()> {
        let mut editor = Editor::open(loaded, self.style, &context.cancel);
        terminal::line(&self.style.dim("Ask something; /help lists the commands, Ctrl-D leaves."))?;
        loop {
            let text = match tokio::task::block_in_place(|| editor.read())? {
                Line::Text(text) => text,
                Line::Interrupted => continue,
                Line::End => return Ok(()),
            };
            match self.turn(&text, context).await {
                Ok(Next::Turn) => {}
                Ok(Next::Leave) => return Ok(()),
                Err(error) if context.cancel.is_cancelled() || is_closed_pipe(&error) => return Err(error),
                Err(error) if error.is::<Interrupted>() => terminal::note("\nstopped"),
                Err(error) => terminal::note(&self.style.bad(&format!("{error:#}"))),
            }
        }
    }

    async fn piped(&mut self, context: &Context) -> anyhow::Result<()> {
        let mut lines = piped::Lines::new();
        let mut tally = Tally::default();
        while let Some(line) = context.unless_cancelled(lines.next()).await?? {
            // A line that is no text stands for a question.
            let wants_answer = line.as_ref().map_or(true, |text| is_question(text));
            let outcome = match line {
                Ok(text) => self.turn(&text, context).await,
                Err(not_text) => Err(not_text.into()),
            };
            tally.note(wants_answer, outcome.is_ok());
            match outcome {
                Ok(Next::Turn) => {}
                Ok(Next::Leave) => break,
                Err(error) if context.cancel.is_cancelled() || is_closed_pipe(&error) => return Err(error),
                Err(error) => terminal::note(&format!("error: {error:#}")),
            }
        }
        tally.outcome()
    }

    /// One line: a command, or a question.
    async fn turn(&mut self, text: &str, context: &Context) -> anyhow::Result<Next> {
        match Command::read(text)? {
            None => {}
            Some(Command::Ask(question)) => self.answer(&question, context).await?,
            Some(Command::Plan(question)) => self.plan(question, context).await?,
            Some(Command::Experts) => self.experts(context).await?,
            Some(Command::Save(path)) => {
                self.conversation.save(&path)?;
                terminal::note(&format!("saved to {}", path.display()));
            }
            Some(Command::Model(None)) => terminal::line(&self.model.to_string())?,
            Some(Command::Model(Some(model))) => self.model = model,
            Some(Command::Clear) => self.conversation.clear(),
            Some(Command::Help) => terminal::say(HELP)?,
            Some(Command::Quit) => return Ok(Next::Leave),
        }
        Ok(Next::Turn)
    }

    async fn answer(&mut self, question: &str, context: &Context) -> anyhow::Result<()> {
        let request = unless_stopped(context, self.live, self.request(question)).await??;
        let (live, style) = (self.live, self.style);
        let (mut printed, mut cleaner) = (String::new(), sanitise::Cleaner::default());
        let asking = ask(&self.session, request, |body, _| match body {
            Body::Answering(text) if live => {
                let clean = cleaner.push(text);
                printed.push_str(&clean);
                Ok(terminal::say(&clean)?)
            }
            _ => Ok(()),
        });
        // Dropping the question cancels it everywhere.
        let transcript = unless_stopped(context, live, asking).await??;
        transcript.outcome()?;
        let answer = transcript.answer.as_ref().map(|a| a.text.clone()).unwrap_or_default();
        let clean = sanitise::output(&answer);
        if !live {
            terminal::line(clean.trim_end())?;
        } else {
            let rest = clean.strip_prefix(printed.as_str()).unwrap_or_default();
            terminal::line(&format!("{rest}\n{}", style.dim(&format!("— {}", who(&transcript)))))?;
        }
        self.conversation.add(question, &answer);
        Ok(())
    }

    async fn request(&self, question: &str) -> anyhow::Result<wire::ChatRequest> {
        let question = sanitise::prompt(question)?;
        let (experts, expert) = match &self.model {
            Model::Swarm { experts } => (experts.unwrap_or_default(), String::new()),
            Model::Expert(id) => (0, id.clone()),
        };
        // The swarm decides itself what an expert gets to see; one that is asked by name gets all of it, and an
        // expert that knows single questions only would be confused.
        let messages = if expert.is_empty() || self.reads_conversations(&expert).await? {
            self.conversation.with(&question)
        } else {
            self.conversation.without_turns(&question)
        };
        Ok(wire::ChatRequest { messages, experts, expert, ..self.wishes.request(String::new()) })
    }

    async fn reads_conversations(&self, id: &str) -> anyhow::Result<bool> {
        let experts = self.session.node().experts().await?;
        Ok(experts.iter().any(|e| e.id == id && e.abilities.iter().any(|a| a == CONVERSATION)))
    }

    async fn plan(&self, question: Option<String>, context: &Context) -> anyhow::Result<()> {
        let question = question.or_else(|| self.conversation.last_question().map(str::to_owned));
        let Some(question) = question else {
            return Err(Usage("nothing has been asked yet: /plan QUESTION".into()).into());
        };
        let prompt = sanitise::prompt(&question)?;
        let plan = unless_stopped(context, self.live, self.session.node().plan(prompt)).await??;
        let mut transcript = Transcript::default();
        transcript.note(&Body::Planned(plan));
        Ok(terminal::say(&super::ask::plan_text(self.style, &transcript.tasks))?)
    }

    async fn experts(&self, context: &Context) -> anyhow::Result<()> {
        let experts = unless_stopped(context, self.live, self.session.node().experts()).await??;
        Ok(terminal::say(&super::experts::text(self.style, &experts))?)
    }
}

/// The experts that answered, each once, in the order asked.
fn who(transcript: &Transcript) -> String {
    let mut names: Vec<&str> = Vec::new();
    for task in &transcript.tasks {
        if !names.contains(&task.expert_id()) {
            names.push(task.expert_id());
        }
    }
    names.join(", ")
}

/// Whether a line wants an answer: it is neither empty nor a command.
fn is_question(text: &str) -> bool {
    matches!(Command::read(text), Ok(Some(Command::Ask(_))))
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experts_go_with_the_swarm() {
        let arguments = |model: &str, experts| Arguments {
            model: model.parse().unwrap(),
            system: None,
            wishes: Wishes::default().with_experts(experts),
        };
        assert_eq!(arguments("swarm", 3).model().unwrap().to_string(), "swarm:3");
        assert!(arguments("expert:words", 3).model().is_err());
        assert!(arguments("swarm:2", 3).model().is_err());
    }

    #[test]
    fn commands_are_no_turns() {
        let lines = [("What?", true), (" What? ", false), ("/help", true), ("/nonsense", false), ("", true)];
        let mut tally = Tally::default();
        lines.iter().for_each(|(line, is_done)| tally.note(is_question(line), *is_done));
        let said = tally.outcome().unwrap_err().to_string();
        assert_eq!(said, "1 of 2 turns got no answer; 1 command failed");
        assert!(Tally { turns: 3, ..Tally::default() }.outcome().is_ok());
        let commands = Tally { failed_commands: 2, ..Tally::default() };
        assert_eq!(commands.outcome().unwrap_err().to_string(), "2 commands failed");
    }
}
