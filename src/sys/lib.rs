//! The kernel interface: system calls as safe functions. Only this crate uses libc.
//!
//! The applets call it. The functions have the names of their calls and return the kernel's answer, as a [`Result`] with
//! the errno of the call. They decide nothing, and are safe for every argument that their types allow.
//!
//! Calls are made by number (`kernel.rs`): the C library's functions would add code for errno, for the cancellation of
//! threads (on ARM, 600 bytes for those in `file.rs` alone) or for times.

#![cfg_attr(not(test), no_std)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]
#![allow(clippy::useless_conversion, reason = "some are needed on 32 bits only")]

pub mod args;
pub mod clock;
pub mod credentials;
pub mod dir;
pub mod environment;
pub mod fd;
pub mod file;
pub mod flock;
mod kernel;
#[cfg(any(test, all(target_env = "musl", not(target_arch = "mips"))))]
mod memory;
pub mod poll;
pub mod process;
pub mod procfs;
pub mod pty;
pub mod random;
pub mod signal;
pub mod socket;
pub mod stat;
pub mod static_cell;
pub mod sysinfo;
pub mod terminal;
pub mod vfork;

use core::ffi::{CStr, c_int, c_long};
use kernel::syscall;
use pure::unix::{Errno, Signal};

/// The result of a system call.
pub type Result<T> = core::result::Result<T, Errno>;

/// Returns the bytes up to the first NUL as a C string; `None` unless the last byte is NUL.
#[must_use]
pub fn c_str(bytes: &[u8]) -> Option<&CStr> {
    // SAFETY: the last byte is NUL.
    (bytes.last() == Some(&0)).then(|| unsafe { CStr::from_ptr(bytes.as_ptr().cast()) })
}

/// Converts the answer of a call. One compiled function, at the end of most calls, whose result fits in two registers.
#[inline(never)]
fn check_int(answer: c_long) -> Result<c_int> {
    if answer < 0 { Err(kernel::error(answer)) } else { Ok(answer as c_int) }
}

/// Makes the call `number` by [`call!`].
#[inline(never)]
unsafe fn call_number(a: c_long, b: c_long, c: c_long, number: c_long) -> Result<c_int> {
    // SAFETY: the caller guarantees it.
    check_int(unsafe { syscall!(number, a, b, c) })
}

/// Makes a call by its number, with at most three arguments. One compiled function makes all of them.
macro_rules! call {
    ($number:expr) => {
        call!($number, 0)
    };
    ($number:expr, $a:expr) => {
        call!($number, $a, 0)
    };
    ($number:expr, $a:expr, $b:expr) => {
        call!($number, $a, $b, 0)
    };
    ($number:expr, $a:expr, $b:expr, $c:expr) => {
        $crate::call_number(
            $crate::Word::word($a),
            $crate::Word::word($b),
            $crate::Word::word($c),
            $number,
        )
    };
}
use call;

/// An argument of a call.
trait Word {
    /// Returns it as the machine word that the kernel takes. The kernel ignores the upper half of a 32-bit argument.
    fn word(self) -> c_long;
}

impl Word for c_int {
    fn word(self) -> c_long {
        self.cast_unsigned().word()
    }
}

impl Word for u32 {
    fn word(self) -> c_long {
        (self as usize).word()
    }
}

impl Word for u64 {
    fn word(self) -> c_long {
        (self as usize).word()
    }
}

impl Word for usize {
    fn word(self) -> c_long {
        self.cast_signed() as c_long
    }
}

impl<T> Word for *const T {
    fn word(self) -> c_long {
        self.expose_provenance().word()
    }
}

impl<T> Word for *mut T {
    fn word(self) -> c_long {
        self.expose_provenance().word()
    }
}

/// As [`check_int`], for calls that return a size.
fn check_size(answer: c_long) -> Result<usize> {
    check_int(answer).map(|size| size.cast_unsigned() as usize)
}

/// As [`check_int`], for answers that serve as a long.
fn check_long(answer: c_long) -> Result<c_long> {
    check_int(answer).map(c_long::from)
}

