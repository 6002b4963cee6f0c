//! Fuzzes the parsers of options, load values and account files. `check` describes what must hold. Run by `make fuzz`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dmon::applets::dmon::config::check(data));
