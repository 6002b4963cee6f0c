//! The functions of the C library that the compiler calls to copy, fill and measure memory, except on MIPS.
//!
//! musl's are fast for large blocks, and therefore large: 1.7 kB on ARM, 1 kB on ARM64, 100 bytes more on x86-64. dmon moves
//! large blocks only with system calls. The others are below 300 bytes, except a line that is long.

use core::ffi::c_int;

/// The bytes of one step of [`copy_from`].
const STEP: usize = if cfg!(target_arch = "arm") { 4 } else { 16 };

/// The distance at which [`memset`] repeats its bytes: at least one step.
const PERIOD: usize = 16;

/// Keeps the compiler from replacing a loop by a call of the very function that contains it.
#[inline(always)]
fn keep_loop() {
    // SAFETY: there are no instructions.
    unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
}

/// Copies [`STEP`] bytes: one by one, because before ARMv6 a word is only accessible at a multiple of its size.
#[cfg(target_arch = "arm")]
unsafe fn step(to: *mut u8, from: *const u8) {
    // SAFETY: the caller promises that the bytes are valid.
    unsafe {
        let [a, b, c, d] = *from.cast::<[u8; STEP]>();
        *to = a;
        *to.add(1) = b;
        *to.add(2) = c;
        *to.add(3) = d;
    }
}

/// Copies [`STEP`] bytes with one instruction for each side.
#[cfg(not(target_arch = "arm"))]
unsafe fn step(to: *mut u8, from: *const u8) {
    // SAFETY: the caller promises that the bytes are valid.
    unsafe { *to.cast::<[u8; STEP]>() = *from.cast::<[u8; STEP]>() };
}

/// Copies the bytes from index `at` to `size`, the first ones first, and returns `to`.
#[inline(never)]
unsafe extern "C" fn copy_from(
    to: *mut u8,
    from: *const u8,
    size: usize,
    mut at: usize,
) -> *mut u8 {
    while size - at >= STEP {
        // SAFETY: the caller promises that these bytes are valid.
        unsafe { step(to.add(at), from.wrapping_add(at)) };
        keep_loop();
        at += STEP;
    }
    while at < size {
        // SAFETY: as above.
        unsafe { *to.add(at) = *from.wrapping_add(at) };
        keep_loop();
        at += 1;
    }
    to
}

/// Copies bytes to a place that does not overlap with them (memcpy(3)).
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // SAFETY: the caller promises that the bytes are valid.
    unsafe { copy_from(to, from, size, 0) }
}

/// Copies bytes to a place that may overlap with them (memmove(3)).
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // If the place starts inside of the bytes, the last ones are copied first.
    let backwards = if to.addr().wrapping_sub(from.addr()) < size { size } else { 0 };
    for at in (0..backwards).rev() {
        // SAFETY: the caller promises that the bytes are valid.
        unsafe { *to.add(at) = *from.add(at) };
        keep_loop();
    }
    // SAFETY: as above.
    unsafe { copy_from(to, from, size, backwards) }
}

/// Fills bytes (memset(3)): the first ones one by one, the others with copies of these.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memset(to: *mut u8, byte: c_int, size: usize) -> *mut u8 {
    let mut at = 0;
    while at < size.min(PERIOD) {
        // SAFETY: the caller promises that the bytes are valid.
        unsafe { *to.add(at) = byte as u8 };
        keep_loop();
        at += 1;
    }
    // SAFETY: as above.
    unsafe { copy_from(to, to.wrapping_sub(PERIOD), size, at) }
}

/// Returns the number of bytes before the first NUL (strlen(3)).
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut size = 0;
    // SAFETY: the caller promises that the text ends in NUL.
    while unsafe { *text.add(size) } != 0 {
        keep_loop();
        size += 1;
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_copied_and_filled_for_every_size_and_place() {
        let before: Vec<u8> = (0..120).collect();
        for (size, from, to) in (0..50).flat_map(|size| (0..60).map(move |to| (size, 30, to))) {
            let mut wanted = before.clone();
            wanted.copy_within(from..from + size, to);
            let mut moved = before.clone();
            let bytes = moved.as_mut_ptr();
            // SAFETY: both ranges are in `moved`.
            let place = unsafe { memmove(bytes.add(to), bytes.add(from), size) };
            assert_eq!((&moved, place), (&wanted, bytes.wrapping_add(to)), "{size} bytes to {to}");
            let mut copied = before.clone();
            // SAFETY: `before` is another vector.
            unsafe { memcpy(copied.as_mut_ptr().add(to), before.as_ptr().add(from), size) };
            assert_eq!(copied, wanted, "{size} bytes to {to}");
            wanted[to..to + size].fill(0xee);
            // SAFETY: the range is in `moved`.
            unsafe { memset(bytes.add(to), 0xfee, size) };
            assert_eq!(moved, wanted, "{size} bytes at {to}");
        }
    }

    #[test]
    fn a_text_ends_before_its_nul() {
        for text in [c"", c"a", c"abc\xff"] {
            // SAFETY: it is a C string.
            assert_eq!(unsafe { strlen(text.as_ptr().cast()) }, text.count_bytes());
        }
    }
}
