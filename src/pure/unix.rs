//! Names for the kernel's numbers: processes, errors, signals and how a process ended.
//!
//! The only file outside `sys` that mentions `libc`, and it takes constants alone from there.

use crate::pure::names;
use core::num::NonZeroI32;

/// A process, as `fork` or `waitpid` names it: above zero, so that `kill` can never be given the
/// 0 ("my group") or the −1 ("everybody") of kill(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// `None` for zero and below, which do not name one process.
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

/// Why a system call failed: errno(3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

impl Errno {
    pub const AGAIN: Self = Self(libc::EAGAIN);
    pub const INTR: Self = Self(libc::EINTR);
    pub const ACCES: Self = Self(libc::EACCES);
    pub const NOTDIR: Self = Self(libc::ENOTDIR);
    pub const NOENT: Self = Self(libc::ENOENT);
    pub const NOMEM: Self = Self(libc::ENOMEM);
    pub const NFILE: Self = Self(libc::ENFILE);
    pub const MFILE: Self = Self(libc::EMFILE);
    pub const SRCH: Self = Self(libc::ESRCH);
    pub const NOSPC: Self = Self(libc::ENOSPC);
    pub const DQUOT: Self = Self(libc::EDQUOT);
    pub const INVAL: Self = Self(libc::EINVAL);
    pub const NXIO: Self = Self(libc::ENXIO);
    pub const PIPE: Self = Self(libc::EPIPE);
    pub const INPROGRESS: Self = Self(libc::EINPROGRESS);
    pub const NAMETOOLONG: Self = Self(libc::ENAMETOOLONG);
    pub const NOBUFS: Self = Self(libc::ENOBUFS);
    pub const NOSYS: Self = Self(libc::ENOSYS);
    pub const CONNREFUSED: Self = Self(libc::ECONNREFUSED);
    pub const HOSTUNREACH: Self = Self(libc::EHOSTUNREACH);
    pub const TIMEDOUT: Self = Self(libc::ETIMEDOUT);
    pub const PROTOTYPE: Self = Self(libc::EPROTOTYPE);

    /// The words of strerror(3) for the errors our calls can give; `None` for the rest, which are
    /// shown by number.
    #[must_use]
    pub fn text(self) -> Option<&'static [u8]> {
        let [number, ..] = self.0.to_le_bytes();
        let mut rows = ERRORS.split(|byte| *byte == 0);
        rows.find_map(|row| row.split_first().filter(|(first, _)| **first == number))
            .map(|row| row.1)
    }
}

/// [`REASONS`] as it lies in the executable, where pointers to each text would weigh as much as the
/// texts: the low byte of the number, the text, a zero. Only MIPS has an error above 255, one.
static ERRORS: [u8; SIZE] = {
    let mut packed = [0; SIZE];
    pack(&mut packed);
    packed
};

const SIZE: usize = pack(&mut [0; 2000]);

/// Returns how many bytes it has packed.
#[allow(clippy::indexing_slicing, reason = "the compiler runs it")]
const fn pack(packed: &mut [u8]) -> usize {
    let (mut row, mut end) = (0, 0);
    while row < REASONS.len() {
        let (number, text) = REASONS[row];
        packed[end] = number.to_le_bytes()[0];
        let (_, room) = packed.split_at_mut(end + 1);
        room.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
        end += text.len() + 2;
        row += 1;
    }
    end
}

const REASONS: &[(i32, &str)] = &[
    (libc::EPERM, "Operation not permitted"),
    (libc::ENOENT, "No such file or directory"),
    (libc::EINTR, "Interrupted system call"),
    (libc::EIO, "Input/output error"),
    (libc::ENXIO, "No such device or address"),
    (libc::E2BIG, "Argument list too long"),
    (libc::ENOEXEC, "Exec format error"),
    (libc::EBADF, "Bad file descriptor"),
    (libc::EAGAIN, "Resource temporarily unavailable"),
    (libc::ENOMEM, "Cannot allocate memory"),
    (libc::EACCES, "Permission denied"),
    (libc::EBUSY, "Device or resource busy"),
    (libc::EEXIST, "File exists"),
    (libc::ENODEV, "No such device"),
    (libc::ENOTDIR, "Not a directory"),
    (libc::EISDIR, "Is a directory"),
    (libc::EINVAL, "Invalid argument"),
    (libc::ENFILE, "Too many open files in system"),
    (libc::EMFILE, "Too many open files"),
    (libc::ENOTTY, "Inappropriate ioctl for device"),
    (libc::ETXTBSY, "Text file busy"),
    (libc::EFBIG, "File too large"),
    (libc::ENOSPC, "No space left on device"),
    (libc::EROFS, "Read-only file system"),
    (libc::EPIPE, "Broken pipe"),
    (libc::ENAMETOOLONG, "File name too long"),
    (libc::ENOSYS, "Function not implemented"),
    (libc::ELOOP, "Too many levels of symbolic links"),
    (libc::EDQUOT, "Disk quota exceeded"),
    (libc::ELIBBAD, "Accessing a corrupted shared library"),
    (libc::ESTALE, "Stale file handle"),
    (libc::ECONNREFUSED, "Connection refused"),
    (libc::ECONNRESET, "Connection reset by peer"),
    (libc::ETIMEDOUT, "Connection timed out"),
    (libc::ENETUNREACH, "Network is unreachable"),
    (libc::EHOSTUNREACH, "No route to host"),
];

