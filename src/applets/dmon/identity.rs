//! Who a child will be: the words of `-u` and `-g` looked up in /etc/passwd and /etc/group before
//! anything is started.

use super::config::Owner;
use crate::pure::accounts::{self, Gids, Groups, Name, Sought, User, Users};
use crate::pure::fault::Fault;
use crate::pure::unix::Errno;
use crate::sys::file;
use core::ffi::CStr;

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// The ids a child takes on. Its supplementary groups are always replaced, so that a command that
/// drops root's user never keeps root's groups.
pub struct Identity {
    pub uid: Option<u32>,
    pub gid: u32,
    pub groups: Gids,
}

/// `None` when neither a user nor a group is asked for.
///
/// # Errors
/// A name without an entry, a file that cannot be read, too many groups.
pub fn look_up(owner: Owner) -> Result<Option<Identity>, Fault> {
    let gid = owner.group.map(|word| gid_of(word.to_bytes())).transpose()?;
    let Some(word) = owner.user else {
        // Only the primary group changes; the others go.
        return Ok(gid.map(|gid| Identity { uid: None, gid, groups: Gids::new() }));
    };
    let mut names = word.to_bytes().split(|b| *b == b':');
    let text = names.next().unwrap_or(&[]);
    let name = named("user: ", text)?;
    let entry = user(name)?;
    let uid = match (name, &entry) {
        (_, Some((_, User { uid, .. }))) => *uid,
        (Name::Number(uid), None) => uid,
        (Name::Text(_), None) => return Err(Fault::failed("unknown user ").word(text)),
    };
    let gid = match (gid, &entry) {
        (Some(gid), _) => gid,
        (None, Some((_, User { gid, .. }))) => *gid,
        (None, None) => {
            let fault = Fault::failed("user ").word(text);
            return Err(fault.then(" has no entry in /etc/passwd: give a group too (-g, -G)"));
        }
    };
    let mut groups = Gids::new();
    match (names.next(), &entry) {
        (None, Some((login, _))) => groups = search(Sought::Member(login))?,
        (None, None) => {}
        (Some(first), _) => {
            for name in core::iter::once(first).chain(names) {
                groups.push(gid_of(name)?).map_err(|_| too_many())?;
            }
        }
    }
    Ok(Some(Identity { uid: Some(uid), gid, groups }))
}

fn too_many() -> Fault {
    Fault::failed("more than 64 supplementary groups")
}

fn named(what: &'static str, word: &'static [u8]) -> Result<Name, Fault> {
    let fault = |wanted| Fault::failed(what).value(word, wanted);
    accounts::name(word).map_err(fault)
}

fn gid_of(word: &'static [u8]) -> Result<u32, Fault> {
    match named("group: ", word)? {
        Name::Number(gid) => Ok(gid),
        Name::Text(name) => {
            let found = search(Sought::Group(name))?.first().copied();
            found.ok_or_else(|| Fault::failed("unknown group ").word(word))
        }
    }
}

/// The entry of passwd(5). A user given by number needs none, nor the file.
fn user(name: Name) -> Result<Option<(accounts::Login, User)>, Fault> {
    let mut users = Users::new(name);
    match (for_each_byte(PASSWD, &mut |byte| users.hear(byte)), name) {
        (Ok(()), _) | (Err(Errno::NOENT), Name::Number(_)) => Ok(users.found),
        (Err(error), _) => Err(Fault::refused("cannot read ", PASSWD.to_bytes(), error)),
    }
}

/// The groups of group(5).
fn search(sought: Sought) -> Result<Gids, Fault> {
    let mut groups = Groups::new(sought);
    match (for_each_byte(GROUP, &mut |byte| groups.hear(byte)), sought) {
        (Ok(()), _) if groups.too_many => Err(too_many()),
        (Ok(()), _) | (Err(Errno::NOENT), Sought::Member(_)) => Ok(groups.found),
        (Err(error), _) => Err(Fault::refused("cannot read ", GROUP.to_bytes(), error)),
    }
}

/// Every byte of the file, and a newline for a last line that lacks it.
fn for_each_byte(path: &CStr, hear: &mut dyn FnMut(u8)) -> Result<(), Errno> {
    file::for_each_piece(path, &mut |piece| piece.iter().for_each(|byte| hear(*byte)))?;
    hear(b'\n');
    Ok(())
}
