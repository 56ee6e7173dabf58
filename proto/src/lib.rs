//! Polymath's wire format: the types and (feature `services`) the tonic service generated from `proto/polymath/v1/*.proto`.
//!
//! Nothing here has behaviour. Inside the daemon only `network` and `api` may name these types; they convert
//! to the policy crate's types at their edge, so that a change of the wire stops there.

/// Version 1 of the wire format.
pub mod v1 {
    #![allow(
        missing_docs,
        clippy::all,
        unreachable_pub,
        reason = "generated; documented in the .proto files"
    )]
    include!(concat!(env!("OUT_DIR"), "/polymath.v1.rs"));
}

/// The encoded `FileDescriptorSet` of every `.proto` file, for golden tests and reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
