//! The division of a 64-bit number by a small one, for units of time and decimal digits.
//!
//! On 32-bit machines the compiler's function for any two numbers is a kilobyte of code.

/// Divides `n` by a number above zero. Returns the quotient and the remainder.
#[must_use]
pub const fn divide(n: u64, by: u16) -> (u64, u32) {
    // The compiler does not know that it is above zero.
    let by = if by == 0 { 1 } else { by as u32 };
    if cfg!(target_pointer_width = "64") {
        (n / by as u64, (n % by as u64) as u32)
    } else {
        long_division(n, by)
    }
}

/// Divides as by hand, in digits of 16 bits. Each digit of the quotient replaces one of `n`.
#[inline(never)]
const fn long_division(mut n: u64, by: u32) -> (u64, u32) {
    if n >> 32 == 0 {
        return ((n as u32 / by) as u64, n as u32 % by);
    }
    let (mut rest, mut digits) = (0, 4);
    while digits > 0 {
        rest = rest << 16 | (n >> 48) as u32;
        n = n << 16 | (rest / by) as u64;
        rest %= by;
        digits -= 1;
    }
    (n, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_division_is_exact() {
        let mut random = crate::testing::Random(5);
        for _ in 0..100_000 {
            let n = random.number() >> random.below(64);
            let by = u16::try_from(random.below(u16::MAX.into())).unwrap() + 1;
            let expected = (n / u64::from(by), (n % u64::from(by)) as u32);
            let results = [divide(n, by), long_division(n, by.into())];
            assert_eq!(results, [expected; 2], "{n} / {by}");
        }
        assert_eq!(long_division(u64::MAX, u16::MAX.into()), (0x0001_0001_0001_0001, 0));
    }
}
