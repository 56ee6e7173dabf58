//! See [`polymath_fuzz::task::offer`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::task::offer(data));
