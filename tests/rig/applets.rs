//! The tested program in the test's folder `bin`, under the names of all its applets.
//!
//! `bin` comes first in `PATH`. `bin/peers` is next, with the unpacked busybox, which hides an installed one.

use super::{Rig, peers, quoted, tools};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the names of all applets in the table of the source. `$DMON` may be a program that cannot list its own.
pub fn applets() -> impl Iterator<Item = &'static str> {
    ::dmon::applets::APPLETS.split(' ')
}

impl Rig {
    /// Puts the programs into `bin` with `place`, which makes a link or a copy.
    ///
    /// An emulator takes the applet's name from the path of the file that it runs. In this case the files are in
    /// `bin/of`, and `bin` has a script for each applet.
    pub(super) fn place_programs(&self, place: impl Fn(&Path, &Path)) {
        let words = tested();
        let (program, emulator) = words.split_last().expect("a tested program");
        let folder = self.path(if emulator.is_empty() { "bin" } else { "bin/of" });
        fs::create_dir_all(&folder).expect("the folder of the applets");
        for name in applets() {
            place(Path::new(program), &folder.join(name));
        }
        // Not in `bin` itself, because tests change the modes of all files there.
        fs::create_dir_all(self.path("bin/peers")).expect("the folder of the peers");
        if let Some(busybox) = peers::found("bin/busybox") {
            place(&busybox, &self.path("bin/peers/busybox"));
        }
        if let Some((emulator, options)) = emulator.split_first() {
            place(Path::new(emulator), &self.path("bin/emulator"));
            self.write_emulator_scripts(options);
        }
    }

    /// Writes the scripts for all applets with a single process: most tests make a rig.
    fn write_emulator_scripts(&self, options: &[String]) {
        let bin = self.path("bin").display().to_string();
        let script =
            format!("#!/bin/sh\nexec {bin}/emulator {} {bin}/of/NAME \"$@\"\n", options.join(" "));
        self.shell(format!(
            "for name in {}; do
                printf %s {} | sed s/NAME/$name/ >bin/$name && chmod 755 bin/$name || exit 1
            done",
            applets().collect::<Vec<_>>().join(" "),
            quoted(&script)
        ))
        .exits(0);
    }

    /// Replaces the links in `bin` by copies. Another user may lack the right to follow the links.
    pub fn copy_applets(&self) {
        fs::remove_dir_all(self.path("bin")).expect("the links are removed");
        self.place_programs(|file, copy| {
            self.shell(format!("cp {} {}", file.display(), copy.display())).exits(0);
        });
    }

    /// Lets programs of all users run the applets and write in the test's folder.
    pub fn share_with_all_users(&self) {
        self.copy_applets();
        self.shell("chmod 777 .").exits(0);
    }

    /// Makes an executable file in `bin`.
    pub fn write_program(&self, name: &str, text: &str) {
        self.write_executable(&format!("bin/{name}"), text);
    }
}

/// Returns the command of the tested program, with whole paths: an emulator and its options if there is one,
/// then the executable.
pub(super) fn tested() -> Vec<String> {
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
