//! The steps of a rotation. `applets/drlog` carries out each one and passes its result to [`Step::next`].
//!
//! The file that is written is always named `current`. So if no new `current` can be created, the old one gets its name
//! back. On a disk without a free inode, the oldest archive makes space for a new file, but only once per rotation:
//! if that does not suffice, more archives would be lost in vain.

use crate::unix::Errno;

/// A step of a rotation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Step {
    /// Rename `current` to the new archive.
    Archive,
    /// Create a new `current`.
    Create,
    /// Remove the oldest of the archives that existed before the rotation.
    RemoveOldest,
    /// Create a new `current` with the space of the oldest archive.
    CreateAgain,
    /// Rename the new archive to `current`.
    Restore,
    End(Outcome),
}

/// The result of a rotation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Outcome {
    /// A new `current` is open.
    Rotated,
    /// The old file is still written.
    Failed,
    /// Another program has moved `current`: open the directory again.
    Missing,
}

impl Step {
    /// Returns the step after this one.
    #[must_use]
    pub const fn next(self, result: Result<(), Errno>) -> Self {
        match (self, result) {
            (Self::Archive, Ok(())) => Self::Create,
            (Self::Archive, Err(Errno::NOENT)) => Self::End(Outcome::Missing),
            (Self::Create | Self::CreateAgain, Ok(())) => Self::End(Outcome::Rotated),
            (Self::Create, Err(Errno::NOSPC | Errno::DQUOT)) => Self::RemoveOldest,
            (Self::RemoveOldest, Ok(())) => Self::CreateAgain,
            (Self::Create | Self::CreateAgain | Self::RemoveOldest, Err(_)) => Self::Restore,
            // A file that cannot get its name back is no longer `current`. The next look at the names finds that out.
            (Self::Archive, Err(_)) | (Self::Restore, _) => Self::End(Outcome::Failed),
            (Self::End(outcome), _) => Self::End(outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A log directory. Files are numbered by their age.
    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct World {
        archives: Vec<u8>,
        current: Option<u8>,
        /// The open file.
        written: u8,
        /// A file that a rotation could not rename back.
        displaced: bool,
    }

    impl World {
        /// Carries out a step of a rotation that started with these archives.
        fn act(&mut self, step: Step, before: &[u8], newest: u8) {
            match step {
                Step::Archive => self.archives.push(self.current.take().unwrap()),
                Step::Create | Step::CreateAgain => {
                    assert_eq!(self.current, None);
                    self.current = Some(newest + 1);
                    self.written = newest + 1;
                }
                Step::RemoveOldest => {
                    assert_eq!(self.archives[0], before[0], "another file was removed");
                    self.archives.remove(0);
                }
                Step::Restore => {
                    assert_eq!(self.current, None);
                    self.current = self.archives.pop();
                }
                Step::End(_) => unreachable!(),
            }
        }

        fn check(&self) {
            let is_current = self.current == Some(self.written);
            let is_newest = self.archives.last() == Some(&self.written);
            assert!(is_current || self.displaced && is_newest, "{self:?}");
            assert!(self.archives.is_sorted(), "{self:?}");
        }
    }

    /// Explores rotations with all results of all steps, one after the other. Between them, another program may remove
    /// or move `current`, which drlog then opens again.
    #[test]
    fn the_written_file_is_current_after_every_rotation() {
        const ERRORS: [Errno; 4] = [Errno::NOENT, Errno::ACCES, Errno::NOSPC, Errno::DQUOT];
        let start = World { archives: vec![], current: Some(0), written: 0, displaced: false };
        let (mut frontier, mut ends) = (vec![start], HashSet::new());
        for _ in 0..5 {
            let mut rotations: Vec<(World, World, Step)> = Vec::new();
            for world in frontier.drain(..) {
                rotations.push((world.clone(), world, Step::Archive));
            }
            while let Some((before, world, step)) = rotations.pop() {
                let newest = before.archives.last().copied().unwrap_or(0).max(before.written);
                if let Step::End(outcome) = step {
                    let mut world = world;
                    match outcome {
                        Outcome::Rotated => {
                            assert!(world.written > newest && !world.displaced);
                            assert!(world.archives.ends_with(&[before.written]));
                        }
                        Outcome::Failed => assert_eq!(world.written, before.written),
                        Outcome::Missing => {
                            // The open file keeps its other name, and a new one is created.
                            assert_eq!(world.current, None);
                            world.current = Some(newest + 1);
                            world.written = newest + 1;
                            world.displaced = false;
                        }
                    }
                    world.check();
                    let removed = before.archives.iter().filter(|n| !world.archives.contains(n));
                    assert!(removed.count() <= 1, "{before:?} {world:?}");
                    if ends.insert(world.clone()) {
                        frontier.push(world);
                    }
                    continue;
                }
                for error in ERRORS {
                    // Without `current`, the first step fails; without an archive, none can be removed.
                    let mut world = world.clone();
                    world.displaced |= step == Step::Restore;
                    if step != Step::Archive || (error == Errno::NOENT) == world.current.is_none() {
                        rotations.push((before.clone(), world, step.next(Err(error))));
                    }
                }
                let is_possible = match step {
                    Step::Archive => world.current.is_some(),
                    Step::RemoveOldest => !before.archives.is_empty(),
                    _ => true,
                };
                if is_possible {
                    let mut world = world;
                    world.act(step, &before.archives, newest);
                    rotations.push((before, world, step.next(Ok(()))));
                }
            }
        }
        assert!(ends.len() > 20, "only {} directories", ends.len());
    }
}
