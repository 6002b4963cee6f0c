//! What can be worked out without asking the kernel: every module here is a function of its
//! arguments, so `cargo test` tries it on the host in a millisecond.

pub mod accounts;
pub mod calendar;
pub mod fault;
pub mod lines;
pub mod names;
pub mod opts;
pub mod scan;
pub mod stamp;
pub mod text;
pub mod time;
pub mod unix;
pub mod value;
pub mod words;

#[cfg(test)]
pub mod tests {
    //! What the tests of several modules need.

    /// Random numbers from a seed, the same on every machine (xorshift64).
    pub struct Random(pub u64);

    impl Random {
        pub fn number(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        pub fn below(&mut self, limit: u64) -> usize {
            usize::try_from(self.number() % limit).unwrap()
        }
    }
}
