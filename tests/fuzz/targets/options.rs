#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dmon::applets::dmon::config::check(data));
