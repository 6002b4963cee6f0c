//! denv and envdir: a command in a new environment.

use super::environ::{TOO_MANY, edit};
use super::options::{About, Call};
use super::tell::{failed, refused, say, speaker};
use crate::pure::fault::Exit;
use crate::pure::opts::{self, Opt, TOLD, Word, opt};
use crate::pure::text::{self, Message, Put, copy, find, halves, head, tail};
use crate::sys::dir::Directory;
use crate::sys::environment::{Environment, Full};
use crate::sys::file::{self, File, Mode};
use crate::sys::memory::Block;
use crate::sys::{self, process};
use core::ffi::CStr;

const ABOUT: About = About {
    usage: "Usage: denv [options] command [args]
Run a command with a new environment, which is empty but for what the options put
into it, in their order.\n\n",
    variables: &[],
    has_file: false,
};

const ENVDIR: About = About {
    usage: "Usage: envdir directory command [args]
Run a command with the variables that the files of DIRECTORY name and hold.\n\n",
    variables: &[],
    has_file: false,
};

pub const OPTIONS: &[Opt<Edits>] = &[
    opt("-I, --inherit-env\tTake over all variables of denv's own environment.", |e, v| {
        if v.on { e.inherit_all().map_err(|_| TOLD) } else { Ok(()) }
    }),
    opt("-i, --inherit NAME\tTake over one of them.", |e, v| {
        e.environment.inherit(Some(v.word.to_bytes())).or(TOO_MANY)
    }),
    opt("-E, --environ NAME[=VALUE]\tSet a variable, or remove it.", |e, v| {
        edit(&mut e.environment, v.word)
    }),
    opt("-d, --envdir DIR\tA file a variable; an empty one removes it.", |e, v| {
        e.read_directory(v.word).map_err(|_| TOLD)
    }),
    opt("-f, --file FILE\tLines of NAME=VALUE; NAME= removes it.", |e, v| {
        e.read_file(v.word).map_err(|_| TOLD)
    }),
];

/// What denv ends with when it cannot do its work, as daemontools' envdir does.
const FAILED: Exit = Exit(111);

/// As much as all files may hold, a choice.
const ROOM: usize = 64 << 10;

static TEXT: Block<[u8; ROOM]> = Block::new([0; ROOM]);

/// denv, and envdir by its name.
///
/// # Errors
/// Anything that keeps the command from running: 111.
pub fn run(call: &Call) -> Result<Exit, Exit> {
    try_run(call).map_err(|exit| if exit == Exit::FINE { exit } else { FAILED })
}

fn try_run(call: &Call) -> Result<Exit, Exit> {
    let (Some(environment), Some(room), Some(path)) =
        (Environment::begin(), TEXT.take(), process::path_room())
    else {
        return Err(FAILED);
    };
    let mut edits = Edits { environment, room };
    let is_envdir = speaker() == "envdir";
    let (about, options) = if is_envdir { (&ENVDIR, &[][..]) } else { (&ABOUT, OPTIONS) };
    let mut at = call.options(about, options, &mut edits)?;
    if is_envdir {
        edits.inherit_all()?;
        let directory = call.args.word(at);
        edits.read_directory(directory.ok_or_else(|| about.missing("no directory given. "))?)?;
        at += 1;
    }
    edits.environment.put_in_force();
    match call.args.command(at, call.args.count()) {
        Some(command) => Err(refused(
            "cannot execute ",
            command.name().to_bytes(),
            process::execute(&command, path),
        )),
        None => Err(about.missing("no command to run. ")),
    }
}

/// The environment in the making.
pub struct Edits {
    environment: Environment,
    /// Where the texts of files have room.
    room: &'static mut [u8],
}

impl Edits {
    fn inherit_all(&mut self) -> Result<(), Exit> {
        self.environment.inherit(None).map_err(|Full| failed("more than 1000 variables", b"", ""))
    }

    /// Reads an open file to its end into the room from `at` on; says where it ends there.
    fn read(&mut self, file: &File, name: &[u8], at: usize) -> Result<usize, Exit> {
        let mut end = at;
        loop {
            match file::read(file.number(), text::room(self.room, end)) {
                // One byte is left for a NUL.
                Ok(0) if end < self.room.len() => return Ok(end),
                Ok(0) => return Err(failed("", name, ": more than 65536 bytes of variables")),
                Ok(n) => end += n,
                Err(error) => return Err(refused("cannot read ", name, error)),
            }
        }
    }

