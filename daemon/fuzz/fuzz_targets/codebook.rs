//! See [`polymath_fuzz::file::codebook`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::file::codebook(data));
