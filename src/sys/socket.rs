//! Client sockets, connected and non-blocking, for dsyslog and for status lines.
//!
//! The caller must have caught SIGPIPE: a write to a closed stream then fails with `EPIPE`.

use super::file::{self, File};
use super::kernel::syscall;
use super::{Result, call, check_size, poll};
use core::ffi::{CStr, c_int};
use pure::syslog::socket_addr::{IPV4, IPV6, SOCKADDR_SIZE, SocketAddr};
use pure::unix::Errno;

/// Makes a call of sockets by its name.
#[cfg(not(target_arch = "x86"))]
macro_rules! socket_call {
    ($name:ident, $_number:expr, $($argument:expr),+) => {
        call!(libc::$name, $($argument),+)
    };
}

/// Makes a call of sockets by its number in socketcall(2): before Linux 4.3 it has no other on 32-bit x86.
#[cfg(target_arch = "x86")]
macro_rules! socket_call {
    ($_name:ident, $number:expr, $($argument:expr),+) => {
        call!(libc::SYS_socketcall, $number, [$(super::Word::word($argument)),+].as_ptr())
    };
}

/// The type of a socket (socket(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketType {
    Datagram,
    Stream,
}

/// A connected socket. It is closed when it is dropped, and by exec.
pub struct Socket {
    file: File,
    pub socket_type: SocketType,
}

/// The maximum number of messages in one call. Chosen: the arrays of headers take 3 KiB of stack.
pub const MAX_MESSAGES: usize = 40;

impl Socket {
    fn new(family: c_int, socket_type: SocketType) -> Result<Self> {
        let flags = match socket_type {
            SocketType::Datagram => libc::SOCK_DGRAM,
            SocketType::Stream => libc::SOCK_STREAM,
        };
        // Both flags exist since Linux 2.6.27.
        let flags = flags | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: the arguments are numbers.
        let fd = unsafe { socket_call!(SYS_socket, 1, family, flags, 0) }?;
        Ok(Self { file: File::adopt(fd), socket_type })
    }

    /// Connects to the Unix socket `path` of either type (unix(7)).
    ///
    /// # Errors
    /// `ENOENT` or `ECONNREFUSED` without a receiver;
    /// `ENAMETOOLONG` (connect(2)).
    pub fn unix(path: &CStr) -> Result<Self> {
        // SAFETY: all zeros are a valid sockaddr_un.
        let mut address: libc::sockaddr_un = unsafe { core::mem::zeroed() };
        address.sun_family = libc::AF_UNIX as u16;
        if path.count_bytes() >= address.sun_path.len() {
            return Err(Errno::NAMETOOLONG);
        }
        for (target, byte) in address.sun_path.iter_mut().zip(path.to_bytes()) {
            *target = *byte as core::ffi::c_char;
        }
        let (address, size) = ((&raw const address).cast(), size_of::<libc::sockaddr_un>());
        match Self::connect(SocketType::Datagram, address, size) {
            Err(Errno::PROTOTYPE) => Self::connect(SocketType::Stream, address, size),
            result => result,
        }
    }

    /// Starts to connect to an internet address (ip(7), ipv6(7)). A stream is connected, or has failed, when it becomes
    /// writable: see [`Socket::error`].
    ///
    /// # Errors
    /// `ECONNREFUSED`, `ENETUNREACH`, `EHOSTUNREACH`, `EAFNOSUPPORT`; never `EINPROGRESS` (connect(2)); `ENODEV` if there
    /// is no interface with the name of the zone.
    pub fn inet(to: &SocketAddr, socket_type: SocketType) -> Result<Self> {
        const {
            assert!(IPV4 as c_int == libc::AF_INET && IPV6 as c_int == libc::AF_INET6);
            assert!(SOCKADDR_SIZE == size_of::<libc::sockaddr_in6>());
        }
        let mut to = *to;
        if !to.zone.is_empty() {
            to.zone_number = Self::interface_index(to.zone)?;
        }
        Self::connect(socket_type, (&raw const to).cast(), SOCKADDR_SIZE)
    }

