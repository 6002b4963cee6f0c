//! Fuzzes the line splitter. `check` describes what must hold. Run by `make fuzz`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pure::log::lines::check(data));
