//! Pseudo-random input, reproducible by its seed.

use std::time::SystemTime;

/// A xorshift generator.
pub struct Random(u64);

impl Random {
    /// Takes the seed in `DMON_SEED`, otherwise a fresh one. The output of a failed test shows it.
    pub fn new() -> Random {
        let seed = Random::given().unwrap_or_else(Random::fresh);
        println!("DMON_SEED={seed}");
        Random::seeded(seed)
    }

    /// Returns the seed in `DMON_SEED`.
    pub fn given() -> Option<u64> {
        std::env::var("DMON_SEED").ok().and_then(|word| word.parse().ok())
    }

    /// Returns a seed from the clock.
    pub fn fresh() -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(1, |since| since.subsec_nanos().into())
    }

    pub fn seeded(seed: u64) -> Random {
        // The first outputs of a seed with few set bits are poor.
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Returns the length of a line or a piece: mostly short, sometimes close to the size of a buffer.
    pub fn length(&mut self) -> usize {
        match self.below(100) {
            0..20 => self.below(4),
            20..90 => self.below(150),
            90..95 => self.pick(&[1000, 1024, 2048, 4096, 8192]) - 3 + self.below(6),
            95..98 => self.below(10_000),
            98 => (1 << 16) - 30 + self.below(60),
            _ => self.below(200_000),
        }
    }

    /// Returns this many short lines of arbitrary bytes; faster than `lines`.
    pub fn short_lines(&mut self, count: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(count * 9);
        for _ in 0..count {
            let bytes = [self.next().to_le_bytes(), self.next().to_le_bytes()].concat();
            let length = usize::from(bytes[0]) % bytes.len();
            text.extend(bytes[1..=length].iter().map(|&byte| if byte == b'\n' { 0 } else { byte }));
            text.push(b'\n');
        }
        text
    }

    /// Returns lines of arbitrary bytes, at least `size` bytes in all. The last line may lack its newline.
    pub fn lines(&mut self, size: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(size);
        while text.len() < size {
            let kind = self.below(4);
            for _ in 0..self.length() {
                text.push(self.byte(kind));
            }
            text.push(b'\n');
        }
        if self.below(2) == 0 {
            text.pop();
        }
        text
    }

    /// Returns a byte that is no newline. `kind` 0: any byte; 1: ASCII text; 2: text with control bytes; 3: UTF-8
    /// sequences, mostly broken.
    fn byte(&mut self, kind: usize) -> u8 {
        let byte = match kind {
            0 => self.next() as u8,
            1 => b' ' + (self.next() % 95) as u8,
            2 => (self.next() % 130) as u8,
            _ => self.pick("a€ä🐢".as_bytes()),
        };
        if byte == b'\n' { b'\r' } else { byte }
    }
}
