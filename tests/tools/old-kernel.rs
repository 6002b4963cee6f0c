//! Runs a command as if the kernel were Linux 3.2. `make test-linux-3.2` runs the tests with it.
//!
//!     old-kernel COMMAND [ARGUMENT…]
//!
//! A seccomp filter makes all newer system calls fail with ENOSYS, for the command and its descendants. It supports
//! x86-64 and 32-bit x86. On 32-bit x86 this includes the calls with 64-bit time, which came with Linux 5.1.

use seccompiler::sock_filter;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Offsets in `struct seccomp_data` (seccomp(2)).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// `AUDIT_ARCH_I386` (linux/audit.h).
const I386: u32 = 0x4000_0003;
/// The first call to fail, kcmp, came with Linux 3.5. All higher numbers are newer.
const FIRST_NEW: u32 = libc::SYS_kcmp as u32;
const FIRST_NEW_I386: u32 = 349;
const PRCTL: u32 = libc::SYS_prctl as u32;
const PRCTL_I386: u32 = 172;
/// The first prctl operation to fail came with Linux 3.4.
const FIRST_NEW_PRCTL: u32 = libc::PR_SET_CHILD_SUBREAPER as u32;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const EINVAL: u32 = libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32;

/// Loads the 32-bit number at this offset.
const fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset)
}

/// Skips `skip` instructions unless the number is `k`.
const fn unless_equal(k: u32, skip: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ, skip, k)
}

/// Skips one instruction if the number is less than `k`.
const fn unless_at_least(k: u32) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JGE, 1, k)
}

/// Skips `count` instructions.
const fn skip(count: u32) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JA, 0, count)
}

/// Ends the filter with this result for the call.
const fn result(k: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, k)
}

const fn instruction(code: u32, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf, k }
}

const FILTER: [sock_filter; 15] = [
    load(ARCHITECTURE),
    unless_equal(I386, 5),
    // i386
    load(NUMBER),
    unless_at_least(FIRST_NEW_I386),
    result(ENOSYS),
    unless_equal(PRCTL_I386, 8),
    skip(4),
    // x86-64
    load(NUMBER),
    unless_at_least(FIRST_NEW),
    result(ENOSYS),
    unless_equal(PRCTL, 3),
    // prctl
    load(FIRST_ARGUMENT),
    unless_at_least(FIRST_NEW_PRCTL),
    result(EINVAL),
    result(ALLOW),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(command) = arguments.next() else {
        eprintln!("old-kernel: usage: old-kernel COMMAND [ARGUMENT…]");
        return ExitCode::from(125);
    };
    if let Err(error) = seccompiler::apply_filter(&FILTER) {
        eprintln!("old-kernel: cannot install the seccomp filter: {error}");
        return ExitCode::from(125);
    }
    let error = Command::new(&command).args(arguments).exec();
    eprintln!("old-kernel: cannot run {}: {error}", command.display());
    ExitCode::from(127)
}
