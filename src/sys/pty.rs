//! Pseudo-terminals (pty(7)).
//!
//! dpty runs its command with one.

use super::file::{File, Mode};
use super::{Result, call, procfs};
use pure::text::Text;

/// Opens the terminal whose other end is `master`, an open /dev/ptmx. It passes all bytes on unchanged, without an echo.
///
/// # Errors
/// `ENOTTY` if `master` is another file; `ENOENT`, `EACCES` for the name in /dev/pts (open(2)).
pub fn open_terminal(master: &File) -> Result<File> {
    let mut number: u32 = 0;
    // SAFETY: TIOCSPTLCK reads one int: 0 unlocks the terminal.
    let _ = unsafe { call!(libc::SYS_ioctl, master.fd(), libc::TIOCSPTLCK, &raw const number) };
    // SAFETY: TIOCGPTN writes one int.
    unsafe { call!(libc::SYS_ioctl, master.fd(), libc::TIOCGPTN, &raw mut number) }?;
    // SAFETY: all zeros are a valid termios.
    let mut modes: libc::termios = unsafe { core::mem::zeroed() };
    modes.c_cflag = libc::B38400 | libc::CS8 | libc::CREAD;
    // SAFETY: TCSETS reads the kernel's part of a termios. Called with the other end, it sets the modes of the terminal.
    unsafe { call!(libc::SYS_ioctl, master.fd(), libc::TCSETS, &raw const modes) }?;
    let mut path = Text::new();
    let path = procfs::path(&mut path, "/dev/pts", number, "");
    File::open(path.unwrap_or_default(), Mode::ReadWrite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{read, write};

    #[test]
    fn a_terminal_passes_bytes_on_unchanged() {
        let master = File::open(c"/dev/ptmx", Mode::ReadWrite).unwrap();
        let terminal = open_terminal(&master).unwrap();
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(write(terminal.fd(), &bytes), Ok(256));
        let mut buffer = [0; 300];
        assert_eq!(read(master.fd(), &mut buffer), Ok(256));
        assert_eq!(buffer[..256], bytes);
    }

    #[test]
    fn another_file_has_no_terminal() {
        let file = File::open(c"/dev/null", Mode::ReadWrite).unwrap();
        assert_eq!(open_terminal(&file).map(drop), Err(pure::unix::Errno(libc::ENOTTY)));
    }
}
