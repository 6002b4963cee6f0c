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

    /// How things go on, for who tries all courses with a few faults: the numbers of the ways taken so far, and of how
    /// many.
    #[derive(Default)]
    pub struct Ways {
        ways: Vec<(usize, usize)>,
        step: usize,
        /// How many more faults there may be.
        pub faults: usize,
    }

    impl Ways {
        /// A course that begins with these.
        pub fn new(ways: Vec<(usize, usize)>, faults: usize) -> Self {
            Self { ways, step: 0, faults }
        }

        /// How many were taken.
        pub fn taken(&self) -> usize {
            self.step
        }

        /// One of so many ways. All but the first are faults.
        pub fn choose(&mut self, ways: usize) -> usize {
            let ways = if self.faults == 0 { 1 } else { ways };
            if self.step == self.ways.len() {
                self.ways.push((0, ways));
            }
            let (way, of) = self.ways[self.step];
            assert_eq!(of, ways, "the same course is another one");
            self.step += 1;
            self.faults -= usize::from(way > 0);
            way
        }

        /// The beginning of the next course; none when all have been tried.
        pub fn next(mut self) -> Option<Vec<(usize, usize)>> {
            while let Some((way, of)) = self.ways.pop() {
                if way + 1 < of {
                    self.ways.push((way + 1, of));
                    return Some(self.ways);
                }
            }
            None
        }
    }
}
