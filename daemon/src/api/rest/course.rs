//! The course of a request: one or several questions asked at once, their events made into [`Step`]s that every
//! kind of reply is built from, whole or streamed.
//!
//! Nothing is told before it happens and nothing waits for the end. A reply's status goes out with its head, so
//! [`Course::head`] waits for the first thing worth saying: what fails before that is an HTTP error. It does not
//! wait for ever, for a queued client wants to see that its connection lives; what fails later ends the stream
//! with an error event. Dropping the course drops the questions, which cancels them on every expert.

mod choice;

use super::Api;
use super::extension::{Note, Report};
use super::metrics::InFlight;
use super::tools::Offered;
use super::wishes::renamed;
use crate::api::table::Fault;
use crate::coordinator::{Error, Event, Question, Usage};
use choice::Choice;
use futures::stream::{BoxStream, SelectAll, StreamExt as _};
use polymath_swarm::task::{FinishReason, TokenLogprobs};
use std::collections::VecDeque;
use std::time::Duration;

/// How long the head of a streamed reply may wait: most errors come within milliseconds, and after two seconds
/// of silence people wonder.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(2);

/// Questions to be asked at once, and how their answers are read.
pub(super) struct Wanted {
    /// One for each choice.
    pub(super) questions: Vec<Question>,
    /// Choices that share one prompt, whose tokens count once.
    pub(super) copies: u32,
    /// Functions the expert may call.
    pub(super) tools: Option<Offered>,
    /// Alternatives the client wants to see of each token.
    pub(super) alternatives: usize,
    /// The coordinator's names of fields and the client's.
    pub(super) names: Vec<(&'static str, &'static str)>,
}

impl Wanted {
    /// Which field the grammar was made of, which an expert may refuse; none where there is no grammar.
    fn grammar_field(&self) -> Option<String> {
        self.questions.iter().find(|question| question.grammar.is_some())?;
        let inside = if self.tools.is_some() { "tools" } else { "response_format" };
        let named = self.names.iter().find(|(name, _)| *name == inside);
        Some(named.map_or(inside, |(_, outside)| outside).to_owned())
    }
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// The expert was done, or a stop string came.
    Stop,
    /// A limit was reached.
    Length,
    /// It calls functions.
    ToolCalls,
}

impl Finish {
    /// OpenAI's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// More text of a choice, with the tokens that begin in it, if wanted.
    Text {
        /// Which choice.
        choice: u32,
        /// The text.
        text: String,
        /// The tokens.
        tokens: Vec<TokenLogprobs>,
    },
    /// A call of a function begins.
    Call {
        /// Which choice.
        choice: u32,
        /// Which call of it.
        call: usize,
        /// The call's id.
        id: String,
        /// The function.
        name: String,
    },
    /// More of a call's arguments.
    Arguments {
        /// Which choice.
        choice: u32,
        /// Which call of it.
        call: usize,
        /// The text.
        text: String,
    },
    /// A choice is complete.
    Ended {
        /// Which choice.
        choice: u32,
        /// Why.
        finish: Finish,
    },
    /// Something for those who want to know.
    Note(Note),
}

type Events = BoxStream<'static, (usize, Option<Result<Event, Error>>)>;

/// A request under way.
pub(super) struct Course {
    events: SelectAll<Events>,
    choices: Vec<Choice>,
    ready: VecDeque<Step>,
    report: Report,
    usage: Usage,
    copies: u32,
    names: Vec<(&'static str, &'static str)>,
    grammar_field: Option<String>,
    api: Api,
    in_flight: InFlight,
    over: bool,
}

