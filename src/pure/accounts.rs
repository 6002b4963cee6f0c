//! The search for users and groups in /etc/passwd and /etc/group (passwd(5), group(5)).
//!
//! dmon's `credentials` reads the files and feeds them in. The search takes one byte at a time, so that a group with a
//! thousand members needs no buffer. The functions of the C library, such as getpwnam(3), allocate memory and load name
//! services, which a static program cannot do.

use crate::cli::value;
use crate::text::find_byte;
use heapless::{Vec, VecView};

/// A user or group as named on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    Number(u32),
    Text(&'static [u8]),
}

/// Parses a word of digits as an ID, any other word as a name.
///
/// `None` for an empty word, a word with a colon, and the ID 2^32 - 1, which means "unchanged" in setresuid(2).
#[must_use]
pub fn name(word: &'static [u8]) -> Option<Name> {
    if word.iter().all(u8::is_ascii_digit) {
        return value::number(word).ok().filter(|number| *number != NO_ID).map(Name::Number);
    }
    find_byte(word, b':').is_none().then_some(Name::Text(word))
}

/// The number that is no ID (setresuid(2)).
const NO_ID: u32 = u32::MAX;

/// The IDs of an entry in passwd(5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// A login name of at most LOGIN_NAME_MAX bytes (limits.h).
pub type Login = Vec<u8, 256>;

/// The supplementary groups of a process. Chosen: small systems have a few dozen groups; the kernel allows 65 536.
pub type Gids = Vec<u32, 64>;

/// The IDs of a process. Users and groups: the real, the effective and the saved one (credentials(7)).
pub struct ProcessIds {
    pub uids: [u32; 3],
    pub gids: [u32; 3],
    /// The supplementary groups, in the first `group_count` places.
    pub groups: [u32; Self::MAX_GROUPS],
    pub group_count: usize,
}

impl Default for ProcessIds {
    /// Returns the IDs of no process.
    fn default() -> Self {
        let (no_ids, groups) = ([NO_ID; 3], [0; Self::MAX_GROUPS]);
        Self { uids: no_ids, gids: no_ids, groups, group_count: 0 }
    }
}

impl ProcessIds {
    /// As many as [`Gids`], and the primary group.
    pub const MAX_GROUPS: usize = 65;

    /// Returns the supplementary groups.
    #[must_use]
    pub fn groups(&self) -> &[u32] {
        self.groups.get(..self.group_count).unwrap_or(&self.groups)
    }

    /// Returns whether the process has exactly these IDs. `None` matches every user. Whether the primary group is also a
    /// supplementary one makes no difference.
    #[must_use]
    pub fn are(&self, uid: Option<u32>, gid: u32, groups: &[u32]) -> bool {
        uid.is_none_or(|uid| all_are(&self.uids, uid))
            && all_are(&self.gids, gid)
            && contains_all(groups, self.groups(), gid)
            && contains_all(self.groups(), groups, gid)
    }
}

/// Returns whether all of `groups`, except `gid`, are in `set`.
#[inline(never)]
fn contains_all(set: &[u32], groups: &[u32], gid: u32) -> bool {
    groups.iter().all(|group| *group == gid || set.contains(group))
}

/// Returns whether the real, the effective and the saved ID are this one. A comparison of arrays would first fill one.
#[must_use]
pub fn all_are(ids: &[u32; 3], id: u32) -> bool {
    ids.iter().all(|one| *one == id)
}

/// The entries that a [`Search`] looks for.
#[derive(Clone, Copy)]
pub enum Query<'a> {
    /// The first matching user in /etc/passwd.
    User(Name),
    /// The first group of this name in /etc/group.
    Group(&'a [u8]),
    /// All groups in /etc/group that list this member.
    Member(&'a [u8]),
}

/// The number of colons before the home directory in a line of /etc/passwd.
const HOME: u8 = 5;

/// The same for all words of a comment.
const COMMENT: u8 = u8::MAX;

/// One pass over a file.
///
/// The lines of both files start with a name, a password and an ID. The fourth field is the ID of the primary group
/// in /etc/passwd and the list of members in /etc/group. The sixth is the home directory in /etc/passwd.
// Field order: see src/lib.rs.
#[repr(C)]
pub struct Search<'a> {
    /// The name that is searched for: of a user, a group or a member. Empty: the search is by number.
    name: &'a [u8],
    /// The ID of the user that is searched for, or `NO_ID`.
    number: u32,
    is_user: bool,
    is_member: bool,
    /// False if a name matches that is longer than `login` can hold, or a home directory that is longer than `word` can
    /// hold.
    pub fits: bool,
    /// The first match was the only one. `word` contains the home directory of a user.
    done: bool,
    /// False if the word is longer than `word` can hold, so that no name matches it.
    word_fits: bool,
    /// Whether the current line matches the query so far.
    matches: bool,
    /// Whether more groups match than `groups` can hold.
    pub too_many: bool,
    /// The number of colons before `word` in its line.
    field: u8,
    /// The ID of the current line, or `NO_ID`.
    id: u32,
    /// The user that was found.
    pub user: Option<User>,
    /// The word so far.
    word: &'a mut VecView<u8>,
    /// The name of the user that was found; empty if there is none.
    pub login: Login,
    /// The groups that were found, each once.
    pub groups: &'a mut Gids,
}

