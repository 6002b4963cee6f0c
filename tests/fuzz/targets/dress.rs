//! Any bytes for the front of log lines; see `check` there. Run by `make fuzz`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dmon::applets::dress::check(data));
