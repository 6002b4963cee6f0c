//! The lines of /etc/passwd and /etc/group (passwd(5), group(5)), read byte by byte, so that a group
//! of a thousand members needs no buffer; and the words that name users and groups.
//!
//! The C library's own look-ups take memory from the heap, and ask name services that a static
//! program cannot load.

use crate::pure::value::{self, Wanted};
use heapless::Vec;

/// A user or group as the command line names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    Number(u32),
    Text(&'static [u8]),
}

const NAME: Wanted = "the name or number of a user or group";

/// All digits: a number, which needs no entry; else a name. The highest number stands for "nobody"
/// in the calls that set ids (setresuid(2)) and is refused.
///
/// # Errors
/// An empty word, a number too large.
pub fn name(word: &'static [u8]) -> Result<Name, Wanted> {
    match word {
        [] => Err(NAME),
        _ if word.iter().all(u8::is_ascii_digit) => match value::number(word) {
            Ok(u32::MAX) | Err(_) => Err(NAME),
            Ok(number) => Ok(Name::Number(number)),
        },
        _ if word.contains(&b':') => Err(NAME),
        _ => Ok(Name::Text(word)),
    }
}

/// A user's entry in passwd(5).
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

/// The words between the colons and commas of a file's lines, one at a time.
struct Words {
    word: Login,
    /// False when the word was longer than any name can be; then it is nobody's.
    whole: bool,
    field: u8,
}

impl Words {
    const fn new() -> Self {
        Self { word: Vec::new(), whole: true, field: 0 }
    }

    /// Gives `(field, word, last of its line)` to `tell` when `byte` ends a word.
    fn hear(&mut self, byte: u8, tell: &mut dyn FnMut(u8, &[u8], bool)) {
        if !matches!(byte, b':' | b',' | b'\n') {
            self.whole &= self.word.push(byte).is_ok();
            return;
        }
        let word: &[u8] = if self.whole { &self.word } else { &[] };
        tell(self.field, word, byte == b'\n');
        self.word.clear();
        self.whole = true;
        self.field = match byte {
            b':' => self.field.saturating_add(1),
            b'\n' => 0,
            _ => self.field,
        };
    }
}

/// One pass over passwd(5), looking for a user. The first entry that fits is the one, as for
/// getpwnam(3). At the end of the file one more newline must be heard.
pub struct Users {
    wanted: Name,
    words: Words,
    line: (Login, Option<u32>, Option<u32>),
    pub found: Option<(Login, User)>,
}

impl Users {
    #[must_use]
    pub const fn new(wanted: Name) -> Self {
        Self { wanted, words: Words::new(), line: (Vec::new(), None, None), found: None }
    }

    pub fn hear(&mut self, byte: u8) {
        let Self { wanted, words, line, found } = self;
        words.hear(byte, &mut |field, word, last| {
            match field {
                0 => *line = (Vec::from_slice(word).unwrap_or_default(), None, None),
                2 => line.1 = value::number(word).ok(),
                3 => line.2 = value::number(word).ok(),
                _ => {}
            }
            if let (true, None, (login, Some(uid), Some(gid))) = (last, &found, &line) {
                let fits = match *wanted {
                    Name::Text(text) => text == login.as_slice(),
                    Name::Number(number) => number == *uid,
                };
                if fits {
                    *found = Some((login.clone(), User { uid: *uid, gid: *gid }));
                }
            }
        });
    }
}

/// What is looked for in group(5).
#[derive(Clone, Copy)]
pub enum Sought<'a> {
    /// The group of that name, the first if there are several.
    Group(&'a [u8]),
    /// All groups that list that member.
    Member(&'a [u8]),
}

/// One pass over group(5). At the end of the file one more newline must be heard.
pub struct Groups<'a> {
    sought: Sought<'a>,
    words: Words,
    line: (bool, Option<u32>),
    pub found: Gids,
    /// Set when more were found than a list holds.
    pub too_many: bool,
}

impl<'a> Groups<'a> {
    #[must_use]
    pub const fn new(sought: Sought<'a>) -> Self {
        Self {
            sought,
            words: Words::new(),
            line: (false, None),
            found: Vec::new(),
            too_many: false,
        }
    }

    pub fn hear(&mut self, byte: u8) {
        let Self { sought, words, line, found, too_many } = self;
        words.hear(byte, &mut |field, word, last| {
            match (field, *sought) {
                (0, Sought::Group(name)) => *line = (name == word, None),
                (0, Sought::Member(_)) => *line = (false, None),
                (2, _) => line.1 = value::number(word).ok(),
                (3, Sought::Member(name)) => line.0 |= name == word,
                _ => {}
            }
            if let (true, (true, Some(gid))) = (last, &line) {
                let enough = matches!(sought, Sought::Group(_)) && !found.is_empty();
                if !enough && !found.contains(gid) {
                    *too_many |= found.push(*gid).is_err();
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\n#odd\nlog:x:7:70::/:\nbad:x:x:1::/:\nlog:x:8:80::/:\nnew:x:9:90";
    const GROUP: &str = "root:x:0:\naudio:x:29:tv,log\nlog:x:70:\nvideo:x:44:log\nlogs:x:45:logs,xlog\nbad:x::log\n\nlog:x:71:";

    fn user(name: Name) -> Option<User> {
        let mut users = Users::new(name);
        PASSWD.bytes().chain([b'\n']).for_each(|byte| users.hear(byte));
        users.found.map(|found| found.1)
    }

    fn groups(sought: Sought) -> Vec<u32, 64> {
        let mut groups = Groups::new(sought);
        GROUP.bytes().chain([b'\n']).for_each(|byte| groups.hear(byte));
        groups.found
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        assert_eq!(user(Name::Text(b"log")), Some(User { uid: 7, gid: 70 }));
        assert_eq!(user(Name::Number(8)), Some(User { uid: 8, gid: 80 }));
        assert_eq!(user(Name::Number(0)), Some(User { uid: 0, gid: 0 }));
        assert_eq!(user(Name::Text(b"new")), Some(User { uid: 9, gid: 90 }));
        assert_eq!(user(Name::Text(b"bad")), None);
        assert_eq!(user(Name::Text(b"lo")), None);
        assert_eq!(user(Name::Text(b"")), None);
    }

    #[test]
    fn groups_are_found_by_name_and_member() {
        assert_eq!(groups(Sought::Group(b"log")), [70]);
        assert_eq!(groups(Sought::Group(b"lo")), []);
        assert_eq!(groups(Sought::Member(b"log")), [29, 44]);
        assert_eq!(groups(Sought::Member(b"nobody")), []);
    }

    #[test]
    fn more_groups_than_fit_are_told() {
        let mut groups = Groups::new(Sought::Member(b"a"));
        for n in 0..65 {
            format!("g{n}:x:{n}:b,a\n").bytes().for_each(|byte| groups.hear(byte));
        }
        assert!(groups.too_many);
    }

    #[test]
    fn words_name_users() {
        assert_eq!(name(b"log"), Ok(Name::Text(b"log")));
        assert_eq!(name(b"0"), Ok(Name::Number(0)));
        assert_eq!(name(b"4294967294"), Ok(Name::Number(4_294_967_294)));
        for bad in [&b""[..], b"4294967295", b"99999999999", b"a:b"] {
            assert_eq!(name(bad), Err(NAME));
        }
    }
}
