//! The conversation of a question: what of it is planned, and what of it an expert gets to see.
//!
//! Only the last turn is planned, with its references to earlier turns resolved. An expert of the swarm gets its
//! task alone, unless its card has the ability [`CONVERSATION`]; an expert asked by name, or for something that
//! must stay whole, gets the conversation as it stands. What does not fit a context is dropped oldest turn first.

use super::{Error, Question, opinions};
use polymath_swarm::plan::{self, Plan};
use polymath_swarm::sanitise::{self, PROMPT_BYTES_MAX, SanitiseError};
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
        let content = match sanitise::prompt(&message.content) {
            Err(SanitiseError::TooLarge { .. }) => cleaned(&message.content),
            prompt => prompt.ok(),
        };
        // An empty turn says nothing; a model's template might stumble over it.
        clean.extend(content.map(|content| Message { role: message.role.clone(), content }));
    }
    clean.push(Message { role: last.role.clone(), content: asked.unwrap_or_default() });
    Ok(Question { messages: clean, ..question })
}

/// An earlier turn as [`sanitise::prompt`] lets one in, but longer: only all turns together have a limit. `None` if it says nothing.
fn cleaned(turn: &str) -> Option<String> {
    let (mut clean, mut says_something) = (String::with_capacity(turn.len()), false);
    let mut rest = turn;
    while !rest.is_empty() {
        let mut end = rest.floor_char_boundary(PROMPT_BYTES_MAX - 2);
        // The two characters of a line's end stay together.
        if rest[..end].ends_with('\r') && rest[end..].starts_with('\n') {
            end -= 1;
        }
        let (piece, more) = rest.split_at(end);
        says_something |= sanitise::prompt(piece).is_ok();
        // Between bars no piece is empty, and blanks at a seam surround nothing.
        let barred = sanitise::prompt(&format!("|{piece}|")).ok()?;
        clean.push_str(barred.strip_prefix('|')?.strip_suffix('|')?);
        rest = more;
    }
    says_something.then(|| clean.trim().to_owned())
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

/// Drops the oldest turn that is neither a system message nor the last, and those after it up to the user's next: many templates refuse a
/// conversation that begins with an answer. Returns how many there were.
pub(super) fn drop_oldest(messages: &mut Vec<Message>) -> u32 {
    let mut dropped = 0;
    loop {
        let turns = messages.len().saturating_sub(1);
        let oldest = messages.iter().take(turns).position(|m| m.role != "system");
        match oldest.filter(|oldest| dropped == 0 || messages[*oldest].role != "user") {
            Some(oldest) => {
                messages.remove(oldest);
                dropped += 1;
            }
            None => return dropped,
        }
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
        assert_eq!(drop_oldest(&mut messages), 2);
        let left: Vec<&str> = messages.iter().map(|m| m.role.as_str()).collect();
        assert_eq!(left, ["system", "user"]);
        assert_eq!(drop_oldest(&mut messages), 0);
    }

    #[test]
    fn what_is_left_of_a_conversation_begins_with_the_user() {
        let turns = ["user", "assistant", "user", "assistant", "system", "assistant", "user", "user"];
        let mut messages: Vec<Message> = turns.iter().map(|role| message(role, "x")).collect();
        let dropped: Vec<u32> = (0..4).map(|_| drop_oldest(&mut messages)).collect();
        assert_eq!(dropped, [2, 3, 1, 0]);
        assert_eq!(messages, [message("system", "x"), message("user", "x")]);
    }

    #[test]
    fn an_earlier_turn_longer_than_a_prompt_is_kept_whole() {
        let line = |end: &str| format!("\u{1}Größe \t{end}");
        let (raw, clean) = (line("\r\n").repeat(6_000), line("\n").replace('\u{1}', "").repeat(6_000));
        assert!(raw.len() > 70 * 1024, "{}", raw.len());
        // Wherever the seam falls.
        for shift in 0..14 {
            let before = "x".repeat(shift);
            let messages = vec![message("system", &format!("{before}{raw}")), message("user", "Hi")];
            let question = checked(Question { messages, ..Question::default() }).unwrap();
            let whole = format!("{before}{clean}");
            assert_eq!(question.messages, [message("system", whole.trim()), message("user", "Hi")]);
        }
        let nothing = vec![message("system", &" ".repeat(70 * 1024)), message("user", "Hi")];
        let question = checked(Question { messages: nothing, ..Question::default() }).unwrap();
        assert_eq!(question.messages, [message("user", "Hi")]);
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
