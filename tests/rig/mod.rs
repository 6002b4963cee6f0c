//! What every test stands on: a folder of its own, programs started in it by the line a user would
//! type, waits that end, and nothing left behind.
//!
//! A line is given to `sh`, so quotes, redirections and `$(cat pid)` mean what they mean at a prompt.
//! Whatever a test starts carries the name of the test's folder in its environment. By that mark it is
//! found again, whoever its parent, group or user may be by then.

pub mod accounts;
pub mod disk;
pub mod load;
pub mod machine;
mod peers;
pub mod pipes;
pub mod proc;
pub mod pty;
pub mod random;
pub mod receiver;
pub mod screen;
pub mod space;
pub mod syslogd;
pub mod tools;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proc::Process;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long any wait lasts at most. Far more than any fact needs, so that a machine that is busy with
/// something else fails no test; a test that passes never waits so long. Full counts take longer. More than
/// the 30 seconds after which dsyslog looks for a syslogd again at the latest.
pub fn limit() -> Duration {
    Duration::from_secs(times(45, 1800) as u64)
}

/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(5);

/// The variable that marks all processes of a test.
const MARK: &str = "DMON_TEST";

/// Every name the executable is called by.
const APPLETS: [&str; 7] = ["dmon", "dlog", "dsyslog", "dslog", "drlog", "denv", "envdir"];

/// `long` when the user asks for the full counts, else `short`.
pub fn times(short: usize, long: usize) -> usize {
    match std::env::var_os("DMON_LONG") {
        Some(word) if word == "1" => long,
        _ => short,
    }
}

pub struct Rig {
    folder: TempDir,
    started: RefCell<usize>,
}

impl Rig {
    pub fn new() -> Rig {
        let folder =
            tempfile::Builder::new().prefix("dmon-test-").tempdir().expect("a temporary folder");
        // Some tests run programs as other users.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))
            .expect("a folder all may enter");
        let rig = Rig { folder, started: RefCell::new(0) };
        rig.place_applets(|file, link| symlink(file, link).expect("a link to the tested program"));
        rig
    }

    /// Puts the tested program into the folder `bin`, which is first in `PATH`, under all its names. An emulator
    /// is told the name by the path of the file that it runs: then scripts stand there, and they call it.
    fn place_applets(&self, place: impl Fn(&str, &Path)) {
        let words = tested();
        let (program, emulator) = words.split_last().expect("a tested program");
        let folder = self.path(if emulator.is_empty() { "bin" } else { "bin/of" });
        fs::create_dir_all(&folder).expect("the folder of the applets");
        APPLETS.iter().for_each(|name| place(program, &folder.join(name)));
        // An unpacked busybox that comes first in `PATH` hides the one that may be installed.
        if let Some(busybox) = peers::found("bin/busybox") {
            fs::create_dir_all(self.path("bin")).expect("the folder of the programs");
            place(&busybox.to_string_lossy(), &self.path("bin/busybox"));
        }
        let Some((emulator, options)) = emulator.split_first() else {
            return;
        };
        let own = self.path("bin/emulator");
        place(emulator, &own);
        let call = format!("exec {} {}", own.display(), options.join(" "));
        for name in APPLETS {
            let link = folder.join(name);
            self.program(name, &format!("#!/bin/sh\n{call} {} \"$@\"\n", link.display()));
        }
    }

    /// Makes an executable file in the folder `bin`.
    ///
    /// Another process writes it: a file that this one holds open for writing, and that a fork of
    /// another test's thread holds for a moment too, cannot be executed ("text file busy").
    pub fn program(&self, name: &str, text: &str) {
        let mut shell = Command::new("sh")
            .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
            .arg(self.path("bin").join(name))
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        let mut input = shell.stdin.take().expect("its input");
        input.write_all(text.as_bytes()).expect("the program is taken");
        drop(input);
        assert!(shell.wait().expect("sh ends").success(), "cannot write the program {name}");
    }

    /// Replaces the links in `bin` by copies, for users who may not enter the folder the links lead to.
    pub fn copy_applets(&self) {
        fs::remove_dir_all(self.path("bin")).expect("the links go");
        self.place_applets(|file, copy| {
            let copied = Command::new("cp").arg(file).arg(copy).status().expect("cp");
            assert!(copied.success(), "cannot copy {file}");
        });
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The bytes of a file; none if there is no such file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }

    /// The text of a file; none if there is no such file.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    /// How many lines a file has.
    pub fn lines(&self, name: &str) -> usize {
        self.bytes(name).iter().filter(|&&byte| byte == b'\n').count()
    }

