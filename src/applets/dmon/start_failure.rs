//! Why a child could not be started.
//!
//! The child leaves a [`StartFailure`] for the [`spawner`](super::spawn::Spawner); the supervisor reports it.

use crate::applets::diag::eprint;
use pure::diag::put_reason;
use pure::exit::Exit;
use pure::supervise::rlimits;
use pure::text::TextBuf;
use pure::unix::Errno;
use sys::args::Argv;

/// The step of a start that failed, as a number that fits into a byte of the pipe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stage(u8);

impl Stage {
    /// No pipe or no process could be created.
    pub const FORK: Self = Self(0);
    pub const PROCESS_GROUP: Self = Self(1);
    pub const REDIRECT: Self = Self(2);
    pub const GROUPS: Self = Self(3);
    pub const GID: Self = Self(4);
    pub const UID: Self = Self(5);
    pub const PARENT_DEATH_SIGNAL: Self = Self(6);
    pub const SIGNAL_MASK: Self = Self(7);
    pub const EXEC: Self = Self(8);

    /// The first of the resources.
    const RLIMIT: u8 = 9;

    /// Returns the stage that sets the limit of the resource with this number (getrlimit(2)).
    pub const fn rlimit(number: u8) -> Self {
        Self(Self::RLIMIT.saturating_add(number))
    }

    /// Returns the beginning of the message, which the name of the command follows.
    const fn text(self) -> &'static str {
        match self {
            Self::FORK => "still trying to start ",
            Self::PROCESS_GROUP => "cannot make a process group for ",
            Self::REDIRECT => "cannot redirect the output of ",
            Self::GROUPS => "cannot set the groups of ",
            Self::GID => "cannot set the group of ",
            Self::UID => "cannot set the user of ",
            Self::PARENT_DEATH_SIGNAL => "cannot set the parent-death signal of ",
            Self::SIGNAL_MASK => "cannot set the signal mask of ",
            Self::EXEC => "cannot execute ",
            _ => "cannot set limit ",
        }
    }
}

/// The step that failed and its errno.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StartFailure {
    pub stage: Stage,
    pub error: Errno,
}

impl StartFailure {
    /// Bytes in the pipe: stage, errno.
    pub const SIZE: usize = 5;

    /// Returns the message for the pipe.
    pub const fn to_bytes(self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.error.0.to_le_bytes();
        [self.stage.0, a, b, c, d]
    }

    /// The inverse of [`to_bytes`](Self::to_bytes).
    pub const fn from_bytes([stage, errno @ ..]: [u8; Self::SIZE]) -> Self {
        Self { stage: Stage(stage), error: Errno(i32::from_le_bytes(errno)) }
    }

    /// Reports whether a later start may succeed. Running out of descriptors (EMFILE) at the very `first` start is
    /// permanent: dmon's own limit does not change.
    #[must_use]
    pub fn is_transient(self, first: bool) -> bool {
        self.stage == Stage::FORK && !(first && self.error == Errno::MFILE)
    }

    /// Returns the exit status for the failure, the one that shells use (POSIX, Shell Command Language, 2.8.2).
    #[must_use]
    pub fn exit(self) -> Exit {
        match self.error {
            _ if self.stage != Stage::EXEC => Exit::FAILED,
            Errno::NOENT => Exit::NOT_FOUND,
            _ => Exit::CANNOT_EXECUTE,
        }
    }

    /// Prints the failure on standard error.
    pub fn report(self, command: &Argv) {
        let number = self.stage.0.checked_sub(Stage::RLIMIT);
        let (resource, of): (&[u8], &[u8]) = match number.map(usize::from).and_then(rlimits::name) {
            Some(name) => (name, b" for "),
            None => (b"", b""),
        };
        let mut reason = TextBuf::<64>::new();
        put_reason(&mut reason, self.error);
        let name = command.name().to_bytes();
        let name = if name.is_empty() { b"''" } else { name };
        eprint(&[self.stage.text().as_bytes(), resource, of, name, b": ", reason.bytes()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_pipe() {
        for stage in [Stage::FORK, Stage::EXEC, Stage::rlimit(0), Stage::rlimit(15)] {
            for error in [Errno::NOENT, Errno::DQUOT, Errno(-1), Errno(i32::MAX)] {
                let failure = StartFailure { stage, error };
                assert_eq!(StartFailure::from_bytes(failure.to_bytes()), failure);
            }
        }
    }

    #[test]
    fn only_a_failed_fork_is_transient() {
        let failure = |stage, error| StartFailure { stage, error };
        assert!(failure(Stage::FORK, Errno::AGAIN).is_transient(true));
        assert!(failure(Stage::FORK, Errno::MFILE).is_transient(false));
        assert!(!failure(Stage::FORK, Errno::MFILE).is_transient(true));
        assert!(!failure(Stage::EXEC, Errno::AGAIN).is_transient(false));
    }

    #[test]
    fn exit_statuses_are_those_of_shells() {
        let exit = |stage, error| StartFailure { stage, error }.exit();
        assert_eq!(exit(Stage::EXEC, Errno::NOENT), Exit::NOT_FOUND);
        assert_eq!(exit(Stage::EXEC, Errno::ACCES), Exit::CANNOT_EXECUTE);
        assert_eq!(exit(Stage::UID, Errno::NOENT), Exit::FAILED);
    }
}