impl<'a> Search<'a> {
    /// Returns a search before the first byte of the file. `word` is empty, and receives the home directory of a user;
    /// `groups` receives the groups.
    #[must_use]
    #[inline(never)]
    pub const fn new(query: Query<'a>, word: &'a mut VecView<u8>, groups: &'a mut Gids) -> Self {
        let (name, number) = match query {
            Query::User(Name::Number(id)) => (b"" as &[u8], id),
            Query::User(Name::Text(name)) | Query::Group(name) | Query::Member(name) => {
                (name, NO_ID)
            }
        };
        Self {
            name,
            number,
            is_user: matches!(query, Query::User(_)),
            is_member: matches!(query, Query::Member(_)),
            fits: true,
            done: false,
            word_fits: true,
            matches: false,
            too_many: false,
            field: 0,
            id: NO_ID,
            user: None,
            word,
            login: Vec::new(),
            groups,
        }
    }

    /// Processes the next byte of the file. The caller adds a newline at the end, because the last line may lack it.
    pub fn feed(&mut self, byte: u8) {
        let ends_word = match byte {
            _ if self.done => return,
            b':' | b'\n' => true,
            // A home directory may contain commas.
            b',' => !self.is_user,
            // As in Debian's and the BSDs' files.
            b'#' if self.field == 0 && self.word.is_empty() => {
                self.field = COMMENT;
                return;
            }
            _ => false,
        };
        if !ends_word {
            self.word_fits &= self.word.push(byte).is_ok();
            return;
        }
        self.end_word();
        if self.done {
            return;
        }
        self.word.clear();
        self.word_fits = true;
        match byte {
            b':' => self.field = self.field.saturating_add(1),
            b'\n' => self.end_line(),
            _ => {}
        }
    }

    /// Evaluates a complete word.
    fn end_word(&mut self) {
        // An empty list of members is one empty word.
        let is_name = self.word_fits && *self.word == *self.name && !self.word.is_empty();
        let number = value::number(self.word).unwrap_or(NO_ID);
        match self.field {
            0 => {
                self.matches = is_name && !self.is_member;
                self.login.clear();
                self.fits = self.login.extend_from_slice(self.word).is_ok();
            }
            2 => {
                self.id = number;
                self.matches |= number == self.number;
            }
            3 if self.is_member => self.matches |= is_name,
            3 if self.is_user && self.matches && self.id != NO_ID && number != NO_ID => {
                self.user = Some(User { uid: self.id, gid: number });
            }
            HOME if self.user.is_some() => {
                self.fits &= self.word_fits;
                self.done = true;
            }
            _ => {}
        }
    }

    /// Records the result of a complete line.
    fn end_line(&mut self) {
        // It has no home directory.
        self.done = self.user.is_some();
        let is_group = self.matches && self.id != NO_ID && !self.is_user;
        if is_group && !self.groups.contains(&self.id) {
            self.too_many |= self.groups.push(self.id).is_err();
            self.done = !self.is_member;
        }
        (self.field, self.id, self.matches) = (0, NO_ID, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\n#odd\n#old:x:4711:0::/:\nlog:x:7:70::/:\nbad:x:x:1::/:\nlog:x:8:80::/:\nnew:x:9:90";
    const GROUP: &str = "root:x:0:\n#old:x:72:log\naudio:x:29:tv,log\nlog:x:70:\nvideo:x:44:log\nlogs:x:45:logs,xlog\nbad:x::log\n\nlog:x:71:";

    fn search<'a>(file: &str, query: Query<'a>) -> Search<'a> {
        let word = Box::leak(Box::new(Vec::<u8, 4095>::new()));
        let groups = Box::leak(Box::new(Gids::new()));
        let mut search = Search::new(query, word, groups);
        file.bytes().chain(*b"\n\n").for_each(|byte| search.feed(byte));
        search
    }

    fn user(name: Name) -> Option<User> {
        search(PASSWD, Query::User(name)).user
    }

    fn groups(query: Query) -> Vec<u32, 64> {
        search(GROUP, query).groups.clone()
    }

