//! What can go wrong, as types: the node's own refusals by the codes that all of its interfaces share, and what
//! goes wrong on the way. The node's table is `daemon/src/api/table.rs`; a code that is not known here stays a
//! [`Error::Server`] with that code, so that a newer node is still understood.

use std::time::Duration;

/// Why a call got no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens there.
    #[error("no node is running here ({place} does not answer); start one with `daemon run`")]
    NotRunning {
        /// The address or socket that was tried.
        place: String,
    },
    /// The key is missing or wrong.
    #[error("{message}")]
    Unauthorized {
        /// For people.
        message: String,
    },
    /// The key has used up its rate.
    #[error("{message}")]
    RateLimited {
        /// For people.
        message: String,
        /// When to come back, if the node says so.
        retry_after: Option<Duration>,
    },
    /// No expert fits the question.
    #[error("{message}")]
    NoExpert {
        /// For people; names the nearest experts.
        message: String,
    },
    /// The node, or every expert that fits, has its hands full.
    #[error("{message}")]
    Busy {
        /// For people.
        message: String,
        /// When to come back, if the node says so.
        retry_after: Option<Duration>,
    },
    /// The request itself is at fault.
    #[error("{message}")]
    Invalid {
        /// `invalid`, or more exactly `too_long`, `too_large`, `refused` or `unprocessable`.
        code: String,
        /// The field at fault, if one is.
        field: Option<String>,
        /// For people.
        message: String,
    },
    /// No model or expert has this name.
    #[error("{message}")]
    UnknownModel {
        /// For people; says which there are.
        message: String,
    },
    /// Time ran out, here or at the node.
    #[error("{message}")]
    Deadline {
        /// For people.
        message: String,
    },
    /// The node stopped working on it because it was told to.
    #[error("{message}")]
    Cancelled {
        /// For people.
        message: String,
    },
    /// Any other refusal or failure of the node.
    #[error("{message}")]
    Server {
        /// The HTTP status, or the one that the table gives to the code.
        status: u16,
        /// The node's code.
        code: String,
        /// For people.
        message: String,
    },
    /// The connection failed.
    #[error("{message}")]
    Transport {
        /// For people.
        message: String,
        /// Whether the node cannot have begun the work.
        unsent: bool,
    },
    /// What came back is not what a node sends.
    #[error("the node's reply cannot be understood: {message}")]
    Protocol {
        /// For people.
        message: String,
    },
    /// The call exists, but not over this client's transport.
    #[error("{what} does not go over {transport}: {fix}")]
    Unsupported {
        /// The call.
        what: &'static str,
        /// The transport.
        transport: &'static str,
        /// What to do.
        fix: &'static str,
    },
}

/// A node's refusal before it is sorted: what REST, gRPC and WebSocket say in their own forms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) field: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// The HTTP status; 0 where there is none.
    pub(crate) status: u16,
}

impl Error {
    /// The code by which programs tell errors apart; the node's own where it has one.
    pub fn code(&self) -> &str {
        match self {
            Self::NotRunning { .. } => "not_running",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::NoExpert { .. } => "no_expert",
            Self::Busy { .. } => "busy",
            Self::Invalid { code, .. } | Self::Server { code, .. } => code,
            Self::UnknownModel { .. } => "unknown_expert",
            Self::Deadline { .. } => "deadline",
            Self::Cancelled { .. } => "cancelled",
            Self::Transport { .. } => "transport",
            Self::Protocol { .. } => "protocol",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// When the node asked to be tried again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same request may do better a little later, and repeating it does no harm: nobody was there, or
    /// the node turned it away for lack of room. `no_expert` is not among them: experts do not come by waiting.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotRunning { .. } | Self::RateLimited { .. } | Self::Busy { .. } => true,
            Self::Transport { unsent, .. } => *unsent,
            Self::Server { status, code, .. } => *status == 503 && code != "no_expert",
            _ => false,
        }
    }

    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid { code: "invalid".to_owned(), field: Some(field.to_owned()), message: message.into() }
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::Protocol { message: message.into() }
    }

    pub(crate) fn deadline(limit: Duration) -> Self {
        Self::Deadline { message: format!("no answer within {:.1} s", limit.as_secs_f32()) }
    }

    /// Sorts a refusal by its code, else by its status.
    pub(crate) fn refused(refusal: Refusal) -> Self {
        let Refusal { code, message, field, retry_after, status } = refusal;
        let code = if code.is_empty() { by_status(status).to_owned() } else { code };
        let message = if message.is_empty() { format!("the node said {code}") } else { message };
        match code.as_str() {
            "unauthorized" | "invalid_api_key" => Self::Unauthorized { message },
            "rate_limited" | "rate_limit_exceeded" => Self::RateLimited { message, retry_after },
            "no_expert" => Self::NoExpert { message },
            "busy" => Self::Busy { message, retry_after },
            "invalid" | "too_long" | "too_large" | "refused" | "unprocessable" => {
                Self::Invalid { code, field, message }
            }
            "unknown_expert" | "model_not_found" => Self::UnknownModel { message },
            "deadline" => Self::Deadline { message },
            "cancelled" => Self::Cancelled { message },
            _ => Self::Server { status: if status == 0 { 500 } else { status }, code, message },
        }
    }
}

/// The code that a bare HTTP status stands for (what a proxy in between says, for instance).
fn by_status(status: u16) -> &'static str {
    match status {
        400 => "invalid",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        413 => "too_large",
        422 => "unprocessable",
        429 => "rate_limited",
        499 => "cancelled",
        502 | 503 => "unavailable",
        504 => "deadline",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(code: &str, status: u16) -> Error {
        let retry_after = Some(Duration::from_millis(500));
        Error::refused(Refusal { code: code.into(), status, retry_after, ..Refusal::default() })
    }

    #[test]
    fn codes_keep_their_meaning() {
        for code in [
            "unauthorized",
            "rate_limited",
            "no_expert",
            "busy",
            "invalid",
            "too_long",
            "too_large",
            "refused",
            "unprocessable",
            "unknown_expert",
            "deadline",
            "cancelled",
            "failed",
            "unavailable",
            "of_tomorrow",
        ] {
            assert_eq!(sorted(code, 0).code(), code);
        }
        assert_eq!(sorted("", 401).code(), "unauthorized");
        assert_eq!(sorted("", 404).code(), "not_found");
        assert_eq!(
            sorted("", 418),
            Error::Server { status: 418, code: "failed".into(), message: "the node said failed".into() }
        );
    }

    #[test]
    fn only_what_was_turned_away_is_tried_again() {
        let retried = ["rate_limited", "busy"];
        assert!(retried.iter().all(|code| sorted(code, 0).is_retryable()));
        assert!(sorted("unavailable", 503).is_retryable() && sorted("", 503).is_retryable());
        let kept = ["invalid", "unauthorized", "no_expert", "failed", "deadline", "unknown_expert"];
        assert!(kept.iter().all(|code| !sorted(code, 0).is_retryable()));
        assert_eq!(sorted("busy", 503).retry_after(), Some(Duration::from_millis(500)));
        assert!(!Error::Transport { message: String::new(), unsent: false }.is_retryable());
    }
}
