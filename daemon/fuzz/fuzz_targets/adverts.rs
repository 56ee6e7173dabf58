//! See [`polymath_fuzz::advert::adverts`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::advert::adverts(data));
