//! Runs a command as if the kernel were Linux 3.2: each system call that came later says that it does not exist
//! (ENOSYS), for the command and all that it starts. `make test-linux-3.2` runs the tests below it.
//!
//!     old-kernel COMMAND [ARGUMENT…]
//!
//! Made for x86-64, where it serves 32-bit x86 as well: the calls with 64-bit time are among those that are
//! missing, as they are on a router's 32-bit kernel before Linux 5.1.

use seccompiler::sock_filter;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The numbers of `struct seccomp_data` (seccomp(2)) are loaded by their place there.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// `AUDIT_ARCH_I386` of linux/audit.h.
const I386: u32 = 0x4000_0003;
/// kcmp, new in Linux 3.5, is the first that is missing; all behind it are younger.
const FIRST_NEW: u32 = libc::SYS_kcmp as u32;
const FIRST_NEW_I386: u32 = 349;
const PRCTL: u32 = libc::SYS_prctl as u32;
const PRCTL_I386: u32 = 172;
/// To adopt orphans came with Linux 3.4.
const FIRST_NEW_PRCTL: u32 = libc::PR_SET_CHILD_SUBREAPER as u32;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const EINVAL: u32 = libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32;

/// Goes on with the number at this place.
const fn load(place: u32) -> sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, place)
}

/// Goes on with the next step if the number is `k`; else passes over so many.
const fn if_is(k: u32, else_over: u8) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JEQ, else_over, k)
}

/// Goes on with the next step if the number is `k` or above; else passes over one.
const fn if_from(k: u32) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JGE, 1, k)
}

/// Passes over so many.
const fn over(count: u32) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JA, 0, count)
}

/// What becomes of the call.
const fn answer(k: u32) -> sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, k)
}

const fn step(code: u32, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf, k }
}

const KERNEL: [sock_filter; 15] = [
    load(MACHINE),
    if_is(I386, 5),
    load(NUMBER),
    if_from(FIRST_NEW_I386),
    answer(ENOSYS),
    if_is(PRCTL_I386, 8),
    over(4),
    load(NUMBER),
    if_from(FIRST_NEW),
    answer(ENOSYS),
    if_is(PRCTL, 3),
    load(FIRST_ARGUMENT),
    if_from(FIRST_NEW_PRCTL),
    answer(EINVAL),
    answer(ALLOW),
];

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(command) = words.next() else {
        eprintln!("old-kernel: usage: old-kernel COMMAND [ARGUMENT…]");
        return ExitCode::from(125);
    };
    if let Err(fault) = seccompiler::apply_filter(&KERNEL) {
        eprintln!("old-kernel: no filter of system calls here: {fault}");
        return ExitCode::from(125);
    }
    let fault = Command::new(&command).args(words).exec();
    eprintln!("old-kernel: {}: {fault}", command.display());
    ExitCode::from(127)
}
