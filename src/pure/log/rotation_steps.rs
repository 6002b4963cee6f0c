//! The steps of a rotation. `applets/drlog` implements each one.
//!
//! The file that is written is always named `current`. So if no new `current` can be created, the old one gets its name
//! back. On a disk without a free inode, the oldest archive makes space for a new file, but only once per rotation:
//! if that does not suffice, more archives would be lost in vain.

use crate::unix::Errno;

/// The files of a log directory, as a rotation changes them.
pub trait LogFiles {
    /// An open file.
    type File;

    /// Renames `current` to the new archive.
    ///
    /// # Errors
    /// `ENOENT` if another program has moved `current`.
    fn archive(&mut self) -> Result<(), Errno>;

    /// Creates a new `current`.
    ///
    /// # Errors
    /// `ENOSPC`, `EDQUOT`: an archive may make space for it.
    fn create(&mut self) -> Result<Self::File, Errno>;

    /// Removes the oldest of the archives that existed before the rotation.
    ///
    /// # Errors
    /// There is none, or it cannot be removed.
    fn remove_oldest(&mut self) -> Result<(), Errno>;

    /// Renames the new archive to `current`.
    ///
    /// # Errors
    /// The file is no longer `current`. The next look at the names finds that out.
    fn restore(&mut self) -> Result<(), Errno>;
}

/// Rotates. Returns the new `current`.
///
/// # Errors
/// The old file is still written. `ENOENT` if there is no `current`.
pub fn rotate<F: LogFiles>(files: &mut F) -> Result<F::File, Errno> {
    files.archive()?;
    let mut file = files.create();
    if matches!(file, Err(Errno::NOSPC | Errno::DQUOT)) && files.remove_oldest().is_ok() {
        file = files.create();
    }
    if file.is_err() {
        let _ = files.restore();
    }
    file
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
        fn newest(&self) -> u8 {
            self.archives.last().copied().unwrap_or(0).max(self.written)
        }

        fn check(&self) {
            let is_current = self.current == Some(self.written);
            let is_newest = self.archives.last() == Some(&self.written);
            assert!(is_current || self.displaced && is_newest, "{self:?}");
            assert!(self.archives.is_sorted(), "{self:?}");
        }
    }

    const ERRORS: [Errno; 4] = [Errno::NOENT, Errno::ACCES, Errno::NOSPC, Errno::DQUOT];

    /// A rotation whose steps have the results in `script`, as indices in [`ERRORS`], or else succeed.
    struct Rotation {
        before: World,
        world: World,
        script: Vec<usize>,
        steps: usize,
    }

    impl Rotation {
        fn next_result(&mut self, is_possible: bool) -> Result<(), Errno> {
            if self.steps == self.script.len() {
                self.script.push(if is_possible { ERRORS.len() } else { 0 });
            }
            self.steps += 1;
            ERRORS.get(self.script[self.steps - 1]).map_or(Ok(()), |errno| Err(*errno))
        }
    }

    impl LogFiles for Rotation {
        type File = u8;

        fn archive(&mut self) -> Result<(), Errno> {
            let has_current = self.world.current.is_some();
            let mut result = self.next_result(has_current);
            // Without `current` this step fails, and only then with ENOENT.
            if has_current != (result != Err(Errno::NOENT)) {
                result = Err(if has_current { Errno::ACCES } else { Errno::NOENT });
            }
            if result.is_ok() {
                self.world.archives.push(self.world.current.take().unwrap());
            }
            result
        }

        fn create(&mut self) -> Result<u8, Errno> {
            self.next_result(true)?;
            assert_eq!(self.world.current, None);
            let file = self.before.newest() + 1;
            (self.world.current, self.world.written) = (Some(file), file);
            Ok(file)
        }

        fn remove_oldest(&mut self) -> Result<(), Errno> {
            self.next_result(!self.before.archives.is_empty())?;
            let oldest = self.world.archives.remove(0);
            assert_eq!(oldest, self.before.archives[0], "another file was removed");
            Ok(())
        }

        fn restore(&mut self) -> Result<(), Errno> {
            let result = self.next_result(true);
            self.world.displaced |= result.is_err();
            result?;
            assert_eq!(self.world.current, None);
            self.world.current = self.world.archives.pop();
            Ok(())
        }
    }

    /// Explores rotations with all results of all steps, one after the other. Between them, another program may remove
    /// or move `current`, which drlog then opens again.
    #[test]
    fn the_written_file_is_current_after_every_rotation() {
        let start = World { archives: vec![], current: Some(0), written: 0, displaced: false };
        let (mut frontier, mut ends) = (vec![start], HashSet::new());
        for _ in 0..5 {
            for before in core::mem::take(&mut frontier) {
                let mut script = Vec::new();
                loop {
                    let (before, world) = (before.clone(), before.clone());
                    let mut rotation = Rotation { before, world, script, steps: 0 };
                    let result = rotate(&mut rotation);
                    let Rotation { before, mut world, script: results, .. } = rotation;
                    match result {
                        Ok(file) => {
                            assert!(file > before.newest() && !world.displaced, "{world:?}");
                            assert_eq!(world.written, file);
                            assert!(world.archives.ends_with(&[before.written]));
                        }
                        Err(Errno::NOENT) if world.current.is_none() => {
                            // The open file keeps its other name, and a new one is created.
                            let file = before.newest() + 1;
                            (world.current, world.written) = (Some(file), file);
                            world.displaced = false;
                        }
                        Err(_) => assert_eq!(world.written, before.written),
                    }
                    world.check();
                    let removed = before.archives.iter().filter(|n| !world.archives.contains(n));
                    assert!(removed.count() <= 1, "{before:?} {world:?}");
                    if ends.insert(world.clone()) {
                        frontier.push(world);
                    }
                    // The next script: the last result that can be lower becomes lower.
                    script = results;
                    while script.pop_if(|result| *result == 0).is_some() {}
                    match script.last_mut() {
                        Some(result) => *result -= 1,
                        None => break,
                    }
                }
            }
        }
        assert!(ends.len() > 20, "only {} directories", ends.len());
    }
}
