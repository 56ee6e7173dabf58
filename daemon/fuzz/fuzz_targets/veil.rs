//! See [`polymath_fuzz::text::veil`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::text::veil(data));
