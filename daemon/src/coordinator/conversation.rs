//! The conversation of a question: what of it is planned, and what of it an expert gets to see.
//!
//! Only the last turn is planned, with its references to earlier turns resolved. An expert of the swarm gets its
//! task alone, unless its card has the ability [`CONVERSATION`]; an expert asked by name, or for something that
//! must stay whole, gets the conversation as it stands. What does not fit a context is dropped oldest turn first.

use super::{Error, Question, opinions};
use polymath_swarm::plan::{self, Plan};
use polymath_swarm::sanitise;
use polymath_swarm::task::{MESSAGES_MAX, Message, OFFER_TEXT_BYTES_MAX};

/// The ability of experts that read earlier turns and system messages.
pub(super) const CONVERSATION: &str = "conversation";

/// The question with its messages let in: known roles, no control characters, within bounds, the user's last.
pub(super) fn checked(question: Question) -> Result<Question, Error> {
    let invalid = |reason| Error::Invalid { field: "messages", reason };
    let messages = &question.messages;
    if messages.len() > MESSAGES_MAX {
        return Err(invalid("at most 256"));
    }
    let asked = messages.last().map(|last| sanitise::prompt(&last.content)).transpose()?;
    if messages.iter().map(|m| m.content.len()).sum::<usize>() > OFFER_TEXT_BYTES_MAX {
        return Err(invalid("at most 256 KiB of text"));
    }
    let Some((last, earlier)) = messages.split_last() else {
        return Err(invalid("at least one"));
    };
    if last.role != "user" {
        return Err(invalid("the last must be the user's"));
    }
    let mut clean = Vec::with_capacity(messages.len());
    for message in earlier {
        if !matches!(message.role.as_str(), "system" | "user" | "assistant") {
            return Err(invalid("roles are system, user and assistant"));
        }
        // An empty turn says nothing; a model's template might stumble over it.
        if let Ok(content) = sanitise::prompt(&message.content) {
            clean.push(Message { role: message.role.clone(), content });
        }
    }
    clean.push(Message { role: last.role.clone(), content: asked.unwrap_or_default() });
    Ok(Question { messages: clean, ..question })
}

/// The plan of the last turn.
pub(super) fn plan(question: &Question) -> Plan {
    let Some((last, earlier)) = question.messages.split_last() else { return Plan::whole("") };
    if question.is_whole() {
        return Plan::whole(&last.content);
    }
    match earlier {
        [.., asked, answered] if asked.role == "user" && answered.role == "assistant" => {
            let answered = opinions::without_dissent(&answered.content);
            plan::follow_up(&asked.content, &answered, &last.content)
        }
        _ => plan::structural(&last.content),
    }
}

/// What an expert is sent for a task with this text.
pub(super) fn messages(
    question: &Question,
    text: &str,
    only_task: bool,
    reads_history: bool,
) -> Vec<Message> {
    let task = Message { role: "user".to_owned(), content: text.to_owned() };
    let mut messages: Vec<Message> = match question.messages.split_last() {
        Some((_, earlier)) if question.is_whole() || (reads_history && only_task) => earlier.to_vec(),
        Some((_, earlier)) if reads_history => {
            earlier.iter().filter(|m| m.role == "system").cloned().collect()
        }
        _ => Vec::new(),
    };
    messages.push(task);
    messages
}

/// Drops the oldest turn that is neither a system message nor the last; false if there is none.
pub(super) fn drop_oldest(messages: &mut Vec<Message>) -> bool {
    let turns = messages.len().saturating_sub(1);
    match messages.iter().take(turns).position(|m| m.role != "system") {
        Some(oldest) => {
            messages.remove(oldest);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: &str, content: &str) -> Message {
        Message { role: role.to_owned(), content: content.to_owned() }
    }

    fn talk() -> Question {
        let messages = vec![
            message("system", "Be brief."),
            message("user", "What is the capital of France?"),
            message("assistant", "Paris"),
            message("user", "How many letters does it have?"),
        ];
        Question { messages, ..Question::default() }
    }

    #[test]
    fn references_to_earlier_turns_are_resolved() {
        let plan = plan(&talk());
        let texts: Vec<&str> = plan.tasks().map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["How many letters does Paris have?"]);
    }

    #[test]
    fn history_goes_only_to_those_who_read_it() {
        let talk = talk();
        assert_eq!(messages(&talk, "x", true, false), [message("user", "x")]);
        assert_eq!(messages(&talk, "x", true, true).len(), 4);
        assert_eq!(messages(&talk, "x", false, true), [talk.messages[0].clone(), message("user", "x")]);
        let whole = Question { whole: true, ..talk };
        assert_eq!(messages(&whole, "x", true, false).len(), 4);
    }

    #[test]
    fn the_oldest_turns_go_first_and_the_last_stays() {
        let mut messages = talk().messages;
        assert!(drop_oldest(&mut messages) && drop_oldest(&mut messages));
        let left: Vec<&str> = messages.iter().map(|m| m.role.as_str()).collect();
        assert_eq!(left, ["system", "user"]);
        assert!(!drop_oldest(&mut messages));
    }

    #[test]
    fn bad_conversations_name_the_field() {
        let spoilt =
            |messages| checked(Question { messages, ..Question::default() }).unwrap_err().to_string();
        assert!(spoilt(vec![]).contains("messages"));
        assert!(spoilt(vec![message("assistant", "x")]).contains("last must be the user"));
        assert!(spoilt(vec![message("wizard", "x"), message("user", "x")]).contains("roles"));
        assert!(spoilt(vec![message("user", "x"); 257]).contains("256"));
        assert!(spoilt(vec![message("user", " ")]).contains("prompt"));
    }
}
