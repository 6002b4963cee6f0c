//! The one large block of memory. dmon's set of processes or denv's variables are in it: a process runs one applet.
//!
//! With a block for each, ARM64 code could not address all variables (`.cargo/lean.ld`).

use pure::pid_set;
use sys::static_cell::StaticCell;

/// The block: large enough for the set, which is the larger one.
pub type Memory = [u8; pid_set::SIZE];

static BUFFER: StaticCell<Memory, 3> = StaticCell::new([[0; pid_set::SIZE]]);

/// Returns the block, which contains zeros, to the first caller; `None` to each later one.
#[inline(never)]
pub fn claim() -> Option<&'static mut Memory> {
    BUFFER.take()
}
