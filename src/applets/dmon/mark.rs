//! The mark of a command: the variable DMON_PID in its environment, which contains the PID of its dmon.
//!
//! `spawn.rs` sets it for the command and not for the logger. `predecessor.rs` recognises the processes of a killed dmon
//! by it.

use core::ffi::{CStr, c_int};
use pure::text::{Text, Writer};
use sys::static_cell::StaticCell;
use ufmt::uwrite;

/// The name of the variable.
pub const NAME: &str = "DMON_PID";

/// `NAME=PID` with its NUL.
pub type Mark = Text;

/// The mark of dmon's own command, to which its environment refers.
static OWN: StaticCell<Mark, 0> = StaticCell::new([Mark::new()]);

/// Returns the mark of a dmon with this PID; `None` on the second call.
pub fn own(pid: c_int) -> Option<&'static CStr> {
    let own = OWN.take()?;
    put(own, pid);
    sys::c_str(own.bytes())
}

/// Returns the mark of a dmon with this PID.
pub fn of(pid: c_int) -> Mark {
    let mut mark = Mark::new();
    put(&mut mark, pid);
    mark
}

#[inline(never)]
fn put(mark: &mut Text, pid: c_int) {
    let Ok(()) = uwrite!(Writer(mark), "DMON_PID={}\0", pid.cast_unsigned());
}
