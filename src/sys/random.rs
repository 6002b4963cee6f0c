//! The random bytes that the kernel passes to each program (`AT_RANDOM` of getauxval(3)), which take no system call.

use super::environment::auxiliary;

/// The place of the bytes that are used here. C libraries make a secret of the first eight.
const UNUSED_AT: usize = 12;

/// Returns a random number, the same on each call; 0 if the kernel passes none.
#[must_use]
pub fn number() -> u32 {
    let bytes = core::ptr::with_exposed_provenance::<u8>(auxiliary(libc::AT_RANDOM));
    if bytes.is_null() {
        return 0;
    }
    // SAFETY: the kernel passes 16 bytes, which live as long as the process. They may have any alignment.
    unsafe { bytes.add(UNUSED_AT).cast::<u32>().read_unaligned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_process_is_constant() {
        assert_eq!(number(), number());
        assert_ne!(number(), 0, "this happens once in 2^32 processes");
    }
}