/// A signal of signal(7), 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal(u8);

impl Signal {
    pub const HUP: Self = Self::of(libc::SIGHUP);
    pub const INT: Self = Self::of(libc::SIGINT);
    pub const QUIT: Self = Self::of(libc::SIGQUIT);
    pub const KILL: Self = Self::of(libc::SIGKILL);
    pub const USR1: Self = Self::of(libc::SIGUSR1);
    pub const USR2: Self = Self::of(libc::SIGUSR2);
    pub const PIPE: Self = Self::of(libc::SIGPIPE);
    pub const ALRM: Self = Self::of(libc::SIGALRM);
    pub const TERM: Self = Self::of(libc::SIGTERM);
    pub const CHLD: Self = Self::of(libc::SIGCHLD);
    pub const CONT: Self = Self::of(libc::SIGCONT);
    pub const STOP: Self = Self::of(libc::SIGSTOP);
    pub const XFSZ: Self = Self::of(libc::SIGXFSZ);
    pub const TSTP: Self = Self::of(libc::SIGTSTP);
    pub const TTIN: Self = Self::of(libc::SIGTTIN);
    pub const TTOU: Self = Self::of(libc::SIGTTOU);

    /// The highest number a signal has on any Linux but MIPS, whose last 63 are not for us.
    const LAST: i32 = 64;

    const fn of(number: i32) -> Self {
        Self(number as u8)
    }

    /// `None` unless `number` is 1 to 64.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        if (1..=Self::LAST).contains(&number) { u8::try_from(number).ok().map(Self) } else { None }
    }

    #[must_use]
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// By its name, with or without `SIG`, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let bare = match name.split_at_checked(3) {
            Some((sig, rest)) if names::is_same(sig, b"SIG") => rest,
            _ => name,
        };
        let at = names::place(SIGNALS, bare)?;
        Self::new(i32::try_from(at).ok()? + 1)
    }
}

/// Each at its number, from 1 on.
#[cfg(not(target_arch = "mips"))]
const SIGNALS: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT \
    CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO|POLL PWR SYS";
#[cfg(target_arch = "mips")]
const SIGNALS: &str = "HUP INT QUIT ILL TRAP ABRT EMT FPE KILL BUS SEGV SYS PIPE ALRM TERM USR1 USR2 \
    CHLD PWR WINCH URG IO|POLL STOP TSTP CONT TTIN TTOU VTALRM PROF XCPU XFSZ";

/// How a process ended: the raw number of waitpid(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Status(pub i32);

impl Status {
    pub const WELL: Self = Self(0);

    /// As if the process had called `_exit(code)`.
    #[must_use]
    pub const fn exited(code: u8) -> Self {
        Self((code as i32) << 8)
    }

    #[must_use]
    pub const fn is_well(self) -> bool {
        self.0 == 0
    }

    /// That signal ended it.
    #[must_use]
    pub fn is_of(self, signal: Signal) -> bool {
        self.0 & 0x7f == signal.number()
    }

    /// As shells say it: the exit code, or 128 + N when signal N ended it.
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
    fn zero_and_below_are_no_process() {
        assert_eq!(Pid::new(0), None);
        assert_eq!(Pid::new(-1), None);
        assert_eq!(Pid::new(7).map(Pid::number), Some(7));
    }

    #[test]
    fn a_status_is_told_as_shells_tell_it() {
        assert_eq!(Status::exited(3).code(), 3);
        assert_eq!(Status(15).code(), 143);
        assert_eq!(Status(11 | 0x80).code(), 139);
        assert!(Status(11 | 0x80).is_of(Signal::of(11)) && !Status(11).is_of(Signal::TERM));
        assert!(!Status::exited(11).is_of(Signal::of(11)));
        assert!(Status::exited(0).is_well());
        assert!(!Status(9).is_well());
    }

    #[test]
    fn signals_are_found_by_name_with_or_without_sig() {
        assert_eq!(Signal::named(b"TERM"), Some(Signal::TERM));
        assert_eq!(Signal::named(b"sigUsr1"), Some(Signal::USR1));
        assert_eq!(Signal::named(b"SIG"), None);
        assert_eq!(Signal::named(b""), None);
        assert_eq!(Signal::named(b"TERMX"), None);
        assert_eq!(Signal::new(0), None);
        assert_eq!(Signal::new(65), None);
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

    #[test]
    fn every_reason_is_found_and_has_no_more_room_than_it_needs() {
        for (number, text) in REASONS {
            assert_eq!(Errno(*number).text(), Some(text.as_bytes()));
        }
        assert_eq!(Errno(0).text(), None);
        assert_eq!(Errno(250).text(), None);
        assert_eq!(ERRORS.len(), REASONS.iter().map(|row| row.1.len() + 2).sum());
    }
}
