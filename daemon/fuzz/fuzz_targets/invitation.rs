//! See [`polymath_fuzz::word::invitation`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::word::invitation(data));