    /// The variables in a file that `env -0` has written; none may be there twice.
    #[track_caller]
    pub fn variables(&self, name: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = BTreeMap::new();
        for entry in self.bytes(name).split(|&byte| byte == 0).filter(|entry| !entry.is_empty()) {
            let text = String::from_utf8_lossy(entry);
            let Some(equals) = entry.iter().position(|&byte| byte == b'=') else {
                panic!("no variable but {text:?}")
            };
            let before = all.insert(entry[..equals].to_vec(), entry[equals + 1..].to_vec());
            assert!(before.is_none(), "set twice: {text:?}");
        }
        all
    }

    /// The files of a log folder of drlog in the order in which they were written.
    pub fn rotated(&self, folder: &str) -> Vec<Vec<u8>> {
        let mut names: Vec<(String, usize)> = fs::read_dir(self.path(folder))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with("log-"))
            .map(|name| match name.split_once('.') {
                Some((stamp, number)) => (stamp.to_string(), number.parse().expect("a number")),
                None => (name, 0),
            })
            .collect();
        names.sort();
        let file = |(stamp, number)| match number {
            0 => self.bytes(&format!("{folder}/{stamp}")),
            _ => self.bytes(&format!("{folder}/{stamp}.{number}")),
        };
        let mut files: Vec<_> = names.into_iter().map(file).collect();
        files.push(self.bytes(&format!("{folder}/current")));
        files
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text)
            .unwrap_or_else(|fault| panic!("cannot write {name}: {fault}"));
    }

    /// The number in a pid file.
    pub fn pid_in(&self, name: &str) -> i32 {
        let text = self.read(name);
        text.trim().parse().unwrap_or_else(|_| panic!("{name} holds no pid but {text:?}"))
    }

    fn command(&self, line: &str) -> (Command, String) {
        let number = {
            let mut started = self.started.borrow_mut();
            *started += 1;
            started.to_string()
        };
        let output = |kind| {
            let path = self.path(&format!("{number}.{kind}"));
            // Appending, as a shell's `2>>` does: many processes may share it.
            OpenOptions::new().create(true).append(true).open(path).expect("a file for the output")
        };
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path.push(":/usr/sbin:/sbin");
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(line)
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("LC_ALL", "C")
            .env(MARK, self.folder.path())
            .stdin(Stdio::null())
            .stdout(output("out"))
            .stderr(output("err"));
        for applet in ["DMON", "DLOG", "DRLOG", "DSYSLOG", "DSLOG"] {
            command.env_remove(format!("{applet}_OPTIONS"));
        }
        command.env_remove("DMON_LIST_MULTICALL_APPLETS");
        (command, number)
    }

    fn spawn(&self, line: &str, stdin: Stdio) -> Running<'_> {
        let (mut command, number) = self.command(line);
        let begun = Instant::now();
        let child = command.stdin(stdin).spawn().expect("/bin/sh");
        Running { rig: self, line: line.to_string(), number, begun, child: RefCell::new(child) }
    }

    /// Starts one program. The shell becomes it, so its pid is the program's.
    pub fn start(&self, line: impl Display) -> Running<'_> {
        self.spawn(&format!("exec {line}"), Stdio::null())
    }

    /// Starts one program whose standard input is what the test feeds it.
    pub fn start_fed(&self, line: impl Display) -> (Running<'_>, ChildStdin) {
        let running = self.spawn(&format!("exec {line}"), Stdio::piped());
        let input = running.child.borrow_mut().stdin.take().expect("a pipe to it");
        (running, input)
    }

    /// Runs one program to its end.
    pub fn run(&self, line: impl Display) -> Done {
        self.start(line).wait()
    }

    /// Runs a line of shell, a pipeline or a loop, to its end.
    pub fn shell(&self, line: impl Display) -> Done {
        self.spawn(&line.to_string(), Stdio::null()).wait()
    }

    /// Waits until it is so.
    pub fn wait_for(&self, what: impl Display, so: impl Fn() -> bool) {
        self.wait_some(what, || so().then_some(()));
    }

    /// Waits until there is an answer, and gives it.
    pub fn wait_some<T>(&self, what: impl Display, answer: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            // The look after the limit counts: we may have been kept from looking earlier.
            let late = begun.elapsed() > limit();
            if let Some(answer) = answer() {
                return answer;
            }
            assert!(!late, "waited {:?} for: {what}\n{}", limit(), self.scene());
            sleep(LOOK);
        }
    }

    /// Waits for a file to be there.
    pub fn wait_file(&self, name: &str) {
        self.wait_for(format!("the file {name}"), || self.has(name));
    }

    /// Waits for a file to have so many lines.
    pub fn wait_lines(&self, name: &str, count: usize) {
        self.wait_for(format!("{count} lines in {name}"), || self.lines(name) >= count);
    }

    /// Waits for a child of this process whose command line begins with these words.
    pub fn child(&self, parent: i32, words: &str) -> i32 {
        self.next_child(parent, 0, words)
    }

    /// Waits for a child called so that is not the one before.
    pub fn next_child(&self, parent: i32, before: i32, words: &str) -> i32 {
        self.wait_some(format!("a child of {parent} called `{words}`"), || {
            let mine =
                |child: &Process| child.pid != before && called(child.pid).starts_with(words);
            proc::children(parent).into_iter().find(mine).map(|child| child.pid)
        })
    }

    /// Waits for a process to be in this state.
    pub fn wait_state(&self, pid: i32, state: char) {
        self.wait_for(format!("process {pid} to be in state {state}"), || {
            proc::state(pid) == Some(state)
        });
    }

    /// Waits until what is seen stays the same for a moment, and gives it.
    pub fn settled<T: PartialEq>(&self, what: &str, see: impl Fn() -> T) -> T {
        self.wait_some(what, || {
            let seen = see();
            sleep(Duration::from_millis(100));
            (seen == see()).then_some(seen)
        })
    }

    /// That nothing wakes a process that has nothing to do. Half a second longer than the shortest pause that the
    /// programs make.
    pub fn assert_sleeps(&self, pid: i32) {
        let switches = || proc::status(pid, "voluntary_ctxt_switches");
        let before = self.settled("a sleep", switches);
        sleep(Duration::from_millis(1500));
        assert_eq!(switches(), before, "it woke up");
    }

    /// Waits for a process to be gone, zombie and all.
    pub fn wait_gone(&self, pid: i32) {
        self.wait_for(format!("process {pid} to be gone"), || proc::state(pid).is_none());
    }

    /// Waits for a process to have ended; who should reap it may not have done so yet.
    pub fn wait_dead(&self, pid: i32) {
        self.wait_for(format!("process {pid} to be dead"), || {
            matches!(proc::state(pid), None | Some('Z' | 'X'))
        });
    }

    /// All living processes this test has brought into the world. Zombies are not living.
    pub fn alive(&self) -> Vec<Process> {
        let mark = format!("{MARK}={}", self.folder.path().display());
        let mine =
            |process: &Process| !process.is_zombie() && proc::has_variable(process.pid, &mark);
        proc::all().into_iter().filter(mine).collect()
    }

    /// The living processes of this test whose command line begins with these words.
    pub fn copies(&self, words: &str) -> Vec<Process> {
        self.alive().into_iter().filter(|process| called(process.pid).starts_with(words)).collect()
    }

    /// Waits until nothing this test has started lives.
    pub fn wait_empty(&self) {
        // Twice: in the middle of an exec a process has no environment for a moment.
        self.wait_for("the end of all processes", || {
            self.alive().is_empty() && {
                sleep(LOOK);
                self.alive().is_empty()
            }
        });
    }

    /// That nothing this test has started lives, now and without a wait.
    pub fn assert_empty(&self) {
        let alive = self.alive();
        assert!(alive.is_empty(), "still alive: {alive:#?}\n{}", self.scene());
    }

    /// What a person would look at first when a test fails: processes and files.
    pub fn scene(&self) -> String {
        let mut scene = String::new();
        for process in self.alive() {
            let words = proc::words(process.pid);
            let Process { pid, parent, group, state, .. } = process;
            let _ =
                writeln!(scene, "process {pid} (parent {parent}, group {group}) {state} {words}");
        }
        let mut files: Vec<_> =
            fs::read_dir(self.folder.path()).into_iter().flatten().flatten().collect();
        files.sort_by_key(|file| file.file_name());
        for file in files.iter().filter(|file| file.path().is_file()) {
            let name = file.file_name().to_string_lossy().into_owned();
            let bytes = self.bytes(&name);
            let head = String::from_utf8_lossy(&bytes[..bytes.len().min(600)]).into_owned();
            let _ = writeln!(scene, "file {name}, {} bytes: {head:?}", bytes.len());
        }
        scene
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let begun = Instant::now();
        loop {
            let left = self.alive();
            if left.is_empty() || begun.elapsed() > limit() {
                return;
            }
            for process in left {
                signal(process.pid, Signal::SIGKILL);
            }
            sleep(LOOK);
        }
    }
}

