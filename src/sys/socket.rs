//! Sockets of a client: connected, never waiting. Who sends must have PIPE caught.

use super::file::File;
use super::{Result, check, check_int, check_long, check_size, poll};
use core::ffi::{CStr, c_int};
use core::net::SocketAddr;
use pure::unix::Errno;

/// Messages one by one, or a stream of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketType {
    Datagram,
    Stream,
}

pub struct Socket(File);

/// The most messages that one call sends.
pub const MAX_MESSAGES: usize = 40;

impl Socket {
    fn new(family: c_int, flow: SocketType) -> Result<Self> {
        let kind = match flow {
            SocketType::Datagram => libc::SOCK_DGRAM,
            SocketType::Stream => libc::SOCK_STREAM,
        };
        // Both flags are there since Linux 2.6.27.
        let kind = kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // Before Linux 4.3 the call has no number of its own on 32-bit x86, and musl knows the way around.
        #[cfg(target_arch = "x86")]
        // SAFETY: numbers.
        let number = check_int(unsafe { libc::socket(family, kind, 0) })?;
        #[cfg(not(target_arch = "x86"))]
        // SAFETY: numbers.
        let number = check_int(unsafe { libc::syscall(libc::SYS_socket, family, kind, 0) })?;
        Ok(Self(File::adopt(number)))
    }

    /// Connects to the Unix socket `path` (unix(7)).
    ///
    /// # Errors
    /// As connect(2): `EPROTOTYPE` when it is of the other flow, `ENOENT` and `ECONNREFUSED` when nobody
    /// listens.
    pub fn unix(path: &CStr, flow: SocketType) -> Result<Self> {
        // SAFETY: all zeros are a valid sockaddr_un.
        let mut address: libc::sockaddr_un = unsafe { core::mem::zeroed() };
        address.sun_family = libc::AF_UNIX as u16;
        if path.count_bytes() >= address.sun_path.len() {
            return Err(Errno::NAMETOOLONG);
        }
        for (place, byte) in address.sun_path.iter_mut().zip(path.to_bytes()) {
            *place = *byte as core::ffi::c_char;
        }
        Self::new(libc::AF_UNIX, flow)?.connect(&address)
    }

    /// Begins to connect to an internet address (ip(7), ipv6(7)). A stream is connected once it has room;
    /// then [`Socket::error`] says whether that went well.
    ///
    /// # Errors
    /// As connect(2).
    pub fn inet(to: SocketAddr, flow: SocketType) -> Result<Self> {
        match to {
            SocketAddr::V4(to) => {
                // SAFETY: all zeros are a valid sockaddr_in.
                let mut address: libc::sockaddr_in = unsafe { core::mem::zeroed() };
                address.sin_family = libc::AF_INET as u16;
                address.sin_port = to.port().to_be();
                address.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
                Self::new(libc::AF_INET, flow)?.connect(&address)
            }
            SocketAddr::V6(to) => {
                // SAFETY: all zeros are a valid sockaddr_in6.
                let mut address: libc::sockaddr_in6 = unsafe { core::mem::zeroed() };
                address.sin6_family = libc::AF_INET6 as u16;
                address.sin6_port = to.port().to_be();
                address.sin6_addr.s6_addr = to.ip().octets();
                address.sin6_scope_id = to.scope_id();
                Self::new(libc::AF_INET6, flow)?.connect(&address)
            }
        }
    }

    fn connect<A>(self, address: &A) -> Result<Self> {
        let size = libc::socklen_t::try_from(size_of::<A>()).unwrap_or(0);
        // SAFETY: an address of that size, of the socket's family.
        let answer = unsafe { libc::connect(self.fd(), core::ptr::from_ref(address).cast(), size) };
        match check(answer) {
            Ok(_) | Err(Errno::INPROGRESS) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// The open file it is.
    #[must_use]
    pub fn into_file(self) -> File {
        self.0
    }

    #[must_use]
    pub const fn fd(&self) -> c_int {
        self.0.fd()
    }

    /// What has happened meanwhile to a stream: an error, or `EPIPE` when the other side has closed it, whatever it has
    /// said before.
    #[must_use]
    pub fn error(&self) -> Option<Errno> {
        let (fd, events) = (self.fd(), libc::POLLRDHUP);
        if !poll::poll_now(&mut [libc::pollfd { fd, events, revents: 0 }]) {
            return None;
        }
        let mut byte = 0_u8;
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: room for one byte.
        let read = check_size(unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, flags) });
        Some(read.err().unwrap_or(Errno::PIPE))
    }

    /// Sends packets, at most [`MOST`]; says how many went.
    ///
    /// # Errors
    /// As sendmmsg(2), if not even the first went: `ENOSYS` before Linux 3.0.
    pub fn sendmmsg<'a>(&self, packets: impl Iterator<Item = &'a [u8]>) -> Result<usize> {
        let (mut pieces, count) = gather(packets);
        // SAFETY: all zeros are valid message headers.
        let mut headers: [libc::mmsghdr; MAX_MESSAGES] = unsafe { core::mem::zeroed() };
        for (header, piece) in headers.iter_mut().zip(&mut pieces) {
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
        }
        let (socket, first) = (self.fd(), headers.as_mut_ptr());
        // By number, because musl's function sends them one by one.
        // SAFETY: `count` headers are filled in, each with one piece of a living slice.
        let sent = unsafe { libc::syscall(libc::SYS_sendmmsg, socket, first, count, 0) };
        check_long(sent).map(|sent| usize::try_from(sent).unwrap_or(0))
    }

    /// Sends pieces down a stream, at most [`MOST`], one after another, without the first `skip` bytes of the first; says
    /// how many bytes went.
    ///
    /// # Errors
    /// As writev(2).
    pub fn writev<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>, skip: usize) -> Result<usize> {
        let (mut pieces, count) = gather(pieces);
        if let Some(rest) = pieces[0].iov_len.checked_sub(skip) {
            let begin = pieces[0].iov_base.cast::<u8>().wrapping_add(skip);
            pieces[0] = libc::iovec { iov_base: begin.cast(), iov_len: rest };
        }
        // SAFETY: `count` pieces of living slices.
        check_size(unsafe { libc::writev(self.fd(), pieces.as_ptr(), count) })
    }
}

/// The first [`MOST`] slices as the kernel takes them, and how many they are.
fn gather<'a>(slices: impl Iterator<Item = &'a [u8]>) -> ([libc::iovec; MAX_MESSAGES], c_int) {
    // SAFETY: all zeros are valid iovecs.
    let mut pieces: [libc::iovec; MAX_MESSAGES] = unsafe { core::mem::zeroed() };
    let mut count = 0;
    for (piece, slice) in pieces.iter_mut().zip(slices) {
        piece.iov_base = slice.as_ptr().cast_mut().cast();
        piece.iov_len = slice.len();
        count += 1;
    }
    (pieces, count)
}
