//! Why a child could not be started.
//!
//! The child leaves a [`StartFailure`] for the [`spawner`](super::spawn::Spawner); the supervisor reports it.

use super::spawn::SpawnSpec;
use crate::applets::diag::eprint;
use pure::diag::put_reason;
use pure::exit::Exit;
use pure::supervise::rlimits;
use pure::text::TextBuf;
use pure::unix::Errno;

/// The step of a start that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// No pipe or no process could be created.
    Fork,
    ProcessGroup,
    Redirect,
    /// The resource with this number (getrlimit(2)).
    Rlimit(u8),
    Groups,
    Gid,
    Uid,
    ParentDeathSignal,
    SignalMask,
    Exec,
}

/// The step that failed and its errno.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StartFailure {
    pub stage: Stage,
    pub error: Errno,
}

impl Stage {
    /// Returns the numbers of the stage and of its resource.
    const fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Fork => [0, 0],
            Self::ProcessGroup => [1, 0],
            Self::Redirect => [2, 0],
            Self::Rlimit(number) => [3, number],
            Self::Groups => [4, 0],
            Self::Gid => [5, 0],
            Self::Uid => [6, 0],
            Self::ParentDeathSignal => [7, 0],
            Self::SignalMask => [8, 0],
            Self::Exec => [9, 0],
        }
    }

    /// The inverse of [`to_bytes`](Self::to_bytes).
    const fn from_bytes(bytes: [u8; 2]) -> Self {
        match bytes {
            [0, _] => Self::Fork,
            [1, _] => Self::ProcessGroup,
            [2, _] => Self::Redirect,
            [3, number] => Self::Rlimit(number),
            [4, _] => Self::Groups,
            [5, _] => Self::Gid,
            [6, _] => Self::Uid,
            [7, _] => Self::ParentDeathSignal,
            [8, _] => Self::SignalMask,
            _ => Self::Exec,
        }
    }

    /// Returns the beginning of the message, which the name of the command follows.
    const fn text(self) -> &'static str {
        match self {
            Self::Fork => "still trying to start ",
            Self::ProcessGroup => "cannot make a process group for ",
            Self::Redirect => "cannot redirect the output of ",
            Self::Rlimit(_) => "cannot set limit ",
            Self::Groups => "cannot set the groups of ",
            Self::Gid => "cannot set the group of ",
            Self::Uid => "cannot set the user of ",
            Self::ParentDeathSignal => "cannot set the parent-death signal of ",
            Self::SignalMask => "cannot set the signal mask of ",
            Self::Exec => "cannot execute ",
        }
    }
}

impl StartFailure {
    /// Bytes in the pipe: stage, resource, errno.
    pub const SIZE: usize = 6;

    /// Returns the message for the pipe.
    pub const fn to_bytes(self) -> [u8; Self::SIZE] {
        let [stage, resource] = self.stage.to_bytes();
        let [a, b, c, d] = self.error.0.to_le_bytes();
        [stage, resource, a, b, c, d]
    }

    /// The inverse of [`to_bytes`](Self::to_bytes).
    pub const fn from_bytes([stage, resource, errno @ ..]: [u8; Self::SIZE]) -> Self {
        let stage = Stage::from_bytes([stage, resource]);
        Self { stage, error: Errno(i32::from_le_bytes(errno)) }
    }

    /// Reports whether a later start may succeed. Running out of descriptors (EMFILE) at the very `first` start is
    /// permanent: dmon's own limit does not change.
    #[must_use]
    pub fn is_transient(self, first: bool) -> bool {
        self.stage == Stage::Fork && !(first && self.error == Errno::MFILE)
    }

    /// Returns the exit status for the failure, the one that shells use (POSIX, Shell Command Language, 2.8.2).
    #[must_use]
    pub fn exit(self) -> Exit {
        match self.error {
            _ if self.stage != Stage::Exec => Exit::FAILED,
            Errno::NOENT => Exit::NOT_FOUND,
            _ => Exit::CANNOT_EXECUTE,
        }
    }

    /// Prints the failure on standard error.
    pub fn report(self, spec: &SpawnSpec) {
        let (resource, of): (&[u8], &[u8]) = if let Stage::Rlimit(number) = self.stage {
            (rlimits::name(number.into()).unwrap_or(b"?"), b" for ")
        } else {
            (b"", b"")
        };
        let mut reason = TextBuf::<64>::new();
        put_reason(&mut reason, self.error);
        let name = spec.command.name().to_bytes();
        let name = if name.is_empty() { b"''" } else { name };
        eprint(&[self.stage.text().as_bytes(), resource, of, name, b": ", reason.bytes()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_pipe() {
        for number in 0..=9 {
            let stage = Stage::from_bytes([number, 15]);
            assert_eq!(stage.to_bytes()[0], number, "{stage:?}");
            for error in [Errno::NOENT, Errno::DQUOT, Errno(-1), Errno(i32::MAX)] {
                let failure = StartFailure { stage, error };
                assert_eq!(StartFailure::from_bytes(failure.to_bytes()), failure);
            }
        }
        assert_eq!(Stage::from_bytes([3, 15]), Stage::Rlimit(15));
    }

    #[test]
    fn only_a_failed_fork_is_transient() {
        let failure = |stage, error| StartFailure { stage, error };
        assert!(failure(Stage::Fork, Errno::AGAIN).is_transient(true));
        assert!(failure(Stage::Fork, Errno::MFILE).is_transient(false));
        assert!(!failure(Stage::Fork, Errno::MFILE).is_transient(true));
        assert!(!failure(Stage::Exec, Errno::AGAIN).is_transient(false));
    }

    #[test]
    fn exit_statuses_are_those_of_shells() {
        let exit = |stage, error| StartFailure { stage, error }.exit();
        assert_eq!(exit(Stage::Exec, Errno::NOENT), Exit::NOT_FOUND);
        assert_eq!(exit(Stage::Exec, Errno::ACCES), Exit::CANNOT_EXECUTE);
        assert_eq!(exit(Stage::Uid, Errno::NOENT), Exit::FAILED);
    }
}