impl Course {
    /// Asks.
    pub(super) fn begin(api: &Api, wanted: Wanted) -> Self {
        let in_flight = api.metrics.question();
        let grammar_field = wanted.grammar_field();
        let mut events = SelectAll::new();
        let mut choices = Vec::with_capacity(wanted.questions.len());
        for (index, question) in wanted.questions.into_iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            choices.push(Choice::new(number, wanted.tools.as_ref(), wanted.alternatives));
            let receiver = api.app.coordinator.ask(question);
            let stream = futures::stream::unfold(Some(receiver), move |receiver| async move {
                let mut receiver = receiver?;
                match receiver.recv().await {
                    Some(event) => Some(((index, Some(event)), Some(receiver))),
                    None => Some(((index, None), None)),
                }
            });
            events.push(stream.boxed());
        }
        Self {
            events,
            choices,
            ready: VecDeque::new(),
            report: Report::default(),
            usage: Usage::default(),
            copies: wanted.copies.max(1),
            names: wanted.names,
            grammar_field,
            api: api.clone(),
            in_flight,
            over: false,
        }
    }

    /// Waits for the first thing worth saying, though not for ever. Errors if there will be none.
    pub(super) async fn head(&mut self) -> Result<(), Fault> {
        let waiting = async {
            while !self.ready.iter().any(|step| !matches!(step, Step::Note(_))) && self.advance().await? {}
            Ok(())
        };
        tokio::time::timeout(HEAD_WAIT_MAX, waiting).await.unwrap_or(Ok(()))
    }

    /// The next step; `None` when all is said.
    pub(super) async fn next(&mut self) -> Option<Result<Step, Fault>> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Some(Ok(step));
            }
            match self.advance().await {
                Ok(true) => {}
                Ok(false) => {
                    self.over = true;
                    return None;
                }
                Err(fault) => {
                    self.over = true;
                    return Some(Err(fault));
                }
            }
        }
    }

    /// Whether the last of [`next`](Self::next) has been said.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Tokens so far: a shared prompt counts once.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// What the swarm did so far.
    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    /// How many choices there are.
    pub(super) fn choices(&self) -> u32 {
        u32::try_from(self.choices.len()).unwrap_or(u32::MAX)
    }

    /// Takes one event. False if there are no more. Nothing is lost if this is dropped while it waits.
    async fn advance(&mut self) -> Result<bool, Fault> {
        let Some((index, event)) = self.events.next().await else { return Ok(false) };
        let Some(choice) = self.choices.get_mut(index) else { return Ok(true) };
        match event {
            None if choice.has_ended() => {}
            None => return Err(self.fail(Fault::new("unavailable", "the node is stopping"))),
            Some(Err(error)) => {
                tracing::info!(%error, "a question got no answer");
                let fault = renamed(Fault::from(&error), &self.names);
                let fault = match (&error, fault.field.is_none()) {
                    (Error::Refused(_), true) => Fault { field: self.grammar_field.clone(), ..fault },
                    _ => fault,
                };
                return Err(self.fail(fault));
            }
            Some(Ok(event)) => self.take(index, event),
        }
        Ok(true)
    }

    fn take(&mut self, index: usize, event: Event) {
        let Some(choice) = self.choices.get_mut(index) else { return };
        let number = choice.number();
        match event {
            Event::Planned(planned) => {
                self.report.planned(number, &planned);
                let plan = super::extension::plan(number, &planned);
                self.ready.push_back(Step::Note(Note::Plan { choice: number, plan }));
            }
            Event::Loading { id, expert, percent } => {
                self.ready.push_back(Step::Note(super::extension::loading(number, id, &expert, percent)));
            }
            Event::Started { id, text, expert, kept_tokens } => {
                choice.started();
                let note = super::extension::started(number, id, text, (&expert, kept_tokens));
                self.ready.push_back(Step::Note(note));
            }
            Event::Text { logprobs, .. } => choice.tokens(logprobs),
            Event::Answering { text } => self.ready.extend(choice.text(&text)),
            Event::Finished(result) => {
                if let Some(task) = self.report.finished(number, &result) {
                    let note = Note::Finished { choice: number, task: Box::new(task) };
                    self.ready.push_back(Step::Note(note));
                }
            }
            Event::Answer(answer) => {
                let cut = answer.finish_reason == FinishReason::Length;
                let steps = choice.end(if cut { Finish::Length } else { Finish::Stop });
                self.api.metrics.tokens(answer.usage.prompt_tokens, answer.usage.completion_tokens);
                if number % self.copies == 0 {
                    self.usage.prompt_tokens =
                        self.usage.prompt_tokens.saturating_add(answer.usage.prompt_tokens);
                }
                self.usage.completion_tokens =
                    self.usage.completion_tokens.saturating_add(answer.usage.completion_tokens);
                let timings_ms = self.report.answered(&answer);
                // Before the end: some clients read no further.
                self.ready.push_back(Step::Note(Note::Answered { choice: number, timings_ms }));
                self.ready.extend(steps);
                if self.choices.iter().all(Choice::has_ended) {
                    self.in_flight.ends("answered");
                }
            }
        }
    }

    fn fail(&mut self, fault: Fault) -> Fault {
        self.in_flight.ends("failed");
        // The other choices are of no use now.
        self.events.clear();
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_a_field_only_where_there_is_a_grammar() {
        let wanted = |grammar: Option<&str>, names| {
            let question = Question { grammar: grammar.map(str::to_owned), ..Question::new("x") };
            Wanted { questions: vec![question], copies: 1, tools: None, alternatives: 0, names }
        };
        assert_eq!(wanted(None, vec![("response_format", "text.format")]).grammar_field(), None);
        let field = |names| wanted(Some("start: \"x\""), names).grammar_field().unwrap();
        assert_eq!(field(vec![]), "response_format");
        assert_eq!(field(vec![("response_format", "text.format")]), "text.format");
    }
}