/// Writes to the standard input of a program.
pub fn feed(input: &mut ChildStdin, text: impl AsRef<[u8]>) {
    input.write_all(text.as_ref()).expect("the input is taken");
}

/// A program that was started, killed when the test lets go of it.
pub struct Running<'a> {
    rig: &'a Rig,
    line: String,
    number: String,
    begun: Instant,
    child: RefCell<Child>,
}

impl Running<'_> {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.borrow().id()).expect("a pid")
    }

    pub fn signal(&self, which: Signal) {
        signal(self.pid(), which);
    }

    pub fn err(&self) -> String {
        self.rig.read(&format!("{}.err", self.number))
    }

    /// How it ended, if it did.
    fn ended(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().expect("waitpid")
    }

    pub fn is_running(&self) -> bool {
        self.ended().is_none()
    }

    /// Waits for its end.
    pub fn wait(self) -> Done {
        let status = self.rig.wait_some(format!("the end of `{}`", self.line), || self.ended());
        Done {
            line: self.line.clone(),
            status,
            took: self.begun.elapsed(),
            out: self.rig.read(&format!("{}.out", self.number)),
            err: self.err(),
        }
    }

    /// Waits for its end of `KILL`, so that a test can go on from there.
    pub fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A program that has ended.
pub struct Done {
    line: String,
    status: ExitStatus,
    pub took: Duration,
    pub out: String,
    pub err: String,
}

