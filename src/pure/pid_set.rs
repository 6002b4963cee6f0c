//! A set of processes and process groups, by their numbers.
//!
//! `applets/dmon/leftovers.rs` remembers in it which ones it has signalled.

use crate::unix::Pid;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A set with one bit for each number below 2²², the kernel's limit (PID_MAX_LIMIT, include/linux/threads.h).
///
/// As a static it is in .bss. The kernel provides memory only for pages that are written, and the numbers of processes
/// that exist at the same time are mostly close to each other.
pub struct PidSet {
    count: AtomicU32,
    words: [AtomicU32; WORDS],
}

const WORDS: usize = (1 << 22) / 32;

impl PidSet {
    #[must_use]
    pub const fn new() -> Self {
        Self { count: AtomicU32::new(0), words: [const { AtomicU32::new(0) }; WORDS] }
    }

    /// Returns the word and the bit of `pid`.
    fn place(&self, pid: Pid) -> Option<(&AtomicU32, u32)> {
        let number = pid.number().unsigned_abs();
        self.words.get((number / 32) as usize).map(|word| (word, 1 << (number % 32)))
    }

    #[must_use]
    pub fn contains(&self, pid: Pid) -> bool {
        self.place(pid).is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
    }

    /// Adds `pid`. Returns whether it is new.
    pub fn insert(&self, pid: Pid) -> bool {
        let is_new = !self.contains(pid);
        if is_new {
            self.flip(pid, 1);
        }
        is_new
    }

    pub fn remove(&self, pid: Pid) {
        if self.contains(pid) {
            self.flip(pid, u32::MAX);
        }
    }

    /// Changes the bit of `pid`, and the count by `change`.
    fn flip(&self, pid: Pid, change: u32) {
        if let Some((word, bit)) = self.place(pid) {
            word.store(word.load(Relaxed) ^ bit, Relaxed);
            self.count.store(self.count.load(Relaxed).wrapping_add(change), Relaxed);
        }
    }

    /// Removes all.
    pub fn clear(&self) {
        if self.count.load(Relaxed) > 0 {
            self.count.store(0, Relaxed);
            // Write only to pages that have been written before.
            let used = self.words.iter().filter(|word| word.load(Relaxed) != 0);
            used.for_each(|word| word.store(0, Relaxed));
        }
    }
}

impl Default for PidSet {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_what_was_inserted_until_it_is_cleared() {
        static SET: PidSet = PidSet::new();
        let numbers = [1, 31, 32, 33, 4242, (1 << 22) - 1];
        let pid = |number| Pid::new(number).unwrap();
        for number in numbers {
            assert!(!SET.contains(pid(number)) && SET.insert(pid(number)));
            assert!(SET.contains(pid(number)) && !SET.insert(pid(number)));
        }
        assert_eq!([2, 30, 34, 4241].map(|number| SET.contains(pid(number))), [false; 4]);
        SET.remove(pid(32));
        assert!(!SET.contains(pid(32)) && SET.contains(pid(31)) && SET.contains(pid(33)));
        SET.clear();
        assert_eq!(numbers.map(|number| SET.contains(pid(number))), [false; 6]);
        assert!(SET.insert(pid(32)));
    }
}
