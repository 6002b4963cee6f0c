//! System calls by number, and the start of the process.
//!
//! All modules make their calls with [`syscall!`], which yields the kernel's answer: −errno for a failure.
//!
//! musl's syscall(2) stores errno in thread-local storage, which musl's start sets up. dmon needs neither, so it calls a
//! function behind syscall(2), and has a start of its own.

#[cfg(target_env = "musl")]
use core::ffi::c_char;
use core::ffi::{c_int, c_long};
use pure::unix::Errno;

#[cfg(all(target_env = "musl", not(target_arch = "x86")))]
unsafe extern "C" {
    /// The function of musl behind the calls at which a thread may be cancelled. It passes six more arguments to the
    /// kernel, which ignores those that a call does not have.
    pub fn __syscall_cp(number: c_long, ...) -> c_long;
}

// On 32-bit x86 that function calls the kernel through thread-local storage. This one does what it does elsewhere.
#[cfg(all(target_env = "musl", target_arch = "x86"))]
core::arch::global_asm!(
    ".globl __syscall_cp",
    "__syscall_cp:",
    "push ebp",
    "push edi",
    "push esi",
    "push ebx",
    "mov eax, [esp + 20]",
    "mov ebx, [esp + 24]",
    "mov ecx, [esp + 28]",
    "mov edx, [esp + 32]",
    "mov esi, [esp + 36]",
    "mov edi, [esp + 40]",
    "mov ebp, [esp + 44]",
    "int 0x80",
    "pop ebx",
    "pop esi",
    "pop edi",
    "pop ebp",
    "ret",
);

#[cfg(all(target_env = "musl", target_arch = "x86"))]
unsafe extern "C" {
    pub fn __syscall_cp(number: c_long, ...) -> c_long;
}

/// Makes the system call with this number and these arguments.
#[cfg(target_env = "musl")]
macro_rules! syscall {
    ($($argument:expr),+ $(,)?) => {
        $crate::kernel::__syscall_cp($($argument),+)
    };
}

/// Makes the system call with this number and these arguments.
#[cfg(not(target_env = "musl"))]
macro_rules! syscall {
    ($($argument:expr),+ $(,)?) => {
        $crate::kernel::answer(libc::syscall($($argument),+))
    };
}
pub(crate) use syscall;

/// Converts the answer of glibc's syscall(2) to that of the kernel.
#[cfg(not(target_env = "musl"))]
pub fn answer(answer: c_long) -> c_long {
    // SAFETY: the location of errno belongs to this thread and is always valid.
    if answer == -1 { -c_long::from(unsafe { *libc::__errno_location() }) } else { answer }
}

/// Returns the error of a failed call.
pub const fn error(answer: c_long) -> Errno {
    Errno(answer.wrapping_neg() as c_int)
}

/// Replaces the function of the same name in musl, which then is not linked. The entry point calls it. Sets the
/// environment, and runs `main` until it returns.
///
/// # Safety
/// Called by the entry point alone, with the command line that the kernel has passed.
#[cfg(target_env = "musl")]
#[unsafe(no_mangle)]
unsafe extern "C" fn __libc_start_main(
    main: extern "C" fn(c_int, *mut *const c_char) -> c_int,
    argc: c_int,
    argv: *mut *const c_char,
) -> ! {
    // SAFETY: the environment follows the null pointer behind the arguments (execve(2)).
    unsafe { super::environment::set(argv.add(argc as usize + 1)) };
    super::process::exit(main(argc, argv) as u8)
}