    /// Returns the number of a network interface (netdevice(7)).
    fn interface_index(name: &[u8]) -> Result<u32> {
        /// The part of struct ifreq that is used, and more bytes than the rest has on any machine.
        #[repr(C)]
        struct Request {
            name: [u8; libc::IFNAMSIZ],
            index: u32,
            rest: [u64; 4],
        }
        let mut request = Request { name: [0; libc::IFNAMSIZ], index: 0, rest: [0; 4] };
        pure::text::copy(name, &mut request.name);
        let socket = Self::new(libc::AF_INET6, SocketType::Datagram)?;
        let (fd, call) = (socket.fd(), libc::SIOCGIFINDEX);
        // SAFETY: the request is writable and as large as struct ifreq.
        unsafe { call!(libc::SYS_ioctl, fd, call, &raw mut request) }?;
        Ok(request.index)
    }

    /// Opens a socket and connects it to an address of this size.
    #[inline(never)]
    fn connect(
        socket_type: SocketType,
        address: *const libc::sockaddr,
        size: usize,
    ) -> Result<Self> {
        // SAFETY: each address starts with its family.
        let socket = Self::new(unsafe { (*address).sa_family }.into(), socket_type)?;
        let size = libc::socklen_t::try_from(size).unwrap_or(0);
        let fd = socket.fd();
        // SAFETY: an address of that size and of the socket's family.
        let connected = unsafe { socket_call!(SYS_connect, 3, fd, address, size) };
        match connected {
            Ok(_) | Err(Errno::INPROGRESS) => Ok(socket),
            Err(error) => Err(error),
        }
    }

    /// Returns the socket as an open file.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }

    /// Returns the descriptor, which stays owned by this socket.
    #[must_use]
    pub const fn fd(&self) -> c_int {
        self.file.fd()
    }

    /// Returns the pending error of a stream, or `EPIPE` if the peer has closed it, even if unread data is left.
    #[must_use]
    pub fn error(&self) -> Option<Errno> {
        let (fd, events) = (self.fd(), libc::POLLRDHUP);
        if !poll::poll_now(&mut [libc::pollfd { fd, events, revents: 0 }]) {
            return None;
        }
        Some(file::read(fd, &mut [0]).err().unwrap_or(Errno::PIPE))
    }

    /// Sends at most [`MAX_MESSAGES`] messages. Returns how many datagrams were sent, or how many bytes a stream has
    /// taken, without the first `skip` bytes of the first message.
    ///
    /// # Errors
    /// If nothing was sent: `EAGAIN`, `ENOBUFS`; of datagrams `ECONNREFUSED`, `EMSGSIZE` (send(2)); of a stream `EPIPE`,
    /// `ECONNRESET` (writev(2)).
    pub fn send<'a>(
        &self,
        mut messages: impl Iterator<Item = &'a [u8]>,
        mut skip: usize,
    ) -> Result<usize> {
        // SAFETY: all zeros are valid iovecs.
        let mut pieces: [libc::iovec; MAX_MESSAGES] = unsafe { core::mem::zeroed() };
        let mut count = 0;
        for piece in &mut pieces {
            let Some(message) = messages.next() else {
                break;
            };
            let rest = pure::text::skip(message, core::mem::take(&mut skip));
            piece.iov_base = rest.as_ptr().cast_mut().cast();
            piece.iov_len = rest.len();
            count += 1;
        }
        let fd = self.fd();
        if self.socket_type == SocketType::Stream {
            // SAFETY: `count` entries, each with a slice that is still borrowed.
            let written = unsafe { syscall!(libc::SYS_writev, fd, pieces.as_ptr(), count) };
            return check_size(written);
        }
        // SAFETY: all zeros are valid message headers.
        let mut headers: [libc::mmsghdr; MAX_MESSAGES] = unsafe { core::mem::zeroed() };
        for (header, piece) in headers.iter_mut().zip(&mut pieces) {
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
        }
        // By number, because musl's function sends them one by one.
        // SAFETY: `count` headers are filled in, each with one slice that is still borrowed.
        check_size(unsafe { syscall!(libc::SYS_sendmmsg, fd, headers.as_mut_ptr(), count, 0) })
    }
}
