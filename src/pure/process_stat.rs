//! The texts in which /proc describes processes (proc(5)). `sys::procfs` reads them.

use crate::byte_scan::after_last;
use crate::cli::value;
use crate::text::{first, skip, split, split_once, strip_prefix};
use crate::unix::{Pid, Signal};

/// The fields of /proc/PID/stat that dmon uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessStat {
    /// All threads have exited. While other threads run, the state of a process whose first thread has exited is that of
    /// a zombie, too.
    pub is_dead: bool,
    /// It waits for an event, or is stopped or traced. A process that received SIGKILL runs until it is dead.
    pub is_asleep: bool,
    /// `None` if the parent is outside of the PID namespace.
    pub parent: Option<Pid>,
    pub group: Option<Pid>,
    pub session: Option<Pid>,
}

impl ProcessStat {
    /// Parses the start of /proc/PID/stat, for a zombie up to the number of threads; `None` if the text is truncated.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        // The command's name is in parentheses and may itself contain any byte. A blank follows.
        let after_name = after_last(text, b')')?;
        let mut fields = split(skip(text, text.len() + 1 - after_name), b' ');
        let state = *fields.next()?.first()?;
        let parent = value::pid(fields.next()?);
        let group = value::pid(fields.next()?);
        let session = value::pid(fields.next()?);
        let is_dead = match state {
            // num_threads, field 20, counts the first thread until the process is reaped.
            b'Z' => matches!(fields.nth(13)?, b"0" | b"1"),
            state => state == b'X',
        };
        let is_asleep = matches!(state, b'S' | b'T' | b't');
        Some(Self { is_dead, is_asleep, parent, group, session })
    }
}

/// Returns the line of /proc/PID/status with the real, effective, saved and file-system user ID.
#[must_use]
pub fn users(text: &[u8]) -> Option<&[u8]> {
    split(text, b'\n').find(|line| line.starts_with(b"Uid:"))
}

/// The search for a variable in /proc/PID/environ.
pub struct VariableSearch<'a> {
    /// `NAME=VALUE` and NUL.
    wanted: &'a [u8],
    /// The number of bytes that the current variable has in common with `wanted`; `None` if it is another one.
    matched: Option<usize>,
    pub found: bool,
}

impl<'a> VariableSearch<'a> {
    /// Searches for `wanted`: `NAME=VALUE` and NUL.
    #[must_use]
    pub const fn new(wanted: &'a [u8]) -> Self {
        Self { wanted, matched: Some(0), found: false }
    }

    /// Processes the next byte.
    pub fn feed(&mut self, byte: u8) {
        let matched = self.matched.filter(|at| self.wanted.get(*at) == Some(&byte));
        self.matched = matched.map(|at| at + 1);
        if byte == 0 {
            self.found |= self.matched == Some(self.wanted.len());
            self.matched = Some(0);
        }
    }
}

/// The call in which a process sleeps, as /proc/PID/syscall shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SystemCall {
    pub number: u32,
    /// Its first argument is 0.
    pub first_is_zero: bool,
}

impl SystemCall {
    /// Parses `NUMBER ARGUMENT …`; `None` for a process that runs.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (number, arguments) = split_once(text, b' ');
        let first_is_zero = arguments?.starts_with(b"0x0 ");
        Some(Self { number: value::number(number).ok()?, first_is_zero })
    }
}

/// Returns the mask of ignored signals in /proc/PID/status as hexadecimal digits, of which the first stands for the
/// highest signals; `None` if the text is truncated before it.
#[must_use]
pub fn ignored_signals(status: &[u8]) -> Option<&[u8]> {
    // Few lines behind this one contain an I.
    let mut end = status.len();
    loop {
        // The index behind the last I.
        end -= after_last(first(status, end), b'I')?;
        if let Some(rest) = strip_prefix(skip(status, end.wrapping_sub(5)), b"\nSigIgn:\t")
            && let (digits, Some(_)) = split_once(rest, b'\n')
        {
            return Some(digits);
        }
        end -= 1;
    }
}

/// Passes the signals of such a mask to `visit`.
pub fn for_each_signal(mask: &[u8], visit: &mut dyn FnMut(Signal)) {
    let mut number = 4 * mask.len() as i32;
    for digit in mask {
        number -= 4;
        // The last four bits of a letter are one for `a`.
        let mut bits = if digit.is_ascii_digit() { *digit } else { *digit + 9 } & 15;
        let mut signal = number;
        while bits > 0 {
            signal += 1;
            if bits & 1 != 0
                && let Some(signal) = Signal::new(signal)
            {
                visit(signal);
            }
            bits >>= 1;
        }
    }
}

/// The parser of /proc/PID/task/TID/children: PIDs, each followed by a blank. The field is the number read so far.
#[derive(Default)]
pub struct ChildList(i32);

