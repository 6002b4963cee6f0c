//! Files in the test's folder.

use super::{Rig, feed};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

impl Rig {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Returns the content of a file; empty if the file does not exist.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }

    /// Returns the text of a file; empty if the file does not exist.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    /// Returns the number of complete lines in a file.
    pub fn lines(&self, name: &str) -> usize {
        self.bytes(name).iter().filter(|&&byte| byte == b'\n').count()
    }

    /// Returns the PID in a pid file.
    pub fn pid_in(&self, name: &str) -> i32 {
        let text = self.read(name);
        text.trim().parse().unwrap_or_else(|_| panic!("{name} contains no PID but {text:?}"))
    }

    /// Returns the variables in a file that `env -0` has written. Panics if a name occurs twice.
    #[track_caller]
    pub fn variables(&self, name: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = BTreeMap::new();
        for entry in self.bytes(name).split(|&byte| byte == 0).filter(|entry| !entry.is_empty()) {
            let text = String::from_utf8_lossy(entry);
            let Some(equals) = entry.iter().position(|&byte| byte == b'=') else {
                panic!("not a variable: {text:?}")
            };
            let before = all.insert(entry[..equals].to_vec(), entry[equals + 1..].to_vec());
            assert!(before.is_none(), "set twice: {text:?}");
        }
        all
    }

    /// Returns the sorted names of all files of a folder; none if there is no such folder.
    pub fn names_in(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Returns the contents of all files of a drlog folder, the oldest first.
    pub fn rotated(&self, folder: &str) -> Vec<Vec<u8>> {
        let names = self.names_in(folder).into_iter().filter(|name| name.starts_with("log-"));
        let mut files: Vec<_> = names.map(|name| self.bytes(&format!("{folder}/{name}"))).collect();
        files.push(self.bytes(&format!("{folder}/current")));
        files
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text)
            .unwrap_or_else(|fault| panic!("cannot write {name}: {fault}"));
    }

    /// Writes an executable file. Every script that a test executes must be written by this function.
    ///
    /// A child process writes it. If this process did, a fork in the thread of another test could keep the file
    /// open for writing until its exec, and until then execve(2) fails with ETXTBSY. The file gets its name when it is
    /// complete: a dmon may be trying to execute it.
    pub fn write_executable(&self, name: &str, text: &str) {
        let write = "cat >\"$0.new\" && chmod 755 \"$0.new\" && mv \"$0.new\" \"$0\"";
        let (shell, mut input) = self.start_fed(format!("sh -c '{write}' {name}"));
        feed(&mut input, text);
        drop(input);
        shell.wait().exits(0);
    }
}

/// Makes a file of this length with pseudo-random bytes.
pub fn write_random_file(path: &Path, length: usize, seed: u64) {
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
    file.write_all(&bytes).expect("space for the bytes");
}
