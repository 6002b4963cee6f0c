//! A set of processes and process groups, by their numbers.
//!
//! `applets/dmon/leftovers.rs` remembers in it which ones it has signalled.

use crate::unix::Pid;

/// The size of a set in bytes: one bit for each number below 2²², the kernel's limit (PID_MAX_LIMIT,
/// include/linux/threads.h).
pub const SIZE: usize = (1 << 22) / 8;

/// A set in borrowed memory.
///
/// The kernel provides memory only for pages that are written, and the numbers of processes that exist at the same time
/// are mostly close to each other.
pub struct PidSet<'a> {
    count: u32,
    bytes: &'a mut [u8; SIZE],
}

impl<'a> PidSet<'a> {
    /// Returns an empty set. `bytes` contains zeros.
    #[must_use]
    pub const fn new(bytes: &'a mut [u8; SIZE]) -> Self {
        Self { count: 0, bytes }
    }

    /// Returns the index of the byte and the bit of `pid`.
    fn place(pid: Pid) -> (usize, u8) {
        let number = pid.number().cast_unsigned();
        ((number / 8) as usize, 1 << (number % 8))
    }

    #[must_use]
    pub fn contains(&self, pid: Pid) -> bool {
        let (index, bit) = Self::place(pid);
        self.bytes.get(index).is_some_and(|byte| byte & bit != 0)
    }

    /// Adds `pid`. Returns whether it is new.
    pub fn insert(&mut self, pid: Pid) -> bool {
        let is_new = !self.contains(pid);
        if is_new {
            self.flip(pid, 1);
        }
        is_new
    }

    pub fn remove(&mut self, pid: Pid) {
        if self.contains(pid) {
            self.flip(pid, u32::MAX);
        }
    }

    /// Changes the bit of `pid`, and the count by `change`.
    fn flip(&mut self, pid: Pid, change: u32) {
        let (index, bit) = Self::place(pid);
        if let Some(byte) = self.bytes.get_mut(index) {
            *byte ^= bit;
            self.count = self.count.wrapping_add(change);
        }
    }

    /// Removes all.
    pub fn clear(&mut self) {
        if self.count > 0 {
            self.count = 0;
            // Write only to pages that have been written before.
            let used = self.bytes.iter_mut().filter(|byte| **byte != 0);
            used.for_each(|byte| *byte = 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_what_was_inserted_until_it_is_cleared() {
        let mut memory = [0; SIZE];
        let mut set = PidSet::new(&mut memory);
        let numbers = [1, 31, 32, 33, 4242, (1 << 22) - 1];
        let pid = |number| Pid::new(number).unwrap();
        for number in numbers {
            assert!(!set.contains(pid(number)) && set.insert(pid(number)));
            assert!(set.contains(pid(number)) && !set.insert(pid(number)));
        }
        assert_eq!([2, 30, 34, 4241].map(|number| set.contains(pid(number))), [false; 4]);
        set.remove(pid(32));
        assert!(!set.contains(pid(32)) && set.contains(pid(31)) && set.contains(pid(33)));
        set.clear();
        assert_eq!(numbers.map(|number| set.contains(pid(number))), [false; 6]);
        assert!(set.insert(pid(32)));
    }
}
