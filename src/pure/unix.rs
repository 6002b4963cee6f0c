//! Names for the kernel's numbers: processes, errors, signals and how a process ended.
//!
//! The only file outside `sys` that mentions `libc`, and it takes constants alone from there.

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
    pub const NOENT: Self = Self(libc::ENOENT);
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
    pub const TIMEDOUT: Self = Self(libc::ETIMEDOUT);
    pub const PROTOTYPE: Self = Self(libc::EPROTOTYPE);

    /// The words of strerror(3) for the errors our calls can give; `None` for the rest, which are
    /// shown by number.
    #[must_use]
    pub fn text(self) -> Option<&'static str> {
        ERRORS.iter().find(|row| row.0 == self.0).map(|row| row.1)
    }
}

const ERRORS: &[(i32, &str)] = &[
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
            Some((sig, rest)) if sig.eq_ignore_ascii_case(b"SIG") => rest,
            _ => name,
        };
        let row = SIGNALS.iter().find(|row| row.0.as_bytes().eq_ignore_ascii_case(bare))?;
        Self::new(row.1)
    }
}

const SIGNALS: &[(&str, i32)] = &[
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("POLL", libc::SIGPOLL),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

/// How a process ended: the raw number of waitpid(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

    /// As shells say it: the exit code, or 128 + N when signal N ended it.
    #[must_use]
    pub const fn code(self) -> u8 {
        let [low, high, ..] = self.0.to_le_bytes();
        match low & 0x7f {
            0 => high,
            signal => 128 | signal,
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
    }
}
