//! See [`polymath_fuzz::text::output`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::text::output(data));