// `pure` knows the kernel's numbers without libc. A difference from libc's is a compile error.
const _: () = {
    assert!(Errno::PERM.0 == libc::EPERM);
    assert!(Errno::NOENT.0 == libc::ENOENT);
    assert!(Errno::SRCH.0 == libc::ESRCH);
    assert!(Errno::INTR.0 == libc::EINTR);
    assert!(Errno::IO.0 == libc::EIO);
    assert!(Errno::NXIO.0 == libc::ENXIO);
    assert!(Errno::TOO_BIG.0 == libc::E2BIG);
    assert!(Errno::NOEXEC.0 == libc::ENOEXEC);
    assert!(Errno::BADF.0 == libc::EBADF);
    assert!(Errno::AGAIN.0 == libc::EAGAIN);
    assert!(Errno::NOMEM.0 == libc::ENOMEM);
    assert!(Errno::ACCES.0 == libc::EACCES);
    assert!(Errno::BUSY.0 == libc::EBUSY);
    assert!(Errno::EXIST.0 == libc::EEXIST);
    assert!(Errno::NODEV.0 == libc::ENODEV);
    assert!(Errno::NOTDIR.0 == libc::ENOTDIR);
    assert!(Errno::ISDIR.0 == libc::EISDIR);
    assert!(Errno::INVAL.0 == libc::EINVAL);
    assert!(Errno::NFILE.0 == libc::ENFILE);
    assert!(Errno::MFILE.0 == libc::EMFILE);
    assert!(Errno::TXTBSY.0 == libc::ETXTBSY);
    assert!(Errno::FBIG.0 == libc::EFBIG);
    assert!(Errno::NOSPC.0 == libc::ENOSPC);
    assert!(Errno::ROFS.0 == libc::EROFS);
    assert!(Errno::PIPE.0 == libc::EPIPE);
    assert!(Errno::NAMETOOLONG.0 == libc::ENAMETOOLONG);
    assert!(Errno::NOSYS.0 == libc::ENOSYS);
    assert!(Errno::LOOP.0 == libc::ELOOP);
    assert!(Errno::MSGSIZE.0 == libc::EMSGSIZE);
    assert!(Errno::PROTOTYPE.0 == libc::EPROTOTYPE);
    assert!(Errno::AFNOSUPPORT.0 == libc::EAFNOSUPPORT);
    assert!(Errno::ADDRNOTAVAIL.0 == libc::EADDRNOTAVAIL);
    assert!(Errno::NETDOWN.0 == libc::ENETDOWN);
    assert!(Errno::NETUNREACH.0 == libc::ENETUNREACH);
    assert!(Errno::CONNRESET.0 == libc::ECONNRESET);
    assert!(Errno::NOBUFS.0 == libc::ENOBUFS);
    assert!(Errno::TIMEDOUT.0 == libc::ETIMEDOUT);
    assert!(Errno::CONNREFUSED.0 == libc::ECONNREFUSED);
    assert!(Errno::HOSTUNREACH.0 == libc::EHOSTUNREACH);
    assert!(Errno::INPROGRESS.0 == libc::EINPROGRESS);
    assert!(Errno::STALE.0 == libc::ESTALE);
    assert!(Errno::DQUOT.0 == libc::EDQUOT);
    assert!(Signal::HUP.number() == libc::SIGHUP);
    assert!(Signal::INT.number() == libc::SIGINT);
    assert!(Signal::QUIT.number() == libc::SIGQUIT);
    assert!(Signal::KILL.number() == libc::SIGKILL);
    assert!(Signal::USR1.number() == libc::SIGUSR1);
    assert!(Signal::USR2.number() == libc::SIGUSR2);
    assert!(Signal::PIPE.number() == libc::SIGPIPE);
    assert!(Signal::ALRM.number() == libc::SIGALRM);
    assert!(Signal::TERM.number() == libc::SIGTERM);
    assert!(Signal::CHLD.number() == libc::SIGCHLD);
    assert!(Signal::CONT.number() == libc::SIGCONT);
    assert!(Signal::STOP.number() == libc::SIGSTOP);
    assert!(Signal::XFSZ.number() == libc::SIGXFSZ);
    assert!(Signal::TSTP.number() == libc::SIGTSTP);
    assert!(Signal::TTIN.number() == libc::SIGTTIN);
    assert!(Signal::TTOU.number() == libc::SIGTTOU);
    assert!(Signal::WINCH.number() == libc::SIGWINCH);
};

#[cfg(test)]
mod tests {
    use pure::unix::Signal;

    #[test]
    fn signal_names_have_the_numbers_of_libc() {
        for (name, number) in [
            ("ABRT", libc::SIGABRT),
            ("BUS", libc::SIGBUS),
            ("FPE", libc::SIGFPE),
            ("USR2", libc::SIGUSR2),
            ("CHLD", libc::SIGCHLD),
            ("TTOU", libc::SIGTTOU),
            ("URG", libc::SIGURG),
            ("XFSZ", libc::SIGXFSZ),
            ("PROF", libc::SIGPROF),
            ("WINCH", libc::SIGWINCH),
            ("POLL", libc::SIGPOLL),
            ("PWR", libc::SIGPWR),
            ("SYS", libc::SIGSYS),
        ] {
            assert_eq!(Signal::named(name.as_bytes()).map(Signal::number), Some(number), "{name}");
        }
    }
}
