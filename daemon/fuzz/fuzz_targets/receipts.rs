//! See [`polymath_fuzz::word::receipts`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::word::receipts(data));
