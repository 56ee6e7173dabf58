//! See [`polymath_fuzz::word::attestation`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::word::attestation(data));
