//! Real nodes on loopback. Conditions are awaited, never slept for.

mod bans;
mod garbage;
mod hostile;
mod lies;
mod private;
mod settings;
mod swarm;
