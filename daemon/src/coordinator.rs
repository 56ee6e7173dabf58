//! Stub: the lead's.
/// Defaults of a question.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Different experts one question may use.
    pub experts: u32,
    /// Tokens a task may generate.
    pub max_tokens: u32,
    /// Milliseconds a question may take.
    pub deadline_ms: u32,
}
impl Default for Config {
    fn default() -> Self {
        Self { experts: 3, max_tokens: 1_024, deadline_ms: 120_000 }
    }
}
