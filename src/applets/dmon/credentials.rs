//! The credentials of a child (credentials(7)), resolved from `-u` and `-g` with /etc/passwd and /etc/group.
//!
//! `mod.rs` resolves them before anything starts; `spawn.rs` sets them in the child.

use super::config::UserSpec;
use crate::applets::diag::{error, os_error};
use core::ffi::CStr;
use pure::accounts::{self, Gids, Name, Query, Search, User};
use pure::exit::Exit;
use pure::unix::Errno;
use sys::file;

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// The ids of a child. Its supplementary groups are always replaced, so that a command that gives up root's user never
/// keeps root's groups.
pub struct Credentials {
    /// `None` keeps dmon's user.
    pub uid: Option<u32>,
    pub gid: u32,
    pub groups: Gids,
}

/// Resolves `spec` into `credentials`, which stay `None` if it names neither a user nor a group.
///
/// # Errors
/// The exit status, after the error was reported: an unknown name, an unreadable file, too many groups.
pub fn resolve(spec: &UserSpec, credentials: &mut Option<Credentials>) -> Result<(), Exit> {
    let gid = spec.group.map(|word| gid_of(word.to_bytes())).transpose()?;
    let Some(word) = spec.user else {
        // The primary group replaces all groups.
        *credentials = gid.map(|gid| Credentials { uid: None, gid, groups: Gids::new() });
        return Ok(());
    };
    let mut names = word.to_bytes().split(|b| *b == b':');
    let text = names.next().unwrap_or(&[]);
    let unknown = || error("unknown user ", text, "");
    let name = accounts::name(text).ok_or_else(unknown)?;
    let mut entry = Search::new(Query::User(name));
    search(PASSWD, &mut entry)?;
    let (uid, primary) = match (name, entry.user) {
        (_, Some(User { uid, gid })) => (uid, Some(gid)),
        (Name::Number(uid), None) => (uid, None),
        (Name::Text(_), None) => return Err(unknown()),
    };
    let gid = gid.or(primary).ok_or_else(|| {
        error("user ", text, " has no entry in /etc/passwd: give a group too (-g, -G)")
    })?;
    let mut groups = Search::new(Query::Member(&entry.login));
    let mut names = names.peekable();
    if names.peek().is_none() && primary.is_some() {
        search(GROUP, &mut groups)?;
    }
    for name in names {
        groups.too_many |= groups.groups.push(gid_of(name)?).is_err();
    }
    if groups.too_many {
        return Err(error("more than 64 supplementary groups", b"", ""));
    }
    *credentials = Some(Credentials { uid: Some(uid), gid, groups: groups.groups });
    Ok(())
}

/// Returns the group with this name or number.
fn gid_of(word: &'static [u8]) -> Result<u32, Exit> {
    let found = match accounts::name(word) {
        Some(Name::Number(gid)) => Some(gid),
        Some(Name::Text(name)) => {
            let mut group = Search::new(Query::Group(name));
            search(GROUP, &mut group)?;
            group.groups.first().copied()
        }
        None => None,
    };
    found.ok_or_else(|| error("unknown group ", word, ""))
}

/// Scans the whole file. A missing file has no entries, which is fine for numeric ids.
fn search(path: &CStr, search: &mut Search) -> Result<(), Exit> {
    let read =
        file::for_each_piece(path, &mut |piece| piece.iter().for_each(|byte| search.feed(*byte)));
    search.feed(b'\n');
    match read {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(os_error("cannot read ", path.to_bytes(), error)),
    }
}