impl ChildList {
    /// Processes the next byte. Returns the PID that ends with it, if any.
    pub fn feed(&mut self, byte: u8) -> Option<Pid> {
        if let Some(digit) = byte.checked_sub(b'0').filter(|digit| *digit < 10) {
            self.0 = self.0.wrapping_mul(10).wrapping_add(digit.into());
            return None;
        }
        Pid::new(core::mem::take(&mut self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_the_bits_of_a_mask() {
        let signals = |mask: &[u8]| {
            let mut all = Vec::new();
            for_each_signal(mask, &mut |signal| all.push(signal.number()));
            all
        };
        let ignored = |text: &str| ignored_signals(text.as_bytes()).map(signals);
        let head = "Name:\tI SigIgn:\tI\nSigBlk:\t0000000000000007\nSigIgn:\t";
        let found = ignored(&format!("{head}8000000080000a01\nSigCgt:\t01\nCapInh:\t02\nSpI: 0\n"));
        assert_eq!(found, Some(vec![64, 32, 10, 12, 1]));
        assert_eq!(ignored(&format!("{head}0000000000000000\n")), Some(vec![]));
        assert_eq!(ignored(&format!("{head}00000000000f0000\n")), Some(vec![17, 18, 19, 20]));
        assert_eq!(ignored(&format!("{head}00000000000")), None);
        assert_eq!(ignored(""), None);
        // On MIPS the mask has 128 bits.
        let mips = ignored(&format!("{head}00000000000000008000000000000002\n"));
        assert_eq!(mips, Some(vec![64, 2]));
    }

    #[test]
    fn a_sleeping_process_is_in_a_call() {
        let call = |text: &str| SystemCall::parse(text.as_bytes());
        let read = |number, first_is_zero| Some(SystemCall { number, first_is_zero });
        assert_eq!(call("0 0x0 0x7ffc 0x1000 0x0 0x0 0x0 0x7ffe 0x7f00\n"), read(0, true));
        assert_eq!(call("4003 0x0 0x7ffc"), read(4003, true));
        assert_eq!(call("4003 0x3 0x7ffc"), read(4003, false));
        assert_eq!(call("running\n"), None);
        assert_eq!(call("-1 0x0 0x0\n"), None);
        assert_eq!(call(""), None);
    }

    #[test]
    fn blanks_and_parentheses_in_a_name_do_not_shift_fields() {
        let stat = ProcessStat::parse(b"42 (a) Z 1 (b)) S 7 42 41 0 -1");
        let [parent, group, session] = [7, 42, 41].map(Pid::new);
        let expected = ProcessStat { is_dead: false, is_asleep: true, parent, group, session };
        assert_eq!(stat, Some(expected));
    }

    #[test]
    fn zombies_are_dead_and_a_foreign_parent_is_none() {
        let stat = ProcessStat::parse(b"42 (sh) Z 0 42 41 0 -1 4228108 0 0 0 0 0 0 0 0 20 0 1 0 9")
            .unwrap();
        assert!(stat.is_dead && stat.parent.is_none());
        assert!(ProcessStat::parse(b"42 (sh) X 1 42 41").unwrap().is_dead);
    }

    #[test]
    fn a_process_lives_while_one_of_its_threads_does() {
        let is_dead = |threads: &str| {
            let text = format!("42 (sh) Z 7 42 41 0 -1 4228108 0 0 0 0 0 0 0 0 20 0 {threads} 0 9");
            ProcessStat::parse(text.as_bytes()).map(|stat| stat.is_dead)
        };
        assert_eq!(["0", "1", "2", "10"].map(is_dead), [true, true, false, false].map(Some));
    }

    #[test]
    fn a_truncated_text_is_rejected() {
        let zombie = b"42 (sh) Z 1 42 41 0 -1 4228108 0 0 0 0 0 0 0 0 20 0";
        for text in
            [&b""[..], b"42", b"42 (sh", b"42 (sh) S", b"42 (sh) S 1", b"42 (sh) S 1 42", zombie]
        {
            assert_eq!(ProcessStat::parse(text), None);
        }
    }

    #[test]
    fn the_users_are_one_line() {
        let text = b"Name:\tUid:\nPid:\t7\nUid:\t0\t41001\t0\t41001\nGid:\t0\t0\t0\t0\n";
        assert_eq!(users(text), Some(&b"Uid:\t0\t41001\t0\t41001"[..]));
        assert_eq!(users(b"Name:\tsh\n"), None);
    }

    #[test]
    fn a_variable_is_found_only_whole() {
        let finds = |text: &str| {
            let mut search = VariableSearch::new(b"A=12\0");
            text.bytes().for_each(|byte| search.feed(byte));
            search.found
        };
        for text in ["A=12\0", "A=12\0B=1\0", "B=1\0A=12\0", "\0\0A=12\0", "A=1\0A=12\0"] {
            assert!(finds(text), "{text:?}");
        }
        for text in ["", "A=12", "A=123\0", "A=1\0", "AA=12\0", "B=A=12\0", "A=12\n\0", "A\0=12\0"]
        {
            assert!(!finds(text), "{text:?}");
        }
    }

    #[test]
    fn children_are_listed_across_pieces() {
        let mut list = ChildList::default();
        let pids = |list: &mut ChildList, text: &[u8]| -> Vec<i32> {
            text.iter().filter_map(|byte| list.feed(*byte)).map(Pid::number).collect()
        };
        assert_eq!(pids(&mut list, b"12 345 6"), [12, 345]);
        assert_eq!(pids(&mut list, b"78 "), [678]);
        assert_eq!(pids(&mut list, b" \n"), []);
    }
}
