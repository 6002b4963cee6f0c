//! Types for the numbers of the kernel: PIDs, errors, signals and wait statuses.
//!
//! All layers use them. The numbers are from asm-generic/errno.h and asm-generic/signal.h; MIPS has its own. `sys`
//! compares them with those of libc at compile time.

use crate::cli::value;
use crate::name_table;
use crate::text::split;
use core::num::NonZeroI32;

/// Selects a number that differs on MIPS (arch/mips/include/uapi/asm).
const fn by_arch(common: i32, mips: i32) -> i32 {
    if cfg!(target_arch = "mips") { mips } else { common }
}

/// The PID of one process, or the PGID of one process group.
///
/// It is above zero. Therefore no call can pass 0 or −1 to kill(2), which mean the caller's group and all processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// Returns the PID; `None` if the number is not above zero.
    #[must_use]
    pub const fn new(number: i32) -> Option<Self> {
        match NonZeroI32::new(number) {
            Some(pid) if number > 0 => Some(Self(pid)),
            _ => None,
        }
    }

    #[must_use]
    pub const fn number(self) -> i32 {
        self.0.get()
    }
}

/// The error of a system call: errno(3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

impl Errno {
    pub const PERM: Self = Self(1);
    pub const NOENT: Self = Self(2);
    pub const SRCH: Self = Self(3);
    pub const INTR: Self = Self(4);
    pub const IO: Self = Self(5);
    pub const NXIO: Self = Self(6);
    pub const TOO_BIG: Self = Self(7);
    pub const NOEXEC: Self = Self(8);
    pub const BADF: Self = Self(9);
    pub const AGAIN: Self = Self(11);
    pub const NOMEM: Self = Self(12);
    pub const ACCES: Self = Self(13);
    pub const BUSY: Self = Self(16);
    pub const EXIST: Self = Self(17);
    pub const NODEV: Self = Self(19);
    pub const NOTDIR: Self = Self(20);
    pub const ISDIR: Self = Self(21);
    pub const INVAL: Self = Self(22);
    pub const NFILE: Self = Self(23);
    pub const MFILE: Self = Self(24);
    pub const TXTBSY: Self = Self(26);
    pub const FBIG: Self = Self(27);
    pub const NOSPC: Self = Self(28);
    pub const ROFS: Self = Self(30);
    pub const PIPE: Self = Self(32);
    pub const NAMETOOLONG: Self = Self(by_arch(36, 78));
    pub const NOSYS: Self = Self(by_arch(38, 89));
    pub const LOOP: Self = Self(by_arch(40, 90));
    pub const NODATA: Self = Self(61);
    pub const MSGSIZE: Self = Self(by_arch(90, 97));
    pub const PROTOTYPE: Self = Self(by_arch(91, 98));
    pub const AFNOSUPPORT: Self = Self(by_arch(97, 124));
    pub const ADDRNOTAVAIL: Self = Self(by_arch(99, 126));
    pub const NETDOWN: Self = Self(by_arch(100, 127));
    pub const NETUNREACH: Self = Self(by_arch(101, 128));
    pub const CONNRESET: Self = Self(by_arch(104, 131));
    pub const NOBUFS: Self = Self(by_arch(105, 132));
    pub const TIMEDOUT: Self = Self(by_arch(110, 145));
    pub const CONNREFUSED: Self = Self(by_arch(111, 146));
    pub const HOSTUNREACH: Self = Self(by_arch(113, 148));
    pub const INPROGRESS: Self = Self(by_arch(115, 150));
    pub const STALE: Self = Self(by_arch(116, 151));
    pub const DQUOT: Self = Self(by_arch(122, 1133));

    /// Returns the text of strerror(3); `None` for errors that dmon's system calls do not return.
    #[must_use]
    pub fn text(self) -> Option<&'static [u8]> {
        let [number, ..] = self.0.to_le_bytes();
        let mut rows = split(&ERRORS, 0);
        rows.find_map(|row| row.split_first().filter(|(low_byte, _)| **low_byte == number))
            .map(|(_, text)| text)
    }
}

/// [`REASONS`] as stored in the executable: for each error the low byte of its number, the text and a NUL.
///
/// An array of strings would be nearly twice as large, because each has a pointer and a length. One byte is enough
/// for the number: only EDQUOT on MIPS is above 255.
static ERRORS: [u8; SIZE] = {
    let mut packed = [0; SIZE];
    pack(&mut packed);
    packed
};

/// The size of [`ERRORS`], computed with a larger array that exists only at compile time.
const SIZE: usize = pack(&mut [0; 2000]);