    #[test]
    fn users_are_found_by_name_and_id() {
        assert_eq!(user(Name::Text(b"log")), Some(User { uid: 7, gid: 70 }));
        assert_eq!(user(Name::Number(8)), Some(User { uid: 8, gid: 80 }));
        assert_eq!(user(Name::Number(0)), Some(User { uid: 0, gid: 0 }));
        assert_eq!(user(Name::Text(b"new")), Some(User { uid: 9, gid: 90 }));
        assert_eq!(search(PASSWD, Query::User(Name::Number(7))).login, *b"log");
        assert_eq!(user(Name::Text(b"bad")), None);
        assert_eq!(user(Name::Text(b"lo")), None);
        assert_eq!(user(Name::Text(b"")), None);
        // A comment matches neither by its name nor by its ID.
        assert_eq!(user(Name::Text(b"#old")), None);
        assert_eq!(user(Name::Number(4711)), None);
    }

    #[test]
    fn the_home_directory_is_that_of_the_user_found() {
        let file = "#log:x:7:7::/comment:\nlog:x:x:7::/bad:\nlog:x:7:70:a,b:/home/a,b\nlog:x:7:70::/2:\n\
            all:x:8:8::/1:/bin/sh:/more\nnone:x:9:9::\nshort:x:10:10\nlong:x:11:11::/345678901";
        let is = |name, expected: &str, fits| {
            let mut home = Vec::<u8, 9>::new();
            let mut groups = Gids::new();
            let mut search = Search::new(Query::User(name), &mut home, &mut groups);
            file.bytes().chain(*b"\n\n").for_each(|byte| search.feed(byte));
            assert_eq!(search.fits, fits, "{name:?}");
            assert_eq!(home, expected.as_bytes(), "{name:?}");
        };
        is(Name::Text(b"log"), "/home/a,b", true);
        is(Name::Number(7), "/home/a,b", true);
        is(Name::Text(b"all"), "/1", true);
        is(Name::Text(b"none"), "", true);
        is(Name::Text(b"short"), "", true);
        is(Name::Text(b"absent"), "", true);
        is(Name::Text(b"long"), "/34567890", false);
    }

    #[test]
    fn a_name_longer_than_login_name_max_is_not_found() {
        const LONGEST: &[u8] = &[b'n'; 256];
        let is = |size: usize, found| {
            let file = format!("{}:x:7:70", "n".repeat(size));
            assert_eq!(search(&file, Query::User(Name::Text(LONGEST))).user, found, "{size}");
        };
        is(256, Some(User { uid: 7, gid: 70 }));
        is(257, None);
        let fits = |size: usize| {
            let search =
                search(&format!("{}:x:7:70", "n".repeat(size)), Query::User(Name::Number(7)));
            assert!(search.user.is_some());
            search.fits
        };
        assert!(fits(256) && !fits(257));
    }

    #[test]
    fn groups_are_found_by_name_and_member() {
        assert_eq!(groups(Query::Group(b"log")), [70]);
        assert_eq!(groups(Query::Group(b"lo")), []);
        assert_eq!(groups(Query::Member(b"log")), [29, 44]);
        assert_eq!(groups(Query::Member(b"nobody")), []);
        assert_eq!(groups(Query::Member(b"")), []);
    }

    #[test]
    fn more_than_64_groups_are_an_error() {
        let file: String = (0..65).map(|n| format!("g{n}:x:{n}:b,a\n")).collect();
        assert!(search(&file, Query::Member(b"a")).too_many);
    }

    #[test]
    fn ids_are_compared_completely() {
        let ids = |uids, gids, own: &[u32]| {
            let mut groups = [0; ProcessIds::MAX_GROUPS];
            groups[..own.len()].copy_from_slice(own);
            ProcessIds { uids, gids, groups, group_count: own.len() }
        };
        let process = ids([1; 3], [2; 3], &[5, 4]);
        assert!(process.are(Some(1), 2, &[4, 5]) && process.are(None, 2, &[4, 5, 2, 4]));
        assert!(ids([1; 3], [2; 3], &[2]).are(Some(1), 2, &[]));
        assert!(!process.are(Some(2), 2, &[4, 5]) && !process.are(Some(1), 1, &[4, 5]));
        // Groups that are too many, or too few.
        for groups in [&[][..], &[4], &[4, 5, 6], &[4, 6]] {
            assert!(!process.are(Some(1), 2, groups), "{groups:?}");
        }
        for one in 0..3 {
            let mut other = [1; 3];
            other[one] = 0;
            assert!(!ids(other, [1; 3], &[]).are(Some(1), 1, &[]));
            assert!(!ids([1; 3], other, &[]).are(Some(1), 1, &[]));
        }
    }

    #[test]
    fn words_are_names_or_ids() {
        assert_eq!(name(b"log"), Some(Name::Text(b"log")));
        assert_eq!(name(b"0"), Some(Name::Number(0)));
        assert_eq!(name(b"4294967294"), Some(Name::Number(4_294_967_294)));
        for bad in [&b""[..], b"4294967295", b"99999999999", b"a:b"] {
            assert_eq!(name(bad), None);
        }
    }
}
