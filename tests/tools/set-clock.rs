//! `set-clock SECONDS` sets the clock to so many seconds after 1970-01-01. It is for the machine that scripts/boot
//! boots, and built by it: there is a busybox whose 32-bit `date` knows of no time after 2038-01-19 03:14:07.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int, c_longlong};

// SAFETY: as musl's time.h and stdlib.h have them; with 64-bit time, which has another name where a word is 32 bits.
#[link(name = "c")]
unsafe extern "C" {
    #[cfg_attr(target_pointer_width = "32", link_name = "__clock_settime64")]
    fn clock_settime(clock: c_int, time: *const [i64; 2]) -> c_int;
    fn atoll(text: *const c_char) -> c_longlong;
}

const CLOCK_REALTIME: c_int = 0;

#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: there is a null after the last word, and atoll would not survive it; this is a tool for one script.
    let seconds = unsafe { atoll(*words.add(1)) };
    // SAFETY: seconds and nanoseconds, which is also what a 32-bit little-endian machine makes of 64 bits.
    -unsafe { clock_settime(CLOCK_REALTIME, &[seconds, 0]) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
