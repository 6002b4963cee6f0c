//! Which processes there are, as /proc tells it (proc(5)).

use super::dir::Directory;
use super::process::getpid;
use super::{Result, file};
use pure::cli::value;
use pure::text::{Message, Put, put_number};
use pure::unix::{Errno, Pid};

/// Passes the numbers of our children to `take`: from the kernel's own list (proc(5), `children`), or on
/// kernels built without it from a look at every process.
///
/// # Errors
/// As open(2): `ENOENT` when /proc is not mounted, or is that of another pid namespace.
pub fn for_each_child(take: &mut dyn FnMut(Pid)) -> Result<()> {
    if !file::link_is_number(c"/proc/self", getpid()) {
        return Err(Errno::NOENT);
    }
    let mut number = 0_i32;
    let listed = file::for_each_piece(c"/proc/thread-self/children", &mut |piece| {
        for byte in piece {
            match byte.checked_sub(b'0').filter(|d| *d < 10) {
                Some(digit) => number = number.wrapping_mul(10).wrapping_add(digit.into()),
                None => {
                    Pid::new(number).into_iter().for_each(&mut *take);
                    number = 0;
                }
            }
        }
    });
    if listed.is_ok() {
        return Ok(());
    }
    let us = Pid::new(getpid());
    for_each_process(&mut |pid, facts| {
        if facts.parent == us {
            take(pid);
        }
    })
}

/// Whether this process is dead, reaped or not, and others of the session that it led are not. (Nobody else bears
/// its number as long as there are any.) Without /proc nothing is known, and the answer is no.
#[must_use]
pub fn has_left_session(leader: Pid) -> bool {
    let (mut left, mut led) = (false, false);
    let _ = for_each_process(&mut |pid, facts| {
        let lives = facts.session == Some(leader) && !facts.is_dead;
        left |= lives;
        led |= lives & (pid == leader);
    });
    left & !led
}

/// What /proc/PID/stat says of a process (proc(5)), in the order it stands there.
struct Facts {
    is_dead: bool,
    parent: Option<Pid>,
    session: Option<Pid>,
}

/// Passes every process that is there to `take`.
fn for_each_process(take: &mut dyn FnMut(Pid, Facts)) -> Result<()> {
    Directory::open(c"/proc")?.for_each_directory(&mut |name| {
        if let Some(pid) = value::pid(name.to_bytes())
            && let Some(facts) = facts(pid)
        {
            take(pid, facts);
        }
    })
}

/// They stand behind the name, which is in parentheses and may hold anything.
fn facts(pid: Pid) -> Option<Facts> {
    let mut path = Message::<32>::new();
    path.put(b"/proc/");
    put_number(&mut path, pid.number().unsigned_abs().into());
    path.put(b"/stat\0");
    let path = super::c_str(path.bytes())?;
    let mut room = [0; 128];
    let text = file::head(path, &mut room).ok()?;
    let name_end = text.iter().rposition(|b| *b == b')')?;
    let mut fields = text.get(name_end..)?.split(|b| *b == b' ').skip(1);
    let is_dead = matches!(fields.next(), Some(b"Z" | b"X"));
    let parent = value::pid(fields.next()?);
    let session = value::pid(fields.nth(1)?);
    Some(Facts { is_dead, parent, session })
}