/// Packs [`REASONS`] and returns their size in bytes.
#[allow(clippy::indexing_slicing, reason = "it runs at compile time")]
const fn pack(packed: &mut [u8]) -> usize {
    let (mut row, mut end) = (0, 0);
    while row < REASONS.len() {
        let (Errno(number), text) = REASONS[row];
        packed[end] = number.to_le_bytes()[0];
        let (_, free) = packed.split_at_mut(end + 1);
        free.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
        end += text.len() + 2;
        row += 1;
    }
    end
}

/// The texts of strerror(3).
const REASONS: &[(Errno, &str)] = &[
    (Errno::PERM, "Operation not permitted"),
    (Errno::NOENT, "No such file or directory"),
    (Errno::IO, "Input/output error"),
    (Errno::NXIO, "No such device or address"),
    (Errno::TOO_BIG, "Argument list too long"),
    (Errno::NOEXEC, "Exec format error"),
    (Errno::BADF, "Bad file descriptor"),
    (Errno::AGAIN, "Resource temporarily unavailable"),
    (Errno::NOMEM, "Cannot allocate memory"),
    (Errno::ACCES, "Permission denied"),
    (Errno::BUSY, "Device or resource busy"),
    (Errno::EXIST, "File exists"),
    (Errno::NODEV, "No such device"),
    (Errno::NOTDIR, "Not a directory"),
    (Errno::ISDIR, "Is a directory"),
    (Errno::INVAL, "Invalid argument"),
    (Errno::NFILE, "Too many open files in system"),
    (Errno::MFILE, "Too many open files"),
    (Errno::TXTBSY, "Text file busy"),
    (Errno::FBIG, "File too large"),
    (Errno::NOSPC, "No space left on device"),
    (Errno::ROFS, "Read-only file system"),
    (Errno::PIPE, "Broken pipe"),
    (Errno::NAMETOOLONG, "File name too long"),
    (Errno::NOSYS, "Function not implemented"),
    (Errno::LOOP, "Too many levels of symbolic links"),
    (Errno::NODATA, "No data available"),
    (Errno::DQUOT, "Disk quota exceeded"),
    (Errno::STALE, "Stale file handle"),
    (Errno::MSGSIZE, "Message too long"),
    (Errno::AFNOSUPPORT, "Address family not supported by protocol"),
    (Errno::ADDRNOTAVAIL, "Cannot assign requested address"),
    (Errno::NETDOWN, "Network is down"),
    (Errno::NOBUFS, "No buffer space available"),
    (Errno::CONNREFUSED, "Connection refused"),
    (Errno::CONNRESET, "Connection reset by peer"),
    (Errno::TIMEDOUT, "Connection timed out"),
    (Errno::NETUNREACH, "Network is unreachable"),
    (Errno::HOSTUNREACH, "No route to host"),
];

/// A signal of signal(7); its number is 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Signal(u8);

impl Signal {
    pub const HUP: Self = Self::of(1);
    pub const INT: Self = Self::of(2);
    pub const QUIT: Self = Self::of(3);
    pub const KILL: Self = Self::of(9);
    pub const USR1: Self = Self::of(by_arch(10, 16));
    pub const USR2: Self = Self::of(by_arch(12, 17));
    pub const PIPE: Self = Self::of(13);
    pub const ALRM: Self = Self::of(14);
    pub const TERM: Self = Self::of(15);
    pub const CHLD: Self = Self::of(by_arch(17, 18));
    pub const CONT: Self = Self::of(by_arch(18, 25));
    pub const STOP: Self = Self::of(by_arch(19, 23));
    pub const XFSZ: Self = Self::of(by_arch(25, 31));
    pub const TSTP: Self = Self::of(by_arch(20, 24));
    pub const TTIN: Self = Self::of(by_arch(21, 26));
    pub const TTOU: Self = Self::of(by_arch(22, 27));
    pub const PWR: Self = Self::of(by_arch(30, 19));
    pub const WINCH: Self = Self::of(by_arch(28, 20));

    /// The highest signal number. Only MIPS has more, up to 127; dmon does not use them.
    const LAST: i32 = 64;

    /// SIGRTMIN of glibc, and so of shells and kill(1), which keeps 32 and 33 for itself. musl's own is 35.
    const RTMIN: i32 = 34;

    const fn of(number: i32) -> Self {
        Self(number as u8)
    }

