//! The lines of /etc/passwd and /etc/group (passwd(5), group(5)), read byte by byte, so that a group
//! of a thousand members needs no buffer; and the words that name users and groups.
//!
//! The C library's own look-ups take memory from the heap, and ask name services that a static
//! program cannot load.

use crate::cli::value;
use crate::text::find_byte;
use heapless::Vec;

/// A user or group as the command line names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    Number(u32),
    Text(&'static [u8]),
}

/// All digits: a number, which needs no entry; else a name. `None` for an empty word, for what can be no
/// name, and for the highest number, which stands for "nobody" in the calls that set ids (setresuid(2)).
#[must_use]
pub fn name(word: &'static [u8]) -> Option<Name> {
    if word.iter().all(u8::is_ascii_digit) {
        return value::number(word).ok().filter(|number| *number != u32::MAX).map(Name::Number);
    }
    find_byte(word, b':').is_none().then_some(Name::Text(word))
}

/// The ids of an entry in passwd(5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// The longest login name: LOGIN_NAME_MAX of limits.h.
pub type Login = Vec<u8, 256>;

/// Supplementary groups of one process. The kernel allows 65 536; more than a few dozen are unheard of
/// on the machines this is for.
pub type Gids = Vec<u32, 64>;

/// What is looked for.
#[derive(Clone, Copy)]
pub enum Query<'a> {
    /// A user in passwd(5), the first that fits, as for getpwnam(3).
    User(Name),
    /// The group of that name in group(5), the first if there are several.
    Group(&'a [u8]),
    /// All groups in group(5) that list that member.
    Member(&'a [u8]),
}

/// One pass over a file. Its lines are alike: a name, a password, a number; then in passwd(5) the number of
/// the primary group, in group(5) the members.
// In this order: what is large comes last, so that the way to what is small is short.
#[repr(C)]
pub struct Search<'a> {
    query: Query<'a>,
    /// `word` is all of it, and not longer than any name can be.
    whole: bool,
    /// How many colons stand before `word` in its line.
    field: u8,
    /// Of the line so far.
    matches: bool,
    id: Option<u32>,
    gid: Option<u32>,
    pub user: Option<User>,
    /// More groups were found than a list holds.
    pub too_many: bool,
    /// What is being read; nobody's name if it is not `whole`.
    word: Login,
    /// The name of the user that was found.
    pub login: Login,
    pub groups: Gids,
}

impl<'a> Search<'a> {
    #[must_use]
    #[inline(never)]
    pub const fn new(query: Query<'a>) -> Self {
        Self {
            query,
            word: Vec::new(),
            whole: true,
            field: 0,
            matches: false,
            id: None,
            gid: None,
            login: Vec::new(),
            user: None,
            groups: Vec::new(),
            too_many: false,
        }
    }

    /// The next byte of the file; at its end one more newline must be heard.
    pub fn feed(&mut self, byte: u8) {
        if !matches!(byte, b':' | b',' | b'\n') {
            self.whole &= self.word.push(byte).is_ok();
            return;
        }
        let word: &[u8] = if self.whole { &self.word } else { &[] };
        let number = value::number(word).ok();
        match (self.field, self.query) {
            (0, query) => {
                self.matches = match query {
                    Query::User(Name::Text(name)) | Query::Group(name) => name == word,
                    Query::User(Name::Number(_)) | Query::Member(_) => false,
                };
                (self.id, self.gid) = (None, None);
                if self.user.is_none() {
                    self.login.clear();
                    let _ = self.login.extend_from_slice(word);
                }
            }
            (2, query) => {
                self.id = number;
                self.matches |= matches!(query, Query::User(Name::Number(n)) if Some(n) == number);
            }
            (3, Query::User(_)) => self.gid = number,
            // Nobody is nowhere a member, where no members are listed either.
            (3, Query::Member(name)) => self.matches |= name == word && !word.is_empty(),
            _ => {}
        }
        self.word.clear();
        self.whole = true;
        self.field = match byte {
            b':' => self.field.saturating_add(1),
            b',' => self.field,
            _ => {
                self.end_line();
                0
            }
        };
    }

    fn end_line(&mut self) {
        let (true, Some(id)) = (self.matches, self.id) else {
            return;
        };
        match self.query {
            Query::User(_) => {
                let user = self.gid.map(|gid| User { uid: id, gid });
                self.user = self.user.or(user);
            }
            Query::Group(_) if !self.groups.is_empty() => {}
            Query::Group(_) | Query::Member(_) => {
                if !self.groups.contains(&id) {
                    self.too_many |= self.groups.push(id).is_err();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\n#odd\nlog:x:7:70::/:\nbad:x:x:1::/:\nlog:x:8:80::/:\nnew:x:9:90";
    const GROUP: &str = "root:x:0:\naudio:x:29:tv,log\nlog:x:70:\nvideo:x:44:log\nlogs:x:45:logs,xlog\nbad:x::log\n\nlog:x:71:";

    fn search<'a>(file: &str, query: Query<'a>) -> Search<'a> {
        let mut search = Search::new(query);
        file.bytes().chain([b'\n']).for_each(|byte| search.feed(byte));
        search
    }

    fn user(name: Name) -> Option<User> {
        search(PASSWD, Query::User(name)).user
    }

    fn groups(query: Query) -> Vec<u32, 64> {
        search(GROUP, query).groups
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        assert_eq!(user(Name::Text(b"log")), Some(User { uid: 7, gid: 70 }));
        assert_eq!(user(Name::Number(8)), Some(User { uid: 8, gid: 80 }));
        assert_eq!(user(Name::Number(0)), Some(User { uid: 0, gid: 0 }));
        assert_eq!(user(Name::Text(b"new")), Some(User { uid: 9, gid: 90 }));
        assert_eq!(search(PASSWD, Query::User(Name::Number(7))).login, *b"log");
        assert_eq!(user(Name::Text(b"bad")), None);
        assert_eq!(user(Name::Text(b"lo")), None);
        assert_eq!(user(Name::Text(b"")), None);
    }

    #[test]
    fn what_is_longer_than_any_name_is_nobodys() {
        const LONGEST: &[u8] = &[b'n'; 256];
        let is = |size: usize, found| {
            let file = format!("{}:x:7:70", "n".repeat(size));
            assert_eq!(search(&file, Query::User(Name::Text(LONGEST))).user, found, "{size}");
        };
        is(256, Some(User { uid: 7, gid: 70 }));
        is(257, None);
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
    fn more_groups_than_fit_are_told() {
        let file: String = (0..65).map(|n| format!("g{n}:x:{n}:b,a\n")).collect();
        assert!(search(&file, Query::Member(b"a")).too_many);
    }

    #[test]
    fn words_name_users() {
        assert_eq!(name(b"log"), Some(Name::Text(b"log")));
        assert_eq!(name(b"0"), Some(Name::Number(0)));
        assert_eq!(name(b"4294967294"), Some(Name::Number(4_294_967_294)));
        for bad in [&b""[..], b"4294967295", b"99999999999", b"a:b"] {
            assert_eq!(name(bad), None);
        }
    }
}
