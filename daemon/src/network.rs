//! What other nodes see of this one: so far, the task protocol.

pub mod task;
