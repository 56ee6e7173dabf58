//! See [`polymath_fuzz::advert::card`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::advert::card(data));
