//! See [`polymath_fuzz::advert::status`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::advert::status(data));
