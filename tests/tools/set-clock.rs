//! `set-clock SECONDS` sets the clock to this many seconds after 1970-01-01 00:00:00 UTC.
//!
//! scripts/boot builds it for the machine that it boots. The 32-bit `date` of busybox cannot represent times after
//! 2038-01-19 03:14:07.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int, c_longlong};

// SAFETY: the declarations match musl's time.h and stdlib.h. On 32-bit machines the function with 64-bit time has its
// own name.
#[link(name = "c")]
unsafe extern "C" {
    #[cfg_attr(target_pointer_width = "32", link_name = "__clock_settime64")]
    fn clock_settime(clock: c_int, time: *const [i64; 2]) -> c_int;
    fn atoll(text: *const c_char) -> c_longlong;
}

const CLOCK_REALTIME: c_int = 0;

#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: argv[1] is a string: the only caller, tests/boot/check, always passes an argument.
    let seconds = unsafe { atoll(*argv.add(1)) };
    // SAFETY: two 64-bit numbers have the layout of musl's timespec. Where its nanoseconds are 32 bits, the rest is
    // padding that follows on a little-endian machine.
    -unsafe { clock_settime(CLOCK_REALTIME, &[seconds, 0]) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
