//! Any bytes for the ends of lines; see `check` there. Run by `make fuzz`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dmon::pure::lines::check(data));
