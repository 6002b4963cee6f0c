//! Why a child could not be started.
//!
//! The child leaves a [`StartFailure`] for the [`spawner`](super::spawn::Spawner); the supervisor reports it.

use crate::applets::diag::os_error_bytes;
use core::num::NonZeroU32;
use pure::exit::Exit;
use pure::name_table::entry;
use pure::supervise::rlimits;
use pure::unix::Errno;
use sys::args::Argv;

/// The step of a start that failed, as a number that fits into a byte of the pipe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stage(u8);

impl Stage {
    /// No pipe or no process could be created.
    pub const FORK: Self = Self(0);
    /// Of the calls that cannot fail: process group, parent-death signal, signal mask.
    pub const PREPARE: Self = Self(1);
    pub const REDIRECT: Self = Self(2);
    /// With its groups.
    pub const USER: Self = Self(3);
    pub const EXEC: Self = Self(4);
    /// The descriptor of `--ready`.
    pub const READY: Self = Self(5);

    /// The first of the resources.
    const RLIMIT: u8 = 6;

    /// The beginning of the message of each stage. The last one is that of all resources.
    const TEXTS: &str = "still trying to start |cannot prepare |cannot redirect the output of |\
        cannot set the user of |cannot execute |cannot use -N for |cannot set limit ";

    /// Returns the stage that sets the limit of the resource with this number (getrlimit(2)).
    pub const fn rlimit(number: u8) -> Self {
        Self(Self::RLIMIT.saturating_add(number))
    }
}

/// The step that failed and its errno, which is below 4096 (`MAX_ERRNO`, include/linux/err.h): errno in the lower 16
/// bits, which is never zero, and the stage above them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StartFailure(NonZeroU32);

impl StartFailure {
    /// Returns the failure of a stage.
    pub const fn new(Stage(stage): Stage, Errno(error): Errno) -> Self {
        let number = (stage as u32) << 16 | error.cast_unsigned() & 0xffff;
        Self(match NonZeroU32::new(number) {
            Some(number) => number,
            None => NonZeroU32::MIN,
        })
    }

    /// Returns the message for the pipe.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.get().to_ne_bytes()
    }

    /// The inverse of [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(bytes: [u8; 4]) -> Option<Self> {
        NonZeroU32::new(u32::from_ne_bytes(bytes)).map(Self)
    }

    const fn stage(self) -> Stage {
        Stage((self.0.get() >> 16) as u8)
    }

    const fn error(self) -> Errno {
        Errno((self.0.get() & 0xffff).cast_signed())
    }

    /// Reports whether a later start may succeed. Running out of descriptors (EMFILE) at the very `first` start is
    /// permanent: dmon's own limit does not change.
    #[must_use]
    pub fn is_transient(self, first: bool) -> bool {
        self.stage() == Stage::FORK && !(first && self.error() == Errno::MFILE)
    }

    /// Returns the exit status for the failure, the one that shells use (POSIX, Shell Command Language, 2.8.2).
    #[must_use]
    pub fn exit(self) -> Exit {
        match self.error() {
            _ if self.stage() != Stage::EXEC => Exit::FAILED,
            Errno::NOENT => Exit::NOT_FOUND,
            _ => Exit::CANNOT_EXECUTE,
        }
    }

    /// Prints the failure on standard error.
    pub fn report(self, command: &Argv) {
        let Stage(stage) = self.stage();
        let text = entry(Stage::TEXTS, b'|', stage.min(Stage::RLIMIT).into());
        let resource = stage.checked_sub(Stage::RLIMIT).map(usize::from).and_then(rlimits::name);
        os_error_bytes(text, resource.unwrap_or(command.name().to_bytes()), self.error());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_pipe() {
        for stage in [Stage::FORK, Stage::EXEC, Stage::rlimit(0), Stage::rlimit(15)] {
            for error in [Errno::NOENT, Errno::DQUOT, Errno(4095)] {
                let failure = StartFailure::from_bytes(StartFailure::new(stage, error).to_bytes());
                let failure = failure.unwrap();
                assert_eq!((failure.stage(), failure.error()), (stage, error));
            }
        }
    }

    #[test]
    fn only_a_failed_fork_is_transient() {
        let failure = StartFailure::new;
        assert!(failure(Stage::FORK, Errno::AGAIN).is_transient(true));
        assert!(failure(Stage::FORK, Errno::MFILE).is_transient(false));
        assert!(!failure(Stage::FORK, Errno::MFILE).is_transient(true));
        assert!(!failure(Stage::EXEC, Errno::AGAIN).is_transient(false));
    }

    #[test]
    fn exit_statuses_are_those_of_shells() {
        let exit = |stage, error| StartFailure::new(stage, error).exit();
        assert_eq!(exit(Stage::EXEC, Errno::NOENT), Exit::NOT_FOUND);
        assert_eq!(exit(Stage::EXEC, Errno::ACCES), Exit::CANNOT_EXECUTE);
        assert_eq!(exit(Stage::USER, Errno::NOENT), Exit::FAILED);
    }
}
