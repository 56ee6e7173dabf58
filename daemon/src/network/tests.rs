//! Real nodes on loopback. Conditions are awaited, never slept for.

mod swarm;