    /// Returns the signal; `None` if the number is not 1 to 64.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        if (1..=Self::LAST).contains(&number) { u8::try_from(number).ok().map(Self) } else { None }
    }

    #[must_use]
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// Reports whether dmon has no use for this signal of its own, so that `--on-signal` may give it one.
    #[must_use]
    pub fn is_free(self) -> bool {
        const FREE: [Signal; 7] = [
            Signal::HUP,
            Signal::QUIT,
            Signal::ALRM,
            Signal::USR1,
            Signal::USR2,
            Signal::WINCH,
            Signal::PWR,
        ];
        self.number() >= Self::RTMIN || FREE.contains(&self)
    }

    /// Returns the signal of this name, with or without `SIG`, in upper or lower case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let bare = behind(name, b"SIG").unwrap_or(name);
        if let Some(at) = name_table::index_of(SIGNALS, bare) {
            return Self::new(i32::try_from(at).ok()? + 1);
        }
        // With the numbers of bash and kill(1).
        let offset = match behind(bare, b"RTMIN")? {
            [] => 0,
            [b'+', offset @ ..] => value::number(offset).ok()?,
            _ => return None,
        };
        Self::new(Self::RTMIN.checked_add_unsigned(offset)?)
    }
}

/// Returns the bytes behind a prefix, in upper or lower case.
#[inline(never)]
fn behind<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    name_table::eq_ignore_case(start, prefix).then_some(rest)
}

/// The names of the signals from number 1 on.
#[cfg(not(target_arch = "mips"))]
const SIGNALS: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT \
    CHLD|CLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO|POLL PWR SYS";
#[cfg(target_arch = "mips")]
const SIGNALS: &str = "HUP INT QUIT ILL TRAP ABRT EMT FPE KILL BUS SEGV SYS PIPE ALRM TERM USR1 USR2 \
    CHLD|CLD PWR WINCH URG IO|POLL STOP TSTP CONT TTIN TTOU VTALRM PROF XCPU XFSZ";

/// How a process ended: the raw status of waitpid(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct WaitStatus(pub i32);

impl WaitStatus {
    pub const SUCCESS: Self = Self(0);

    /// Returns the status of a process that called `_exit(code)`.
    #[must_use]
    pub const fn exited(code: u8) -> Self {
        Self((code as i32) << 8)
    }

    /// Returns whether the process exited with status 0.
    #[must_use]
    pub const fn success(self) -> bool {
        self.0 == 0
    }

    /// Returns whether this signal killed the process.
    #[must_use]
    pub fn killed_by(self, signal: Signal) -> bool {
        self.0 & 0x7f == signal.number()
    }

    /// Returns the exit status, or 128 + N if signal N killed the process, as shells do.
    #[must_use]
    pub const fn code(self) -> u8 {
        let [low, high, ..] = self.0.to_le_bytes();
        match low & 0x7f {
            0 => high,
            signal => 128 + signal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_above_zero() {
        assert_eq!(Pid::new(0), None);
        assert_eq!(Pid::new(-1), None);
        assert_eq!(Pid::new(7).map(Pid::number), Some(7));
    }

    #[test]
    fn the_code_of_a_killed_process_is_that_of_shells() {
        assert_eq!(WaitStatus::exited(3).code(), 3);
        assert_eq!(WaitStatus(15).code(), 143);
        assert_eq!(WaitStatus(11 | 0x80).code(), 139);
        assert!(
            WaitStatus(11 | 0x80).killed_by(Signal::of(11))
                && !WaitStatus(11).killed_by(Signal::TERM)
        );
        assert!(!WaitStatus::exited(11).killed_by(Signal::of(11)));
        assert!(WaitStatus::exited(0).success());
        assert!(!WaitStatus(9).success());
    }

    #[test]
    fn signals_are_found_by_name_with_or_without_sig() {
        assert_eq!(Signal::named(b"TERM"), Some(Signal::TERM));
        assert_eq!(Signal::named(b"sigUsr1"), Some(Signal::USR1));
        assert_eq!(Signal::named(b"SIG"), None);
        assert_eq!(Signal::named(b""), None);
        assert_eq!(Signal::named(b"TERMX"), None);
        assert_eq!(Signal::named(b"CLD"), Some(Signal::CHLD));
        assert_eq!(Signal::named(b"CHLD|CLD"), None);
        assert_eq!(Signal::new(0), None);
        assert_eq!(Signal::new(65), None);
    }

    #[test]
    fn real_time_signals_count_from_34() {
        for (name, number) in
            [("RTMIN", 34), ("SIGRTMIN", 34), ("rtmin+1", 35), ("RTMIN+16", 50), ("RTMIN+30", 64)]
        {
            assert_eq!(Signal::named(name.as_bytes()), Signal::new(number), "{name}");
        }
        for bad in ["RTMIN+", "RTMIN-1", "RTMIN+31", "RTMIN+1x", "RTMIN+100", "RTMINX", "RTMA"] {
            assert_eq!(Signal::named(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn each_reason_is_found_and_packed_without_gaps() {
        for (number, text) in REASONS {
            assert_eq!(number.text(), Some(text.as_bytes()));
        }
        assert_eq!(Errno(0).text(), None);
        assert_eq!(Errno(250).text(), None);
        assert_eq!(ERRORS.len(), REASONS.iter().map(|row| row.1.len() + 2).sum());
    }
}
