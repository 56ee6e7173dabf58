//! See [`polymath_fuzz::task::report`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::task::report(data));
