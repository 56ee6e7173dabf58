//! See [`polymath_fuzz::file::gguf`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::file::gguf(data));
