//! Any bytes for the parsers of all that comes from outside; see `check` there. Run by `make fuzz`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dmon::applets::dmon::config::check(data));