    /// Cuts the first `size` bytes off the room, of which the last becomes a NUL.
    fn cut(&mut self, size: usize) -> Option<&'static CStr> {
        let room = core::mem::take(&mut self.room);
        let (text, rest) = room.split_at_mut_checked(size)?;
        self.room = rest;
        *text.last_mut()? = 0;
        sys::c_str(text)
    }

    /// A file a variable, as daemontools' envdir(8) reads them.
    fn read_directory(&mut self, path: Word) -> Result<(), Exit> {
        let cannot = |error| refused("cannot read ", path.to_bytes(), error);
        let directory = Directory::open(path).map_err(cannot)?;
        let mut end = Ok(());
        let read = directory.for_each_file(&mut |name| {
            if end.is_ok()
                && !name.to_bytes().starts_with(b".")
                && find(name.to_bytes(), b'=').is_none()
            {
                end = self.read_variable(&directory, path, name);
            }
        });
        read.map_err(cannot)?;
        end
    }

    fn read_variable(
        &mut self,
        directory: &Directory,
        path: Word,
        name: &CStr,
    ) -> Result<(), Exit> {
        let mut shown = Message::<400>::new();
        [path.to_bytes(), b"/", name.to_bytes()].iter().for_each(|part| shown.put(part));
        let file = directory.open_file(name, Mode::Glance);
        let file = file.map_err(|error| refused("cannot read ", shown.bytes(), error))?;
        if file::is_fifo(file.number()) || file::is_directory(file.number()) {
            // A link has led to it, or the file system does not say what is what. Nobody waits for who will write.
            return Ok(());
        }
        let mut at = copy(name.to_bytes(), self.room);
        at += copy(b"=", text::room(self.room, at));
        let end = self.read(&file, shown.bytes(), at)?;
        if end == at {
            self.environment.remove(name.to_bytes());
            return Ok(());
        }
        let text = tail(head(self.room, end), at);
        let line = head(text, find(text, b'\n').unwrap_or(text.len()));
        let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
        let size = at + line.len() - line.iter().rev().take_while(blank).count();
        for byte in self.room.iter_mut().take(size).filter(|byte| **byte == 0) {
            *byte = b'\n';
        }
        let Some(variable) = self.cut(size + 1) else {
            return Ok(());
        };
        let too_many =
            |Full| failed("", shown.bytes(), ": one variable too many, 1000 are the most");
        self.environment.set(variable).map_err(too_many)
    }

    /// Lines of `NAME=VALUE`.
    fn read_file(&mut self, path: Word) -> Result<(), Exit> {
        let cannot = |error| refused("cannot read ", path.to_bytes(), error);
        let file = File::open(path, Mode::Read).map_err(cannot)?;
        let mut rest = self.read(&file, path.to_bytes(), 0)?;
        while rest > 0 {
            let text = head(self.room, rest);
            let size = find(text, b'\n').unwrap_or(rest) + 1;
            rest = rest.saturating_sub(size);
            if find(head(text, size - 1), 0).is_some() {
                return Err(failed("", path.to_bytes(), ": a NUL byte"));
            }
            if let Some(line) = self.cut(size) {
                self.edit_line(line, path)?;
            }
        }
        Ok(())
    }

    fn edit_line(&mut self, line: Word, path: Word) -> Result<(), Exit> {
        let blanks = line.to_bytes().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line = opts::rest(line, blanks).unwrap_or(line);
        let result = match (line.to_bytes(), halves(line.to_bytes(), b'=')) {
            ([] | [b'#', ..], _) => Ok(()),
            (_, (name @ [_, ..], Some([]))) => {
                self.environment.remove(name);
                Ok(())
            }
            _ => edit(&mut self.environment, line),
        };
        result.map_err(|wanted| {
            let (path, line) = (path.to_bytes(), line.to_bytes());
            say(&[path, b": '", line, b"' is not ", wanted.as_bytes()]);
            FAILED
        })
    }
}
