//! See [`polymath_fuzz::audit::audit_response`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polymath_fuzz::audit::audit_response(data));
