//! The credentials of a child (credentials(7)), resolved from `-u` and `-g` with /etc/passwd and /etc/group.
//!
//! `mod.rs` resolves them before anything starts; `spawn.rs` sets them in the child.

use super::config::UserSpec;
use super::user_variables::UserVariables;
use crate::applets::diag::{error, os_error};
use core::ffi::CStr;
use pure::accounts::{self, Gids, Login, Name, Query, Search, User};
use pure::exit::Exit;
use pure::unix::Errno;
use sys::environment::Environment;
use sys::{credentials, file};

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// The user and group IDs of a child. They always include its supplementary groups, so that a command that leaves
/// root's user never keeps root's groups.
pub struct Credentials {
    /// dmon has these IDs, so the child need not set them. An ordinary user could not.
    pub are_current: bool,
    /// `None` keeps dmon's user.
    pub uid: Option<u32>,
    pub gid: u32,
    pub groups: Gids,
    /// `None` keeps dmon's.
    pub environment: Option<Environment>,
}

/// Resolves `spec` into `credentials`, which stay `None` if it names neither a user nor a group. An output parameter,
/// because copies of a returned value cost 846 instructions at each start (`make budget`). `edited`: the variables of
/// the user that keep their values.
///
/// # Errors
/// The exit status, after the error was reported: an unknown name, an unreadable file, too many groups or variables.
pub fn resolve(
    spec: &UserSpec,
    edited: &[bool; 3],
    credentials: &mut Option<Credentials>,
) -> Result<(), Exit> {
    find(spec, edited, credentials)?;
    if let Some(found) = credentials {
        // Without an answer, the child sets them.
        found.are_current =
            credentials::get().is_ok_and(|ids| ids.are(found.uid, found.gid, &found.groups));
    }
    Ok(())
}

/// As [`resolve`], without a comparison with dmon's own IDs.
fn find(
    spec: &UserSpec,
    edited: &[bool; 3],
    credentials: &mut Option<Credentials>,
) -> Result<(), Exit> {
    let gid = spec.group.map(|group| gid_of(group.to_bytes())).transpose()?;
    let Some(user) = spec.user else {
        // The primary group replaces all groups.
        *credentials = gid.map(|gid| Credentials {
            are_current: false,
            uid: None,
            gid,
            groups: Gids::new(),
            environment: None,
        });
        return Ok(());
    };
    let mut names = user.to_bytes().split(|b| *b == b':');
    let text = names.next().unwrap_or(&[]);
    let unknown = || error("unknown user ", text, "");
    let name = accounts::name(text).ok_or_else(unknown)?;
    // Each child has one set, so `claim` succeeds.
    let variables = UserVariables::claim().ok_or(Exit::FAILED)?;
    let (entry, login) = find_user(name, text, variables)?;
    let (uid, primary) = match (name, entry) {
        (_, Some(User { uid, gid })) => (uid, Some(gid)),
        (Name::Number(uid), None) => (uid, None),
        (Name::Text(_), None) => return Err(unknown()),
    };
    let mut members = Search::new(Query::Member(&login));
    let mut names = names.peekable();
    let own = || own_groups(uid, &mut members.groups).filter(|_| names.peek().is_none());
    let gid = gid.or(primary).or_else(own).ok_or_else(|| {
        error("user ", text, " has no entry in /etc/passwd: give a group too (-g, -G)")
    })?;
    if names.peek().is_none() && primary.is_some() {
        scan(GROUP, &mut members)?;
    }
    for name in names {
        members.too_many |= members.groups.push(gid_of(name)?).is_err();
    }
    if members.too_many {
        return Err(error("more than 64 supplementary groups", b"", ""));
    }
    let environment = variables.environment(&login, edited)?;
    *credentials = Some(Credentials {
        are_current: false,
        uid: Some(uid),
        gid,
        groups: members.groups,
        environment,
    });
    Ok(())
}

/// Returns the primary group of this process and stores the supplementary ones, if it runs as `uid` already.
fn own_groups(uid: u32, groups: &mut Gids) -> Option<u32> {
    let ids = credentials::get().ok().filter(|ids| ids.uids == [uid; 3])?;
    for group in ids.groups.iter().take(ids.group_count) {
        groups.push(*group).ok()?;
    }
    let [gid, ..] = ids.gids;
    Some(gid)
}

/// Returns the IDs and the name of the user in /etc/passwd, and stores its home directory. Without an entry all are
/// empty.
fn find_user(
    name: Name,
    text: &[u8],
    variables: &mut UserVariables,
) -> Result<(Option<User>, Login), Exit> {
    let mut entry = Search::new(Query::User(name));
    entry.home = Some(&mut variables.home);
    scan(PASSWD, &mut entry)?;
    if !entry.home_fits {
        return Err(error("user ", text, " has a home directory of more than 4095 bytes"));
    }
    if entry.user.is_some() && !entry.login_fits {
        return Err(error("user ", text, " has a name of more than 256 bytes in /etc/passwd"));
    }
    if entry.user.is_none() {
        // It is the name of the last line.
        entry.login.clear();
    }
    Ok((entry.user, entry.login))
}

/// Returns the group with this name or number.
fn gid_of(text: &'static [u8]) -> Result<u32, Exit> {
    let found = match accounts::name(text) {
        Some(Name::Number(gid)) => Some(gid),
        Some(Name::Text(name)) => {
            let mut group = Search::new(Query::Group(name));
            scan(GROUP, &mut group)?;
            group.groups.first().copied()
        }
        None => None,
    };
    found.ok_or_else(|| error("unknown group ", text, ""))
}

/// Scans the whole file. A missing file counts as empty, which is fine for numeric IDs.
fn scan(path: &CStr, search: &mut Search) -> Result<(), Exit> {
    let read =
        file::for_each_piece(path, &mut |piece| piece.iter().for_each(|byte| search.feed(*byte)));
    search.feed(b'\n');
    match read {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(os_error("cannot read ", path.to_bytes(), error)),
    }
}
