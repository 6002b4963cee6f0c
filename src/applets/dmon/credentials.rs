//! The credentials of a child (credentials(7)), resolved from `-u` and `-g` with /etc/passwd and /etc/group.
//!
//! `mod.rs` resolves them before anything starts; `spawn.rs` sets them in the child.

use super::config::UserSpec;
use super::user_variables::UserVariables;
use crate::applets::diag::{error, os_error};
use core::ffi::CStr;
use pure::accounts::{self, Gids, Name, ProcessIds, Query, Search};
use pure::cli::option_value::CliWord;
use pure::exit::Exit;
use pure::text::{TextBuf, split, split_once};
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
    let gid = spec.group.map(|group| gid_of(group.to_bytes())).transpose()?;
    if let (None, None) = (spec.user, gid) {
        return Ok(());
    }
    let mut own = ProcessIds::default();
    credentials::get(&mut own);
    // Without a user, the primary group replaces all groups.
    let found = credentials.insert(Credentials {
        are_current: false,
        uid: None,
        gid: gid.unwrap_or(0),
        groups: Gids::new(),
        environment: None,
    });
    if let Some(user) = spec.user {
        find_user(user, gid, edited, &own, found)?;
    }
    found.are_current = own.are(found.uid, found.gid, &found.groups);
    Ok(())
}

/// Resolves `USER[:GROUP…]`. `gid`: the primary group, if an option gives it. `own`: the IDs of this process.
fn find_user(
    user: CliWord,
    gid: Option<u32>,
    edited: &[bool; 3],
    own: &ProcessIds,
    found: &mut Credentials,
) -> Result<(), Exit> {
    let (text, names) = split_once(user.to_bytes(), b':');
    let unknown = || error("unknown user ", text, "");
    let name = accounts::name(text).ok_or_else(unknown)?;
    // Each child has one set, so `claim` succeeds.
    let variables = UserVariables::claim().ok_or(Exit::FAILED)?;
    let mut entry = Search::new(Query::User(name), &mut variables.home, &mut found.groups);
    scan(PASSWD, &mut entry)?;
    let Search { user, login, fits, groups, .. } = &mut entry;
    let uid = match (name, &user) {
        (_, Some(user)) => user.uid,
        (Name::Number(uid), None) => uid,
        (Name::Text(_), None) => return Err(unknown()),
    };
    if !*fits {
        return Err(error("user ", text, " has too long a name or home directory in /etc/passwd"));
    }
    let primary = user.map(|user| user.gid);
    let own = || names.is_none().then(|| own_groups(own, uid, groups)).flatten();
    found.gid = gid.or(primary).or_else(own).ok_or_else(|| {
        error("user ", text, " has no entry in /etc/passwd: give a group too (-g, -G)")
    })?;
    found.uid = Some(uid);
    let mut too_many = false;
    if let Some(names) = names {
        for name in split(names, b':') {
            too_many |= groups.push(gid_of(name)?).is_err();
        }
    } else if primary.is_some() {
        let mut word = TextBuf::<256>::new();
        let mut members = Search::new(Query::Member(login), &mut word, groups);
        scan(GROUP, &mut members)?;
        too_many = members.too_many;
    }
    if too_many {
        return Err(error("more than 64 supplementary groups", b"", ""));
    }
    found.environment = variables.environment(login, edited)?;
    Ok(())
}

/// Returns the primary group of this process and stores the supplementary ones, if it runs as `uid` already.
fn own_groups(ids: &ProcessIds, uid: u32, groups: &mut Gids) -> Option<u32> {
    if !accounts::all_are(&ids.uids, uid) {
        return None;
    }
    for group in ids.groups() {
        groups.push(*group).ok()?;
    }
    let [gid, ..] = ids.gids;
    Some(gid)
}

/// Returns the group with this name or number.
fn gid_of(text: &'static [u8]) -> Result<u32, Exit> {
    let found = match accounts::name(text) {
        Some(Name::Number(gid)) => Some(gid),
        Some(Name::Text(name)) => {
            let (mut word, mut groups) = (TextBuf::<256>::new(), Gids::new());
            scan(GROUP, &mut Search::new(Query::Group(name), &mut word, &mut groups))?;
            groups.first().copied()
        }
        None => None,
    };
    found.ok_or_else(|| error("unknown group ", text, ""))
}

/// Scans the whole file. A missing file counts as empty, which is fine for numeric IDs.
fn scan(path: &CStr, search: &mut Search) -> Result<(), Exit> {
    let read =
        file::for_each_piece(path, &mut |piece| piece.iter().for_each(|byte| search.feed(*byte)));
    // The last line may lack its newline. The name of an empty line behind it replaces its name.
    b"\n\n".iter().for_each(|byte| search.feed(*byte));
    match read {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(os_error("cannot read ", path.to_bytes(), error)),
    }
}
