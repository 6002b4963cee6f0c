//! denv and envdir: a command in a new environment.

use super::diag::{eprint, error, name, os_error};
use super::env_edits::{TOO_MANY, edit};
use super::option_sources::{AppletInfo, Invocation};
use core::ffi::CStr;
use pure::cli::getopt::{self, ALREADY_REPORTED, CliWord, Opt, opt};
use pure::exit::Exit;
use pure::text::{self, Message, Put, copy, find_byte, first, skip, split_once};
use sys::dir::Directory;
use sys::environment::{Environment, Full};
use sys::file::{self, File, Mode};
use sys::process;
use sys::static_cell::StaticCell;

const INFO: AppletInfo = AppletInfo {
    usage: "Usage: denv [options] command [args]
Run a command with a new environment, which is empty but for what the options put
into it, in their order.\n\n",
    variables: &[],
    has_file: false,
};

const ENVDIR: AppletInfo = AppletInfo {
    usage: "Usage: envdir directory command [args]
Run a command with the variables that the files of DIRECTORY name and hold.\n\n",
    variables: &[],
    has_file: false,
};

pub const OPTIONS: &[Opt<Edits>] = &[
    opt("-I, --inherit-env\tTake over all variables of denv's own environment.", |e, v| {
        if v.on { e.inherit_all().map_err(|_| ALREADY_REPORTED) } else { Ok(()) }
    }),
    opt("-i, --inherit NAME\tTake over one of them.", |e, v| {
        e.environment.inherit(Some(v.value.to_bytes())).or(TOO_MANY)
    }),
    opt("-E, --environ NAME[=VALUE]\tSet a variable, or remove it.", |e, v| {
        edit(&mut e.environment, v.value)
    }),
    opt("-d, --envdir DIR\tA file a variable; an empty one removes it.", |e, v| {
        e.read_directory(v.value).map_err(|_| ALREADY_REPORTED)
    }),
    opt("-f, --file FILE\tLines of NAME=VALUE; NAME= removes it.", |e, v| {
        e.read_file(v.value).map_err(|_| ALREADY_REPORTED)
    }),
];

/// What denv ends with when it cannot do its work, as daemontools' envdir does.
const FAILED: Exit = Exit(111);

/// As much as all files may hold, a choice.
const ROOM: usize = 64 << 10;

static TEXT: StaticCell<[u8; ROOM]> = StaticCell::new([0; ROOM]);

/// denv, and envdir by its name.
///
/// # Errors
/// Anything that keeps the command from running: 111.
pub fn run(invocation: &Invocation) -> Result<Exit, Exit> {
    try_run(invocation).map_err(|exit| if exit == Exit::SUCCESS { exit } else { FAILED })
}

fn try_run(invocation: &Invocation) -> Result<Exit, Exit> {
    let (Some(environment), Some(room), Some(path)) =
        (Environment::begin(), TEXT.take(), process::path_buf())
    else {
        return Err(FAILED);
    };
    let mut edits = Edits { environment, room };
    let is_envdir = name() == "envdir";
    let (about, options) = if is_envdir { (&ENVDIR, &[][..]) } else { (&INFO, OPTIONS) };
    let mut at = invocation.options(about, options, &mut edits)?;
    if is_envdir {
        edits.inherit_all()?;
        let directory = invocation.args.word(at);
        edits.read_directory(directory.ok_or_else(|| about.missing("no directory given. "))?)?;
        at += 1;
    }
    edits.environment.install();
    match invocation.args.command(at, invocation.args.count()) {
        Some(command) => Err(os_error(
            "cannot execute ",
            command.name().to_bytes(),
            process::execvp(&command, path),
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
        self.environment.inherit(None).map_err(|Full| error("more than 1000 variables", b"", ""))
    }

    /// Reads an open file to its end into the room from `at` on; says where it ends there.
    fn read(&mut self, file: &File, name: &[u8], at: usize) -> Result<usize, Exit> {
        let mut end = at;
        loop {
            match file::read(file.fd(), text::spare(self.room, end)) {
                // One byte is left for a NUL.
                Ok(0) if end < self.room.len() => return Ok(end),
                Ok(0) => return Err(error("", name, ": more than 65536 bytes of variables")),
                Ok(n) => end += n,
                Err(error) => return Err(os_error("cannot read ", name, error)),
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
    fn read_directory(&mut self, path: CliWord) -> Result<(), Exit> {
        let cannot = |error| os_error("cannot read ", path.to_bytes(), error);
        let directory = Directory::open(path).map_err(cannot)?;
        let mut end = Ok(());
        let read = directory.for_each_file(&mut |name| {
            if end.is_ok()
                && !name.to_bytes().starts_with(b".")
                && find_byte(name.to_bytes(), b'=').is_none()
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
        path: CliWord,
        name: &CStr,
    ) -> Result<(), Exit> {
        let mut shown = Message::<400>::new();
        [path.to_bytes(), b"/", name.to_bytes()].iter().for_each(|part| shown.put(part));
        let file = directory.open_file(name, Mode::ReadNonblock);
        let file = file.map_err(|error| os_error("cannot read ", shown.bytes(), error))?;
        if file::is_fifo(file.fd()) || file::is_directory(file.fd()) {
            // A link has led to it, or the file system does not say what is what. Nobody waits for who will write.
            return Ok(());
        }
        let mut at = copy(name.to_bytes(), self.room);
        at += copy(b"=", text::spare(self.room, at));
        let end = self.read(&file, shown.bytes(), at)?;
        if end == at {
            self.environment.remove(name.to_bytes());
            return Ok(());
        }
        let text = skip(first(self.room, end), at);
        let line = first(text, find_byte(text, b'\n').unwrap_or(text.len()));
        let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
        let size = at + line.len() - line.iter().rev().take_while(blank).count();
        for byte in self.room.iter_mut().take(size).filter(|byte| **byte == 0) {
            *byte = b'\n';
        }
        let Some(variable) = self.cut(size + 1) else {
            return Ok(());
        };
        let too_many =
            |Full| error("", shown.bytes(), ": one variable too many, 1000 are the most");
        self.environment.set(variable).map_err(too_many)
    }

    /// Lines of `NAME=VALUE`.
    fn read_file(&mut self, path: CliWord) -> Result<(), Exit> {
        let cannot = |error| os_error("cannot read ", path.to_bytes(), error);
        let file = File::open(path, Mode::Read).map_err(cannot)?;
        let mut rest = self.read(&file, path.to_bytes(), 0)?;
        while rest > 0 {
            let text = first(self.room, rest);
            let size = find_byte(text, b'\n').unwrap_or(rest) + 1;
            rest = rest.saturating_sub(size);
            if find_byte(first(text, size - 1), 0).is_some() {
                return Err(error("", path.to_bytes(), ": a NUL byte"));
            }
            if let Some(line) = self.cut(size) {
                self.edit_line(line, path)?;
            }
        }
        Ok(())
    }

    fn edit_line(&mut self, line: CliWord, path: CliWord) -> Result<(), Exit> {
        let blanks = line.to_bytes().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line = getopt::rest(line, blanks).unwrap_or(line);
        let result = match (line.to_bytes(), split_once(line.to_bytes(), b'=')) {
            ([] | [b'#', ..], _) => Ok(()),
            (_, (name @ [_, ..], Some([]))) => {
                self.environment.remove(name);
                Ok(())
            }
            _ => edit(&mut self.environment, line),
        };
        result.map_err(|wanted| {
            let (path, line) = (path.to_bytes(), line.to_bytes());
            eprint(&[path, b": '", line, b"' is not ", wanted.as_bytes()]);
            FAILED
        })
    }
}
