//! To come.

use super::Plan;

/// Stub.
pub fn structural(prompt: &str) -> Plan { Plan::whole(prompt) }
