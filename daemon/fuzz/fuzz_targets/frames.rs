//! See [`polymath_fuzz::task::frames`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::task::frames(data));
