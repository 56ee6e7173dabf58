//! What must hold of every decoder whatever it is fed, one function a fuzz target.
//!
//! No panic is the least. What is accepted must be within the bounds that the decoder promises, and *settled*: encoded and
//! decoded again, it is the same. Where a signature or a checksum would keep a fuzzer out, the function makes it itself.
//!
//! `scripts/fuzz` builds the targets with coverage and runs them; `corpus/` holds a few real messages for each
//! (`cargo run -p polymath-wire --example seeds`), and every input that ever broke one.

#[path = "../../src/inference"]
mod inference {
    pub(crate) mod gguf;
}

pub mod advert;
pub mod audit;
pub mod file;
pub mod task;
pub mod text;
pub mod word;
