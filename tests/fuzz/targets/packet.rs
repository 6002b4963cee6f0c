//! Any bytes for the packer of syslog messages; see `check` there. Run by `make fuzz`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| dmon::applets::dsyslog::packet::check(data));
