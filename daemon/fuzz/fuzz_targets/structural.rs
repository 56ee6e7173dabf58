//! See [`polymath_fuzz::text::structural`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::text::structural(data));