impl Done {
    /// That it exited with this status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Done {
        assert!(self.status.code() == Some(code), "not exit {code} but {self}");
        self
    }

    /// Its exit status, if no signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// That its standard error is one line, a message of `applet`, with each of these words in it.
    #[track_caller]
    pub fn says(self, applet: &str, words: &[&str]) -> Done {
        assert!(self.err.lines().count() == 1, "not one line on standard error: {self}");
        assert!(self.err.starts_with(&format!("{applet}: ")), "no message of {applet}: {self}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not mentioned: {self}");
        }
        self
    }

    /// That it had nothing to complain about.
    #[track_caller]
    pub fn says_nothing(self) -> Done {
        assert!(self.err.is_empty(), "something on standard error: {self}");
        self
    }
}

impl Display for Done {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            to,
            "{} after {:?}\nline: {}\nstandard output: {:?}\nstandard error: {:?}",
            self.status, self.took, self.line, self.out, self.err
        )
    }
}

/// Sends a signal. That the process is gone already is no fault: tests look at what follows.
pub fn signal(pid: i32, which: Signal) {
    let _ = kill(Pid::from_raw(pid), which);
}

/// A text as one word for the shell, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The numbers from 1 to `last`, a line each, as `seq` prints them.
pub fn numbers(last: usize) -> String {
    (1..=last).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{number}");
        text
    })
}

/// That two long texts are the same; says where they part, not all they hold.
#[track_caller]
pub fn assert_same(found: &[u8], wanted: &[u8], what: impl Display) {
    if found == wanted {
        return;
    }
    let at = found.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let from = at.saturating_sub(20).min(bytes.len());
        let to = (at + 40).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..to]).into_owned()
    };
    panic!(
        "{what}: {} bytes, wanted {}; they part at byte {at}: found {:?}, wanted {:?}",
        found.len(),
        wanted.len(),
        around(found),
        around(wanted)
    );
}

/// Makes a file of this length, filled with something that is not all the same.
pub fn fill(path: &Path, length: usize, seed: u64) {
    let mut state = seed | 1;
    let bytes: Vec<u8> = (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    let mut file = File::create(path).expect("a file to fill");
    file.write_all(&bytes).expect("room for it");
}

/// The command line of a process as it was typed: `dlog f`, whatever runs the tested program.
///
/// A child that was forked and has not become its program yet still bears its parent's words.
pub fn called(pid: i32) -> String {
    let words = proc::words(pid);
    // An emulator's words, the path of the file, then ours.
    match words.split_once("/bin/of/") {
        Some((_, typed)) => typed.to_string(),
        None => words,
    }
}

/// The words that call the tested program: perhaps an emulator and its options, then the file. Both by whole paths.
fn tested() -> Vec<String> {
    let words = std::env::var("DMON").unwrap_or_else(|_| env!("CARGO_BIN_EXE_dmon").to_string());
    let mut words: Vec<String> = words.split_whitespace().map(str::to_string).collect();
    let whole = |word: &mut String| {
        let file = tools::find(word).unwrap_or_else(|| PathBuf::from(&*word));
        let file = fs::canonicalize(file)
            .unwrap_or_else(|fault| panic!("the tested program {word}: {fault}"));
        *word = file.to_string_lossy().into_owned();
    };
    words.first_mut().map(whole);
    words.last_mut().map(whole);
    words
}
