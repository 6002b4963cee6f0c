//! Fuzzes the line prefix. `check` describes what must hold. Run by `make fuzz`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dmon::applets::line_prefix::check(data));
